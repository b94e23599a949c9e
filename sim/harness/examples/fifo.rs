// SPDX-License-Identifier: Apache-2.0
//! Frames of random lengths through a FIFO, with random pauses at both ends: a bench as a program, `cargo run -p harness --example
//! fifo`. In a test it would be a function with `#[harness::test]`.

use harness::axi::{StreamSink, StreamSource};
use harness::verilated::Spec;
use harness::{Pause, Scoreboard, Sim};
use std::error::Error;

const FRAMES: u64 = 500;

async fn bench(sim: Sim) -> usize {
    let clk = sim.clock("clk_i");
    sim.signal("rst_i").set(1);
    clk.cycles(3).await;
    sim.signal("rst_i").set(0);
    clk.rising_edge().await;

    let source = StreamSource::new(&clk, "s_", Pause::random(0.3, sim.random("source")));
    let sink = StreamSink::new(&clk, "m_", Pause::random(0.3, sim.random("sink")));
    let mut random = sim.random("frames");
    let mut board = Scoreboard::new("frames");
    for _ in 0..FRAMES {
        let length = random.below(40) + 1;
        let frame: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        board.expect(frame.clone());
        source.send(frame);
    }
    let mut bytes = 0;
    for _ in 0..FRAMES {
        let frame = sink.receive(1_000).await.expect("a frame");
        bytes += frame.len();
        board.got(frame);
    }
    board.finish().expect("all frames, in order");
    bytes
}

fn main() -> Result<(), Box<dyn Error>> {
    let library = Spec::new("fifo").source(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/fifo.v")).build()?;
    for seed in 1..=3 {
        let run = harness::run(&library, seed, None, bench)?;
        println!(
            "seed {seed}: {FRAMES} frames, {} bytes in {} cycles; event hash {:016x}",
            run.value, run.cycles, run.event_hash
        );
    }
    Ok(())
}
