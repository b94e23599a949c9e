// SPDX-License-Identifier: Apache-2.0
//! The vector unit on the instruction-level model: small programs, with what they give worked out here in float64.
//!
//! Operands are 16-bit numbers, so float64 has products and sums exactly; [`rounded`] makes a number of them.

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

#[test]
fn every_choice_of_operands() {
    let (a, b, c) = ([1.5, -3.25, 1001.0, 0.0], [-0.3125, 77.0, 3.0, 5.0], [1e3, 0.125, -2047.0, 9.5]);
    let param = [(3.0, 0.75), (-0.5, 0.0), (1.25, -300.0), (7.0, 1.0)];
    let scalar = -1.625;
    let mut bench = Bench::tiny();
    [a, b, c].iter().enumerate().for_each(|(n, lanes)| bench.load_v(n as u32, lanes));
    bench.load_s(9, scalar);
    let param_base = bench.param(&param);
    let mut cases = vec![];
    for (&mul1, &mul2) in Mul1::ALL.iter().flat_map(|m| Mul2::ALL.iter().map(move |n| (m, n))) {
        for (&add, &mul3) in Add::ALL.iter().flat_map(|m| Mul3::ALL.iter().map(move |n| (m, n))) {
            cases.push((mul1, mul2, add, mul3));
        }
    }
    // As many as the timetable takes at a time.
    for cases in cases.chunks(40) {
        let mut bench =
            Bench { rows: bench.rows.clone(), params: bench.params.clone(), ..Bench { clock: bench.clock, ..Bench::tiny() } };
        for (n, &(mul1, mul2, add, mul3)) in cases.iter().enumerate() {
            let (dst_base, bases) = (10 + n as u32, Vector { a_base: 0, b_base: 1, c_base: 2, s_base: 9, param_base, ..plain() });
            bench.vector(Vector { mul1, mul2, add, mul3, dst_base, ..bases });
        }
        let (machine, _) = bench.run();
        for (n, case) in cases.iter().enumerate() {
            let expected: Vec<f64> = (0..4)
                .map(|l| {
                    let times = |x: f64, y: f64| rounded(x * y);
                    let m1 = match case.0 {
                        Mul1::One => a[l],
                        Mul1::Scale => times(a[l], param[l].0),
                        Mul1::B => times(a[l], b[l]),
                        Mul1::A => times(a[l], a[l]),
                    };
                    let m2 = match case.1 {
                        Mul2::One => m1,
                        Mul2::Scalar => times(m1, scalar),
                        Mul2::C => times(m1, c[l]),
                        Mul2::Partner => times(a[[1, 0, 3, 2][l]], c[l]),
                    };
                    let s = rounded(
                        m2 + match case.2 {
                            Add::Zero => 0.0,
                            Add::MinusScalar => -scalar,
                            Add::Bias => param[l].1,
                            Add::C => c[l],
                            Add::M1 => m1,
                        },
                    );
                    match case.3 {
                        Mul3::One => s,
                        Mul3::S => times(s, s),
                        Mul3::B => times(s, b[l]),
                        Mul3::Scalar => times(s, scalar),
                    }
                })
                .collect();
            assert_eq!(word(&machine, 10 + n), expected, "{case:?}");
        }
    }
}

#[test]
fn functions_and_what_multiplies_them() {
    let mut bench = Bench::tiny();
    bench.load_v(0, &[3.0, -2.0, 8.0, -9.0]);
    bench.load_v(1, &[10.0, 100.0, 3.0, 0.5]);
    let run = |n: u32, function, mul3| Vector { dst_base: 4 + n, b_base: 1, function: Some(function), mul3, ..plain() };
    bench.vector(run(0, Function::Exp2, Mul3::One));
    bench.vector(run(1, Function::Exp2Code, Mul3::B));
    bench.vector(run(2, Function::Sigmoid, Mul3::S));
    bench.vector(run(3, Function::Phi, Mul3::One));
    let (machine, _) = bench.run();
    assert_eq!(word(&machine, 4), [8.0, 0.25, 256.0, 1.0 / 512.0]);
    let code = |x: f64, b: f64| rounded(127.0 * x.exp2() * b);
    assert_eq!(word(&machine, 5), [code(3.0, 10.0), code(-2.0, 100.0), code(8.0, 3.0), code(-9.0, 0.5)]);
    let silu = word(&machine, 6);
    assert_eq!((silu[2], silu[3]), (8.0, 0.0));
    assert!((silu[0] - 3.0 / (1.0 + (-3f64).exp())).abs() < 2e-3 && (silu[1] + 2.0 / (1.0 + 2f64.exp())).abs() < 2e-3);
    let phi = word(&machine, 7);
    assert_eq!((phi[2], phi[3]), (1.0, 0.0));
    assert!((phi[0] - 0.998_650).abs() < 1e-3 && (phi[1] - 0.022_750).abs() < 1e-3);
}

#[test]
fn a_write_is_read_a_cycle_later() {
    let latency = Latency::of(&Config::named("tiny,VEC_LANES=4").unwrap());
    for function in [None, Some(Function::Exp2)] {
        let write = u64::from(latency.vec_write) + if function.is_some() { u64::from(latency.vec_fn) } else { 0 };
        for off in [-1i64, 0, 1] {
            // The step reads V[3] just before, in, just after the cycle in which another writes it.
            let mut bench = Bench::tiny();
            bench.load_v(2, &[5.0, 6.0, 7.0, 3.0]);
            bench.load_v(3, &[1.0; 4]);
            let first = bench.vector(Vector { a_base: 2, dst_base: 3, function, ..plain() });
            let second = (first + write).wrapping_add_signed(off) - u64::from(latency.vec_read);
            bench.at(second, Instruction::Vector(Vector { a_base: 3, dst_base: 4, ..plain() }));
            match off {
                0 => {
                    let text = bench.refusal();
                    assert!(text.contains("reads V word 3 in the cycle in which it is written"), "{text}");
                    assert!(text.contains(&format!("cycle {}, row 3 (VECTOR)", first + write)), "{text}");
                }
                -1 => assert_eq!(word(&bench.run().0, 4), [1.0; 4]),
                _ if function.is_some() => assert_eq!(word(&bench.run().0, 4), [32.0, 64.0, 128.0, 8.0]),
                _ => assert_eq!(word(&bench.run().0, 4), [5.0, 6.0, 7.0, 3.0]),
            }
        }
    }
    // Other lanes than those that are written may be read in this cycle.
    let mut bench = Bench::tiny();
    bench.load_v(3, &[1.0, 2.0, 3.0, 4.0]);
    let first = bench.vector(Vector { a_base: 3, dst_base: 3, lane_n: 2, mul1: Mul1::A, ..plain() });
    let second = first + u64::from(latency.vec_write - latency.vec_read);
    bench.at(second, Instruction::Vector(Vector { a_base: 3, dst_base: 4, lane_lo: 2, lane_n: 2, ..plain() }));
    let (machine, _) = bench.run();
    assert_eq!((word(&machine, 3), word(&machine, 4)), (vec![1.0, 4.0, 3.0, 4.0], vec![0.0, 0.0, 3.0, 4.0]));
}

#[test]
fn every_writer_of_s_is_seen_from_the_next_cycle_on() {
    let l = Latency::of(&Config::named("tiny,VEC_LANES=4").unwrap());
    let scalar = |op, b: f64| {
        Instruction::Scalar(Scalar { op, a_base: 1, dst_base: 5, imm: Some(number(b)), nest: once(), ..Default::default() })
    };
    let reduce =
        |max, sum, function| Instruction::Vector(Vector { max, sum, function, red_base: 5, dest: VectorDest::None, ..plain() });
    let writers = [
        (scalar(ScalarOp::Mul, 3.0), l.scalar_mul, 12.0),
        (scalar(ScalarOp::Max, 30.0), l.scalar_mul, 30.0),
        (scalar(ScalarOp::Add, 3.0), l.scalar_add, 7.0),
        (scalar(ScalarOp::Recip, 3.0), l.scalar_recip, 0.25),
        (scalar(ScalarOp::Rsqrt, 3.0), l.scalar_recip, 0.5),
        (reduce(MaxOf::Max, SumOf::Off, None), l.vec_max, 3.0),
        (reduce(MaxOf::Max, SumOf::Off, Some(Function::Exp2)), l.vec_max, 3.0),
        (reduce(MaxOf::MaxAbs, SumOf::Off, None), l.vec_max, 4.0),
        (reduce(MaxOf::Off, SumOf::Code, None), l.vec_sum, 2.0),
        (reduce(MaxOf::Off, SumOf::T, None), l.vec_sum, 32.0),
        (reduce(MaxOf::Off, SumOf::TSquared, None), l.vec_sum, 256.0 * 30.0),
        (reduce(MaxOf::Off, SumOf::Code, Some(Function::Exp2)), l.vec_sum + l.vec_fn, 14.0),
    ];
    for (writer, latency, value) in writers {
        // S[s] by VECTOR and by SCALAR, in the cycle of the write and one later.
        for (by_vector, late) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
            let mut bench = Bench::tiny();
            bench.load_v(0, &[1.0, 2.0, -4.0, 3.0]);
            bench.load_v(1, &[1.0; 4]);
            bench.load_s(1, 4.0);
            bench.load_s(5, -8.0);
            let write = bench.then(writer.clone()) + u64::from(latency);
            let expected = if late == 1 { value } else { -8.0 };
            if by_vector {
                // A step that reads before the row of a SCALAR could be: the second of two.
                let (steps, gap) = if matches!(writer, Instruction::Scalar(_)) { (2, 19) } else { (1, 0) };
                let nest = nest(&[(steps, gap, [1, 0, 0, 0, 0])]);
                let v = Vector { a_base: 1, dst_base: 20, s_base: 5, mul2: Mul2::Scalar, nest, ..plain() };
                let first = write + late - u64::from(l.vec_scalar) - v.nest.span();
                bench.at(first, Instruction::Vector(v));
                assert_eq!(word(&bench.run().0, 19 + steps as usize), [expected; 4], "{writer:?}, {late}");
            } else {
                let i = Scalar {
                    op: ScalarOp::Add,
                    a_base: 5,
                    dst_base: 6,
                    imm: Some(number(0.0)),
                    nest: once(),
                    ..Default::default()
                };
                bench.at(write + late - u64::from(l.scalar_read), Instruction::Scalar(i));
                assert_eq!(s(&bench.run().0, 6), expected, "{writer:?}, {late}");
            }
        }
    }
}

#[test]
fn lanes_that_do_not_count() {
    let mut bench = Bench::tiny();
    bench.load_v(0, &[1.0, 20.0, 3.0, -50.0]);
    bench.load_v(1, &[7.0; 4]);
    let part = Vector { lane_lo: 2, lane_n: 1, max: MaxOf::Max, sum: SumOf::Code, zero_point: 3, ..plain() };
    bench.vector(Vector { dst_base: 1, red_base: 1, ..Vector { sum: SumOf::Off, ..part.clone() } });
    bench.vector(Vector { dest: VectorDest::Out, red_base: 2, max: MaxOf::Off, ..part.clone() });
    bench.vector(Vector { dest: VectorDest::OutFloat, dst_base: 4, red_base: 3, max: MaxOf::Off, ..part });
    let (machine, result) = bench.run();
    assert_eq!(word(&machine, 1), [7.0, 7.0, 3.0, 7.0]);
    assert_eq!((s(&machine, 1), s(&machine, 2), s(&machine, 3)), (3.0, 6.0, 6.0));
    assert_eq!(codes(&result, 0, 4), [0, 0, 6, 0]);
    assert_eq!(floats(&result, 4, 4), [1.0, 20.0, 3.0, -50.0]);
    assert_eq!(result.events[7], 5, "OUT writes");
}

#[test]
fn a_scale_of_0_leaves_its_lane_out() {
    let mut bench = Bench::tiny();
    bench.load_v(0, &[1.0, 20.0, 3.0, -50.0]);
    (1..3).for_each(|word| bench.load_v(word, &[7.0; 4]));
    // Step 0 takes lanes 0 and 2, step 1 none: its own maximum is the lowest number, or 0.
    let param_base = bench.param(&[(2.0, 0.5), (0.0, 9.0), (2.0, 0.5), (0.0, 9.0)]);
    bench.param(&[(0.0, 1.0); 4]);
    let both = |dst, gap| nest(&[(2, gap, [dst, 1, 0, 0, 1])]);
    let v = Vector { param_base, mul1: Mul1::Scale, add: Add::Bias, zero_point: 1, ..plain() };
    bench.vector(Vector { dst_base: 1, max: MaxOf::Max, red_base: 1, nest: both(1, 0), ..v.clone() });
    bench.vector(Vector { dest: VectorDest::Out, max: MaxOf::MaxAbs, red_base: 3, nest: both(1, 0), ..v.clone() });
    bench.vector(Vector {
        dest: VectorDest::OutFloat,
        dst_base: 4,
        sum: SumOf::Code,
        red_base: 5,
        nest: both(4, 3),
        ..v.clone()
    });
    // Where the scale is no factor it leaves nobody out.
    bench.vector(Vector { dest: VectorDest::Out, dst_base: 20, mul1: Mul1::One, nest: both(1, 0), ..v });
    let (machine, result) = bench.run();
    assert_eq!((word(&machine, 1), word(&machine, 2)), (vec![2.5, 7.0, 6.5, 7.0], vec![7.0; 4]));
    assert_eq!([1, 2, 3, 4, 5, 6].map(|n| s(&machine, n)), [6.5, F24::LOWEST.to_f64(), 6.5, 0.0, 3.0 + 7.0, 0.0]);
    assert_eq!((codes(&result, 0, 4), codes(&result, 1, 4)), (vec![3, 0, 7, 0], vec![0; 4]));
    assert_eq!((floats(&result, 4, 4), floats(&result, 8, 4)), (vec![2.5, 9.0, 6.5, 9.0], vec![1.0; 4]));
    assert_eq!((codes(&result, 20, 4), codes(&result, 21, 4)), (vec![3, 30, 5, -40], vec![3, 22, 5, -48]));
}

#[test]
fn one_scalar_for_all_steps() {
    let mut bench = Bench::tiny();
    bench.load_v(0, &[1.0, 2.0, 3.0, 4.0]);
    (0..3).for_each(|n| bench.load_s(8 + n, f64::from(n) + 3.0));
    let run = |dst_base, s_fixed| Vector {
        dst_base,
        s_base: 8,
        s_fixed,
        mul2: Mul2::Scalar,
        red_base: 20 + dst_base,
        max: MaxOf::Max,
        nest: nest(&[(3, 0, [1, 0, 0, 0, 1])]),
        ..plain()
    };
    bench.vector(run(10, true));
    bench.vector(run(20, false));
    let (machine, _) = bench.run();
    for n in 0..3 {
        let times = n as f64 + 3.0;
        assert_eq!((word(&machine, 10 + n)[1], word(&machine, 20 + n)[1]), (6.0, 2.0 * times));
        assert_eq!((s(&machine, 30 + n), s(&machine, 40 + n)), (12.0, 4.0 * times));
    }
}

#[test]
fn sums_of_the_array_go_to_the_unit_that_is_active() {
    let mut bench = Bench::tiny();
    // Two words: one with lane n = (n + 1) times the sum of x, one with the weights negated.
    bench.weights = (0..32).map(|i| if i < 16 { i % 4 + 1 } else { -(i % 4 + 1) }).collect();
    bench.load_x(&[vec![1, 2, 3, 4], vec![100, 100, 100, 100], vec![-1, 0, 0, 0], vec![5, 5, 5, 5]]);
    let param_base = bench.param(&[(0.5, 1.0), (0.5, 2.0), (-1.0, 0.0), (1024.0, 0.0)]);
    let multiply = Matmul { first: true, last: true, hold: 1, nest: nest(&[(4, 3, [1, 0, 0, 0, 0])]), ..Default::default() };
    let step = bench.then(Instruction::Matmul(multiply));
    let take = |n: u64| step + u64::from(bench.latency.w_lead + bench.latency.post_take) + 4 * n;
    let takes: Vec<u64> = (0..4).map(take).collect();
    // Vector 0 to POST, 1 and 2 to VECTOR, 3 to POST. The row of a unit is there in its take's cycle.
    let post = Post { dest: PostDest::OutRaw32, lo: -128, hi: 127, nest: once(), ..Default::default() };
    bench.at(takes[0], Instruction::Post(post.clone()));
    let v = Vector {
        src: Source::Array,
        param_base,
        mul1: Mul1::Scale,
        add: Add::Bias,
        dst_base: 8,
        nest: nest(&[(2, 0, [1, 0, 0, 0, 0])]),
        ..plain()
    };
    bench.at(takes[1], Instruction::Vector(v));
    bench.at(takes[3], Instruction::Post(Post { dst_base: 4, ..post }));
    let (machine, result) = bench.run();
    let ints = |at: usize| -> Vec<i32> {
        result.frame[4 * at..][..16].chunks(4).map(|b| i32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    assert_eq!((ints(0), ints(4)), (vec![10, 20, 30, 40], vec![20, 40, 60, 80]));
    assert_eq!(word(&machine, 8), [201.0, 402.0, -1200.0, 1600.0 * 1024.0]);
    assert_eq!(word(&machine, 9), [0.5, 1.0, 3.0, -4096.0]);
    assert_eq!(result.events[6], 2, "vectors through POST");
    // A sum of more than 16 bits is rounded, ties to even.
    let mut bench = Bench::tiny();
    bench.weights = vec![127; 16];
    bench.load_x(&[vec![127, 127, 127, 126]]);
    let sum = 127.0 * (3.0 * 127.0 + 126.0) * 3.0;
    let step = bench.then(Instruction::Matmul(Matmul {
        first: true,
        last: true,
        reduce: 1,
        hold: 1,
        nest: nest(&[(3, 0, [0; 5])]),
        ..Default::default()
    }));
    bench.at(step + 4, Instruction::Vector(Vector { src: Source::Array, dst_base: 1, ..plain() }));
    assert_eq!(word(&bench.run().0, 1), [rounded(sum); 4]);
    assert_ne!(rounded(sum), sum);
}

/// X, W SRAM by column and by row, and OUT take codes; POS moves them.
#[test]
fn destinations_and_append() {
    for pos in [0, 1, 6] {
        let mut bench = Bench::new("small,VEC_LANES=8,W_SRAM_DEPTH=16");
        let (c, l) = (8, bench.latency);
        bench.pos = pos;
        let lanes: Vec<f64> = (0..c).map(|i| f64::from(i as i32 - 3) * 1.5).collect();
        bench.load_v(0, &lanes);
        let code =
            |zero: i32| -> Vec<i8> { lanes.iter().map(|x| (x.round_ties_even() as i32 + zero).clamp(-4, 5) as i8).collect() };
        let v = Vector { zero_point: 1, lo: -4, hi: 5, append: true, ..plain() };
        bench.vector(Vector { dest: VectorDest::Out, dst_base: 2, ..v.clone() });
        bench.vector(Vector { dest: VectorDest::OutFloat, dst_base: 20, ..v.clone() });
        bench.vector(Vector { dst_base: 30, ..v.clone() });
        bench.vector(Vector { dest: VectorDest::X, dst_base: 40, ..v.clone() });
        bench.then(Instruction::Store(Store { dst_base: 40, src_base: 40 + pos, nest: once() }));
        // W SRAM: word 1 by column, word 3 by row; then a MATMUL shows each, with X = 2 in row 5.
        bench.vector(Vector { dest: VectorDest::WColumn, dst_base: 8, ..v.clone() });
        bench.vector(Vector { dest: VectorDest::WRow, dst_base: 3 * 8, ..v });
        for (n, (word, row)) in [(1, 5), (3, pos)].into_iter().enumerate() {
            // All rows of X are 0 but one.
            let fill = |mask, fill, nest| Load { dst_base: 60, mask, fill: Some(fill), nest, ..Default::default() };
            bench.then(Instruction::Load(fill(0xff, 0, once())));
            bench.then(Instruction::Load(fill(1 << row, 2, once())));
            let step = bench.then(Instruction::Matmul(Matmul {
                x_base: 60,
                w_base: word,
                w_sram: true,
                first: true,
                last: true,
                nest: once(),
                ..Default::default()
            }));
            bench.at(
                step + u64::from(l.w_lead),
                Instruction::Vector(Vector { src: Source::Array, dst_base: 50 + n as u32, ..plain() }),
            );
        }
        let (machine, result) = bench.run();
        let at = pos as usize;
        assert_eq!(codes(&result, 2 + at, c), code(1));
        assert_eq!(floats(&result, 20 + at, c), lanes);
        assert_eq!(word(&machine, 30 + at), lanes);
        assert_eq!(codes(&result, 40, c), code(1));
        // By column the codes are column POS: row 5 of the word has code 5 there.
        let mut column = vec![0.0; c];
        column[at] = 2.0 * f64::from(code(1)[5]);
        assert_eq!(word(&machine, 50), column);
        let row: Vec<f64> = code(1).iter().map(|&x| 2.0 * f64::from(x)).collect();
        assert_eq!(word(&machine, 51), row);
        assert_eq!((result.events[4], result.events[5]), (1 + 4, 2), "X and W SRAM writes");
    }
}

#[test]
fn a_written_word_of_x_or_w_sram_is_read_a_cycle_later() {
    for (dest, late) in [(VectorDest::X, 0), (VectorDest::X, 1), (VectorDest::WRow, 0), (VectorDest::WRow, 1)] {
        let mut bench = Bench::tiny();
        let l = bench.latency;
        bench.weights = vec![1; 16];
        bench.load_v(0, &[1.0, 2.0, 3.0, 4.0]);
        bench.load_x(&[vec![1, 0, 0, 0]]);
        // V[0] goes to X word 0, where 1 0 0 0 was; or to row 0 of W SRAM word 0, where zeros were.
        let write = bench.vector(Vector { dest, ..plain() }) + u64::from(l.vec_code);
        let w_sram = dest == VectorDest::WRow;
        let multiply = Matmul { w_sram, first: true, last: true, nest: once(), ..Default::default() };
        let step = bench.at(write + late - u64::from(l.w_lead), Instruction::Matmul(multiply));
        bench.at(step + 3, Instruction::Vector(Vector { src: Source::Array, dst_base: 1, ..plain() }));
        let expected = match (w_sram, late) {
            (false, 0) => [1.0; 4],
            (false, _) => [10.0; 4],
            (true, 0) => [0.0; 4],
            (true, _) => [1.0, 2.0, 3.0, 4.0],
        };
        assert_eq!(word(&bench.run().0, 1), expected, "{dest:?}, {late}");
    }
}

#[test]
fn reductions_run_over_their_loops() {
    // 3 x 4 words of V; word (i, j) has lanes 10 i + j and so on, changing in sign.
    let value = |i: i32, j: i32, lane: i32| f64::from((10 * i + j + lane) * if (i + j + lane) % 2 == 0 { 1 } else { -1 }) / 2.0;
    let all = |i: i32| (0..4).flat_map(move |j| (0..4).map(move |lane| value(i, j, lane)));
    let mut bench = Bench::tiny();
    for (i, j) in (0..3).flat_map(|i| (0..4).map(move |j| (i, j))) {
        bench.load_v((4 * i + j) as u32, &[0, 1, 2, 3].map(|lane| value(i, j, lane)));
    }
    let rows = |red: u32, max, sum, fixed: bool| Vector {
        red_base: red,
        red_fixed: fixed,
        reduce: 1,
        max,
        sum,
        lo: -9,
        hi: 9,
        zero_point: 1,
        dest: VectorDest::None,
        // Inner loop: j; outer: i, with the scalar address.
        nest: nest(&[(4, 0, [0, 0, 1, 0, 0]), (3, 2, [0, 0, 4, 0, 1])]),
        ..plain()
    };
    bench.vector(rows(0, MaxOf::Max, SumOf::Off, false));
    bench.vector(rows(4, MaxOf::MaxAbs, SumOf::Off, false));
    bench.vector(rows(8, MaxOf::Off, SumOf::Code, false));
    bench.vector(rows(12, MaxOf::Off, SumOf::T, false));
    bench.vector(rows(62, MaxOf::Off, SumOf::TSquared, false)); // 62, 63, 0 + 64
    bench.vector(Vector { s_base: 20, ..rows(16, MaxOf::Max, SumOf::Off, true) });
    // Over all: reduce both loops.
    bench.vector(Vector { reduce: 3, ..rows(17, MaxOf::ArgMax, SumOf::Off, true) });
    // Columns: the inner loop runs over i's sums, three at once, the reduction is the outer one.
    let columns = nest(&[(3, 0, [0, 0, 4, 0, 1]), (4, 0, [0, 0, 1, 0, 0])]);
    bench.vector(Vector { reduce: 2, nest: columns.clone(), ..rows(24, MaxOf::Off, SumOf::Code, false) });
    bench.vector(Vector { reduce: 2, nest: columns, ..rows(28, MaxOf::Max, SumOf::Off, false) });
    let (machine, _) = bench.run();
    let largest = |i: i32| all(i).fold(f64::MIN, f64::max);
    for i in 0..3 {
        let n = i as usize;
        assert_eq!(s(&machine, if n == 0 { 28 } else { n }), largest(i), "S[0] has been written again");
        assert_eq!(s(&machine, 28 + n), largest(i));
        assert_eq!(s(&machine, 4 + n), all(i).map(f64::abs).fold(0.0, f64::max));
        let code = all(i).map(|x| (x.round_ties_even() + 1.0).clamp(-9.0, 9.0)).sum::<f64>();
        assert_eq!((s(&machine, 8 + n), s(&machine, 24 + n)), (code, code));
        assert_eq!(s(&machine, 12 + n), all(i).map(|x| 16.0 * x).sum::<f64>());
        assert_eq!(s(&machine, (62 + n) % 64), rounded(all(i).map(|x| 256.0 * x * x).sum::<f64>()));
    }
    assert_eq!(s(&machine, 16), largest(2), "the last one stays");
    let overall = (0..3).map(largest).fold(f64::MIN, f64::max);
    assert_eq!(s(&machine, 17), overall);
    let place = (0..3).flat_map(all).position(|x| x == overall).unwrap();
    assert_eq!(machine.argmax() as usize, place, "lane + C * step");
}

#[test]
fn the_first_of_equal_numbers_is_the_argmax() {
    for (words, place) in [
        (vec![[1.0, 5.0, 5.0, 0.0], [5.0; 4]], 1),
        (vec![[-1.0, -5.0, -5.0, -3.0], [-1.0; 4]], 0),
        (vec![[-7.0; 4], [-7.0, -8.0, -6.5, -6.5]], 6),
        (vec![[0.0; 4], [0.0; 4]], 0),
    ] {
        let mut bench = Bench::tiny();
        words.iter().enumerate().for_each(|(n, lanes)| bench.load_v(n as u32, lanes));
        let all = nest(&[(2, 0, [0, 0, 1, 0, 0])]);
        bench.vector(Vector { reduce: 1, max: MaxOf::ArgMax, red_base: 3, nest: all, dest: VectorDest::None, ..plain() });
        let (mut machine, _) = bench.run();
        assert_eq!(machine.argmax(), place);
        assert_eq!(s(&machine, 3), words.iter().flatten().copied().fold(f64::MIN, f64::max));
        // A program without ARGMAX leaves the register as it is.
        let mut bench = Bench::tiny();
        bench.vector(plain());
        machine.load_image(&bench.image()).unwrap();
        machine.run(&[]).unwrap();
        assert_eq!(machine.argmax(), place);
    }
}

#[test]
fn scalars_one_a_step() {
    let mut bench = Bench::tiny();
    [3.0, -0.5, 256.0, 1e-3].iter().enumerate().for_each(|(n, &x)| bench.load_s(10 + n as u32, rounded(x)));
    let i = |op, dst_base, imm: Option<f64>| Scalar {
        op,
        a_base: 10,
        b_base: 11,
        dst_base,
        imm: imm.map(number),
        nest: nest(&[(3, 0, [1, 1, 1, 0, 0])]),
    };
    let mut put = |scalar| bench.then(Instruction::Scalar(scalar));
    put(i(ScalarOp::Mul, 20, None));
    put(i(ScalarOp::Add, 23, None));
    put(i(ScalarOp::Max, 26, None));
    put(i(ScalarOp::Mul, 29, Some(-3.0)));
    put(i(ScalarOp::Max, 32, Some(2.5)));
    put(i(ScalarOp::Recip, 35, None));
    put(i(ScalarOp::Rsqrt, 38, None));
    // Two loops, and addresses beyond 63.
    put(Scalar { nest: nest(&[(2, 1, [1, 0, 0, 0, 0]), (2, 0, [2, 1, 0, 0, 0])]), ..i(ScalarOp::Add, 62, Some(0.0)) });
    let (machine, _) = bench.run();
    let x: Vec<f64> = [3.0, -0.5, 256.0, 1e-3].map(rounded).to_vec();
    for n in 0..3 {
        let at = |base: usize| s(&machine, base + n);
        assert_eq!(at(20), rounded(x[n] * x[n + 1]));
        assert_eq!(at(23), rounded(x[n] + x[n + 1]));
        assert_eq!(at(26), x[n].max(x[n + 1]));
        assert_eq!(at(29), -3.0 * x[n]);
        assert_eq!(at(32), x[n].max(2.5));
        assert!((at(35) * x[n] - 1.0).abs() < 3e-5, "{}", at(35));
        assert!((at(38) * x[n].abs().sqrt() - 1.0).abs() < 3e-5, "{}", at(38));
    }
    assert_eq!([62, 63, 0, 1].map(|n| s(&machine, n)), [3.0, 3.0, -0.5, -0.5]);
}

#[test]
fn one_row_of_a_table() {
    for (tok, pos) in [(0, 3), (1, 0), (5, 2), (10, 10)] {
        let mut bench = Bench::tiny();
        (bench.tok, bench.pos) = (tok, pos);
        // A table of 12 rows in words 1, 3, 5: two words of lanes each (1, 2), (3, 4), (5, 6).
        let entry = |row: i32, lane: i32| row * 9 + lane - 40;
        let tile = |row: i32, word: i32| (0..4).map(move |lane| entry(row, 4 * word + lane) as i8);
        bench.weights = vec![99; 16];
        bench.weights.extend((0..3).flat_map(|t| (0..4).flat_map(move |r| tile(4 * t + r, 0))));
        bench.weights.extend((0..3).flat_map(|t| (0..4).flat_map(move |r| tile(4 * t + r, 1))));
        let l = bench.latency;
        let picks = [(Register::Tok, 0, 1), (Register::Pos, 0, -2), (Register::Tok, 3, 2), (Register::Pos, 1, 1)];
        for (n, (register, row, value)) in picks.into_iter().enumerate() {
            let matmul = Matmul {
                w_base: 1,
                one_hot: Some(OneHot { register, row, value }),
                first: true,
                last: true,
                nest: nest(&[(2, 1, [0, 3, 0, 0, 0])]),
                ..Default::default()
            };
            let step = bench.then(Instruction::Matmul(matmul));
            let nest = nest(&[(2, 0, [1, 0, 0, 0, 0])]);
            bench.at(
                step + u64::from(l.w_lead),
                Instruction::Vector(Vector { src: Source::Array, dst_base: 4 * n as u32, nest, ..plain() }),
            );
        }
        // The token of row 3 of a chunk, and the position of row 1.
        let mut machine = Machine::new(bench.config.clone());
        machine.load_image(&bench.image()).unwrap();
        machine.set_chunk(pos, &[tok, 99, 98, 11 - tok], 0);
        let result = machine.run(&bench.input).unwrap();
        for lane in 0..8 {
            let at = |base: usize| machine.v()[base * 4 + lane].to_f64();
            let of = |row: u32| f64::from(entry(row as i32, lane as i32));
            assert_eq!([0, 4, 8, 12].map(at), [of(tok), -2.0 * of(pos), 2.0 * of(11 - tok), of(pos + 1)]);
        }
        assert_eq!((result.vectors, result.events[1]), (8, 8));
    }
}

/// V[100 ..] = V[0 ..], 2 + LENC words of it, the last one's lanes up to POS mod C; S[2] = the largest, as early as it can be read.
fn as_long_as_its_position() -> Bench {
    let mut bench = Bench::tiny();
    (0..12).for_each(|n| bench.load_v(n, &[0.25, 0.5, 0.75, f64::from(n) + 1.0]));
    let mut nest = nest(&[(1, 0, [0; 5]), (2, 2, [1, 0, 1, 0, 0])]);
    nest.loops[1].len = true;
    let first = bench.vector(Vector { dst_base: 100, max: MaxOf::Max, reduce: 2, tail: true, red_base: 1, nest, ..plain() });
    // A step takes 3 cycles, so rows behind it come as much later.
    bench.rows.push(Row { cycle: first + 9, instruction: Instruction::Wait(Wait { each: 3 }) });
    let written = first + 3 + u64::from(bench.latency.vec_max);
    bench.at(written, Instruction::Scalar(copy(1, 2)));
    bench.rows.push(Row { cycle: written + 20, instruction: Instruction::Wait(Wait { each: 1 }) });
    bench.vector(Vector { a_base: 0, dst_base: 90, s_base: 2, mul2: Mul2::Scalar, ..plain() });
    bench
}

#[test]
fn a_run_is_as_long_as_its_position_says() {
    let bench = as_long_as_its_position();
    let base = bench.run().1.cycles;
    let mut machine = Machine::new(bench.config.clone());
    machine.load_image(&bench.image()).unwrap();
    for pos in [3u32, 0, 1, 7, 4, 19, 30, 39, 2] {
        machine.set_registers(pos, 0);
        assert_eq!(machine.run(&[]).unwrap().cycles, base + 4 * u64::from(pos / 4), "POS {pos}");
        let steps = 2 + pos / 4;
        let lowest = F24::LOWEST.to_f64();
        for n in 0..steps {
            let lane = |lane: u32| match (n == steps - 1 && lane > pos % 4, lane) {
                (true, _) => lowest,
                (_, 3) => f64::from(n) + 1.0,
                (_, lane) => f64::from(lane + 1) / 4.0,
            };
            assert_eq!(word(&machine, 100 + n as usize), [0, 1, 2, 3].map(lane), "POS {pos}, step {n}");
        }
        let largest = if pos % 4 == 3 { steps } else { steps - 1 };
        assert_eq!((s(&machine, 1), s(&machine, 2)), (f64::from(largest), f64::from(largest)), "POS {pos}");
        assert_eq!(word(&machine, 90)[0], 0.25 * f64::from(largest));
    }
}

#[test]
fn the_tail_of_a_row_of_a_chunk_is_as_much_further_on() {
    for (pos, row) in [(0u32, 1u8), (4, 2), (1, 1), (0, 7), (2, 1)] {
        let mut bench = as_long_as_its_position();
        for r in &mut bench.rows {
            if let Instruction::Vector(v) = &mut r.instruction
                && v.tail
            {
                v.tail_row = row;
            }
        }
        let mut machine = Machine::new(bench.config.clone());
        machine.load_image(&bench.image()).unwrap();
        machine.set_registers(pos, 0);
        machine.run(&[]).unwrap();
        let seen = word(&machine, 100 + 1 + (pos / 4) as usize).iter().filter(|&&v| v != F24::LOWEST.to_f64()).count();
        assert_eq!(seen as u32, (pos % 4 + u32::from(row) + 1).min(4), "POS {pos}, row {row}");
    }
}

#[test]
fn a_run_begins_in_the_row_of_entry() {
    // Two programs, each a word of V doubled: V[100], or V[101].
    let program = |dst: u32, wait: u64| {
        let mut bench = Bench::tiny();
        bench.load_v(0, &[1.5, 2.0, 3.0, 4.0]);
        let add = Vector { a_base: 0, dst_base: dst, add: Add::M1, ..plain() };
        let first = bench.vector(add);
        bench.rows.push(Row { cycle: first + 60 + wait, instruction: Instruction::End });
        bench
    };
    let (a, b) = (program(100, 0), program(101, 7));
    let mut image = a.image();
    let programs = [&a, &b].map(|p| p.image().program().unwrap());
    (image.timetable, image.descriptors) = Program::encode_all(&programs).unwrap();
    assert_eq!(image.programs().unwrap().iter().map(|p| &p.1).collect::<Vec<_>>(), programs.iter().collect::<Vec<_>>());
    let entry = programs[0].rows.len() as u32;
    let mut machine = Machine::new(a.config.clone());
    machine.load_image(&image).unwrap();
    for (which, dst) in [(1, 101), (0, 100), (1, 101)] {
        machine.set_chunk(0, &[0], [0, entry][which]);
        assert_eq!(machine.run(&a.input).unwrap().cycles, programs[which].cycles());
        assert_eq!(word(&machine, dst), [3.0, 4.0, 6.0, 8.0]);
    }
    machine.set_chunk(0, &[0], 1);
    assert!(machine.run(&a.input).unwrap_err().to_string().contains("no program begins in this row"));
    // A first row in cycle 0 in one of them alone.
    let early = |cycle| Program { rows: vec![Row { cycle, instruction: Instruction::End }] };
    assert!(Program::encode_all(&[early(0), early(1)]).is_err());
    assert!(Program::encode_all(&[early(0), early(0)]).is_ok());
}

#[test]
fn rows_keep_their_numbers_behind_a_wait() {
    let mut bench = as_long_as_its_position();
    // 12 words of V, VECTOR, WAIT, SCALAR, WAIT, VECTOR: row 16. The first WAIT is too short.
    bench.rows[13].instruction = Instruction::Wait(Wait { each: 1 });
    bench.pos = 4 * 500;
    let text = bench.refusal();
    assert!(text.contains("row 16 (VECTOR): the unit is busy until cycle"), "{text}");
    // With LENC = 0 it is free.
    bench.pos = 3;
    bench.run();
}

#[test]
fn v_and_s_keep_their_content_from_run_to_run() {
    let mut bench = Bench::tiny();
    let one = bench.param(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0), (1.0, 4.0)]);
    bench.vector(Vector { a_base: 5, dst_base: 5, param_base: one, add: Add::Bias, ..plain() });
    bench.then(Instruction::Scalar(Scalar {
        op: ScalarOp::Add,
        a_base: 7,
        dst_base: 7,
        imm: Some(number(1.5)),
        nest: once(),
        ..Default::default()
    }));
    let mut machine = Machine::new(bench.config.clone());
    machine.load_image(&bench.image()).unwrap();
    for run in 1..5 {
        machine.run(&[]).unwrap();
        let times = f64::from(run);
        assert_eq!(word(&machine, 5), [times, 2.0 * times, 3.0 * times, 4.0 * times]);
        assert_eq!(s(&machine, 7), 1.5 * times);
    }
}

#[test]
fn the_last_multiplier_takes_one_step_in_a_cycle() {
    let both = |apart: u64| {
        let mut bench = Bench::tiny();
        bench.load_v(0, &[1.0, 2.0, 3.0, 4.0]);
        let first = bench.vector(Vector { dst_base: 1, function: Some(Function::Exp2), ..plain() });
        bench.at(first + apart, Instruction::Vector(Vector { dst_base: 8, dest: VectorDest::Out, ..plain() }));
        bench
    };
    let text = both(8).refusal();
    assert!(text.contains("row 2 (VECTOR): its step meets one of row 1 at the last multiplier"), "{text}");
    for apart in [7, 9] {
        let (machine, result) = both(apart).run();
        assert_eq!((word(&machine, 1), codes(&result, 8, 4)), (vec![2.0, 4.0, 8.0, 16.0], vec![1, 2, 3, 4]));
    }
}

#[test]
fn fewer_lanes_than_columns_take_as_many_cycles() {
    let bench = |gap: u8| {
        let mut bench = Bench::new("small,VEC_LANES=2");
        (0..4).for_each(|n| bench.load_v(n, &[0, 1, 2, 3, 4, 5, 6, 7].map(|lane| f64::from(lane * (n as i32 + 1)))));
        let four = nest(&[(4, gap, [1, 0, 1, 0, 0])]);
        bench.vector(Vector {
            dst_base: 10,
            mul1: Mul1::A,
            reduce: 1,
            max: MaxOf::Max,
            sum: SumOf::Code,
            red_base: 1,
            nest: four,
            ..plain()
        });
        bench
    };
    let text = bench(2).refusal();
    assert!(text.contains("steps are at least 4 cycles apart"), "{text}");
    let (machine, _) = bench(3).run();
    assert_eq!(word(&machine, 13), [0, 1, 2, 3, 4, 5, 6, 7].map(|lane| f64::from(16 * lane * lane)));
    // S stays while groups of a step read it, one behind the other.
    for late in [0, 3, 4] {
        let mut bench = bench(3);
        let l = bench.latency;
        let read = bench.vector(Vector { mul2: Mul2::Scalar, s_base: 1, ..plain() }) + u64::from(l.vec_scalar);
        // The second of two steps, 20 cycles apart, for the rows' sake.
        let write = Scalar { nest: nest(&[(2, 19, [1, 0, 0, 0, 0])]), ..copy(3, 0) };
        bench.at(read + late - u64::from(l.scalar_add) - 21, Instruction::Scalar(write));
        assert_eq!(bench.try_run().is_err(), late == 3, "a write {late} cycles from the one before the read on");
    }
    // Nor is a maximum read while it grows: from the group behind the first to the cycle that the last one is written in.
    for (late, fails) in [(-3i64, false), (-2, true), (0, true), (1, false)] {
        let mut bench = bench(3);
        let l = bench.latency;
        let write = bench.vector(Vector { max: MaxOf::Max, red_base: 9, ..plain() }) + u64::from(l.vec_max);
        let first = (write - u64::from(l.scalar_read)).wrapping_add_signed(late);
        bench.at(first, Instruction::Scalar(copy(9, 10)));
        assert_eq!(bench.try_run().is_err(), fails, "a read {late} cycles from the write of a maximum");
    }
    let sum: i32 = (1..5).flat_map(|n| (0..8).map(move |lane| (lane * lane * n * n).min(127))).sum();
    assert_eq!(s(&machine, 1), f64::from(sum), "the sum is written behind the maximum");
}

#[test]
fn the_later_of_two_writes_of_an_out_word_stays() {
    for late in [-3i64, -1, 1, 3] {
        let mut bench = Bench::tiny();
        let l = bench.latency;
        bench.weights = vec![1; 16];
        bench.load_v(0, &[5.0; 4]);
        bench.load_x(&[vec![1, 2, 3, 4]]);
        let step = bench.then(multiply(1));
        let take = step + u64::from(l.w_lead + l.post_take);
        bench.at(take, Instruction::Post(Post { dest: PostDest::Out, lo: -128, hi: 127, nest: once(), ..Default::default() }));
        let write = take + u64::from(l.take_to_write(false, false));
        let first = (write - u64::from(l.vec_code)).wrapping_add_signed(late);
        // The second of two steps, for the rows' sake.
        let nest = nest(&[(2, 29, [-1, 0, 0, 0, 0])]);
        bench.at(first - 30, Instruction::Vector(Vector { dest: VectorDest::Out, dst_base: 1, nest, ..plain() }));
        assert_eq!(codes(&bench.run().1, 0, 4), [if late > 0 { 5 } else { 10 }; 4], "{late}");
    }
}

/// What is said of a program that `change` has made wrong.
fn said(change: impl Fn(&mut Bench)) -> String {
    let mut bench = Bench::tiny();
    bench.weights = vec![1; 16];
    bench.load_v(0, &[1.0, 2.0, 3.0, 4.0]);
    bench.load_x(&[vec![1, 2, 3, 4]]);
    change(&mut bench);
    bench.refusal()
}

fn multiply(count: u32) -> Instruction {
    Instruction::Matmul(Matmul { first: true, last: true, hold: 1, nest: nest(&[(count, 0, [0; 5])]), ..Default::default() })
}

fn copy(from: u32, to: u32) -> Scalar {
    Scalar { op: ScalarOp::Add, a_base: from, dst_base: to, imm: Some(number(0.0)), nest: once(), ..Default::default() }
}

#[test]
fn what_breaks_a_rule_is_named_with_row_and_cycle() {
    let array = |count: u32| Vector { src: Source::Array, dst_base: 1, nest: nest(&[(count, 0, [1, 0, 0, 0, 0])]), ..plain() };
    let post = || Instruction::Post(Post { dest: PostDest::Out, lo: -128, hi: 127, nest: once(), ..Default::default() });
    let check = |text: String, expected: &str| assert!(text.contains(expected), "{text}\n  not: {expected}");

    // The unit is busy.
    let busy = said(|b| {
        let first = b.vector(Vector { nest: nest(&[(4, 9, [1, 0, 0, 0, 0])]), ..plain() });
        b.at(first + 30, Instruction::Vector(plain()));
    });
    check(busy, "row 3 (VECTOR): the unit is busy until cycle");
    let busy = said(|b| {
        let first = b.then(Instruction::Scalar(Scalar { nest: nest(&[(9, 0, [1, 0, 0, 0, 0])]), ..copy(0, 1) }));
        b.at(first + 8, Instruction::Scalar(copy(1, 2)));
    });
    check(busy, "row 3 (SCALAR): the unit is busy until cycle");
    // Both are armed.
    let both = said(|b| {
        let step = b.then(multiply(1));
        b.at(step + 3, post());
        b.at(step + 7, Instruction::Vector(array(1)));
    });
    check(both, "row 2 (VECTOR): a final sum, and the POST of row 3 is armed too");
    // No vector comes, or too few.
    check(
        said(|b| {
            b.vector(array(1));
        }),
        "row 2 (VECTOR): no vector ever came",
    );
    let few = said(|b| {
        let step = b.then(multiply(2));
        b.at(step + 4, Instruction::Vector(array(3)));
    });
    check(few, "row 3 (VECTOR): the run ends before all its vectors have come");
    let next = said(|b| {
        let step = b.then(multiply(2));
        b.at(step + 4, Instruction::Vector(array(3)));
        b.at(step + 100, Instruction::Vector(plain()));
        b.then(multiply(1));
    });
    check(next, "row 3 (VECTOR): the next VECTOR starts before all its vectors have come");
    // A vector that nobody takes: VECTOR with V steps by itself.
    let nobody = said(|b| {
        let step = b.then(multiply(1));
        b.at(step + 5, Instruction::Vector(plain()));
    });
    check(nobody, "a final sum, and no POST is armed");
    // Two writes in a cycle: V by steps with and without function is the last multiplier's; S, and results.
    let s_writes = said(|b| {
        let first = b.vector(Vector { max: MaxOf::Max, red_base: 4, ..plain() });
        b.at(first + u64::from(b.latency.vec_max - b.latency.scalar_add), Instruction::Scalar(copy(0, 9)));
    });
    check(s_writes, "row 3 (SCALAR): two writes of S in a cycle, the other by row 2");
    let s_writes = said(|b| {
        let apart = b.latency.vec_sum - b.latency.vec_max - 1;
        let two = nest(&[(2, apart as u8, [1, 0, 0, 0, 0])]);
        b.vector(Vector { max: MaxOf::Max, sum: SumOf::Code, nest: two, ..plain() });
    });
    check(s_writes, "row 2 (VECTOR): two writes of S in a cycle, the other by row 2");
    let results = said(|b| {
        let step = b.then(multiply(1));
        let take = step + u64::from(b.latency.w_lead + b.latency.post_take);
        b.at(take, post());
        let write = take + u64::from(b.latency.take_to_write(false, false));
        b.at(write - u64::from(b.latency.vec_code), Instruction::Vector(Vector { dest: VectorDest::X, ..plain() }));
    });
    check(results, "two results are written in a cycle, the other by row");
    let words = said(|b| {
        let two = nest(&[(2, 2, [4, 0, 0, 0, 0])]);
        b.vector(Vector { dest: VectorDest::OutFloat, nest: two, ..plain() });
    });
    check(words, "row 2 (VECTOR): two results are written in a cycle, the other by row 2");
    let out = said(|b| {
        let first = b.vector(Vector { dest: VectorDest::Out, ..plain() });
        let store = Store { dst_base: 3, nest: once(), ..Default::default() };
        b.at(first + u64::from(b.latency.vec_code - b.latency.store_write), Instruction::Store(store));
    });
    check(out, "two writes of OUT in a cycle, the other by row");
    // Work behind END.
    let late = said(|b| {
        let first = b.vector(plain());
        b.rows.push(Row { cycle: first + u64::from(b.latency.vec_write), instruction: Instruction::End });
    });
    check(late, "row 3 (END): work remains in cycle");
    let gaps = said(|b| {
        let gap = nest(&[(2, 1, [1, 0, 0, 0, 0])]);
        b.vector(Vector { nest: gap, ..array(2) });
    });
    check(gaps, "row 2 (VECTOR): loops of the array's sums have no gaps");
    // What the image lacks, and where addresses end.
    check(
        said(|b| {
            b.vector(Vector { param_base: 1, mul1: Mul1::Scale, ..plain() });
        }),
        "parameter word 1 is beyond the image's 1",
    );
    check(
        said(|b| {
            b.vector(Vector { dest: VectorDest::Out, dst_base: 5000, ..plain() });
        }),
        "row 2 (VECTOR): OUT word 5000 is beyond",
    );
    check(
        said(|b| {
            b.vector(Vector { lane_lo: 4, lane_n: 2, ..plain() });
        }),
        "row 2 (VECTOR): no lane counts from 4 on",
    );
    let len = said(|b| {
        let mut nest = once();
        nest.loops[0].len = true;
        b.then(Instruction::Store(Store { nest, ..Default::default() }));
    });
    check(len, "row 2 (STORE): only loops of MATMUL, VECTOR and SCALAR have run-time length");
    let jumps = said(|b| {
        let one_hot = Some(OneHot { register: Register::Tok, row: 0, value: 1 });
        let nest = nest(&[(2, 0, [1, 0, 0, 0, 0])]);
        b.then(Instruction::Matmul(Matmul { one_hot, nest, ..Default::default() }));
    });
    check(jumps, "row 2 (MATMUL): with one_hot the jumps d0 are 0");
    // A machine without the unit.
    for instruction in [
        Instruction::Vector(plain()),
        Instruction::Scalar(copy(0, 1)),
        Instruction::Wait(Wait { each: 1 }),
        Instruction::Matmul(Matmul {
            one_hot: Some(OneHot { register: Register::Tok, row: 0, value: 1 }),
            nest: once(),
            ..Default::default()
        }),
    ] {
        let mut bench = Bench::new("tiny");
        let name = instruction.unit().name();
        bench.then(instruction);
        let mut image = bench.image();
        image.vector.clear();
        let text = Machine::new(bench.config.clone()).load_image(&image).unwrap_err().to_string();
        check(text, &format!("row 0 ({name}): this machine has no vector unit"));
    }
}
