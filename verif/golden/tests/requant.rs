// SPDX-License-Identifier: Apache-2.0
//! The integer requantiser equals float32, and ONNX Runtime's recorded outputs.

use proptest::prelude::*;
use std::path::Path;
use systole_golden::operator::{matmul, requant_float, requant_integer};
use systole_isa::requant::split_scale;

fn check(acc: i32, scale: f32, zero_point: i8) {
    let (q, shift) = split_scale(scale).expect("a legal scale");
    let (integer, float) = (requant_integer(acc, q, shift, zero_point), requant_float(acc, scale, zero_point));
    assert_eq!(integer, float, "acc {acc}, scale {scale:e} (q {q}, shift {shift}), zero point {zero_point}");
}

#[test]
fn the_worked_examples_of_the_document() {
    assert_eq!(split_scale(0.05), Some((13_421_773, 28)));
    assert_eq!(requant_integer(-70, 13_421_773, 28, 0), -4);
    assert_eq!(requant_integer(-50, 13_421_773, 28, 0), -2);
    assert_eq!(requant_integer(1 << 30, 1 << 23, 63, 7), 7);
}

#[test]
fn edges_of_accumulator_and_scale_agree() {
    let near = |v: i32| (-2..=2).map(move |d: i32| v.wrapping_add(d));
    let accs: Vec<i32> =
        [0, 1 << 23, 1 << 24, 1 << 25, 1 << 30, i32::MAX, i32::MIN, -(1 << 24), -(1 << 25)].into_iter().flat_map(near).collect();
    for exponent in 1u32..151 {
        for mantissa in [0, 1, 0x7f_ffff, 0x40_0000, 0x2a_aaaa] {
            let scale = f32::from_bits(exponent << 23 | mantissa);
            for &acc in &accs {
                for zero_point in [-128, -1, 0, 127] {
                    check(acc, scale, zero_point);
                }
            }
        }
    }
}

#[test]
fn all_products_of_bytes_agree() {
    for scale in [1.0f32, 0.5, 2f32.powi(-8), 0.05, 0.007_812_6, 1e-3, 127.0, 1.0 / 3.0] {
        for a in i8::MIN..=i8::MAX {
            for b in i8::MIN..=i8::MAX {
                let acc = i32::from(a) * i32::from(b);
                assert_eq!(matmul(&[a], 0, &[b], &[0], 1, 1, 1), [acc]);
                check(acc, scale, 0);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn any_accumulator_and_scale_agree(acc in any::<i32>(), shrink in 0u32..31, bits in 0x0080_0000u32..0x4b80_0000, zp in any::<i8>()) {
        check(acc >> shrink, f32::from_bits(bits), zp);
    }

    #[test]
    fn products_near_a_tie_agree(acc in 1i32..1 << 26, half in 0u32..400, ulps in -3i32..=3, negative: bool, zp in any::<i8>()) {
        let scale = (f64::from(half) + 0.5) / f64::from(acc);
        let scale = f32::from_bits((scale as f32).to_bits().wrapping_add_signed(ulps));
        check(if negative { -acc } else { acc }, scale, zp);
    }
}

/// `verif/golden` is two folders below the workspace root; the vectors lie beside the root.
#[test]
fn no_mismatch_on_the_conformance_vectors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/requant/vectors.npz");
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("absent: {}; the conformance vectors are NOT checked", path.display());
        return;
    };
    let mut npz = zip::ZipArchive::new(std::io::BufReader::new(file)).unwrap();
    fn column<T: npyz::Deserialize>(npz: &mut zip::ZipArchive<std::io::BufReader<std::fs::File>>, name: &str) -> Vec<T> {
        let file = npz.by_name(&format!("{name}.npy")).unwrap_or_else(|e| panic!("no column {name}: {e}"));
        npyz::NpyFile::new(file).unwrap().into_vec().unwrap()
    }
    let acc: Vec<i32> = column(&mut npz, "acc");
    let bits: Vec<u32> = column(&mut npz, "scale_f32_bits");
    let q: Vec<i32> = column(&mut npz, "q24");
    let shift: Vec<i32> = column(&mut npz, "shift");
    let expected: Vec<i8> = column(&mut npz, "y_ort");
    assert_eq!(acc.len(), 20_000);
    let mut wrong = 0;
    for i in 0..acc.len() {
        let scale = f32::from_bits(bits[i]);
        assert_eq!(split_scale(scale), Some((q[i] as u32, shift[i] as u32)), "row {i}");
        let integer = requant_integer(acc[i], q[i] as u32, shift[i] as u32, 0);
        wrong += usize::from(integer != expected[i] || requant_float(acc[i], scale, 0) != expected[i]);
    }
    assert_eq!(wrong, 0, "mismatches of {}", acc.len());
}
