// SPDX-License-Identifier: Apache-2.0
//! What breaks a rule is named with row and cycle.

use super::*;

/// What is said of a program that `change` has made wrong.
fn said(change: impl Fn(&mut Bench)) -> String {
    let mut bench = Bench::tiny();
    bench.weights = vec![1; 16];
    bench.load_v(0, &[1.0, 2.0, 3.0, 4.0]);
    bench.load_x(&[vec![1, 2, 3, 4]]);
    change(&mut bench);
    bench.refusal()
}

fn array(count: u32) -> Vector {
    Vector { src: Source::Array, dst_base: 1, nest: nest(&[(count, 0, [1, 0, 0, 0, 0])]), ..plain() }
}

fn post() -> Instruction {
    Instruction::Post(Post { dest: PostDest::Out, lo: -128, hi: 127, nest: once(), ..Default::default() })
}

#[track_caller]
fn check(text: String, expected: &str) {
    assert!(text.contains(expected), "{text}\n  not: {expected}");
}

#[test]
fn what_breaks_a_rule_is_named_with_row_and_cycle() {
    busy_units();
    sums_that_nobody_takes_or_that_do_not_come();
    two_writes_in_a_cycle();
    work_behind_the_end();
    what_the_image_lacks_and_where_addresses_end();
    a_machine_without_the_unit();
}

fn busy_units() {
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
}

fn sums_that_nobody_takes_or_that_do_not_come() {
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
    let gaps = said(|b| {
        let gap = nest(&[(2, 1, [1, 0, 0, 0, 0])]);
        b.vector(Vector { nest: gap, ..array(2) });
    });
    check(gaps, "row 2 (VECTOR): loops of the array's sums have no gaps");
}

/// V by steps with and without function is the last multiplier's; S, results, and words of OUT.
fn two_writes_in_a_cycle() {
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
}

fn work_behind_the_end() {
    let late = said(|b| {
        let first = b.vector(plain());
        b.rows.push(Row { cycle: first + u64::from(b.latency.vec_write), instruction: Instruction::End });
    });
    check(late, "row 3 (END): work remains in cycle");
}

fn what_the_image_lacks_and_where_addresses_end() {
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
}

fn a_machine_without_the_unit() {
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
