// SPDX-License-Identifier: Apache-2.0
//! Sums of the array, and what the host's registers say of a run: tokens, positions, its length, where it begins.

use super::*;

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
