// SPDX-License-Identifier: Apache-2.0
//! Addresses, and what VECTOR writes to OUT, X and W SRAM.

use super::*;

#[test]
fn addresses_and_what_the_image_holds() {
    let case = |change: &dyn Fn(&mut Vector)| {
        let mut h = Hand::filled(base());
        let mut v = to_v(20, pass(0));
        change(&mut v);
        h.at(300, v);
        h
    };
    case(&|_| ()).passes();
    case(&|v| v.dst_base = 1024).breaks(&[Rule::AddressRange]);
    case(&|v| v.a_base = 1024).breaks(&[Rule::AddressRange, Rule::VUnwritten]);
    case(&|v| (v.mul1, v.param_base) = (Mul1::Scale, 4)).breaks(&[Rule::AddressRange]);
    case(&|v| v.param_base = 4).passes();
    case(&|v| (v.dest, v.dst_base) = (VectorDest::X, 8192)).breaks(&[Rule::AddressRange]);
    case(&|v| (v.dest, v.dst_base) = (VectorDest::WColumn, 1024 * 16)).breaks(&[Rule::AddressRange]);
    case(&|v| (v.dest, v.dst_base) = (VectorDest::WRow, 1024 * 16 - 1)).passes();
    case(&|v| (v.dest, v.dst_base) = (VectorDest::OutFloat, 4094)).breaks(&[Rule::AddressRange, Rule::OutFrame]);
    let mut h = case(&|v| v.function = Some(Function::Phi));
    h.passes();
    h.sizes.functions = false;
    h.breaks(&[Rule::AddressRange]);
    // A machine without the unit.
    let mut h = case(&|_| ());
    h.config = Config::named("base,VEC_LANES=0").unwrap();
    assert!(h.check().unwrap_err().breaks(Rule::Encoding));
    for i in [
        Any::from(Matmul { one_hot: Some(OneHot { register: Register::Tok, row: 0, value: 1 }), ..product(1, 0) }).0,
        Any::from(Matmul { nest: Nest { loops: vec![Loop { count: 1, gap: 0, d: [0; 5], len: true }] }, ..product(1, 0) }).0,
        Instruction::Wait(Wait { each: 3 }),
    ] {
        let rows = vec![Row { cycle: 9, instruction: i }, Row { cycle: 900, instruction: Instruction::End }];
        let sizes = Hand::new(base()).sizes;
        let e = verify(&Program { rows }, &Config::named("base,VEC_LANES=0").unwrap(), &sizes).unwrap_err();
        assert!(e.breaks(Rule::Encoding), "{e}");
    }
}

#[test]
fn codes_and_numbers_reach_out_one_in_a_cycle_and_fill_the_frame() {
    for (gap, good) in [(2, false), (3, true)] {
        let mut h = Hand::filled(base());
        h.sizes.out_bytes = 8 * 16;
        h.at(300, Vector { dest: VectorDest::OutFloat, nest: loops(&[(2, gap, [4, 0, 1, 0, 0])]), ..pass(0) });
        if good {
            h.passes()
        } else {
            h.breaks(&[Rule::ResultCollision, Rule::OutPort])
        }
        h.sizes.out_bytes += 16;
        assert!(h.check().unwrap_err().breaks(Rule::OutFrame));
        h.sizes.out_bytes -= 32;
        assert!(h.check().unwrap_err().breaks(Rule::OutFrame));
    }
    // END comes behind the last word, the last number of V and of S.
    for (v, last) in [
        (Vector { dest: VectorDest::OutFloat, ..pass(0) }, 21),
        (to_v(9, pass(0)), 16),
        (Vector { dest: VectorDest::X, function: Some(Function::Phi), ..pass(0) }, 26),
        (Vector { sum: SumOf::Code, ..pass(0) }, 26),
    ] {
        let mut h = Hand::filled(base());
        h.sizes.out_bytes = if v.dest == VectorDest::OutFloat { 64 } else { 0 };
        h.at(300, v);
        h.end = 301 + last;
        h.passes();
        h.end -= 1;
        h.breaks(&[Rule::EndEarly]);
    }
}

#[test]
fn words_of_x_by_vector_are_there_before_the_array_reads_them() {
    // Written in P + 18; X time of the product is its step + W_LEAD.
    for step in (290..=297).chain(302..=315) {
        let mut h = Hand::filled(base());
        h.at(300, Vector { dest: VectorDest::X, dst_base: 3, ..pass(0) });
        h.at(step, Matmul { x_base: 3, ..product(1, 0) });
        h.at(if step < 300 { 280 } else { 318 }, to_v(20, drain()));
        match step + u64::from(Latency::of(&base()).w_lead) {
            t if t > 318 => h.passes(),
            t if t + 15 >= 318 => h.breaks(&[Rule::ReadTorn]),
            t if t > 300 => {
                h.steps.last_mut().unwrap().0 = 318;
                h.breaks(&[Rule::ReadStale]);
            }
            // An earlier one: its sums would come while the VECTOR of the array still waits for them.
            _ => assert!(h.check().unwrap_err().breaks(Rule::PostWindow)),
        }
    }
    // LOAD into its sub-bank in the cycle of the write.
    for (at, meets) in [(313, false), (314, true), (315, false)] {
        let mut h = Hand::filled(base());
        h.at(300, Vector { dest: VectorDest::X, dst_base: 30, ..pass(0) });
        h.at(at, Load { dst_base: 31, mask: u32::MAX, nest: one(), ..Load::default() });
        if meets { h.breaks(&[Rule::XWritePort]) } else { h.passes() }
    }
    // A one in place of X reads none of it, and its words lie anywhere.
    let hot = |register| Matmul {
        one_hot: Some(OneHot { register, row: 0, value: 1 }),
        nest: loops(&[(3, 0, [0, 1, 0, 0, 0])]),
        x_base: 0,
        ..product(1, 0)
    };
    let three = || Vector { nest: loops(&[(3, 0, [1, 0, 0, 0, 0])]), ..to_v(20, drain()) };
    let mut h = Hand::filled(base());
    h.at(300, Matmul { hold: 0, ..hot(Register::Tok) });
    h.at(290, three());
    h.passes();
    // Ways rest for two cycles; how far apart words by a register and others lie is not known.
    let plain = || Matmul { one_hot: None, hold: 0, ..hot(Register::Tok) };
    let by = |register| Matmul { hold: 0, ..hot(register) };
    for (first, second, w_base, behind, good) in [
        (plain(), by(Register::Tok), 0, 3, false),
        (plain(), by(Register::Tok), 0, 4, true),
        (by(Register::Tok), plain(), 0, 3, false),
        (by(Register::Tok), by(Register::Pos), 0, 3, false),
        (by(Register::Tok), by(Register::Pos), 0, 4, true),
        (by(Register::Tok), by(Register::Tok), 0, 3, false),
        (by(Register::Tok), by(Register::Tok), 1, 3, true),
        (plain(), plain(), 1, 3, true),
        (plain(), plain(), 0, 3, false),
    ] {
        let mut h = Hand::filled(base());
        let nest = |m: &Matmul| loops(&[(3, 0, [0, m.nest.loops[0].d[1], 0, 0, 0])]);
        h.at(300, Matmul { nest: nest(&first), ..first });
        h.at(300 + behind, Matmul { w_base, nest: nest(&second), ..second });
        h.at(280, Vector { nest: loops(&[(6, 0, [1, 0, 0, 0, 0])]), ..three() });
        if good { h.passes() } else { h.breaks(&[Rule::RramWay]) }
    }
    // A table by POS ends with the image.
    let mut h = Hand::filled(base());
    h.at(300, Matmul { hold: 0, w_base: 4, ..hot(Register::Pos) });
    h.at(290, three());
    h.sizes.positions = 32;
    h.passes();
    h.sizes.positions = 33;
    let e = h.check().unwrap_err();
    assert!(
        e.breaks(Rule::AddressRange) && e.violations.iter().all(|v| v.lenc == Some(2)) && e.to_string().contains("LENC 2"),
        "{e}"
    );
}

#[test]
fn w_sram_by_vector_is_a_cache_up_to_the_position() {
    // A column at POS, words 3 .. of W SRAM; then a product of LENC + 1 words, in loops that run with LENC.
    let case = |positions: u32, w_base: u32, more: u32, after: u64| {
        let mut h = Hand::filled(base());
        (h.end, h.sizes.positions) = (2000, positions);
        let nest = |d| Nest { loops: vec![Loop { count: 1 + more, gap: 0, d, len: true }] };
        h.at(300, Vector { dest: VectorDest::WColumn, append: true, dst_base: 3 * 16, ..pass(0) });
        h.at(310, Vector { nest: nest([0; 5]), ..drain() });
        h.at(300 + after, Matmul { w_sram: true, hold: 0, w_base, nest: nest([0, 1, 0, 0, 0]), ..product(1, 0) });
        h
    };
    let lat = Latency::of(&base());
    // The column lies in the last word, written in 318: LENC words later read at LENC = 0.
    let first = 318 + 1 - u64::from(lat.w_sram_read) - 300;
    case(100, 3, 0, first).passes();
    let e = case(100, 3, 0, first - 1).check().unwrap_err();
    assert!(e.violations.iter().all(|v| v.rule == Rule::WSram && v.lenc == Some(0)), "{e}");
    case(100, 2, 0, first).breaks(&[Rule::WUnwritten]);
    case(100, 3, 1, first).breaks(&[Rule::WUnwritten]);
    // The cache does not end with the memory.
    case(16 * 1021, 3, 0, first).passes();
    let e = case(16 * 1021 + 1, 3, 0, first).check().unwrap_err();
    assert!(e.breaks(Rule::AddressRange) && e.violations.iter().all(|v| v.lenc == Some(1021)), "{e}");
}
