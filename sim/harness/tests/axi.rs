// SPDX-License-Identifier: Apache-2.0
//! Bus models: widths, and what accesses and frames leave that are given up.

use harness::axi::{LiteError, LiteMaster, Monitor, StreamSink, StreamSource};
use harness::verilated::{Library, Spec};
use harness::{Clock, Pause, Sim, SimError, run};
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

fn design(top: &str) -> Spec {
    Spec::new(top).source(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(format!("{top}.v")))
}

async fn reset(sim: &Sim) -> Clock {
    let clk = sim.clock("clk_i");
    sim.signal("rst_i").set(1);
    clk.cycles(2).await;
    sim.signal("rst_i").set(0);
    clk.rising_edge().await;
    clk
}

/// Frames of every length up to two words and a byte through a register slice of so many bytes.
fn frames_of(bytes: usize) {
    let library = design("stream_fifo").parameter("WIDTH", 8 * bytes as u64).build().unwrap();
    run(&library, 5, None, move |sim| async move {
        let clk = reset(&sim).await;
        let source = StreamSource::new(&clk, "s_", Pause::random(0.2, sim.random("in")));
        let sink = StreamSink::new(&clk, "m_", Pause::random(0.2, sim.random("out")));
        let monitor = Monitor::new(&clk, "m_");
        let mut random = sim.random("frames");
        let edges = [1, 7, 8, 9, 63, 64, 65, 127, 128, bytes - 1, bytes, bytes + 1, 2 * bytes, 2 * bytes + 1];
        for n in edges {
            let mut frame = vec![0u8; n];
            random.fill(&mut frame);
            source.send(frame.clone());
            assert_eq!(sink.receive(1000).await.unwrap(), frame, "{n} bytes");
        }
        let words: usize = edges.iter().map(|n| n.div_ceil(bytes)).sum();
        assert_eq!((monitor.frames(), monitor.words()), (edges.len() as u64, words as u64));
    })
    .unwrap();
}

#[test]
fn frames_keep_every_byte_where_tkeep_has_more_than_64_bits() {
    frames_of(257);
}

#[test]
fn ports_of_widths_that_the_standards_do_not_have_are_refused_with_a_sentence() {
    run(&lite(), 1, None, |sim| async move {
        let clk = reset(&sim).await;
        let stream = |prefix: &str| {
            let pause = || Pause::Never;
            let errors = [
                StreamSource::try_new(&clk, prefix, pause()).err(),
                StreamSink::try_new(&clk, prefix, pause()).err(),
                Monitor::try_new(&clk, prefix).err(),
            ];
            let texts = errors.map(|e| e.expect("refused").to_string());
            assert!(texts.iter().all(|t| *t == texts[0]));
            texts[0].clone()
        };
        for (prefix, words) in [
            ("n_", ["n: TDATA has 4 bits", "whole number of bytes"]),
            ("o_", ["o: TDATA has 12 bits", "whole number of bytes"]),
            ("p_", ["TKEEP has 3 bits and TDATA 4 bytes", "a bit for each byte"]),
            ("q_", ["TLAST has 2 bits", "it has one"]),
            ("z_", ["z_tvalid", "n_tvalid"]),
        ] {
            let text = stream(prefix);
            assert!(words.iter().all(|w| text.contains(w)), "{text}");
        }
        for (prefix, words) in
            [("h_", ["h: WDATA has 16 bits", "32 or both 64"]), ("k_", ["WSTRB has 3 bits", "one for each byte"])]
        {
            let text = LiteMaster::try_new(&clk, prefix, 10).err().expect("refused").to_string();
            assert!(words.iter().all(|w| text.contains(w)), "{text}");
        }
    })
    .unwrap();
}

fn lite() -> Arc<Library> {
    design("lite").build().unwrap()
}

/// No line of the master is up.
async fn all_down(sim: &Sim, clk: &Clock) {
    clk.rising_edge().await; // what was written stands from here on
    for line in ["s_awvalid_i", "s_wvalid_i", "s_bready_i", "s_arvalid_i", "s_rready_i"] {
        assert!(!sim.signal(line).is_high(), "{line} is up, cycle {}", clk.cycle());
    }
}

#[test]
fn an_access_that_is_given_up_leaves_no_line_up_and_the_next_one_never_takes_its_answer() {
    run(&lite(), 1, None, |sim| async move {
        let clk = reset(&sim).await;
        let mut master = LiteMaster::new(&clk, "s_", 20);
        // What is held, the access, and whether the slave has taken part of it then.
        for (held, write, taken) in [
            (&["no_aw_i", "no_w_i"][..], true, false),
            (&["no_aw_i"], true, true),
            (&["no_w_i"], true, true),
            (&["no_b_i"], true, true),
            (&["no_ar_i"], false, false),
            (&["no_r_i"], false, true),
        ] {
            // By its own limit, by one around it, and a future that is dropped in its first cycle.
            for limit in [100, 7, 1] {
                master.write(8, 0x1234).await.unwrap();
                held.iter().for_each(|h| sim.signal(h).set(1));
                clk.rising_edge().await;
                let access = async { if write { master.write(4, 99).await } else { master.read(4).await.map(drop) } };
                match sim.timeout(&clk, limit, "the access", access).await {
                    Ok(done) => assert!(matches!(done, Err(LiteError::Sim(SimError::Timeout { .. }))), "{held:?} {done:?}"),
                    Err(e) => assert!(matches!(e, SimError::Timeout { .. }) && limit < 100, "{held:?} {e}"),
                }
                all_down(&sim, &clk).await;
                held.iter().for_each(|h| sim.signal(h).set(0));
                clk.cycles(5).await;
                all_down(&sim, &clk).await;
                let next = master.read(0).await;
                if taken && limit > 1 {
                    let text = next.unwrap_err().to_string();
                    let kind = if write { "write" } else { "read" };
                    assert!(text.contains(&format!("the {kind} at 0x4 was given up")) && text.contains("abort()"), "{text}");
                    sim.signal("rst_i").set(1);
                    clk.cycles(2).await;
                    sim.signal("rst_i").set(0);
                    master.abort();
                    clk.rising_edge().await;
                } else if limit > 1 {
                    assert_eq!(next.unwrap(), 0x1234, "{held:?}, limit {limit}");
                } else {
                    // Dropped with its lines standing for one edge: taken or not, it is known which.
                    assert!(next.is_err() == taken, "{held:?} {next:?}");
                    sim.signal("rst_i").set(1);
                    clk.cycles(2).await;
                    sim.signal("rst_i").set(0);
                    master.abort();
                    clk.rising_edge().await;
                }
            }
        }
    })
    .unwrap();
}

/// A source and a sink on a register slice; the sink takes words while the cell says so.
fn stream<F: Future<Output = ()> + 'static>(
    main: impl FnOnce(Sim, Clock, StreamSource, StreamSink, Rc<Cell<bool>>) -> F + 'static,
) {
    let library = design("stream_fifo").build().unwrap();
    run(&library, 1, None, |sim| async move {
        let clk = reset(&sim).await;
        let open = Rc::new(Cell::new(true));
        let says = open.clone();
        let source = StreamSource::new(&clk, "s_", Pause::Never);
        let sink = StreamSink::new(&clk, "m_", Pause::With(Box::new(move || !says.get())));
        main(sim, clk, source, sink, open).await;
    })
    .unwrap();
}

#[test]
fn to_give_up_waiting_for_a_source_or_a_sink_takes_nothing_back() {
    stream(|sim, clk, source, sink, open| async move {
        let monitor = Monitor::new(&clk, "s_"); // TVALID and the word must stand
        let frame: Vec<u8> = (0..40).collect();
        source.send(frame.clone());
        assert!(sink.receive(5).await.is_err(), "in mid-frame");
        open.set(false);
        assert!(sim.timeout(&clk, 30, "the source", source.drained()).await.is_err());
        assert!(sim.signal("s_tvalid_i").is_high());
        let words = monitor.words();
        clk.cycles(10).await;
        assert_eq!(monitor.words(), words);
        open.set(true);
        assert_eq!(sink.receive(100).await.unwrap(), frame);
        sim.timeout(&clk, 10, "the source", source.drained()).await.unwrap();
        clk.cycles(2).await;
        assert!(!sim.signal("s_tvalid_i").is_high());
    });
}

#[test]
fn an_aborted_frame_leaves_no_line_up_and_no_byte_in_the_next_frame() {
    stream(|sim, clk, source, sink, open| async move {
        for (cycles, waiting) in [(4, false), (6, true), (1, false), (7, true)] {
            open.set(true);
            let valid = sim.signal("s_tvalid_i");
            source.send(vec![0xee; 80]);
            source.send(vec![0xdd; 8]);
            clk.cycles(cycles).await;
            open.set(!waiting);
            clk.cycles(4).await;
            source.abort();
            assert!(sim.timeout(&clk, 5, "the source", source.drained()).await.is_ok());
            // TVALID falls for a cycle at least, also where a new frame waits.
            source.send(vec![0xaa; 4]);
            clk.cycles(2).await;
            assert!(!valid.is_high(), "{cycles} {waiting}");
            source.abort();
            open.set(true);
            clk.cycles(3).await;
            // The design forgets its part by reset, the sink by abort.
            sim.signal("rst_i").set(1);
            clk.cycles(2).await;
            sim.signal("rst_i").set(0);
            sink.abort();
            clk.cycles(3).await;
            assert!(!valid.is_high(), "{cycles} {waiting}");
            while sink.waiting() > 0 {
                sink.receive(1).await.unwrap();
            }
            let frame: Vec<u8> = (0..11).collect();
            source.send(frame.clone());
            assert_eq!(sink.receive(100).await.unwrap(), frame, "{cycles} {waiting}");
        }
    });
}
