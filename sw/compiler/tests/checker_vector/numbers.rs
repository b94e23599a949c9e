// SPDX-License-Identifier: Apache-2.0
//! V and S: what is read was written, and stays until all have read it.

use super::*;

#[test]
fn words_of_v_are_read_behind_their_write_and_before_the_next() {
    // Written in P + 16, or 8 later with a function; read in P + 3.
    for (function, late) in [(None, 0), (Some(Function::Sigmoid), 8)] {
        for after in 8..30 {
            let mut h = Hand::filled(base());
            h.at(300, to_v(20, Vector { function, ..pass(0) }));
            h.at(300 + after, to_v(21, pass(20)));
            let mut rules = vec![];
            if after < 13 + late {
                // Nothing was there before.
                rules.push(Rule::VOrder);
            } else if after == 13 + late {
                rules.extend([Rule::VOrder, Rule::VReadWrite]);
            }
            if after == late {
                rules.extend([Rule::Multiplier, Rule::VPort]);
            }
            if rules.is_empty() { h.passes() } else { h.breaks(&rules) }
        }
    }
    // A step without a function overtakes one with it: to the same word, and to others.
    for (to, after, rules) in
        [(20, 7, &[Rule::VOrder][..]), (21, 7, &[]), (20, 8, &[Rule::VOrder, Rule::Multiplier, Rule::VPort]), (20, 9, &[])]
    {
        let mut h = Hand::filled(base());
        h.at(300, to_v(20, Vector { function: Some(Function::Phi), ..pass(0) }));
        h.at(300 + after, to_v(to, pass(1)));
        if rules.is_empty() { h.passes() } else { h.breaks(rules) }
    }
}

#[test]
fn lanes_that_count_must_have_been_written() {
    let mut h = Hand::filled(base());
    h.at(300, to_v(20, pass(20)));
    h.breaks(&[Rule::VUnwritten]);
    // Half a word, by lanes or by a parameter; the same half is read, or more, or a neighbour's.
    let half = Vector { lane_n: 8, ..pass(0) };
    let chosen = Vector { mul1: Mul1::Scale, param_base: 1, ..pass(0) };
    for write in [half.clone(), chosen] {
        for (lo, n, mul2, good) in [
            (0, 8, Mul2::One, true),
            (0, 9, Mul2::One, false),
            (8, 1, Mul2::One, false),
            (6, 2, Mul2::Partner, true),
            (7, 1, Mul2::Partner, true),
            (8, 1, Mul2::Partner, false),
        ] {
            let mut h = Hand::filled(base());
            h.at(300, to_v(20, write.clone()));
            h.at(340, to_v(21, Vector { lane_lo: lo, lane_n: n, mul2, ..pass(20) }));
            if good { h.passes() } else { h.breaks(&[Rule::VUnwritten]) }
        }
    }
    // All lanes of a word go to OUT.
    let mut h = Hand::filled(base());
    h.sizes.out_bytes = 64;
    h.at(300, to_v(20, half.clone()));
    h.at(340, Vector { lane_n: 8, dest: VectorDest::OutFloat, ..pass(20) });
    h.breaks(&[Rule::VUnwritten]);
    // b and c count where they are used.
    for v in [Vector { mul1: Mul1::B, ..pass(0) }, Vector { mul3: Mul3::B, ..pass(0) }, Vector { add: Add::C, ..pass(0) }] {
        let mut h = Hand::filled(base());
        h.at(300, to_v(20, Vector { b_base: 30, c_base: 30, ..v.clone() }));
        h.breaks(&[Rule::VUnwritten]);
        let mut h = Hand::filled(base());
        h.at(300, to_v(20, Vector { b_base: 3, c_base: 3, ..v }));
        h.passes();
    }
    let mut h = Hand::filled(base());
    h.at(300, to_v(20, Vector { lane_lo: 16, lane_n: 1, ..pass(0) }));
    h.breaks(&[Rule::Encoding]);
}

#[test]
fn registers_of_s_are_read_behind_their_write_and_before_the_next() {
    // A maximum is written in P + 17, a sum in P + 26 or 34; SCALAR reads in the cycle behind its step.
    let sum = Vector { sum: SumOf::Code, ..pass(0) };
    let late = Vector { function: Some(Function::Exp2), ..sum.clone() };
    for (v, written) in [(Vector { max: MaxOf::MaxAbs, ..pass(0) }, 17), (sum, 26), (late, 34)] {
        for after in written - 6..written + 6 {
            let mut h = Hand::filled(base());
            h.at(300, Vector { red_base: 20, ..v.clone() });
            h.at(300 + after, scalar(ScalarOp::Add, 20, 21));
            if after >= written { h.passes() } else { h.breaks(&[Rule::SOrder]) }
        }
    }
    // SCALAR to VECTOR: read in P + 6; from the cycle of SCALAR's own read on the register is meant to have the new number.
    for (op, cycles) in [(ScalarOp::Mul, 4), (ScalarOp::Max, 4), (ScalarOp::Add, 7), (ScalarOp::Recip, 9), (ScalarOp::Rsqrt, 9)] {
        for p in (290..=298).chain(303..312) {
            let mut h = Hand::filled(base());
            h.at(300, scalar(op, 0, 20));
            h.at(p, to_v(20, Vector { mul2: Mul2::Scalar, s_base: 20, ..pass(0) }));
            match p + 6 {
                read if read <= 301 => h.breaks(&[Rule::SUnwritten]),
                read if read <= 300 + cycles => h.breaks(&[Rule::SOrder]),
                _ => h.passes(),
            }
        }
    }
    // Never written: operands that count.
    for (i, good) in [
        (Scalar { b_base: 30, ..scalar(ScalarOp::Add, 0, 20) }, true),
        (Scalar { b_base: 30, imm: None, ..scalar(ScalarOp::Add, 0, 20) }, false),
        (Scalar { b_base: 30, imm: None, ..scalar(ScalarOp::Recip, 0, 20) }, true),
        (scalar(ScalarOp::Recip, 30, 20), false),
    ] {
        let mut h = Hand::filled(base());
        h.at(300, i);
        if good { h.passes() } else { h.breaks(&[Rule::SUnwritten]) }
    }
    let mut h = Hand::filled(base());
    h.at(300, to_v(20, Vector { add: Add::MinusScalar, s_base: 63, ..pass(0) }));
    h.breaks(&[Rule::SUnwritten]);
    // A later result comes first.
    let mut h = Hand::filled(base());
    h.at(300, Vector { sum: SumOf::T, red_base: 20, ..pass(0) });
    h.at(310, scalar(ScalarOp::Mul, 0, 20));
    h.breaks(&[Rule::SOrder]);
}

#[test]
fn numbers_in_s_are_read_and_by_all_steps_the_same() {
    let case = |rows: Vec<(u64, Any)>| {
        let mut h = Hand::filled(base());
        h.at(250, to_v(30, Vector { mul2: Mul2::Scalar, nest: loops(&[(8, 0, [0, 0, 0, 0, 1])]), ..pass(0) }));
        rows.into_iter().for_each(|(at, i)| h.at(at, i));
        verify(&h.program(), &h.config, &h.sizes)
    };
    let reads = |s: u32, n: u32| to_v(31, Vector { mul2: Mul2::Scalar, s_base: s, nest: loops(&[(n, 0, [0; 5])]), ..pass(0) });
    case(vec![]).unwrap();
    case(vec![(300, scalar(ScalarOp::Mul, 0, 20).into()), (310, reads(20, 4).into())]).unwrap();
    // Read before the second step makes it what it is to be.
    let in_place = |p, v: Vector| {
        let second = scalar(ScalarOp::Mul, 20, 20);
        case(vec![(300, scalar(ScalarOp::Mul, 0, 20).into()), (320, second.into()), (p, v.into())])
    };
    in_place(323, reads(20, 4)).unwrap();
    assert!(in_place(308, reads(20, 4)).unwrap_err().breaks(Rule::SUnread));
    // Some steps read it before, some behind.
    let apart = Vector { nest: loops(&[(2, 10, [0; 5])]), ..reads(20, 1) };
    in_place(323, apart.clone()).unwrap();
    assert!(in_place(310, apart).unwrap_err().breaks(Rule::SOrder));
    // Where the largest number was is for the host.
    let largest = |max| Vector { max, red_base: 20, ..pass(0) };
    case(vec![(300, largest(MaxOf::ArgMax).into())]).unwrap();
    assert!(case(vec![(300, largest(MaxOf::Max).into())]).unwrap_err().breaks(Rule::SUnread));
}

#[test]
fn one_number_is_written_to_s_in_a_cycle() {
    // P + 17 and 26 of a VECTOR, and 4 behind a SCALAR's step.
    let mut met = vec![];
    for at in 300..330 {
        let mut h = Hand::filled(base());
        h.at(300, Vector { max: MaxOf::Max, sum: SumOf::Code, red_base: 20, ..pass(0) });
        h.at(at, scalar(ScalarOp::Mul, 0, 21));
        match h.check() {
            Ok(()) => {}
            Err(e) => {
                assert!(e.violations.iter().all(|v| matches!(v.rule, Rule::SPort | Rule::RowSpacing | Rule::RowOrder)), "{e}");
                met.extend(e.breaks(Rule::SPort).then_some(at - 300));
            }
        }
    }
    assert_eq!(met, [13, 22]);
}

#[test]
fn a_register_stays_while_groups_of_a_step_read_it() {
    // Two groups read S[0] in P + 6 and P + 7: it must not change in P + 6.
    for (config, groups) in [(base(), 1), (narrow(), 2)] {
        for at in 296..310u64 {
            let mut h = Hand::filled(config.clone());
            h.at(298, to_v(20, Vector { mul2: Mul2::Scalar, ..pass(0) }));
            h.at(at, scalar(ScalarOp::Mul, 0, 0));
            let held = groups == 2 && at + 4 == 304;
            let e = h.check();
            assert_eq!(e.as_ref().is_err_and(|e| e.breaks(Rule::SHeld)), held, "{at}: {e:?}");
        }
    }
}

#[test]
fn a_maximum_grows_group_by_group() {
    // Four groups of lanes: written in P + VEC_MAX - 3 to P + VEC_MAX; not read in the last three of these cycles.
    let config = Config::named("base,VEC_LANES=4").unwrap();
    let written = 298 + u64::from(Latency::of(&config).vec_max);
    let maximum = Vector { max: MaxOf::Max, ..pass(0) };
    for read in written - 7..written + 4 {
        let mut h = Hand::filled(config.clone());
        h.at(280, scalar(ScalarOp::Mul, 0, 20));
        h.at(298, Vector { red_base: 20, ..maximum.clone() });
        h.at(read - 1, scalar(ScalarOp::Recip, 20, 21));
        if read > written {
            h.passes();
        } else if read > written - 3 {
            h.breaks(&[Rule::SHeld, Rule::SOrder]);
        } else {
            h.breaks(&[Rule::SOrder]);
        }
    }
    // Nor does another write come between; a product takes one cycle.
    for at in 300..330 {
        let mut h = Hand::filled(config.clone());
        h.at(298, Vector { red_base: 20, ..maximum.clone() });
        h.at(at, scalar(ScalarOp::Mul, 0, 21));
        let e = h.check();
        let meets = (written - 3..=written).contains(&(at + 4));
        assert_eq!(e.as_ref().is_err_and(|e| e.breaks(Rule::SPort)), meets, "{at}: {e:?}");
    }
    // Groups of a step read one by one, too.
    for p in 300..325 {
        let mut h = Hand::filled(config.clone());
        h.at(298, Vector { red_base: 0, ..maximum.clone() });
        h.at(p, to_v(20, Vector { mul2: Mul2::Scalar, ..pass(0) }));
        let e = h.check();
        let apart = written < p + 6 || p + 6 + 3 <= written - 3;
        assert_eq!(e.as_ref().is_err_and(|e| e.breaks(Rule::SHeld)), !apart, "{p}: {e:?}");
    }
}
