// SPDX-License-Identifier: Apache-2.0
//! Integer constants for products of two maps.
//!
//! The code of a product depends on `p = (a - za) * (b - zb)` alone where ONNX Runtime fuses it, and never falls where p grows: for a
//! given multiplier and shift the least and the largest p of each code allow the offset one interval, and an offset in all
//! intervals is exact.

use serde::Serialize;
use std::collections::BTreeMap;
use systole_model::Product;
use systole_model::graph::SumRounding;

use crate::add;

/// Constants of `y = sat8(rne((p * m + offset) / 2^shift) + zero point)`, p the product of the codes less their zero points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProductConstants {
    /// Zero points of a and b.
    pub zeros: [i8; 2],
    /// Multiplier, 26 bits signed.
    pub m: i32,
    /// Offset, 48 bits signed.
    pub offset: i64,
    /// Shift, 0 to 40.
    pub shift: u32,
    /// Added after rounding: the zero point of a product in float32, 0 of a fused one, whose offset has it.
    pub zero_point: i8,
    /// Of 65,536 operand pairs, how many give another code than the reference.
    pub differing_codes: u32,
}

const LIMIT: f64 = ((1 << 25) - 1) as f64;
/// Shifts tried, and how far the multiplier strays from the nearest.
const SHIFTS: u32 = 6;
const STRAY: i64 = 48;

/// The codes of all pairs: how many have this product and this code.
struct Pairs {
    counts: BTreeMap<(i64, i8), u32>,
    /// Least and largest product of each code that has any.
    reach: BTreeMap<i8, (i64, i64)>,
    lo: i8,
    hi: i8,
    after: i64,
}

impl Pairs {
    fn new(product: &Product, lo: i8, hi: i8) -> Pairs {
        let mut counts = BTreeMap::new();
        let mut reach: BTreeMap<i8, (i64, i64)> = BTreeMap::new();
        for a in i8::MIN..=i8::MAX {
            for b in i8::MIN..=i8::MAX {
                let p = (i64::from(a) - i64::from(product.a_zero_point)) * (i64::from(b) - i64::from(product.b_zero_point));
                let code = product.reference(a, b).clamp(lo, hi);
                *counts.entry((p, code)).or_default() += 1;
                let ends = reach.entry(code).or_insert((p, p));
                *ends = (ends.0.min(p), ends.1.max(p));
            }
        }
        let after = if product.rounding == SumRounding::Float32 { product.y_zero_point.into() } else { 0 };
        Pairs { counts, reach, lo, hi, after }
    }

    /// Offsets with which every pair gives its code: from the first to the second, none where that is less.
    fn offsets(&self, m: i64, shift: u32) -> (i64, i64) {
        let one = 1i64 << shift;
        let half = one / 2;
        let mut all = (i64::MIN / 4, i64::MAX / 4);
        for (&code, &(least, most)) in &self.reach {
            let y = i64::from(code) - self.after;
            // The ends (ties) round to even; shift 0 has none.
            let odd = i64::from(y & 1 == 1 && shift > 0);
            if code > self.lo {
                all.0 = all.0.max(y * one - half + odd - least * m);
            }
            if code < self.hi {
                all.1 = all.1.min(y * one + half - odd - most * m);
            }
        }
        all
    }

    /// Pairs that get another code.
    fn differing(&self, m: i64, offset: i64, shift: u32) -> u32 {
        let differs = |p: i64, code: i8| add::scale(p * m + offset, shift, self.after).clamp(self.lo, self.hi) != code;
        self.counts.iter().filter(|((p, code), _)| differs(*p, *code)).map(|(_, n)| n).sum()
    }
}

/// Searches constants that agree with [`Product::reference`] on all operand pairs where the result is clamped to `lo ..= hi`
/// afterwards, or else differ for the fewest it finds.
pub fn choose_product(product: &Product, lo: i8, hi: i8) -> ProductConstants {
    let pairs = Pairs::new(product, lo, hi);
    let ratio = f64::from(product.a_scale) * f64::from(product.b_scale) / f64::from(product.y_scale);
    let zero = i64::from(product.y_zero_point) - pairs.after;
    let found = |m: i64, offset: i64, shift: u32, differing_codes: u32| ProductConstants {
        zeros: [product.a_zero_point, product.b_zero_point],
        m: m as i32,
        offset,
        shift,
        zero_point: pairs.after as i8,
        differing_codes,
    };
    // Sums must stay below 2^46 where nothing saturates.
    let top = (0..=37).rev().find(|&s| ratio * f64::from(s).exp2() <= LIMIT).unwrap_or(0);
    let nearest = |shift: u32| (ratio * f64::from(shift).exp2()).round().min(LIMIT) as i64;
    // The multiplier whose intervals miss each other by least, in units of the result.
    let mut closest = (f64::INFINITY, nearest(top), top);
    for shift in (0..=top).rev().take(SHIFTS as usize) {
        let mut strays: Vec<i64> = (-STRAY..=STRAY).collect();
        strays.sort_by_key(|i| i.abs());
        for m in strays.into_iter().map(|i| nearest(shift) + i).filter(|&m| m >= 0 && m as f64 <= LIMIT) {
            let (low, high) = pairs.offsets(m, shift);
            if low <= high {
                let offset = (zero << shift).clamp(low, high);
                return found(m, offset, shift, pairs.differing(m, offset, shift));
            }
            let gap = (low - high) as f64 / f64::from(shift).exp2();
            if gap < closest.0 {
                closest = (gap, m, shift);
            }
        }
    }
    let mut best: Option<ProductConstants> = None;
    for (m, shift) in [(nearest(top), top), (closest.1, closest.2)] {
        let (low, high) = pairs.offsets(m, shift);
        let steps = (0..=8).map(|i| high + (low - high) / 8 * i);
        for offset in steps.chain([zero << shift]).filter(|o| o.abs() < 1 << 47) {
            let differing = pairs.differing(m, offset, shift);
            if best.is_none_or(|b| differing < b.differing_codes) {
                best = Some(found(m, offset, shift, differing));
            }
        }
    }
    best.unwrap_or_else(|| found(0, 0, 0, 65536))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(a: (f32, i8), b: (f32, i8), y: (f32, i8), rounding: SumRounding) -> Product {
        Product { a_scale: a.0, a_zero_point: a.1, b_scale: b.0, b_zero_point: b.1, y_scale: y.0, y_zero_point: y.1, rounding }
    }

    /// All pairs, exactly, in wide integers.
    fn differing(of: &Product, c: &ProductConstants) -> u32 {
        let mut count = 0;
        for a in i8::MIN..=i8::MAX {
            for b in i8::MIN..=i8::MAX {
                let p = (i128::from(a) - i128::from(c.zeros[0])) * (i128::from(b) - i128::from(c.zeros[1]));
                let (n, d) = (p * i128::from(c.m) + i128::from(c.offset), 1i128 << c.shift);
                let (floor, rest) = (n.div_euclid(d), n.rem_euclid(d));
                let y = floor + i128::from(2 * rest > d || 2 * rest == d && floor.rem_euclid(2) == 1) + i128::from(c.zero_point);
                count += u32::from(y.clamp(-128, 127) as i8 != of.reference(a, b));
            }
        }
        count
    }

    #[test]
    fn fused_products_of_random_scales_are_exact_and_the_count_is_that_of_all_pairs() {
        let mut seed = 0x2345_6789u32;
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((seed >> 16) as u16) / 65536.0
        };
        for (rounding, least) in
            [(SumRounding::Fused { unsigned: false }, 38), (SumRounding::Fused { unsigned: true }, 38), (SumRounding::Float32, 0)]
        {
            let mut exact = 0;
            for _ in 0..40 {
                let mut tensor = || (0.002 + random() * 0.2, (random() * 255.0 - 128.0) as i8);
                let (a, b) = (tensor(), tensor());
                let zero = tensor().1;
                let y = (a.0 * b.0 * (1.0 + random() * 300.0), zero);
                let case = product(a, b, y, rounding);
                let c = choose_product(&case, -128, 127);
                assert_eq!(differing(&case, &c), c.differing_codes, "{case:?}");
                assert!(c.m.abs() < 1 << 25 && c.offset.abs() < 1 << 47 && c.shift <= 40, "{c:?}");
                exact += u32::from(c.differing_codes == 0);
            }
            println!("{exact} of 40 exact, {rounding:?}");
            assert!(exact >= least, "{exact} of 40 exact, {rounding:?}");
        }
    }

    #[test]
    fn halves_are_exact() {
        for z in [0, 1, -1, 7, -128, 127] {
            for y in [0.25, 0.5, 1.0, 2.0, 4.0] {
                for rounding in
                    [SumRounding::Fused { unsigned: false }, SumRounding::Fused { unsigned: true }, SumRounding::Float32]
                {
                    let case = product((0.5, 3), (0.25, -7), (y, z), rounding);
                    assert_eq!(choose_product(&case, -128, 127).differing_codes, 0, "{case:?}");
                }
            }
        }
    }

    #[test]
    fn extreme_scales_neither_panic_nor_overflow() {
        for (a, b, y) in [(1e7, 1e7, 1e-30), (1e-30, 1e7, 1.0), (1e-19, 1e-19, 1e7), (1e3, 1e3, 1e-2)] {
            let case = product((a, 3), (b, -3), (y, 5), SumRounding::Fused { unsigned: false });
            let c = choose_product(&case, -128, 127);
            assert_eq!(differing(&case, &c), c.differing_codes, "{case:?}");
        }
    }
}
