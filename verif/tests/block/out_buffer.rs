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
