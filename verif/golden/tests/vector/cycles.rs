// SPDX-License-Identifier: Apache-2.0
//! In which cycle a write is seen, and what meets in one.

use super::*;

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
