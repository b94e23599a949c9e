// SPDX-License-Identifier: Apache-2.0
//! What a step computes: operands, functions, lanes that count, destinations; and SCALAR.

use super::*;

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
