// SPDX-License-Identifier: Apache-2.0
//! Encoder, decoder and disassembler agree on every program; a damaged image is refused.

use proptest::collection::vec;
use proptest::prelude::*;
use systole_isa::image::{Dtype, Tensor};
use systole_isa::program::Pad;
use systole_isa::requant::Param;
use systole_isa::*;

fn nest(max: usize) -> impl Strategy<Value = Nest> {
    let d18 = -(1i32 << 17)..1 << 17;
    let d16 = -(1i32 << 15)..1 << 15;
    vec((1u32..=1 << 14, any::<u8>(), d18.clone(), d18.clone(), d18, d16.clone(), d16), 1..=max).prop_map(|loops| Nest {
        loops: loops.into_iter().map(|(count, gap, a, b, c, d, e)| Loop { count, gap, d: [a, b, c, d, e] }).collect(),
    })
}

fn matmul() -> impl Strategy<Value = Instruction> {
    let pad = (any::<i8>(), -16384i32..16384, -16384i32..16384, 0u32..16384, 0u32..16384)
        .prop_map(|(value, y_base, x_base, y_size, x_size)| Pad { value, y_base, x_base, y_size, x_size });
    ((0u32..1 << 16, 0u32..1 << 16, 0u32..1 << 12, 0u32..8, 0u32..128), any::<[bool; 3]>(), proptest::option::of(pad), nest(7))
        .prop_map(|((x_base, w_base, acc_base, hold, reduce), [w_sram, first, last], pad, nest)| {
            Instruction::Matmul(Matmul { x_base, w_base, acc_base, w_sram, hold, reduce, first, last, pad, nest })
        })
}

fn post() -> impl Strategy<Value = Instruction> {
    let residual = (
        0u32..1 << 16,
        any::<bool>(),
        -(1i32 << 25)..1 << 25,
        -(1i32 << 25)..1 << 25,
        -(1i64 << 47)..1 << 47,
        0u32..=40,
        any::<i8>(),
    )
        .prop_map(|(base, max, ma, mb, offset, shift, zero_point)| Residual { base, max, ma, mb, offset, shift, zero_point });
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
    prop_oneof![matmul(), post(), load, store, Just(Instruction::End)]
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
        taps: weights.chunks_exact(3).map(|w| [w[0], w[1], w[2]]).collect(),
        weights,
        input: Tensor::dense(1, 17, Dtype::Int8),
        output: Tensor { rows: 1, cols: 16, dtype: Dtype::Int32, offset: 0, row_pitch: 64, tile: 16, tile_pitch: 64 },
        macs: 272,
        name: "round trip".into(),
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
    fn arbitrary_bytes_are_never_a_panic(bytes in vec(any::<u8>(), 0..200), words in vec(any::<u128>(), 0..9), unit in 0usize..6) {
        let _ = Image::from_bytes(&bytes);
        let _ = Instruction::decode(Unit::ALL[unit], &words);
    }
}

#[test]
fn an_image_for_another_machine_names_both_sides() {
    let image = image(&Program::default(), vec![]);
    let base = Config::named("base").unwrap();
    let text = image.check_machine(&base).unwrap_err().to_string();
    assert!(text.contains("WEIGHT_BEATS 2") && text.contains("WEIGHT_BEATS 1"), "{text}");
    image.check_machine(&base.with_weight_beats(2).unwrap()).unwrap();
}

#[test]
fn a_value_that_does_not_fit_names_its_field() {
    let i = Instruction::Matmul(Matmul { x_base: 1 << 16, ..Default::default() });
    let text = i.encode().unwrap_err().to_string();
    assert!(text.contains("matmul.x_base") && text.contains("65535"), "{text}");
}
