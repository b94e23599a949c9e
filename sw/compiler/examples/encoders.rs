// SPDX-License-Identifier: Apache-2.0
//! Cycles of an encoder's block by length and width (docs/encoders.md, "Time"): attention, two norms behind the sums, a hidden layer
//! with Gelu. Weights change no cycle.

use systole_compiler::compile_encoder;
use systole_isa::Config;
use systole_model::encoder::{Attention, Encoder, Linear, Map, Norm, Op, Then};

/// A product with a bias.
fn linear(from: Map, inputs: usize, outputs: usize, then: Then) -> Op {
    let (codes, scales, bias) = (vec![1; inputs * outputs], vec![0.01; outputs], Some(vec![0.1; outputs]));
    Op::Linear(Linear { name: String::new(), from, codes, scales, inputs, outputs, bias, then })
}

fn norm(from: Map, width: usize) -> Op {
    let (gain, bias) = (vec![1.0; width], vec![0.0; width]);
    Op::Norm(Norm { name: String::new(), from, gain, bias, epsilon: 1e-12, mean: true })
}

/// A block of `heads` heads and a hidden layer of `4 * d`.
fn block(tokens: usize, d: usize, heads: usize) -> Encoder {
    let name = String::new();
    let ops = vec![
        linear(0, d, d, Then::Nothing),
        linear(0, d, d, Then::Nothing),
        linear(0, d, d, Then::Nothing),
        Op::Attention(Attention { name, q: 1, k: 2, v: 3, heads, kv_heads: heads, scale: 0.1 }),
        linear(4, d, d, Then::Plus(0)),
        norm(5, d),
        linear(6, d, 4 * d, Then::Gelu),
        linear(7, 4 * d, d, Then::Plus(6)),
        norm(8, d),
    ];
    Encoder { name: "block".into(), tokens, width: d, output: ops.len(), ops }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let long = "base,TIMETABLE_DEPTH=4096,DESC_DEPTH=8192,IN_DEPTH=8192,OUT_DEPTH=16384";
    for (label, tokens, d, heads) in [("base", 16, 128, 4), ("base", 32, 128, 4), ("base", 32, 384, 12), (long, 128, 384, 12)] {
        let p = compile_encoder(&block(tokens, d, heads), &Config::named(label)?)?;
        let share = 100.0 * p.utilisation();
        println!("{tokens:4} tokens x {d}, {heads} heads: {} cycles, {share:.1} %, the array {}; {label}", p.cycles, p.array);
    }
    Ok(())
}
