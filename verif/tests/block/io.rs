// SPDX-License-Identifier: Apache-2.0
//! The chip's streams: IN and OUT buffers, the image upload.

use crate::common::{bench, block, block_netlist, side_by_side};
use harness::axi::{Monitor, StreamSink, StreamSource};
use harness::verilated::Spec;
use harness::{Pause, Stream};
use std::collections::VecDeque;

#[test]
fn in_buffer_keeps_right_frames_and_drops_wrong_ones() {
    const COLS: usize = 4;
    for pause in [0.0, 0.4] {
        bench(&block("systole_in_buffer").parameter("COLS", COLS).parameter("DEPTH", 16), 3, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let pauses = if pause > 0.0 { Pause::random(pause, sim.random("source")) } else { Pause::Never };
            let source = StreamSource::new(&clk, "s_", pauses);
            let mut random = sim.random("frames");
            let (good, bad) = (s("good_frame_o"), s("bad_frame_o"));
            let (re, ea, oa, even, odd, release, full) =
                (s("re_i"), s("even_addr_i"), s("odd_addr_i"), s("even_o"), s("odd_o"), s("release_i"), s("full_o"));
            for round in 0..60usize {
                let bytes = 1 + random.below(60) as usize;
                s("bytes_i").set(bytes as u64);
                clk.cycles(3).await;
                // Too short, too long, then right.
                for wrong in [bytes.saturating_sub(1 + round % 5), bytes + 1 + round % 9] {
                    if wrong == 0 || round % 3 == 0 {
                        continue;
                    }
                    source.send(vec![0xee; wrong]);
                    clk.until(500, "the bad frame", || bad.is_high()).await.unwrap();
                    assert!(!good.is_high());
                }
                source.drained().await;
                let mut frame = vec![0u8; bytes];
                random.fill(&mut frame);
                source.send(frame.clone());
                clk.until(500, "the good frame", || good.is_high()).await.unwrap();
                clk.rising_edge().await;
                assert!(full.is_high());
                for word in 0..bytes.div_ceil(COLS) {
                    re.set(1);
                    ea.set((word as u64).div_ceil(2));
                    oa.set(word as u64 / 2);
                    clk.cycles(3).await;
                    let mut got = [0u8; COLS];
                    if word % 2 == 0 {
                        even.get_bytes(&mut got)
                    } else {
                        odd.get_bytes(&mut got)
                    }
                    let chunk = &frame[word * COLS..(word * COLS + COLS).min(bytes)];
                    assert_eq!(&got[..chunk.len()], chunk, "word {word}");
                }
                release.set(1);
                clk.rising_edge().await;
                release.set(0);
                clk.cycles(2).await;
                assert!(!full.is_high());
            }
        });
    }
}

#[test]
fn out_buffer_sends_each_frame_whole_in_every_corner_of_the_stall_matrix() {
    out_buffer(&block("systole_out_buffer").parameter("COLS", 4).parameter("DEPTH", 32));
}

/// With block RAM. The whole chip's netlist is in the long suite.
#[test]
fn out_buffer_sends_each_frame_as_yosys_makes_it_for_an_ecp5() {
    out_buffer(&block_netlist("systole_out_buffer", &["COLS=4", "DEPTH=32"]));
}

fn out_buffer(spec: &Spec) {
    const COLS: usize = 4;
    for pause in [0.0, 0.5] {
        bench(spec, 3, move |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let pauses = if pause > 0.0 { Pause::random(pause, sim.random("sink")) } else { Pause::Never };
            let sink = StreamSink::new(&clk, "m_", pauses);
            let monitor = Monitor::new(&clk, "m_");
            let (we, addr, data, seal, room) = (s("we_i"), s("addr_i"), s("data_i"), s("seal_i"), s("room_o"));
            let mut random = sim.random("frames");
            let mut sent = VecDeque::new();
            for _ in 0..80 {
                let mut frame = vec![0u8; 1 + random.below(128) as usize];
                random.fill(&mut frame);
                s("bytes_i").set(frame.len() as u64);
                clk.cycles(2).await;
                clk.until(2000, "room", || room.is_high()).await.unwrap();
                // Words in any order: the run writes by address.
                let words = frame.len().div_ceil(COLS);
                for n in 0..words {
                    let word = (n * 7 + 3) % words;
                    let unique = !words.is_multiple_of(7);
                    let word = if unique { word } else { n };
                    we.set(1);
                    addr.set(word as u64);
                    let mut padded = [0xaa; COLS];
                    let chunk = &frame[word * COLS..(word * COLS + COLS).min(frame.len())];
                    padded[..chunk.len()].copy_from_slice(chunk);
                    data.set_bytes(&padded);
                    clk.rising_edge().await;
                }
                we.set(0);
                seal.set(1);
                clk.rising_edge().await;
                seal.set(0);
                clk.rising_edge().await;
                sent.push_back(frame);
                if sent.len() == 2 {
                    assert_eq!(sink.receive(2000).await.unwrap(), sent.pop_front().unwrap());
                }
            }
            assert_eq!(sink.receive(2000).await.unwrap(), sent.pop_front().unwrap());
            assert_eq!(monitor.frames(), 80);
        });
    }
}

/// Uploads to one target and returns its writes as (address, data), in order.
fn upload(cols: usize, target: u64, bytes: Vec<u8>) -> (Vec<(u64, u64)>, bool) {
    let spec = block("systole_upload").parameter("ROWS", cols).parameter("COLS", cols).parameter("RRAM_DEPTH", 64);
    bench(&spec, 3, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let source = StreamSource::new(&clk, "s_", Pause::random(0.2, sim.random("source")));
        s("set_target_i").set(1);
        s("set_data_i").set(target);
        clk.rising_edge().await;
        s("set_target_i").set(0);
        let names = ["row_we_o", "desc_we_o", "param_we_o", "lut_we_o", "rram_valid_o"];
        let we = s(names[target as usize]);
        let (program, param, data) = (s("program_addr_o"), s("param_addr_o"), s("data_o"));
        let (lut_addr, lut_data) = (s("lut_addr_o"), s("lut_data_o"));
        let (ready, index, word) = (s("rram_ready_i"), s("rram_index_o"), s("rram_data_o"));
        let mut pauses = sim.random("ready");
        let refused = s("refused_range_o");
        source.send(bytes);
        let (mut writes, mut range) = (Vec::new(), false);
        for _ in 0..6000 {
            let takes = pauses.chance(0.5);
            ready.set(takes.into());
            clk.rising_edge().await;
            range |= refused.is_high();
            if we.is_high() && (target < 4 || takes) {
                writes.push(match target {
                    0 | 1 => (program.get(), data.get()),
                    2 => (param.get(), data.get()),
                    3 => (lut_addr.get(), lut_data.get()),
                    _ => (index.get(), word.get()),
                });
            }
        }
        (writes, range)
    })
}

#[test]
fn upload_writes_every_target_in_order_for_every_width() {
    let mut random = Stream::new(1, "upload");
    let mut bytes = vec![0u8; 256];
    random.fill(&mut bytes);
    side_by_side([4usize, 8, 16, 32], |cols| {
        for target in 0..3 {
            let (writes, range) = upload(cols, target, bytes.clone());
            let expected: Vec<(u64, u64)> =
                bytes.chunks(8).enumerate().map(|(n, b)| (n as u64, u64::from_le_bytes(b.try_into().unwrap()))).collect();
            assert_eq!(writes, expected, "{cols} columns, target {target}");
            assert!(!range);
        }
        let (writes, _) = upload(cols, 3, bytes.clone());
        let expected: Vec<(u64, u64)> = bytes.iter().enumerate().map(|(n, &b)| (n as u64, b.into())).collect();
        assert_eq!(writes, expected, "{cols} columns, lookup tables");
        let (writes, _) = upload(cols, 4, bytes.clone());
        let expected: Vec<(u64, u64)> = bytes
            .chunks(cols)
            .enumerate()
            .map(|(n, b)| {
                let mut low = [0u8; 8];
                low[..cols.min(8)].copy_from_slice(&b[..cols.min(8)]);
                (n as u64, u64::from_le_bytes(low))
            })
            .collect();
        assert_eq!(writes, expected, "{cols} columns, RRAM, at the pace of its controller");
    });
}

#[test]
fn upload_beyond_a_memory_is_refused_and_reported() {
    // 64 words x 8 rows x 8 bytes of RRAM, and one word more.
    let (writes, range) = upload(8, 4, vec![1; 64 * 8 * 8 + 8]);
    assert_eq!(writes.len(), 64 * 8);
    assert!(range);
}
