// SPDX-License-Identifier: Apache-2.0
//! Integer constants for residual adds.
//!
//! For given multipliers and shift every operand pair allows the offset one interval (its
//! result must round to the reference's); an offset in all intervals is exact. Pairs whose sum
//! is nowhere near a rounding boundary allow everything that rounding errors can ask for, so the
//! search looks at the few near ones and confirms the winner on all 65,536.

use serde::Serialize;
use systole_model::Add;
use systole_model::graph::SumRounding;

/// Constants of `y = sat8(rne((a * ma + b * mb + offset) / 2^shift) + zero point)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AddConstants {
    /// Multiplier of a, 26 bits signed.
    pub ma: i32,
    /// Multiplier of b, 26 bits signed.
    pub mb: i32,
    /// Offset, 48 bits signed.
    pub offset: i64,
    /// Shift, 0 to 40.
    pub shift: u32,
    /// Added after rounding: the zero point of a sum in float32, 0 of a fused one, whose offset has it.
    pub zero_point: i8,
    /// Of 65,536 operand pairs, how many give another code than the reference.
    pub differing_codes: u32,
}

const LIMIT: f64 = ((1 << 25) - 1) as f64;
const OFFSET: f64 = (1i64 << 46) as f64;
/// Shifts tried, and how far each multiplier strays from the nearest.
const SHIFTS: u32 = 4;
const STRAY: i64 = 4;

/// Searches constants that agree with [`Add::reference`] on all operand pairs, or else differ
/// for the fewest it finds.
pub fn choose_add(add: &Add) -> AddConstants {
    choose_add_within(add, -128, 127)
}

/// The same where the result is clamped to `lo ..= hi` afterwards.
pub fn choose_add_within(add: &Add, lo: i8, hi: i8) -> AddConstants {
    let pairs = Pairs::new(add, lo, hi);
    let (ra, rb) = (f64::from(add.a_scale) / f64::from(add.y_scale), f64::from(add.b_scale) / f64::from(add.y_scale));
    let largest = ra.max(rb);
    let mut best: Option<AddConstants> = None;
    // The largest shift for which multipliers and offset fit; scales so large that none fits
    // saturate every code that is not a zero point, as the clamped multipliers do.
    let room = |s: u32| largest * f64::from(s).exp2() <= LIMIT && 512.0 * f64::from(s).exp2() <= OFFSET;
    let top = (0..=37).rev().find(|&s| room(s)).unwrap_or(0);
    for shift in (0..=top).rev().take(SHIFTS as usize) {
        let scale = f64::from(shift).exp2();
        let (ma, mb) = ((ra * scale).round().min(LIMIT) as i64, (rb * scale).round().min(LIMIT) as i64);
        let near = pairs.near(ra, rb, shift);
        let mut strays: Vec<(i64, i64)> = (-STRAY..=STRAY).flat_map(|i| (-STRAY..=STRAY).map(move |j| (i, j))).collect();
        strays.sort_by_key(|(i, j)| i.abs() + j.abs());
        for (i, j) in strays {
            let (ma, mb) = (ma + i, mb + j);
            if ma < 0 || mb < 0 || ma as f64 > LIMIT || mb as f64 > LIMIT {
                continue;
            }
            let (offset, missed) = pairs.offset(&near, ma, mb, shift);
            if best.is_some_and(|b| missed >= b.differing_codes) {
                continue;
            }
            let differing_codes = pairs.count(ma, mb, offset, shift);
            if best.is_none_or(|b| differing_codes < b.differing_codes) {
                best = Some(AddConstants {
                    ma: ma as i32,
                    mb: mb as i32,
                    offset,
                    shift,
                    zero_point: pairs.after as i8,
                    differing_codes,
                });
            }
            if differing_codes == 0 {
                return best.unwrap_or(UNREACHED);
            }
        }
    }
    best.unwrap_or(UNREACHED)
}

/// The loop above always tries the nearest multipliers of shift `top`.
const UNREACHED: AddConstants = AddConstants { ma: 0, mb: 0, offset: 0, shift: 0, zero_point: 0, differing_codes: 65536 };

/// `sat8(rne(x / 2^shift) + zero_point)`, as the machine computes it.
pub fn scale(x: i64, shift: u32, zero_point: i64) -> i8 {
    let floor = x >> shift;
    let rest = x - (floor << shift);
    let half = if shift == 0 { i64::MAX } else { 1 << (shift - 1) };
    let up = rest > half || rest == half && floor & 1 == 1;
    (floor + i64::from(up) + zero_point).clamp(-128, 127) as i8
}

struct Pairs {
    /// Reference code by `(a + 128) * 256 + b + 128`, clamped.
    reference: Vec<i8>,
    lo: i8,
    hi: i8,
    zeros: (i64, i64, i64),
    /// The part of the sum's zero point that is added after rounding.
    after: i64,
}

fn codes(i: usize) -> (i64, i64) {
    ((i / 256) as i64 - 128, (i % 256) as i64 - 128)
}

impl Pairs {
    fn new(add: &Add, lo: i8, hi: i8) -> Pairs {
        let reference = (0..65536)
            .map(|i| {
                let (a, b) = codes(i);
                add.reference(a as i8, b as i8).clamp(lo, hi)
            })
            .collect();
        let zeros: (i64, i64, i64) = (add.a_zero_point.into(), add.b_zero_point.into(), add.y_zero_point.into());
        let after = if add.rounding == SumRounding::Float32 { zeros.2 } else { 0 };
        Pairs { reference, lo, hi, zeros, after }
    }

    /// The pairs that may decide: their real value lies near the boundary of two codes, or is
    /// not what the reference says.
    fn near(&self, ra: f64, rb: f64, shift: u32) -> Vec<usize> {
        let (za, zb, zy) = self.zeros;
        // What straying multipliers, their rounding and float32 can move a value by.
        let slack = 512.0 * (STRAY + 1) as f64 / f64::from(shift).exp2() + 1e-3;
        (0..65536)
            .filter(|&i| {
                let (a, b) = codes(i);
                let v = (a - za) as f64 * ra + (b - zb) as f64 * rb + zy as f64;
                let code = f64::from(self.reference[i]);
                let (low, high) = (code - 0.5, code + 0.5);
                let below = self.reference[i] > self.lo && v < low + slack;
                let above = self.reference[i] < self.hi && v > high - slack;
                below || above
            })
            .collect()
    }

    /// Offsets with which pair `i` gives its code: first and last.
    fn interval(&self, i: usize, ma: i64, mb: i64, shift: u32) -> (i64, i64) {
        let (a, b) = codes(i);
        let code = i64::from(self.reference[i]) - self.after;
        let one = 1i64 << shift;
        let half = one / 2;
        // x rounds to code from code * one - half to code * one + half, the ends (ties) where code is
        // even; shift 0 has no ties.
        let even = i64::from(code & 1 == 0 || shift == 0);
        let sum = a * ma + b * mb;
        let low = if self.reference[i] == self.lo { i64::MIN / 4 } else { code * one - half + (1 - even) - sum };
        let high = if self.reference[i] == self.hi { i64::MAX / 4 } else { code * one + half - (1 - even) - sum };
        (low, high)
    }

    /// An offset in the most intervals of `near`, and how many it misses.
    fn offset(&self, near: &[usize], ma: i64, mb: i64, shift: u32) -> (i64, u32) {
        let (za, zb, zy) = self.zeros;
        let natural = -za * ma - zb * mb + ((zy - self.after) << shift);
        let intervals: Vec<(i64, i64)> = near.iter().map(|&i| self.interval(i, ma, mb, shift)).collect();
        let low = intervals.iter().map(|i| i.0).max().unwrap_or(natural);
        let high = intervals.iter().map(|i| i.1).min().unwrap_or(natural);
        if low <= high {
            return (natural.clamp(low, high), 0);
        }
        // Endpoints in order: +1 where an interval begins, -1 behind its end.
        let mut events: Vec<(i64, i32)> = intervals.iter().flat_map(|&(l, h)| [(l, 1), (h + 1, -1)]).collect();
        events.sort_unstable();
        let (mut depth, mut most, mut at) = (0, i32::MIN, natural);
        for (i, &(x, d)) in events.iter().enumerate() {
            depth += d;
            let ends = events.get(i + 1).is_none_or(|e| e.0 != x);
            let sane = x.abs() < 1 << 47;
            if ends && sane && (depth > most || depth == most && (x - natural).abs() < (at - natural).abs()) {
                (most, at) = (depth, x);
            }
        }
        (at, (intervals.len() as i32 - most.max(0)) as u32)
    }

    /// Pairs of all that differ.
    fn count(&self, ma: i64, mb: i64, offset: i64, shift: u32) -> u32 {
        let differs = |i: &usize| {
            let (a, b) = codes(*i);
            scale(a * ma + b * mb + offset, shift, self.after).clamp(self.lo, self.hi) != self.reference[*i]
        };
        (0..65536).filter(differs).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUSED: SumRounding = SumRounding::Fused { unsigned: false };

    fn add_as(a: (f32, i8), b: (f32, i8), y: (f32, i8), rounding: SumRounding) -> Add {
        let ((a_scale, a_zero_point), (b_scale, b_zero_point), (y_scale, y_zero_point)) = (a, b, y);
        Add { from: 0, a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point, rounding }
    }

    fn add(a: (f32, i8), b: (f32, i8), y: (f32, i8)) -> Add {
        add_as(a, b, y, FUSED)
    }

    fn differing(add: &Add, c: &AddConstants) -> u32 {
        let mut count = 0;
        for a in -128..=127i8 {
            for b in -128..=127i8 {
                let x = i64::from(a) * i64::from(c.ma) + i64::from(b) * i64::from(c.mb) + c.offset;
                // Exactly, in wide integers, half to even.
                let (n, d) = (i128::from(x), 1i128 << c.shift);
                let (floor, rest) = (n.div_euclid(d), n.rem_euclid(d));
                let y = floor + i128::from(2 * rest > d || 2 * rest == d && floor.rem_euclid(2) == 1);
                let y = y + i128::from(c.zero_point);
                count += u32::from(y.clamp(-128, 127) as i8 != add.reference(a, b));
            }
        }
        count
    }

    #[test]
    fn the_count_is_that_of_all_pairs_and_the_constants_fit_their_fields() {
        let mut seed = 0x1234_5678u32;
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((seed >> 16) as u16) / 65536.0
        };
        for rounding in [FUSED, SumRounding::Fused { unsigned: true }, SumRounding::Float32] {
            let (mut exact, cases) = (0, 20);
            for _ in 0..cases {
                let mut tensor = || (0.002 + random() * 0.2, (random() * 255.0 - 128.0) as i8);
                let case = add_as(tensor(), tensor(), tensor(), rounding);
                let c = choose_add(&case);
                assert_eq!(differing(&case, &c), c.differing_codes, "{case:?}");
                assert!(c.ma.abs() < 1 << 25 && c.mb.abs() < 1 << 25 && c.offset.abs() < 1 << 47 && c.shift <= 40);
                exact += u32::from(c.differing_codes == 0);
            }
            assert!(exact >= cases * 9 / 10, "{exact} of {cases} exact, {rounding:?}");
        }
    }

    #[test]
    fn equal_scales_and_zero_points_are_exact() {
        for z in [-128, -3, 0, 7, 127] {
            for rounding in [FUSED, SumRounding::Float32] {
                let case = add_as((0.05, z), (0.05, z), (0.05, z), rounding);
                assert_eq!(choose_add(&case).differing_codes, 0);
            }
        }
    }

    #[test]
    fn halves_are_exact_whether_the_zero_point_is_added_before_rounding_or_after() {
        for z in [0, 1, -1, 7, -128, 127] {
            for (a, b) in [(0.5, 0.5), (0.25, 0.5), (0.25, 0.25), (1.5, 0.5)] {
                for rounding in [FUSED, SumRounding::Fused { unsigned: true }, SumRounding::Float32] {
                    let case = add_as((a, 0), (b, 3), (1.0, z), rounding);
                    assert_eq!(choose_add(&case).differing_codes, 0, "{case:?}");
                }
            }
        }
    }

    #[test]
    fn extreme_scales_neither_panic_nor_overflow() {
        for (a, b, y) in [(1e7, 1e-30, 1e-30), (1e-30, 1e7, 1.0), (1e-30, 1e-30, 1e7), (1e7, 1e7, 1e-30)] {
            let case = add((a, 3), (b, -3), (y, 5));
            let c = choose_add(&case);
            assert_eq!(differing(&case, &c), c.differing_codes, "{case:?}");
        }
    }

    #[test]
    fn a_clamp_hides_what_lies_outside_it() {
        // Scales without exact constants, found by search; both ends of the codes lie in the clamp.
        let hard = (0..2000)
            .map(|n| add((0.01 + n as f32 * 1e-5, 3), (0.02, 5), (0.023, 0)))
            .find(|c| choose_add(c).differing_codes > 0);
        let hard = hard.expect("one in a hundred has none");
        assert!(choose_add_within(&hard, 127, 127).differing_codes < choose_add(&hard).differing_codes);
    }
}
