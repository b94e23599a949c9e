// SPDX-License-Identifier: Apache-2.0
//! Encoder, decoder and disassembler agree on every program; a damaged image is refused.

use proptest::collection::vec;
use proptest::prelude::*;
use systole_isa::image::{Dtype, Tensor};
use systole_isa::program::{Add, Function, MaxOf, Mul1, Mul2, Mul3, OneHot, Pad, Register, ScalarOp, Source, SumOf, VectorDest};
use systole_isa::requant::Param;
use systole_isa::*;

fn nest(max: usize) -> impl Strategy<Value = Nest> {
    let d18 = -(1i32 << 17)..1 << 17;
    let d16 = -(1i32 << 15)..1 << 15;
    vec((1u32..=1 << 14, any::<u8>(), d18.clone(), d18.clone(), d18, d16.clone(), d16), 1..=max).prop_map(|loops| Nest {
        loops: loops.into_iter().map(|(count, gap, a, b, c, d, e)| Loop { count, gap, d: [a, b, c, d, e], len: false }).collect(),
    })
}

/// A nest whose outermost loop may go on with LENC.
fn long_nest(max: usize) -> impl Strategy<Value = Nest> {
    (nest(max), any::<bool>()).prop_map(|(mut nest, len)| {
        if let Some(outer) = nest.loops.last_mut() {
            outer.len = len;
        }
        nest
    })
}

fn one<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn vector() -> impl Strategy<Value = Instruction> {
    let bases = (any::<[u16; 4]>(), 0u32..1 << 12, 0u32..64, 0u32..64, any::<[i8; 3]>(), any::<[bool; 4]>(), 0u32..16);
    let ops = (
        one(Source::ALL),
        one(Mul1::ALL),
        one(Mul2::ALL),
        one(Add::ALL),
        proptest::option::of(one(Function::ALL)),
        one(Mul3::ALL),
        one(VectorDest::ALL),
        one(MaxOf::ALL),
        one(SumOf::ALL),
    );
    (bases, ops, (0u32..32).prop_flat_map(|lo| (Just(lo), 1..=32 - lo, 0u8..8)), long_nest(4)).prop_map(
        |(
            ([a, b, c, dst], param_base, s_base, red_base, [zero_point, lo, hi], [append, tail, s_fixed, red_fixed], reduce),
            (src, mul1, mul2, add, function, mul3, dest, max, sum),
            (lane_lo, lane_n, tail_row),
            nest,
        )| {
            Instruction::Vector(Vector {
                a_base: a.into(),
                b_base: b.into(),
                c_base: c.into(),
                dst_base: dst.into(),
                param_base,
                s_base,
                red_base,
                zero_point,
                lo,
                hi,
                append,
                tail,
                tail_row,
                s_fixed,
                red_fixed,
                reduce,
                lane_lo,
                lane_n,
                src,
                mul1,
                mul2,
                add,
                function,
                mul3,
                dest,
                max,
                sum,
                nest,
            })
        },
    )
}

fn scalar() -> impl Strategy<Value = Instruction> {
    let imm = proptest::option::of((0u32..1 << 24).prop_map(F24::from_bits));
    (one(ScalarOp::ALL), any::<[u8; 3]>(), imm, long_nest(2)).prop_map(|(op, [a, b, dst], imm, nest)| {
        let [a_base, b_base, dst_base] = [a, b, dst].map(|v| u32::from(v % 64));
        Instruction::Scalar(Scalar { op, a_base, b_base, dst_base, imm, nest })
    })
}

fn matmul() -> impl Strategy<Value = Instruction> {
    let pad = (any::<i8>(), -16384i32..16384, -16384i32..16384, 0u32..16384, 0u32..16384)
        .prop_map(|(value, y_base, x_base, y_size, x_size)| Pad { value, y_base, x_base, y_size, x_size });
    let hot = (any::<bool>(), 0u8..8, any::<i8>()).prop_map(|(tok, row, value)| OneHot {
        register: if tok { Register::Tok } else { Register::Pos },
        row,
        value,
    });
    let options = (proptest::option::of(pad), proptest::option::weighted(0.2, hot));
    let numbers = (0u32..1 << 16, 0u32..1 << 16, 0u32..1 << 12, 0u32..8, 0u32..128, any::<i8>());
    (numbers, any::<[bool; 3]>(), options, long_nest(7)).prop_map(
        |((x_base, w_base, acc_base, hold, reduce, zero), [w_sram, first, last], (pad, one_hot), nest)| {
            let pad = pad.filter(|_| one_hot.is_none());
            let x_base = if one_hot.is_some() { 0 } else { x_base };
            let w_zero = if w_sram { 0 } else { zero };
            Instruction::Matmul(Matmul {
                x_base,
                w_base,
                acc_base,
                w_sram,
                w_zero,
                hold,
                reduce,
                first,
                last,
                pad,
                one_hot,
                nest,
            })
        },
    )
}

fn post() -> impl Strategy<Value = Instruction> {
    let residual = (
        0u32..1 << 16,
        prop_oneof![Just(Join::Sum), Just(Join::Larger), any::<[i8; 2]>().prop_map(|zeros| Join::Product { zeros })],
        -(1i32 << 25)..1 << 25,
        -(1i32 << 25)..1 << 25,
        -(1i64 << 47)..1 << 47,
        0u32..=40,
        any::<i8>(),
    )
        .prop_map(|(base, join, ma, mb, offset, shift, zero_point)| {
            let mb = if matches!(join, Join::Product { .. }) { 0 } else { mb };
            Residual { base, join, ma, mb, offset, shift, zero_point }
        });
    let dest = prop_oneof![
        Just(PostDest::X),
        Just(PostDest::WColumn),
        Just(PostDest::WRow),
        Just(PostDest::Out),
        Just(PostDest::OutRaw32)
    ];
    (
        (0u32..1 << 16, 0u32..1 << 16),
        dest,
        any::<[i8; 3]>(),
        proptest::option::of(0u32..16),
        proptest::option::of(residual),
        nest(4),
    )
        .prop_map(|((dst_base, param_base), dest, [zero_point, lo, hi], lut, residual, nest)| {
            Instruction::Post(Post { dst_base, param_base, dest, zero_point, lo, hi, lut, residual, nest })
        })
}

fn instruction() -> impl Strategy<Value = Instruction> {
    let load = (0u32..1 << 16, 0u32..1 << 18, 0u32..32, any::<u32>(), proptest::option::of(any::<i8>()), nest(4)).prop_map(
        |(dst_base, src_base, rotate, mask, fill, nest)| Instruction::Load(Load { dst_base, src_base, rotate, mask, fill, nest }),
    );
    let store = (0u32..1 << 16, 0u32..1 << 16, nest(4))
        .prop_map(|(dst_base, src_base, nest)| Instruction::Store(Store { dst_base, src_base, nest }));
    let wait = (0u32..1 << 16).prop_map(|each| Instruction::Wait(Wait { each }));
    prop_oneof![matmul(), post(), load, store, vector(), scalar(), wait, Just(Instruction::End)]
}

fn program() -> impl Strategy<Value = Program> {
    vec((any::<u32>(), instruction()), 0..12).prop_map(|rows| Program {
        rows: rows.into_iter().map(|(cycle, instruction)| Row { cycle: cycle.into(), instruction }).collect(),
    })
}

fn image(program: &Program, weights: Vec<i8>) -> Image {
    let (timetable, descriptors) = program.encode().unwrap();
    Image {
        fingerprint: fingerprint(),
        config_id: 3,
        weight_beats: 2,
        in_bytes: 17,
        out_bytes: 64,
        timetable,
        descriptors,
        params: vec![Param { bias: -5, q: 1 << 23, shift: 30 }; 16],
        luts: vec![std::array::from_fn(|i| i as u8 as i8)],
        taps: weights.chunks_exact(3).map(|w| [i16::from(w[0]) * 2, i16::from(w[1]) - 128, i16::from(w[2])]).collect(),
        vector: weights.iter().map(|&w| u64::from(w as u8) * 77).collect(),
        weights,
        input: Tensor::dense(1, 17, Dtype::Int8),
        output: Tensor { rows: 1, cols: 16, dtype: Dtype::Int32, offset: 0, row_pitch: 64, tile: 16, tile_pitch: 64 },
        macs: 272,
        name: "round trip".into(),
        tables: vec![systole_isa::Table { name: "rows".into(), rows: 5, width: 3, base: 0, stride: 1 }],
        before: Some(systole_isa::table::Before { crc: 7, lines: vec![1, 4] }),
    }
}

proptest! {
    #[test]
    fn a_program_survives_encoding(p in program()) {
        let (rows, descs) = p.encode().unwrap();
        prop_assert_eq!(Program::decode(&rows, &descs).unwrap(), p);
    }

    #[test]
    fn a_program_survives_its_listing(p in program()) {
        let text = disasm::disassemble(&p).unwrap();
        prop_assert_eq!(disasm::assemble(&text).unwrap(), p, "{}", text);
    }

    #[test]
    fn an_image_survives_its_file_and_any_flipped_bit_is_refused(
        p in program(), weights in vec(any::<i8>(), 0..300), at in any::<prop::sample::Index>(), bit in 0u8..8
    ) {
        let image = image(&p, weights);
        let bytes = image.to_bytes();
        prop_assert_eq!(&Image::from_bytes(&bytes).unwrap(), &image);
        let mut damaged = bytes.clone();
        let at = at.index(bytes.len());
        damaged[at] ^= 1 << bit;
        prop_assert!(Image::from_bytes(&damaged).is_err());
        prop_assert!(Image::from_bytes(&bytes[..at]).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_never_a_panic(bytes in vec(any::<u8>(), 0..200), words in vec(any::<u128>(), 0..9), unit in 0usize..10) {
        let _ = Image::from_bytes(&bytes);
        let _ = Instruction::decode(Unit::ALL[unit], &words);
    }
}

#[test]
fn an_image_for_another_machine_names_both_sides() {
    let mut image = image(&Program::default(), vec![]);
    image.luts = vec![[0; 256]; 4];
    let base = Config::named("base").unwrap();
    let text = image.check_machine(&base).unwrap_err().to_string();
    assert!(text.contains("WEIGHT_BEATS 2") && text.contains("WEIGHT_BEATS 1"), "{text}");
    image.check_machine(&base.with_weight_beats(2).unwrap()).unwrap();
}

#[test]
fn a_program_at_a_length_is_a_plain_one() {
    let mut nest = Nest::from_strides(&[
        nest::Stride { count: 3, gap: 0, stride: [1, 0, 0, 0, 0] },
        nest::Stride { count: 2, gap: 0, stride: [9, 0, 0, 0, 0] },
    ]);
    nest.loops[1].len = true;
    let row = |cycle, instruction| Row { cycle, instruction };
    let matmul = |nest| Instruction::Matmul(Matmul { nest, ..Default::default() });
    let p = Program {
        rows: vec![
            row(4, matmul(nest.clone())),
            row(9, Instruction::Wait(Wait { each: 3 })),
            row(20, matmul(nest)),
            row(21, Instruction::Wait(Wait { each: 2 })),
            row(40, Instruction::End),
        ],
    };
    assert_eq!((p.cycles(), p.each()), (40, 5));
    let at = p.at(7);
    assert_eq!(at.rows.iter().map(|r| r.cycle).collect::<Vec<_>>(), [4, 41, 75]);
    assert_eq!(at.cycles(), p.cycles() + 7 * p.each());
    assert_eq!(at.rows[1].instruction.nest().unwrap().steps(), 3 * (2 + 7));
    assert_eq!(at.at(3), at);
    // The jumps of an outer loop would depend on it.
    let mut inner = p.rows[0].clone();
    if let Instruction::Matmul(m) = &mut inner.instruction {
        m.nest.loops[0].len = true;
    }
    assert!(inner.instruction.encode().is_err());
}

#[test]
fn a_zero_point_of_weights_stands_in_the_innermost_loop_of_matmul_and_nowhere_else() {
    let nest = Nest::from_strides(&[nest::Stride { count: 2, gap: 0, stride: [1, 0, 0, 0, 0] }; 3]);
    let matmul = |w_zero, w_sram| Instruction::Matmul(Matmul { w_zero, w_sram, nest: nest.clone(), ..Default::default() });
    let plain = matmul(0, false).encode().unwrap();
    for zero in [-128, -1, 1, 127] {
        let words = matmul(zero, false).encode().unwrap();
        let changed: Vec<usize> = (0..words.len()).filter(|&n| words[n] != plain[n]).collect();
        assert_eq!(changed, [1], "no more words");
        assert_eq!(Instruction::decode(Unit::Matmul, &words).unwrap(), matmul(zero, false));
        let row = Row { cycle: 7, instruction: matmul(zero, false) };
        let text = disasm::disassemble(&Program { rows: vec![row] }).unwrap();
        assert!(text.contains(&format!(" w_zero={zero} ")), "{text}");
        // Codes made in the run have one too.
        let sram = matmul(zero, true).encode().unwrap();
        assert_eq!(Instruction::decode(Unit::Matmul, &sram).unwrap(), matmul(zero, true));
        // Another loop's, or another unit's.
        let mut outer = words.clone();
        outer.swap(1, 2);
        let error = Instruction::decode(Unit::Matmul, &outer).unwrap_err().to_string();
        assert!(error.contains("innermost loop of MATMUL"), "{error}");
        assert!(Instruction::decode(Unit::Store, &words).is_err());
    }
}

#[test]
fn a_value_that_does_not_fit_names_its_field() {
    let i = Instruction::Matmul(Matmul { x_base: 1 << 16, ..Default::default() });
    let text = i.encode().unwrap_err().to_string();
    assert!(text.contains("matmul.x_base") && text.contains("65535"), "{text}");
}
