// SPDX-License-Identifier: Apache-2.0
//! Residual add, larger of two, product: against docs/arithmetic.md.

use crate::common::{bench, block_variants};
use harness::Stream;
use harness::verilated::Spec;
use rand::RngExt;

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
        let there = |n: usize| n % 11 != 6; // in the other cycles nothing comes
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
            en.set((0..6).filter(|&k| t.checked_sub(k).is_some_and(there)).map(|k| 1 << k).sum());
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
            if let Some(&(va, vb, vma, vmb, off, s, z)) = t.checked_sub(6).filter(|&t| there(t)).and_then(|t| cases.get(t)) {
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
