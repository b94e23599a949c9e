// SPDX-License-Identifier: Apache-2.0
//! Steps: how far apart they are, whose the sums of the array are, what a reduction runs over.

use super::*;

/// P of a MATMUL step in a cycle: when VECTOR takes its sum.
fn take(config: &Config, step: u64) -> u64 {
    let lat = Latency::of(config);
    step + u64::from(lat.w_lead + lat.post_take)
}

#[test]
fn steps_keep_their_distance() {
    for (gap, good) in [(0, false), (1, true)] {
        let mut h = Hand::filled(narrow());
        h.at(300, to_v(20, Vector { nest: loops(&[(3, gap, [1, 0, 1, 0, 0])]), ..pass(0) }));
        if good {
            h.passes()
        } else {
            h.breaks(&[Rule::VectorDistance, Rule::VPort])
        }
        // And of the array's sums.
        let mut h = Hand::filled(narrow());
        h.at(300, product(3, gap));
        h.at(290, to_v(20, Vector { nest: loops(&[(3, 0, [1, 0, 0, 0, 0])]), ..drain() }));
        if good { h.passes() } else { h.breaks(&[Rule::VectorDistance, Rule::VPort]) }
    }
    let mut h = Hand::filled(base());
    h.at(300, product(3, 1));
    h.at(290, to_v(20, Vector { nest: loops(&[(3, 1, [1, 0, 0, 0, 0])]), ..drain() }));
    h.breaks(&[Rule::ArrayGap]);
    let mut h = Hand::filled(base());
    h.at(300, to_v(20, Vector { nest: loops(&[(30, 0, [1, 0, 0, 0, 0])]), ..pass(0) }));
    h.at(329, to_v(60, pass(0)));
    h.breaks(&[Rule::UnitBusy, Rule::VectorDistance, Rule::VPort]);
    // Two groups of a step meet another's at the last multiplier from one cycle before to one behind.
    for (after, meets) in [(6, false), (7, true), (8, true), (9, true), (10, false)] {
        let mut h = Hand::filled(narrow());
        h.at(300, Vector { function: Some(Function::Exp2), ..pass(0) });
        h.at(300 + after, pass(1));
        if meets { h.breaks(&[Rule::Multiplier]) } else { h.passes() }
    }
    let mut h = Hand::filled(base());
    h.at(300, scalar(ScalarOp::Recip, 0, 20));
    h.at(340, Scalar { nest: loops(&[(4, 3, [1, 0, 0, 0, 0])]), ..scalar(ScalarOp::Mul, 0, 20) });
    h.at(352, scalar(ScalarOp::Mul, 0, 30));
    h.breaks(&[Rule::UnitBusy, Rule::SPort]);
}

#[test]
fn sums_go_to_the_one_that_is_armed() {
    let two = || Vector { nest: loops(&[(2, 0, [1, 0, 0, 0, 0])]), ..to_v(20, drain()) };
    let h = |rows: Vec<(u64, Any)>| {
        let mut h = Hand::filled(base());
        h.at(300, product(2, 0));
        rows.into_iter().for_each(|(at, i)| h.at(at, i));
        h
    };
    let p = take(&base(), 300);
    h(vec![(290, two().into())]).passes();
    h(vec![(p, two().into())]).passes();
    h(vec![(p + 1, two().into())]).breaks(&[Rule::PostNotArmed, Rule::PostWindow]);
    h(vec![]).breaks(&[Rule::PostNotArmed]);
    // One vector too many, one too few.
    h(vec![(290, Vector { nest: one(), ..two() }.into())]).breaks(&[Rule::PostNotArmed]);
    h(vec![(290, Vector { nest: loops(&[(3, 0, [1, 0, 0, 0, 0])]), ..two() }.into())]).breaks(&[Rule::PostWindow]);
    // The next VECTOR, of whatever kind, comes behind the last.
    h(vec![(290, two().into()), (p + 2, pass(0).into())]).passes();
    h(vec![(290, two().into()), (p + 1, pass(0).into())]).breaks(&[Rule::PostWindow, Rule::PostNotArmed]);
    // POST has a vector to come as well.
    let post = Post { nest: loops(&[(2, 0, [1, 0, 0, 0, 0])]), ..Post::default() };
    let x = Post { dst_base: 40, ..post.clone() };
    h(vec![(290, two().into()), (270, post.into())]).breaks(&[Rule::BothArmed, Rule::PostWindow]);
    // A VECTOR on V may step while POST takes sums; their results are one in a cycle.
    let lat = Latency::of(&base());
    let written = p + u64::from(lat.post_write - lat.post_take);
    for after in 0..4 {
        let to_x = Vector { dest: VectorDest::X, dst_base: 60, ..pass(0) };
        let at = written - u64::from(lat.vec_code) + after - 1;
        let h = h(vec![(280, x.clone().into()), (at, to_x.into())]);
        if after == 0 || after == 3 { h.passes() } else { h.breaks(&[Rule::ResultCollision, Rule::XWritePort]) }
    }
}

#[test]
fn reductions_start_go_on_and_end_in_one_register() {
    let nest = |inner: u32, d: i32, outer: u32, e: i32| loops(&[(inner, 0, [0, 0, 0, 0, d]), (outer, 0, [0, 0, 0, 0, e])]);
    let of = |max, sum, reduce, nest| Vector { max, sum, reduce, red_base: 16, nest, ..pass(0) };
    for (max, sum) in [(MaxOf::Max, SumOf::Off), (MaxOf::Off, SumOf::TSquared)] {
        let case = |reduce, nest| {
            let mut h = Hand::filled(base());
            h.at(300, of(max, sum, reduce, nest));
            h
        };
        case(0b11, nest(4, 0, 4, 0)).passes();
        case(0b1, nest(4, 0, 4, 1)).passes();
        // Side by side: 16 of them, told apart by their registers.
        case(0b10, nest(16, 1, 4, -15)).passes();
        // Into one register, or to another each step.
        case(0b10, nest(2, 0, 4, 0)).check().map_err(|e| assert!(e.breaks(Rule::Reduction))).unwrap_err();
        case(0b1, nest(4, 1, 1, 0)).check().map_err(|e| assert!(e.breaks(Rule::Reduction))).unwrap_err();
        let many = case(0b10, nest(17, 1, 2, -16));
        if sum == SumOf::Off { many.passes() } else { many.breaks(&[Rule::Reduction]) }
    }
    // A sum with a function ends behind the start of one without, of the same number mod 16.
    for (after, red, good) in [(2, 32, false), (2, 33, true), (9, 32, true)] {
        let mut h = Hand::filled(base());
        h.at(300, Vector { function: Some(Function::Exp2), ..of(MaxOf::Off, SumOf::Code, 0b11, nest(4, 0, 1, 0)) });
        h.at(303 + after, Vector { red_base: red, ..of(MaxOf::Off, SumOf::Code, 0b11, nest(4, 0, 1, 0)) });
        let e = h.check();
        assert_eq!(e.as_ref().is_err_and(|e| e.breaks(Rule::Reduction)), !good, "{e:?}");
    }
    // Nobody reads or writes its register meanwhile, but the steps themselves.
    for (i, good) in
        [(scalar(ScalarOp::Mul, 16, 20), false), (scalar(ScalarOp::Mul, 0, 16), false), (scalar(ScalarOp::Mul, 0, 20), true)]
    {
        for sum in [false, true] {
            let mut h = Hand::filled(base());
            h.at(300, scalar(ScalarOp::Mul, 0, 16));
            let (max, sum) = if sum { (MaxOf::Off, SumOf::Code) } else { (MaxOf::Max, SumOf::Off) };
            let v = Vector {
                mul2: if max == MaxOf::Off { Mul2::Scalar } else { Mul2::One },
                s_base: 16,
                ..of(max, sum, 0b1, loops(&[(60, 0, [0; 5])]))
            };
            h.at(310, v);
            h.at(340, i.clone());
            let e = h.check();
            assert_eq!(e.as_ref().is_err_and(|e| e.breaks(Rule::SOrder)), !good, "{e:?}");
        }
    }
}
