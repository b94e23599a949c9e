// SPDX-License-Identifier: Apache-2.0
//! The requantiser, against docs/arithmetic.md, float32 and ONNX Runtime.

use super::shared::stages::Stages;
use crate::common::{bench, block, block_variants};
use harness::Stream;
use harness::verilated::Spec;
use rand::RngExt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use systole_golden::operator::{requant_float, requant_integer};
use systole_isa::requant::split_scale;
use systole_isa::{Config, Latency};

#[derive(Clone, Copy)]
struct Requant {
    acc: i32,
    bias: i32,
    q: u32,
    shift: u32,
    zero_point: i8,
}

/// What a requantiser makes of a stream of vectors, one in most cycles.
fn requant(spec: &Spec, cases: Vec<Requant>) -> Vec<i8> {
    bench(spec, 1, move |sim, clk| async move {
        let [en, total, bias, q, shift, zp, y, biased] =
            ["en_i", "total_i", "bias_i", "q_i", "shift_i", "zero_point_i", "y_o", "biased_o"].map(|s| sim.signal(s));
        let mut out = Vec::with_capacity(cases.len());
        let gap = |n: usize| (n % 23 == 22).then_some(None);
        let cases: Vec<Option<Requant>> =
            cases.into_iter().enumerate().flat_map(|(n, c)| gap(n).into_iter().chain([Some(c)])).collect();
        let case = |t: usize| cases.get(t).copied().flatten();
        let mut enables = Stages::new(8);
        let latency = Latency::of(&Config::own()).requant as usize;
        for t in 0..cases.len() + latency {
            en.set(enables.cycle(case(t).is_some()));
            if let Some(c) = case(t) {
                total.set(c.acc as u32 as u64);
                bias.set(c.bias as u32 as u64);
            }
            if let Some(c) = t.checked_sub(3).and_then(case) {
                q.set(c.q.into());
                shift.set(c.shift.into());
            }
            if let Some(c) = t.checked_sub(7).and_then(case) {
                zp.set((c.zero_point as u8).into());
            }
            clk.rising_edge().await;
            if let Some(c) = t.checked_sub(1).and_then(case) {
                assert_eq!(biased.get() as u32 as i32, c.acc.wrapping_add(c.bias));
            }
            if t.checked_sub(latency).and_then(case).is_some() {
                out.push(y.get() as u8 as i8);
            }
        }
        out
    })
}

fn check_requant(cases: Vec<Requant>) {
    let [rtl, ecp5] = block_variants("systole_requant").map(|spec| requant(&spec, cases.clone()));
    assert_eq!(rtl, ecp5, "the ECP5's multipliers give the same");
    assert_eq!(rtl.len(), cases.len());
    for (c, y) in cases.iter().zip(rtl) {
        let acc = c.acc.wrapping_add(c.bias);
        let expected = requant_integer(acc, c.q, c.shift, c.zero_point);
        assert_eq!(y, expected, "requantised: acc {acc}, q {}, shift {}, zero point {}", c.q, c.shift, c.zero_point);
        if c.shift <= 62 {
            let scale = (f64::from(c.q) * (-f64::from(c.shift)).exp2()) as f32;
            assert_eq!(expected, requant_float(acc, scale, c.zero_point), "float32: acc {acc}, scale {scale:e}");
        }
    }
}

#[test]
fn requantiser_agrees_at_every_corner() {
    let accs = [
        0,
        1,
        -1,
        2,
        127,
        -128,
        255,
        256,
        (1 << 24) - 1,
        1 << 24,
        (1 << 24) + 1,
        (1 << 25) + 2,
        (1 << 25) + 6,
        i32::MAX,
        i32::MIN,
        i32::MIN + 1,
        0x0100_0003,
        -0x0180_0001,
    ];
    let mut cases = Vec::new();
    for acc in accs {
        for shift in 0..=63 {
            for q in [1 << 23, (1 << 23) + 1, (1 << 24) - 1, 13_421_773] {
                for zero_point in [-128, 0, 127] {
                    cases.push(Requant { acc, bias: 0, q, shift, zero_point });
                }
            }
        }
    }
    check_requant(cases);
}

/// Products that lie above one half by exactly the window in which they count as ties (docs/arithmetic.md), nothing behind it or as little as there
/// can be, at large shifts: `(m + 1/2 + 2^(k - 24)) 2^shift`, k = floor(log2 m), as a product of two factors.
#[test]
fn requantiser_agrees_at_the_edge_of_the_window_of_ties() {
    let mut cases = Vec::new();
    for k in 0..7u32 {
        for m in 1u64 << k..2 << k {
            let n = (m << (24 - k)) + (1 << (23 - k)) + 1;
            for f in (1..1u64 << 13).filter(|f| n % f == 0) {
                for (q, rest) in [(f, n / f), (n / f, f)] {
                    let up = q.leading_zeros() as i32 - 40; // to 24 bits
                    for shift in 26..=44i32 {
                        let i = k as i32 + shift - 24 - up;
                        if up >= 0 && (0..24).contains(&i) && rest << i < 1 << 24 {
                            for beside in -1..=1 {
                                let acc = ((rest << i) as i32 + beside) * if m % 3 == 0 { -1 } else { 1 };
                                let (q, shift) = ((q << up) as u32, shift as u32);
                                cases.push(Requant { acc, bias: 0, q, shift, zero_point: 3 });
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(cases.iter().filter(|c| c.shift >= 32).count() > 100, "{} cases", cases.len());
    check_requant(cases);
}

#[test]
fn requantiser_agrees_at_random_and_next_to_ties() {
    let mut random = Stream::new(11, "requant");
    let mut cases = Vec::new();
    for _ in 0..60_000 {
        let q = random.random_range(1u32 << 23..1 << 24);
        let shift = random.random_range(14u32..52);
        // A result of about -300 .. 300, as often as not beside a half-integer.
        let target = random.random_range(-300.0f64..300.0);
        let target = if random.random_bool(0.5) { target.floor() + 0.5 } else { target };
        let exact = target * f64::from(shift).exp2() / f64::from(q);
        let acc = (exact.clamp(-2e9, 2e9) as i32).saturating_add(random.random_range(-1..=1));
        let bias = random.random_range(-1_000_000..1_000_000);
        cases.push(Requant { acc: acc.wrapping_sub(bias), bias, q, shift, zero_point: random.random_range(-128i8..=127) });
    }
    check_requant(cases);
}

#[test]
fn requantiser_agrees_on_all_int8_products_at_several_scales() {
    for scale in [1.0f32, 0.5, 1.0 / 256.0, 0.007_812_6, 0.003_921_57, 0.05, 2.7e-4] {
        let (q, shift) = split_scale(scale).unwrap();
        let cases = (-128..128)
            .flat_map(|a| (-128..128).map(move |b| Requant { acc: a * b, bias: 0, q, shift, zero_point: 0 }))
            .collect();
        check_requant(cases);
    }
}

fn column<T: npyz::Deserialize>(npz: &mut zip::ZipArchive<BufReader<File>>, name: &str) -> Vec<T> {
    npyz::NpyFile::new(npz.by_name(&format!("{name}.npy")).unwrap()).unwrap().into_vec().unwrap()
}

/// The columns of the conformance vectors, where they are beside the checkout.
fn vectors() -> Option<(Vec<i32>, Vec<u32>, Vec<i8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/requant/vectors.npz");
    let mut npz = zip::ZipArchive::new(BufReader::new(File::open(path).ok()?)).unwrap();
    let acc = column(&mut npz, "acc");
    let scale = column(&mut npz, "scale_f32_bits");
    let y = column(&mut npz, "y_ort");
    Some((acc, scale, y))
}

#[test]
fn requantiser_agrees_with_onnx_runtime_on_every_conformance_vector() {
    let Some((acc, scale, expected)) = vectors() else {
        println!("the conformance vectors are not beside this checkout; nothing to compare");
        return;
    };
    let cases: Vec<Requant> = acc
        .iter()
        .zip(&scale)
        .map(|(&acc, &bits)| {
            let (q, shift) = split_scale(f32::from_bits(bits)).unwrap();
            Requant { acc, bias: 0, q, shift, zero_point: 0 }
        })
        .collect();
    assert_eq!(cases.len(), 20_000);
    let rust = cases.iter().zip(&expected).filter(|(c, e)| requant_integer(c.acc, c.q, c.shift, 0) != **e).count();
    let rtl = requant(&block("systole_requant"), cases).iter().zip(&expected).filter(|(y, e)| y != e).count();
    assert_eq!((rust, rtl), (0, 0), "mismatches of 20,000 in Rust and in RTL");
}
