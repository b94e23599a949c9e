// SPDX-License-Identifier: Apache-2.0
//! The written semantics of docs/harness.md, each by a test.

use harness::axi::{Monitor, StreamSink, StreamSource};
use harness::verilated::{Library, Spec};
use harness::{Event, Origin, Pause, Queue, Run, Scoreboard, Sim, SimError, TraceWindow, run};
use std::path::Path;
use std::sync::Arc;

fn design(top: &str) -> Spec {
    Spec::new(top).source(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(format!("{top}.v")))
}

fn counter() -> Arc<Library> {
    design("counter").build().unwrap()
}

async fn reset(sim: &Sim) -> harness::Clock {
    let clk = sim.clock("clk_i");
    sim.signal("rst_i").set(1);
    clk.cycles(2).await;
    sim.signal("rst_i").set(0);
    clk.rising_edge().await;
    clk
}

#[harness::test(top = "counter", sources = ["tests/counter.v"])]
async fn reads_at_an_edge_give_what_the_flip_flops_sample(sim: Sim) {
    let clk = reset(&sim).await;
    let (en, step, count, next) = (sim.signal("en_i"), sim.signal("step_i"), sim.signal("count_o"), sim.signal("next_o"));
    en.set(1);
    step.set(5);
    assert_eq!(next.get(), 0, "a write must not be seen in the same step");
    clk.rising_edge().await;
    assert_eq!((count.get(), next.get()), (0, 5), "before the edge: the old count, the new next");
    clk.rising_edge().await;
    assert_eq!((count.get(), next.get()), (5, 10));
    clk.cycles(10).await;
    assert_eq!(count.get(), 55);
}

#[harness::test(top = "counter", sources = ["tests/counter.v"])]
async fn the_order_of_tasks_does_not_matter(sim: Sim) {
    let clk = reset(&sim).await;
    sim.signal("step_i").set(1);
    let seen = Queue::new();
    // The reader is spawned before and after the writer; both see the value before the edge.
    let reader = |sim: &Sim, name: &str| {
        let (clk, next, seen) = (clk.clone(), sim.signal("next_o"), seen.clone());
        sim.spawn(name, async move {
            clk.rising_edge().await;
            seen.push(next.get());
        })
    };
    let before = reader(&sim, "before");
    let (clk2, en) = (clk.clone(), sim.signal("en_i"));
    let writer = sim.spawn("writer", async move {
        clk2.rising_edge().await;
        en.set(1);
    });
    let after = reader(&sim, "after");
    before.join().await;
    writer.join().await;
    after.join().await;
    assert_eq!((seen.pop().await, seen.pop().await), (0, 0));
    clk.rising_edge().await;
    assert_eq!(sim.signal("next_o").get(), 1);
}

#[test]
fn two_writers_of_one_port_in_a_cycle_are_an_error_that_names_both() {
    let error = run(&counter(), 1, None, |sim| async move {
        let clk = reset(&sim).await;
        for name in ["left", "right"] {
            let (clk, step) = (clk.clone(), sim.signal("step_i"));
            sim.spawn(name, async move {
                clk.cycles(3).await;
                step.set(1);
            });
        }
        clk.cycles(10).await;
    })
    .unwrap_err();
    let SimError::TwoWriters { port, first, second, .. } = error else { panic!("{error}") };
    assert_eq!((port.as_str(), first.as_str(), second.as_str()), ("step_i", "left", "right"));
}

#[test]
fn a_timeout_names_each_task_what_it_waits_for_and_the_last_transactions() {
    let text = run(&counter(), 1, None, |sim| async move {
        let clk = reset(&sim).await;
        let never = Event::new();
        let (clk2, count) = (clk.clone(), sim.signal("count_o"));
        sim.spawn("watcher", async move { clk2.until(1000, "count to reach 7", || count.get() == 7).await });
        sim.log("write 0x10 = 1");
        clk.rising_edge().await;
        let error = sim.timeout(&clk, 20, "the event", never.wait()).await.unwrap_err();
        error.to_string()
    })
    .unwrap()
    .value;
    for part in ["timeout after 20 cycles", "the event", "watcher", "count to reach 7", "main", "write 0x10 = 1"] {
        assert!(text.contains(part), "'{part}' is missing in:\n{text}");
    }
}

#[test]
fn a_panic_in_a_spawned_task_fails_the_run_at_once() {
    let outcome = std::panic::catch_unwind(|| {
        run(&counter(), 1, None, |sim| async move {
            let clk = reset(&sim).await;
            let clk2 = clk.clone();
            sim.spawn("faulty", async move {
                clk2.cycles(5).await;
                panic!("the faulty task");
            });
            clk.cycles(1_000_000_000_000).await; // would take for ever
        })
    });
    let panic = outcome.unwrap_err();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "the faulty task");
}

#[test]
fn stop_ends_the_run_and_not_the_process() {
    let error = run(&counter(), 1, None, |sim| async move {
        let clk = reset(&sim).await;
        clk.cycles(7).await;
        sim.signal("stop_i").set(1);
        clk.cycles(1_000_000).await;
    })
    .unwrap_err();
    let SimError::Stopped { cycle, text, .. } = &error else { panic!("{error}") };
    assert!(*cycle >= 9 && *cycle <= 13, "{cycle}");
    assert!(text.contains("counter.v"), "{text}");
}

#[test]
fn waiting_for_what_can_never_come_is_a_deadlock_that_names_the_tasks() {
    let error = run(&counter(), 1, None, |_| async move { Event::new().wait().await }).unwrap_err();
    assert!(matches!(error, SimError::Deadlock { .. }), "{error}");
    assert!(error.to_string().contains("main"));
}

fn noisy(seed: u64, trace: Option<TraceWindow>) -> Run<u64> {
    let library = design("counter").trace(trace.is_some()).build().unwrap();
    run(&library, seed, trace, |sim| async move {
        let clk = reset(&sim).await;
        for name in ["a", "b", "c"] {
            let (clk, mut random) = (clk.clone(), sim.random(name));
            sim.spawn(name, async move {
                loop {
                    clk.cycles(1 + random.below(9)).await;
                }
            });
        }
        let (en, mut random) = (sim.signal("en_i"), sim.random("enable"));
        sim.signal("step_i").set(3);
        for _ in 0..500 {
            en.set(random.below(2));
            clk.cycles(1 + random.below(3)).await;
        }
        sim.signal("count_o").get()
    })
    .unwrap()
}

#[test]
fn the_same_seed_gives_the_same_events_traced_or_not() {
    let path = std::env::temp_dir().join(format!("harness-{}.fst", std::process::id()));
    let (one, two, other) = (noisy(7, None), noisy(7, None), noisy(8, None));
    assert_eq!(one, two);
    assert_ne!(one.event_hash, other.event_hash);
    let traced = noisy(7, Some(TraceWindow { path: path.clone(), from: 100, to: 300, origin: Origin::Start, depth: 0 }));
    assert_eq!(one, traced);
    assert!(std::fs::metadata(&path).unwrap().len() > 100);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn cycles_stops_at_the_earliest_wake_of_any_task() {
    let seen = run(&counter(), 1, None, |sim| async move {
        let clk = reset(&sim).await;
        let start = clk.cycle();
        let seen = Queue::new();
        for (name, n) in [("late", 90), ("early", 40)] {
            let (clk, seen) = (clk.clone(), seen.clone());
            sim.spawn(name, async move {
                clk.cycles(n).await;
                seen.push((name, clk.cycle() - start));
            });
        }
        clk.cycles(100).await;
        assert_eq!(clk.cycle() - start, 100);
        [seen.pop().await, seen.pop().await]
    })
    .unwrap()
    .value;
    assert_eq!(seen, [("early", 40), ("late", 90)]);
}

#[test]
fn clocks_of_other_periods_and_phases_keep_their_edges() {
    let library = design("two_clocks").build().unwrap();
    let log = run(&library, 1, None, |sim| async move {
        let a = sim.clock_with("a_clk_i", 10, 0);
        let b = sim.clock_with("b_clk_i", 6, 3);
        let (va, vb, seen) = (sim.signal("a_o"), sim.signal("b_o"), sim.signal("a_seen_by_b_o"));
        let mut log = Vec::new();
        for _ in 0..4 {
            b.rising_edge().await;
            log.push((va.get(), vb.get(), seen.get()));
        }
        // Edges of a: 0, 10, 20, 30, ..; of b: 3, 9, 15, 21, 27.
        a.rising_edge().await;
        log.push((va.get(), vb.get(), seen.get()));
        log
    })
    .unwrap()
    .value;
    assert_eq!(log, [(1, 0, 0), (1, 1, 1), (2, 2, 1), (3, 3, 2), (3, 5, 3)]);
}

#[test]
fn edges_of_two_clocks_at_one_time_sample_before_both() {
    let library = design("two_clocks").build().unwrap();
    let pair = run(&library, 1, None, |sim| async move {
        let a = sim.clock_with("a_clk_i", 4, 4);
        let _b = sim.clock_with("b_clk_i", 4, 4);
        a.cycles(3).await;
        (sim.signal("a_o").get(), sim.signal("a_seen_by_b_o").get())
    })
    .unwrap()
    .value;
    assert_eq!(pair, (2, 1), "b samples a before a's edge");
}

#[harness::test(top = "counter", sources = ["tests/counter.v"])]
async fn the_same_clock_again_is_the_same_clock(sim: Sim) {
    let first = reset(&sim).await;
    let again = sim.clock("clk_i");
    sim.signal("en_i").set(1);
    sim.signal("step_i").set(1);
    again.rising_edge().await;
    let (count, before) = (sim.signal("count_o"), first.cycle());
    for n in 0..20 {
        assert_eq!(count.get(), n);
        if n % 2 == 0 {
            first.rising_edge().await
        } else {
            again.rising_edge().await
        }
        assert_eq!((first.cycle(), again.cycle()), (before + n + 1, before + n + 1));
    }
    sim.clock_with("clk_i", 2, 1).cycles(3).await;
    assert_eq!(count.get(), 23);
}

#[harness::test(top = "counter", sources = ["tests/counter.v"])]
async fn a_clock_that_cannot_be_is_an_error_that_says_why_and_names_both_places(sim: Sim) {
    let (line, _clk) = (line!(), sim.clock("clk_i"));
    let why = |name: &str, period, phase| {
        let error = sim.try_clock_with(name, period, phase).err().expect("an error");
        assert!(matches!(error, SimError::Clock { .. } | SimError::Model(_)), "{error}");
        error.to_string()
    };
    for (period, phase) in [(10, 1), (2, 0)] {
        let (text, second) = (why("clk_i", period, phase), format!("period {period} and phase {phase}"));
        assert!(text.contains("'clk_i'") && text.contains(&format!("semantics.rs:{line}:")), "{text}");
        assert!(text.matches("semantics.rs:").count() == 2 && text.contains(&second), "{text}");
    }
    assert!(why("step_i", 2, 1).contains("8 bits"));
    assert!(why("stop_i", 1, 0).contains("at least 2"));
    assert!(why("clock", 2, 1).contains("clk_i"), "the ports there are");
}

#[test]
fn a_clock_that_is_made_late_begins_with_its_next_edge_and_runs_no_edge_of_the_past() {
    let library = design("two_clocks").build().unwrap();
    let log = run(&library, 1, None, |sim| async move {
        let a = sim.clock_with("a_clk_i", 4, 4);
        a.cycles(5).await; // before the edge at time 20
        let b = sim.clock_with("b_clk_i", 6, 2); // 2, 8, 14, 20 are not to come; 26, 32, 38 are
        let (va, vb) = (sim.signal("a_o"), sim.signal("b_o"));
        let mut log = vec![(va.get(), vb.get(), a.cycle(), b.cycle())];
        for _ in 0..3 {
            b.rising_edge().await;
            log.push((va.get(), vb.get(), a.cycle(), b.cycle()));
        }
        log
    })
    .unwrap()
    .value;
    assert_eq!(log, [(4, 0, 4, 0), (6, 0, 6, 0), (7, 1, 7, 1), (9, 2, 9, 2)]);
}

#[test]
fn a_wait_that_nobody_polled_at_its_edge_is_over_and_not_lost() {
    let cycles = run(&counter(), 1, None, |sim| async move {
        let clk = reset(&sim).await;
        let mut edge = Box::pin(clk.rising_edge());
        let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(edge.as_mut().poll(cx).is_pending())).await;
        assert!(begun);
        let before = clk.cycle();
        clk.cycles(5).await;
        edge.await;
        clk.cycle() - before
    })
    .unwrap()
    .value;
    assert_eq!(cycles, 5);
}

fn stream(broken: u32, in_pause: f64, out_pause: f64) -> Result<(u64, u64, u64), SimError> {
    let library = design("stream_fifo").parameter("BROKEN", broken).build().unwrap();
    run(&library, 3, None, move |sim| async move {
        let clk = reset(&sim).await;
        let pause = |p: f64, name: &str| if p > 0.0 { Pause::random(p, sim.random(name)) } else { Pause::Never };
        let source = StreamSource::new(&clk, "s_", pause(in_pause, "in"));
        let sink = StreamSink::new(&clk, "m_", pause(out_pause, "out"));
        let monitor = Monitor::new(&clk, "m_");
        let mut board = Scoreboard::new("frames");
        let mut random = sim.random("frames");
        for n in 1..=40 {
            let mut frame = vec![0u8; n];
            random.fill(&mut frame);
            board.expect(frame.clone());
            source.send(frame);
        }
        for _ in 0..40 {
            board.got(sink.receive(5000).await.unwrap());
        }
        source.drained().await;
        board.finish().unwrap();
        (monitor.frames(), monitor.words(), monitor.stalls())
    })
    .map(|r| r.value)
}

#[test]
fn streams_keep_every_byte_in_each_corner_of_the_stall_matrix() {
    let words: u64 = (1..=40u64).map(|n| n.div_ceil(4)).sum();
    for (input, output) in [(0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4)] {
        let (frames, seen, stalls) = stream(0, input, output).unwrap();
        assert_eq!((frames, seen), (40, words));
        assert_eq!(stalls > 0, output > 0.0, "input pause {input}, output pause {output}");
    }
}

#[test]
fn the_monitor_sees_a_word_that_changes_while_it_waits() {
    let panic = std::panic::catch_unwind(|| stream(1, 0.0, 0.5)).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("the word changed before TREADY"), "{text}");
}

/// The values of `count_o` that a wave has, by time, and the time of its first and last change.
fn counted(path: &std::path::Path) -> Vec<(u64, u64)> {
    let mut wave = wellen::simple::read(path).unwrap();
    let hierarchy = wave.hierarchy();
    let count = hierarchy.all_vars().find(|&v| hierarchy[v].name(hierarchy) == "count_o").unwrap();
    let signal = hierarchy[count].signal_ref();
    wave.load_signals(&[signal]);
    let times = wave.time_table().to_vec();
    let value = |v: wellen::SignalValueRef<'_>| u64::from_str_radix(&v.to_bit_string().unwrap(), 2).unwrap();
    wave.get_signal(signal).unwrap().iter_changes().map(|(at, v)| (times[at as usize], value(v))).collect()
}

#[test]
fn a_window_has_its_cycles_and_no_others_counted_from_the_start_or_from_a_port() {
    // The counter counts from cycle 40 on: its value in cycle c is c - 40.
    for (origin, first) in [(Origin::Start, 0), (Origin::Bit("en_i".into(), 0), 40)] {
        for (from, to) in [(0u64, 5u64), (7, 8), (30, 60)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("w.fst");
            let window = TraceWindow { path: path.clone(), from, to, origin: origin.clone(), depth: 0 };
            let library = design("counter").trace(true).build().unwrap();
            run(&library, 1, Some(window), |sim| async move {
                let clk = reset(&sim).await;
                clk.cycles(39 - clk.cycle()).await;
                sim.signal("en_i").set(1);
                sim.signal("step_i").set(1);
                // Alone: cycles pass inside the model.
                clk.cycles(100).await;
            })
            .unwrap();
            let (from, to) = (first + from, first + to);
            let seen = counted(&path);
            // Two steps of time a cycle: the edge that begins cycle c is at 2 c - 2, what the bench writes then at 2 c - 1.
            assert!(
                seen.iter().all(|(time, _)| ((2 * from).saturating_sub(1)..2 * to - 2).contains(time)),
                "{from}..{to}: {seen:?}"
            );
            let values: Vec<u64> = (from..to).map(|c| c.saturating_sub(40)).collect();
            let mut expected = values.clone();
            expected.dedup();
            assert_eq!(seen.iter().map(|s| s.1).collect::<Vec<_>>(), expected, "{from}..{to}");
        }
    }
}

#[test]
fn a_window_that_never_comes_leaves_no_file_and_a_port_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.fst");
    let library = design("counter").trace(true).build().unwrap();
    let traced = |origin: Origin| {
        let window = TraceWindow { path: path.clone(), from: 0, to: 9, origin, depth: 0 };
        run(&library, 1, Some(window), |sim| async move { reset(&sim).await.cycles(50).await })
    };
    traced(Origin::Bit("en_i".into(), 0)).unwrap();
    assert!(!path.exists());
    let error = traced(Origin::Bit("no_such_port".into(), 0)).unwrap_err().to_string();
    assert!(error.contains("no_such_port"), "{error}");
}
