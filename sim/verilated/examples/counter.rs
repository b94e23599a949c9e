// SPDX-License-Identifier: Apache-2.0
//! A model, its ports, and how fast it runs: `cargo run --release -p verilated --example counter`.

use std::time::Instant;
use verilated::{Error, Model, Spec};

fn main() -> Result<(), Error> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/counter.v");
    let library = Spec::new("counter").source(source).parameter("WIDTH", 12).build()?;
    for port in library.ports() {
        println!("{:?} {} ({} bits)", port.direction, port.name, port.width);
    }
    let mut model = Model::new(&library)?;
    let (clk, count) = (model.port("clk")?, model.port("count")?);
    let (cycles, begin) = (10_000_000, Instant::now());
    model.run_cycles(clk, cycles);
    let seconds = begin.elapsed().as_secs_f64();
    println!("{cycles} cycles: count is {}, {:.0} million cycles a second", model.get(count), cycles as f64 / seconds / 1e6);
    assert_eq!(model.get(count), cycles % 4096);
    Ok(())
}
