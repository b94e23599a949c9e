// SPDX-License-Identifier: Apache-2.0
//! Arithmetic leaves: multipliers, requantiser, residual add, accumulators, each against the
//! documents.

use crate::common::{bench, block, block_netlist, block_variants};
use harness::Stream;
use harness::verilated::Spec;
use rand::RngExt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use systole_golden::operator::{requant_float, requant_integer};
use systole_isa::requant::split_scale;

#[test]
fn mul8_gives_all_65536_signed_products_and_holds_its_weight() {
    block_variants("systole_mul8").iter().for_each(check_mul8);
}

fn check_mul8(spec: &Spec) {
    let checked = bench(spec, 1, |sim, clk| async move {
        let [load, x, w, p, zero] = ["load_i", "x_i", "w_i", "p_o", "zero_i"].map(|s| sim.signal(s));
        let mut random = sim.random("zero points that do not count");
        let mut due = std::collections::VecDeque::new();
        let mut checked = 0;
        for weight in -128i32..128 {
            for value in -128i32..128 {
                load.set(u64::from(value == -128));
                // A weight that is not loaded must not count.
                w.set(if value == -128 { weight as u8 } else { !weight as u8 }.into());
                zero.set(random.random_range(0..256));
                x.set((value as u8).into());
                due.push_back(weight * value);
                clk.rising_edge().await;
                if due.len() == 3 {
                    assert_eq!(p.get() as u16 as i16, due.pop_front().unwrap() as i16);
                    checked += 1;
                }
            }
        }
        checked
    });
    assert_eq!(checked, 65536 - 2);
}

#[test]
fn mul8_with_zero_points_gives_all_products_of_nine_bits() {
    let specs = block_variants("systole_mul8").map(|spec| spec.parameter("ZERO", 1));
    let soft = specs[1].clone().parameter("SOFT", 1);
    for spec in specs.iter().chain([&soft]) {
        let checked = bench(spec, 1, |sim, clk| async move {
            let [load, x, w, p, zero] = ["load_i", "x_i", "w_i", "p_o", "zero_i"].map(|s| sim.signal(s));
            let mut random = sim.random("bytes");
            // Each weight of nine bits by the lowest and the highest byte that make it, with every x; then every weight with every
            // zero point, with one.
            let held = (-255i32..256).flat_map(|v| [(v - 128).max(-128), (v + 127).min(127)].map(|w| (w, w - v)));
            let mut steps: Vec<(bool, i32, i32, i32)> = vec![];
            for (w, zero) in held {
                steps.extend((-128..128).map(|x| (x == -128, x, w, zero)));
            }
            for (w, zero) in (-128..128).flat_map(|w| (-128..128).map(move |zero| (w, zero))) {
                steps.push((true, if random.chance(0.5) { -128 } else { random.random_range(-128..128) }, w, zero));
            }
            let (mut due, mut checked) = (std::collections::VecDeque::new(), 0u64);
            for &(loads, value, weight, zero_point) in &steps {
                load.set(loads.into());
                // What is not loaded must not count.
                w.set(if loads { weight as u8 } else { random.random() }.into());
                zero.set(if loads { zero_point as u8 } else { random.random() }.into());
                x.set((value as u8).into());
                due.push_back((weight - zero_point) * value);
                clk.rising_edge().await;
                if due.len() == 3 {
                    assert_eq!(i32::from(p.get() as u16 as i16), due.pop_front().unwrap(), "16 bits are enough");
                    checked += 1;
                }
            }
            checked
        });
        assert_eq!(checked, 511 * 2 * 256 + 65536 - 2);
    }
}

#[test]
fn products_of_8_and_9_bits_are_right_in_a_multiplier_of_the_ecp5_and_without_one() {
    let [plain, ecp5] = block_variants("systole_mul");
    for (spec, bits) in [plain, ecp5.clone(), ecp5.parameter("SOFT", 1)].iter().flat_map(|spec| [(spec, 8), (spec, 9)]) {
        let spec = spec.clone().parameter("A_W", bits).parameter("B_W", 8);
        let checked = bench(&spec, 1, move |sim, clk| async move {
            let [en, a, b, p] = ["en_i", "a_i", "b_i", "p_o"].map(|s| sim.signal(s));
            en.set(1);
            let mask = |value: i32, bits: u32| (value as u32 & ((1 << bits) - 1)).into();
            let (mut due, mut checked) = (std::collections::VecDeque::new(), 0);
            let half = 1i32 << (bits - 1);
            for (x, y) in (-half..half).flat_map(|x| (-128i32..128).map(move |y| (x, y))) {
                a.set(mask(x, bits));
                b.set(mask(y, 8));
                due.push_back(x * y);
                clk.rising_edge().await;
                if due.len() == 2 {
                    assert_eq!(p.get(), mask(due.pop_front().unwrap(), bits + 8));
                    checked += 1;
                }
            }
            checked
        });
        assert_eq!(checked, 256 * (1 << bits) - 1);
    }
}

#[test]
fn mul24_is_exact_at_its_corners_and_at_random() {
    block_variants("systole_mul24").iter().for_each(check_mul24);
}

fn check_mul24(spec: &Spec) {
    bench(spec, 1, |sim, clk| async move {
        let [en, a, b, p] = ["en_i", "a_i", "b_i", "p_o"].map(|s| sim.signal(s));
        en.set(3);
        let mut random = sim.random("operands");
        let corners = [0u64, 1, (1 << 17) - 1, 1 << 17, (1 << 23) + 1, (1 << 24) - 1, 1 << 24];
        let mut cases: Vec<(u64, u64)> = corners.iter().flat_map(|&a| corners[..6].iter().map(move |&b| (a, b))).collect();
        cases.extend((0..5000).map(|_| (random.below((1 << 24) + 1), random.below(1 << 24))));
        let mut due = std::collections::VecDeque::new();
        for (va, vb) in cases {
            a.set(va);
            b.set(vb);
            due.push_back(va * vb);
            clk.rising_edge().await;
            if due.len() == 3 {
                assert_eq!(p.get(), due.pop_front().unwrap());
            }
        }
    });
}

#[derive(Clone, Copy)]
struct Requant {
    acc: i32,
    bias: i32,
    q: u32,
    shift: u32,
    zero_point: i8,
}

/// What a requantiser makes of a stream of vectors, one a cycle.
fn requant(spec: &Spec, cases: Vec<Requant>) -> Vec<i8> {
    bench(spec, 1, move |sim, clk| async move {
        let [en, total, bias, q, shift, zp, y, biased] =
            ["en_i", "total_i", "bias_i", "q_i", "shift_i", "zero_point_i", "y_o", "biased_o"].map(|s| sim.signal(s));
        en.set(0xff);
        let mut out = Vec::with_capacity(cases.len());
        for t in 0..cases.len() + 8 {
            if let Some(c) = cases.get(t) {
                total.set(c.acc as u32 as u64);
                bias.set(c.bias as u32 as u64);
            }
            if let Some(c) = t.checked_sub(3).and_then(|t| cases.get(t)) {
                q.set(c.q.into());
                shift.set(c.shift.into());
            }
            if let Some(c) = t.checked_sub(7).and_then(|t| cases.get(t)) {
                zp.set((c.zero_point as u8).into());
            }
            clk.rising_edge().await;
            if let Some(c) = t.checked_sub(1).and_then(|t| cases.get(t)) {
                assert_eq!(biased.get() as u32 as i32, c.acc.wrapping_add(c.bias));
            }
            if t >= 8 {
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
        assert_eq!(y, expected, "acc {acc}, q {}, shift {}, zero point {}", c.q, c.shift, c.zero_point);
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

#[test]
fn residual_add_rounds_half_to_even_and_saturates() {
    block_variants("systole_residual").iter().for_each(check_residual);
}

fn check_residual(spec: &Spec) {
    bench(spec, 5, |sim, clk| async move {
        let names = ["en_i", "a_i", "b_i", "ma_i", "mb_i", "mul_i", "offset_i", "shift_i", "zero_point_i", "max_i", "y_o"];
        let [en, a, b, ma, mb, mul, offset, shift, zp, max, y] = names.map(|s| sim.signal(s));
        // Every seventh a product, with zero points in place of the second multiplier.
        let zeros = |n: usize, mb: i64| (n % 7 == 3).then_some([mb as i8, (mb >> 8) as i8]);
        let terms = |n: usize, a: i8, b: i8, ma: i64, mb: i64| match zeros(n, mb) {
            Some([za, zb]) => (i64::from(a) - i64::from(za)) * (i64::from(b) - i64::from(zb)) * ma,
            None => i64::from(a) * ma + i64::from(b) * mb,
        };
        en.set(0x3f);
        let mut random = sim.random("operands");
        let mut cases = Vec::new();
        for n in 0..40_000 {
            let s = random.random_range(0u32..=40);
            let limit = 1i64 << 25;
            let m = |random: &mut Stream| match n % 4 {
                0 => random.random_range(-limit..limit),
                1 => [-limit, limit - 1, 0, 1][random.random_range(0..4)],
                _ => random.random_range(-limit..limit) >> random.random_range(0..20),
            };
            let (va, vb): (i8, i8) = (random.random(), random.random());
            let (vma, vmb) = (m(&mut random), m(&mut random));
            let product = terms(n, va, vb, vma, vmb);
            let mut off = random.random_range(-(1i64 << 47)..1 << 47) >> random.random_range(0..30);
            if n % 3 == 0 && s > 0 {
                // An exact tie, or one step beside it.
                let base = random.random_range(-140i64..140) << s;
                off = (base + (1 << (s - 1)) - product + random.random_range(-1i64..=1)).clamp(-(1 << 47), (1 << 47) - 1);
            }
            cases.push((va, vb, vma, vmb, off, s, random.random::<i8>()));
        }
        for t in 0..cases.len() + 6 {
            if let Some(&(va, vb, ..)) = cases.get(t) {
                a.set((va as u8).into());
                b.set((vb as u8).into());
            }
            if let Some(c) = t.checked_sub(1).and_then(|t| cases.get(t)) {
                ma.set(c.2 as u64);
                mb.set(c.3 as u64);
                mul.set(u64::from(zeros(t - 1, c.3).is_some()));
            }
            if let Some(c) = t.checked_sub(3).and_then(|t| cases.get(t)) {
                offset.set(c.4 as u64);
            }
            if let Some(c) = t.checked_sub(4).and_then(|t| cases.get(t)) {
                shift.set(c.5.into());
                zp.set((c.6 as u8).into());
                max.set(u64::from((t - 4) % 5 == 0));
            }
            clk.rising_edge().await;
            if let Some(&(va, vb, vma, vmb, off, s, z)) = t.checked_sub(6).and_then(|t| cases.get(t)) {
                if (t - 6) % 5 == 0 {
                    assert_eq!(y.get() as u8 as i8, va.max(vb), "the larger of {va} and {vb}");
                    continue;
                }
                let sum = i128::from(terms(t - 6, va, vb, vma, vmb)) + i128::from(off);
                let floor = sum >> s;
                let twice = 2 * (sum - (floor << s));
                let one = 1i128 << s;
                let up = twice > one || (twice == one && floor & 1 == 1);
                let expected = (floor + i128::from(up) + i128::from(z)).clamp(-128, 127) as i8;
                let how = zeros(t - 6, vmb).map_or("sum", |_| "product");
                assert_eq!(y.get() as u8 as i8, expected, "{how} of {va}, {vb} by {vma}, {vmb}, + {off} >> {s}, + {z}");
            }
        }
    });
}

#[test]
fn accumulators_forward_at_every_distance() {
    accumulators(&block("systole_acc").parameter("COLS", 4).parameter("DEPTH", 16));
}

/// LUTs and their RAM, registers. The whole chip's netlist is in the long suite.
#[test]
fn accumulators_forward_as_yosys_makes_them_for_an_ecp5() {
    accumulators(&block_netlist("systole_acc", &["COLS=4", "DEPTH=16"]));
}

fn accumulators(spec: &Spec) {
    const COLS: usize = 4;
    bench(spec, 3, |sim, clk| async move {
        let [valid, addr, first, last, sum, last_o, total] =
            ["valid_i", "addr_i", "first_i", "last_i", "sum_i", "last_o", "total_o"].map(|s| sim.signal(s));
        let mut random = sim.random("vectors");
        // Control in cycle A, sums in A + 2, totals in A + 3.
        let mut model = [[0i32; COLS]; 16];
        let mut started = [false; 16];
        let mut vectors: Vec<Option<([i32; COLS], Option<[i32; COLS]>)>> = Vec::new();
        let mut finals = 0;
        for t in 0..30_000usize {
            let mut entry = None;
            valid.set(0);
            if random.chance(0.9) {
                // Few addresses, so that every distance occurs.
                let at = if t % 2000 < 1000 { random.below(4) } else { random.below(16) } as usize;
                let begin = !started[at] || random.chance(0.2);
                let end = random.chance(0.3);
                let values: [i32; COLS] = std::array::from_fn(|_| random.random_range(-(1 << 19)..1 << 19));
                for (m, v) in model[at].iter_mut().zip(values) {
                    *m = if begin { v } else { m.wrapping_add(v) };
                }
                started[at] = !end;
                valid.set(1);
                addr.set(at as u64);
                first.set(u64::from(begin));
                last.set(u64::from(end));
                entry = Some((values, end.then_some(model[at])));
            }
            vectors.push(entry);
            if let Some(Some((values, _))) = t.checked_sub(2).map(|t| &vectors[t]) {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                sum.set_bytes(&bytes);
            }
            clk.rising_edge().await;
            if let Some(before) = t.checked_sub(1) {
                let expected = vectors[before].as_ref().is_some_and(|v| v.1.is_some());
                assert_eq!(last_o.is_high(), expected, "POST's take");
            }
            if let Some(Some((_, Some(expected)))) = t.checked_sub(3).map(|t| &vectors[t]) {
                let mut bytes = [0u8; COLS * 4];
                total.get_bytes(&mut bytes);
                let got: Vec<i32> = bytes.chunks(4).map(|b| i32::from_le_bytes(b.try_into().unwrap())).collect();
                assert_eq!(got, expected, "cycle {t}");
                finals += 1;
            }
        }
        assert!(finals > 5000);
    });
}
