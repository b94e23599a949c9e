// SPDX-License-Identifier: Apache-2.0
//! The OUT buffer: each frame whole, in every corner of the stall matrix, in RTL and as Yosys makes it.

use crate::common::{bench, block, block_netlist};
use harness::Pause;
use harness::axi::{Monitor, StreamSink};
use harness::verilated::Spec;
use std::collections::VecDeque;

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
                    assert_eq!(sink.receive(2000).await.unwrap(), sent.pop_front().unwrap(), "a frame, the host stalls {pause}");
                }
            }
            assert_eq!(sink.receive(2000).await.unwrap(), sent.pop_front().unwrap(), "a frame, the host stalls {pause}");
            assert_eq!(monitor.frames(), 80, "frames");
        });
    }
}

#[test]
fn out_buffer_says_when_there_is_room_when_it_sends_and_when_a_frame_has_left() {
    const COLS: usize = 4;
    const WORDS: usize = 32;
    bench(&block("systole_out_buffer").parameter("COLS", COLS).parameter("DEPTH", WORDS), 4, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [rst, bytes, we, addr, data, seal] = ["rst_i", "bytes_i", "we_i", "addr_i", "data_i", "seal_i"].map(s);
        let [room, next_room, busy, sent] = ["room_o", "next_room_o", "busy_o", "sent_o"].map(s);
        let [valid, ready, word, keep, last] = ["m_tvalid_o", "m_tready_i", "m_tdata_o", "m_tkeep_o", "m_tlast_o"].map(s);
        let mut random = sim.random("stimuli");
        let mut left = 0;
        for round in 0..40u64 {
            rst.set(1);
            seal.set(0);
            we.set(0);
            clk.rising_edge().await;
            rst.set(0);
            clk.rising_edge().await;
            let pace = [1.0, 0.5, 0.1, 0.0][round as usize % 4];
            let length = if round % 10 == 9 { 0 } else { 1 + random.below((COLS * WORDS) as u64) as usize };
            bytes.set(length as u64);
            clk.cycles(2).await;
            let words = length.div_ceil(COLS);
            let end = if length == 0 { 0 } else { 0xf_u64 >> (words * COLS - length) };
            // Words to come, the last of a frame marked, and what the run that is on has written.
            let mut due: VecDeque<(u64, bool)> = VecDeque::new();
            let mut frame: Vec<u64> = vec![0; words];
            let (mut written, mut has_left, mut held, mut idle, mut there, mut sealed) = (0, false, false, 0, true, 0);
            for t in 0..400u64 {
                // A run begins where there is room, two cycles behind another at the soonest, and ends behind its last word.
                let writes = written < words && (written > 0 || there && t > sealed + 1);
                we.set(writes.into());
                if writes {
                    frame[written] = random.below(1 << 32);
                    addr.set(written as u64);
                    data.set(frame[written]);
                    written += 1;
                } else {
                    addr.set(random.below(WORDS as u64));
                    data.set(random.below(1 << 32));
                }
                let seals = !writes && written == words && random.chance(0.3) && (length > 0 || random.chance(0.2));
                seal.set(seals.into());
                let takes = random.chance(pace);
                ready.set(takes.into());
                clk.rising_edge().await;

                // Frames whose last word has not been read from their buffer: the four words at most that wait for the host have been.
                let full = match (room.is_high(), next_room.is_high()) {
                    (true, true) => 0,
                    (true, false) => 1,
                    (false, false) => 2,
                    (false, true) => panic!("room for the frame after the next alone, in cycle {t}"),
                };
                let frames = |from: usize| due.iter().skip(from).filter(|(_, last)| *last).count();
                assert!((frames(4)..=frames(0)).contains(&full), "{full} buffers are full in cycle {t}");
                there = full < 2;
                assert_eq!(busy.is_high(), !due.is_empty(), "a frame is there in cycle {t}");
                assert_eq!(sent.is_high(), has_left, "a frame has left in cycle {t}");
                assert!(valid.is_high() || !held, "what is offered stays, in cycle {t}");
                idle = if valid.is_high() || due.is_empty() { 0 } else { idle + 1 };
                assert!(idle < 7, "a frame that is there is sent, in cycle {t}");
                has_left = false;
                held = false;
                if valid.is_high() {
                    let (expected, ends) = *due.front().expect("a word of no frame");
                    let offered = (keep.get(), last.is_high());
                    assert_eq!(offered, (if ends { end } else { 0xf }, ends), "TKEEP and TLAST in cycle {t}");
                    let bytes = (0..COLS as u64).filter(|b| keep.get() >> b & 1 == 1).fold(0, |mask, b| mask | 0xff << (8 * b));
                    assert_eq!(word.get() & bytes, expected & bytes, "a word in cycle {t}");
                    held = !takes;
                    if takes {
                        due.pop_front();
                        has_left = ends;
                        left += u32::from(ends);
                    }
                }
                if seals {
                    (written, sealed) = (0, t);
                    due.extend(frame.iter().enumerate().map(|(n, word)| (*word, n + 1 == words)));
                }
            }
        }
        assert!(left > 200, "{left} frames");
    });
}
