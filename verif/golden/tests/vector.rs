// SPDX-License-Identifier: Apache-2.0
//! The vector unit on the instruction-level model: small programs, with what they give worked out here in float64.
//!
//! Operands are 16-bit numbers, so float64 has products and sums exactly; [`rounded`] makes a number of them.

mod cycles;
mod operands;
mod reductions;
mod rules;
mod runs;

use systole_golden::f24::F24;
use systole_golden::{Machine, MachineError, RunResult};
use systole_isa::f24::{encode_param, encode_segment, functions};
use systole_isa::image::{Dtype, Tensor};
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{
    Add, Function, MaxOf, Mul1, Mul2, Mul3, OneHot, Post, PostDest, Program, Register, Row, Scalar, ScalarOp, Source, SumOf,
    Vector, VectorDest, Wait,
};
use systole_isa::requant::Param;
use systole_isa::{Config, Image, Instruction, Latency, Load, Matmul, Store, fingerprint};

/// `value` to 16 significant bits, ties to even; a plain zero.
fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = (value.abs().log2().floor() - 15.0).exp2();
    (value / unit).round_ties_even() * unit
}

fn number(value: f64) -> systole_isa::f24::F24 {
    assert_eq!(rounded(value), value, "not a number of the unit");
    systole_isa::f24::F24::from_f64(value)
}

/// Loops `(count, gap, strides)`, innermost first.
fn nest(loops: &[(u32, u8, [i32; 5])]) -> Nest {
    Nest::from_strides(&loops.iter().map(|&(count, gap, stride)| Stride { count, gap, stride }).collect::<Vec<_>>())
}

fn once() -> Nest {
    nest(&[(1, 0, [0; 5])])
}

/// A step from V to V of all lanes.
fn plain() -> Vector {
    Vector { src: Source::V, dest: VectorDest::V, lane_n: 32, lo: -128, hi: 127, nest: once(), ..Default::default() }
}

/// A program that grows row by row.
struct Bench {
    config: Config,
    latency: Latency,
    rows: Vec<Row>,
    /// First cycle in which a step meets nothing of the rows so far.
    clock: u64,
    params: Vec<u64>,
    weights: Vec<i8>,
    input: Vec<u8>,
    pos: u32,
    tok: u32,
}

impl Bench {
    fn new(config: &str) -> Bench {
        let config = Config::named(config).unwrap();
        let latency = Latency::of(&config);
        Bench { config, latency, rows: vec![], clock: 20, params: vec![], weights: vec![], input: vec![], pos: 0, tok: 0 }
    }

    /// 4 x 4.
    fn tiny() -> Bench {
        Bench::new("tiny,VEC_LANES=4")
    }

    /// The row whose unit has its first step in `first`.
    fn at(&mut self, first: u64, instruction: Instruction) -> u64 {
        let cycle = first - u64::from(instruction.words() + self.latency.issue);
        let span = instruction.nest().map_or(0, Nest::span);
        self.rows.push(Row { cycle, instruction });
        self.clock = self.clock.max(first + span + 120);
        first
    }

    /// A row behind everything; the cycle of its first step.
    fn then(&mut self, instruction: Instruction) -> u64 {
        self.at(self.clock, instruction)
    }

    fn vector(&mut self, v: Vector) -> u64 {
        self.then(Instruction::Vector(v))
    }

    /// Parameter words with these (scale, bias) of each lane; the first one's address.
    fn param(&mut self, lanes: &[(f64, f64)]) -> u32 {
        let word = self.params.len() as u32 / self.config.cols;
        self.params.extend(lanes.iter().map(|&(s, b)| encode_param(number(s), number(b))));
        word
    }

    /// Puts numbers into V: whatever is there times S[63], which is 0, plus a bias.
    fn load_v(&mut self, word: u32, lanes: &[f64]) {
        let param_base = self.param(&lanes.iter().map(|&x| (0.0, x)).collect::<Vec<_>>());
        self.vector(Vector { dst_base: word, param_base, s_base: 63, mul2: Mul2::Scalar, add: Add::Bias, ..plain() });
    }

    /// Puts a number into S.
    fn load_s(&mut self, at: u32, value: f64) {
        let zero = Scalar { dst_base: at, a_base: at, imm: Some(number(0.0)), nest: once(), ..Default::default() };
        self.then(Instruction::Scalar(zero.clone()));
        self.then(Instruction::Scalar(Scalar { op: ScalarOp::Add, imm: Some(number(value)), ..zero }));
    }

    /// Vectors of C lanes from the frame to X, word 0 on.
    fn load_x(&mut self, vectors: &[Vec<i8>]) {
        let c = self.config.cols;
        self.input = vectors.iter().flatten().map(|&x| x as u8).collect();
        let nest = nest(&[(vectors.len() as u32, 0, [1, c as i32, 0, 0, 0])]);
        self.then(Instruction::Load(Load { mask: u32::MAX, nest, ..Default::default() }));
    }

    fn image(&self) -> Image {
        let mut rows = self.rows.clone();
        if !rows.iter().any(|r| r.instruction == Instruction::End) {
            rows.push(Row { cycle: self.clock, instruction: Instruction::End });
        }
        rows.sort_by_key(|r| r.cycle);
        let (timetable, descriptors) = Program { rows }.encode().unwrap();
        let out_bytes = 64 * self.config.cols;
        let c = self.config.cols as usize;
        Image {
            fingerprint: fingerprint(),
            config_id: self.config.image_id(),
            weight_beats: self.config.weight_beats,
            in_bytes: self.input.len() as u32,
            out_bytes,
            timetable,
            descriptors,
            params: vec![Param { bias: 0, q: 1 << 23, shift: 23 }; c],
            luts: vec![[0; 256]; self.config.lut_count as usize],
            weights: self.weights.clone(),
            taps: vec![],
            vector: functions().iter().flatten().map(|&s| encode_segment(s)).chain(self.params.iter().copied()).collect(),
            input: Tensor::dense(1, self.input.len() as u32, Dtype::Int8),
            output: Tensor::dense(1, out_bytes, Dtype::Int8),
            macs: 0,
            name: "by hand".into(),
            tables: vec![],
            before: None,
        }
    }

    fn try_run(&self) -> Result<(Machine, RunResult), MachineError> {
        let mut machine = Machine::new(self.config.clone());
        machine.load_image(&self.image())?;
        machine.set_registers(self.pos, self.tok);
        let result = machine.run(&self.input)?;
        Ok((machine, result))
    }

    fn run(&self) -> (Machine, RunResult) {
        self.try_run().unwrap_or_else(|e| panic!("{e}"))
    }

    /// What a run that breaks a rule says.
    fn refusal(&self) -> String {
        match self.try_run() {
            Ok(_) => panic!("the run broke no rule"),
            Err(e) => e.to_string(),
        }
    }
}

fn word(machine: &Machine, word: usize) -> Vec<f64> {
    let c = machine.config().cols as usize;
    machine.v()[word * c..][..c].iter().map(|n| n.to_f64()).collect()
}

fn s(machine: &Machine, at: usize) -> f64 {
    machine.s()[at].to_f64()
}

fn floats(result: &RunResult, word: usize, c: usize) -> Vec<f64> {
    let bytes = result.frame[word * c..][..4 * c].chunks(4);
    bytes.map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
}

fn codes(result: &RunResult, word: usize, c: usize) -> Vec<i8> {
    result.frame[word * c..][..c].iter().map(|&b| b as i8).collect()
}

fn multiply(count: u32) -> Instruction {
    Instruction::Matmul(Matmul { first: true, last: true, hold: 1, nest: nest(&[(count, 0, [0; 5])]), ..Default::default() })
}

fn copy(from: u32, to: u32) -> Scalar {
    Scalar { op: ScalarOp::Add, a_base: from, dst_base: to, imm: Some(number(0.0)), nest: once(), ..Default::default() }
}
