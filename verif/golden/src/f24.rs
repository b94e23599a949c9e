// SPDX-License-Identifier: Apache-2.0
//! F24, the vector unit's number, as docs/arithmetic.md has it: whole numbers that are exact, rounded once.

use std::cmp::Ordering;
use systole_isa::f24::Segment;
use systole_isa::program::Function;

/// Bits of the significand, with the hidden one.
const SIGNIFICANT: u32 = 16;
/// A number with exponent field e and significand m is m * 2^(e - OFFSET).
const OFFSET: i32 = 127 + 15;
/// Far above every integer that a code or a t can tell apart.
const FAR: i32 = 40;

/// A number of the vector unit: sign, 8 bits of exponent (bias 127), 15 bits of fraction. Never a zero with a sign, a number
/// with exponent field 0 and a fraction, or exponent field 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct F24 {
    bits: u32,
}

impl From<systole_isa::f24::F24> for F24 {
    fn from(other: systole_isa::f24::F24) -> F24 {
        F24::from_bits(other.bits())
    }
}

impl From<F24> for systole_isa::f24::F24 {
    fn from(number: F24) -> Self {
        Self::from_bits(number.bits)
    }
}

impl PartialOrd for F24 {
    fn partial_cmp(&self, other: &F24) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By value.
impl Ord for F24 {
    fn cmp(&self, other: &F24) -> Ordering {
        self.to_f64().total_cmp(&other.to_f64())
    }
}

impl F24 {
    /// 0.
    pub const ZERO: F24 = F24 { bits: 0 };
    /// 1.
    pub const ONE: F24 = F24 { bits: 127 << 15 };
    /// The largest number.
    pub const MAX: F24 = F24 { bits: 254 << 15 | 0x7fff };
    /// The lowest number: minus the largest.
    pub const LOWEST: F24 = F24 { bits: 1 << 23 | F24::MAX.bits };

    /// The number with these 24 bits. Exponent field 0 is zero, 255 the largest number with that sign.
    pub fn from_bits(bits: u32) -> F24 {
        match bits >> 15 & 0xff {
            0 => F24::ZERO,
            255 => F24 { bits: bits & 1 << 23 | F24::MAX.bits },
            _ => F24 { bits: bits & 0xff_ffff },
        }
    }

    /// Its 24 bits.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// The float32 with the same value, as a VECTOR result on OUT has it.
    pub fn word(self) -> u32 {
        self.bits << 8
    }

    /// Its value, exactly.
    pub fn to_f64(self) -> f64 {
        f64::from(f32::from_bits(self.word()))
    }

    /// `(m, p)` with the value m * 2^p and 2^15 <= |m| < 2^16; `(0, 0)` of zero.
    fn parts(self) -> (i128, i32) {
        let exponent = self.bits >> 15 & 0xff;
        if exponent == 0 {
            return (0, 0);
        }
        let magnitude = i128::from(1 << 15 | self.bits & 0x7fff);
        (if self.bits >> 23 == 1 { -magnitude } else { magnitude }, exponent as i32 - OFFSET)
    }

    /// The exact `value` * 2^`power`, rounded to 16 significant bits, to nearest, ties to even; then too large is the largest
    /// number, too small is 0.
    fn round(value: i128, power: i32) -> F24 {
        if value == 0 {
            return F24::ZERO;
        }
        let mut m = value.unsigned_abs();
        let width = 128 - m.leading_zeros();
        let mut power = power + width as i32 - SIGNIFICANT as i32;
        if width <= SIGNIFICANT {
            m <<= SIGNIFICANT - width;
        } else {
            let drop = width - SIGNIFICANT;
            let (rest, half) = (m & ((1 << drop) - 1), 1u128 << (drop - 1));
            m >>= drop;
            if rest > half || (rest == half && m & 1 == 1) {
                m += 1;
            }
            if m == 1 << SIGNIFICANT {
                m >>= 1;
                power += 1;
            }
        }
        let sign = u32::from(value < 0) << 23;
        match power + OFFSET {
            e if e < 1 => F24::ZERO,
            e if e > 254 => F24 { bits: sign | F24::MAX.bits },
            e => F24 { bits: sign | (e as u32) << 15 | (m as u32 & 0x7fff) },
        }
    }

    /// An integer, rounded: a sum of the array, or the sum of a reduction.
    pub fn from_int(value: impl Into<i64>) -> F24 {
        F24::round(i128::from(value.into()), 0)
    }

    /// a * b.
    #[allow(clippy::should_implement_trait)]
    pub fn mul(self, other: F24) -> F24 {
        let ((a, p), (b, q)) = (self.parts(), other.parts());
        F24::round(a * b, p + q)
    }

    /// a + b.
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, other: F24) -> F24 {
        let ((a, p), (b, q)) = (self.parts(), other.parts());
        // A number moves another that is 2^40 times larger by no half of a unit in its last place.
        match () {
            () if a == 0 => other,
            () if b == 0 => self,
            () if p > q + FAR => self,
            () if q > p + FAR => other,
            () => {
                let low = p.min(q);
                F24::round((a << (p - low)) + (b << (q - low)), low)
            }
        }
    }

    /// -a; of 0 it is 0.
    #[allow(clippy::should_implement_trait)]
    pub fn neg(self) -> F24 {
        F24::from_bits(self.bits ^ 1 << 23)
    }

    /// |a|.
    pub fn abs(self) -> F24 {
        F24 { bits: self.bits & 0x7f_ffff }
    }

    /// floor(a * 2^`k`), where |a| < 2^`FAR`; larger ones stop far above every code.
    fn floor_times(self, k: i32) -> i64 {
        let (m, p) = self.parts();
        match p + k {
            shift if shift >= 0 => (m << shift.min(FAR)) as i64,
            shift => (m >> (-shift).min(127)) as i64,
        }
    }

    /// The nearest integer, ties to even; beyond 2^40 some integer beyond 2^40.
    fn nearest(self) -> i64 {
        let (m, p) = self.parts();
        if p >= 0 {
            return self.floor_times(0);
        }
        let places = (-p).min(100);
        let floor = m >> places;
        let (rest, half) = (m - (floor << places), 1 << (places - 1));
        (floor + i128::from(rest > half || (rest == half && floor & 1 == 1))) as i64
    }

    /// Its code: min(max(rne(a) + `zero_point`, `lo`), `hi`).
    pub fn code(self, zero_point: i8, lo: i8, hi: i8) -> i8 {
        let value = self.nearest() + i64::from(zero_point);
        value.max(lo.into()).min(hi.into()) as i8
    }

    /// t: a in sixteenths, sign(a) * min(floor(|a| * 16 + 1/2), 4095).
    pub fn t(self) -> i32 {
        // floor(z + 1/2) = floor((floor(2 z) + 1) / 2).
        let magnitude = ((self.abs().floor_times(5) + 1) >> 1).min(4095) as i32;
        if self < F24::ZERO { -magnitude } else { magnitude }
    }

    /// The function `kind` of a, by its 64 segments.
    ///
    /// # Panics
    /// Where `table` has fewer than 64 segments.
    pub fn function(self, kind: Function, table: &[Segment]) -> F24 {
        let x = self.to_f64();
        let exponential = |highest: f64, more: i32| {
            if x >= highest {
                return F24::MAX;
            }
            if x < -126.0 {
                return F24::ZERO;
            }
            let u = self.floor_times(16);
            F24::round(segment(table, u).into(), (u >> 16) as i32 - 19 + more)
        };
        let step = |reach: f64, bits: i32| {
            if x >= reach {
                return F24::ONE;
            }
            if x < -reach {
                return F24::ZERO;
            }
            F24::round(segment(table, self.floor_times(bits) + (1 << 15)).into(), -19)
        };
        match kind {
            Function::Exp2 => exponential(128.0, 0),
            Function::Exp2Code => exponential(121.0, 7),
            Function::Sigmoid => step(8.0, 12),
            Function::Phi => step(4.0, 13),
        }
    }

    /// SCALAR's 1 / a: within [`RECIP_ULP`] units in the last place. Of 0 it is the largest number.
    pub fn recip(self) -> F24 {
        let (signed, p) = self.parts();
        if signed == 0 {
            return F24::MAX;
        }
        let (m, e) = (signed.abs(), p + OFFSET);
        let mid = (1 << 15) + 128 * ((m - (1 << 15)) / 128) + 64;
        let t = ((1 << 31) + mid / 2) / mid;
        let d = ((1 << 32) - m * t) / (1 << 12);
        F24::round(signed.signum() * t * d, 92 - e)
    }

    /// SCALAR's 1 / sqrt(|a|): within [`RSQRT_ULP`] units in the last place. Of 0 it is the largest number.
    pub fn rsqrt(self) -> F24 {
        let (m, p) = self.abs().parts();
        if m == 0 {
            return F24::MAX;
        }
        let q = p + OFFSET - 127;
        let twice = if q.rem_euclid(2) == 0 { 1 } else { 2 };
        let (v, q) = (twice * m, q - (twice - 1) as i32);
        let h = (m - (1 << 15)) / 256;
        let mid = twice * ((1 << 15) + 256 * h + 128);
        let t = ((1i128 << 47) / mid).isqrt();
        let g = t * t / (1 << 14);
        let d = (3 * (1 << 33) - v * g) / (1 << 14);
        F24::round(t * d, -36 - q / 2)
    }
}

/// How far [`F24::recip`] is from the exact value at most, in units in the last place of its result.
pub const RECIP_ULP: f64 = 0.82;
/// How far [`F24::rsqrt`] is from the exact value at most, in units in the last place of its result.
pub const RSQRT_ULP: f64 = 0.8;

/// What the table gives for the fixed-point place `u`, in 2^-19.
fn segment(table: &[Segment], u: i64) -> i64 {
    let (base, slope) = table[(u >> 10 & 63) as usize];
    let r = u & 1023;
    (i64::from(base) + ((i64::from(slope) * r + 512) >> 10)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use systole_isa::f24::{F24 as Other, functions};

    /// Numbers without structure, the same on every machine.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ z >> 31
        }

        /// Any number, zero among them now and then.
        fn number(&mut self) -> F24 {
            let bits = self.next();
            F24::from_bits(if bits >> 60 == 0 { 0 } else { bits as u32 & 0xff_ffff })
        }
    }

    /// The F24 nearest to an exact float64, by its bits.
    fn nearest(value: f64) -> F24 {
        if value == 0.0 {
            return F24::ZERO;
        }
        let bits = value.to_bits();
        let (sign, exponent) = ((bits >> 63) as u32, (bits >> 52 & 0x7ff) as i64 - 1023 + 127);
        // 53 significant bits to 16: exponent and fraction as one number, a carry goes up.
        let fraction = bits & ((1 << 52) - 1);
        let (kept, rest, half) = (fraction >> 37, fraction & ((1 << 37) - 1), 1 << 36);
        let up = rest > half || rest == half && kept & 1 == 1;
        let joined = exponent * (1 << 15) + kept as i64 + i64::from(up);
        let magnitude = match joined >> 15 {
            e if e < 1 => return F24::ZERO,
            e if e > 254 => F24::MAX.bits(),
            _ => joined as u32,
        };
        F24::from_bits(sign << 23 | magnitude)
    }

    /// Products and sums of these two against float64, which has both exactly: 32 bits of a product; a sum's that are
    /// further than 53 - 16 apart have no tie near.
    fn check(a: F24, b: F24) {
        let (x, y) = (a.to_f64(), b.to_f64());
        for (got, exact, what) in [(a.mul(b), x * y, '*'), (a.add(b), x + y, '+')] {
            assert_eq!(got, nearest(exact), "{x:e} {what} {y:e} = {exact:e}, got {:e}", got.to_f64());
            assert_eq!(got, Other::from_f64(exact).into(), "{x:e} {what} {y:e}");
        }
        assert_eq!(a.cmp(&b), x.partial_cmp(&y).unwrap());
        assert_eq!(a.neg().to_f64(), 0.0 - x);
    }

    #[test]
    fn products_and_sums_of_any_two_numbers() {
        let mut random = Random(1);
        for _ in 0..3_000_000 {
            check(random.number(), random.number());
        }
    }

    #[test]
    fn sums_that_cancel_tie_and_carry() {
        let mut random = Random(2);
        for _ in 0..3_000_000 {
            // Near exponents, either sign; few bits make ties.
            let few = random.next() & random.next() & 0x7fff;
            let (a, r) = (random.number(), random.next());
            let exponent = (a.bits() >> 15 & 0xff) as i64 + (r >> 32) as i64 % 19;
            let bits = (r & 1) << 23 | (exponent.clamp(0, 255) as u64) << 15 | if r & 2 == 0 { few } else { r >> 8 & 0x7fff };
            check(a, F24::from_bits(bits as u32));
        }
        for a in (0..1 << 24).step_by(9) {
            let a = F24::from_bits(a);
            assert_eq!(a.add(a.neg()), F24::ZERO);
            assert_eq!(a.add(F24::ZERO), a);
            assert_eq!(a.mul(F24::ONE), a);
            assert_eq!(a.mul(F24::ZERO), F24::ZERO);
            check(a, a);
        }
    }

    #[test]
    fn exact_integers_say_the_same_of_sums() {
        let mut random = Random(3);
        for _ in 0..1_000_000 {
            let fields = [random.next(), random.next()].map(|r| (100 + r % 60, r >> 8 & 0x7fff, r >> 63));
            let value = fields.map(|(e, f, s)| ((1 - 2 * i128::from(s)) * i128::from(1 << 15 | f)) << (e - 100));
            let numbers = fields.map(|(e, f, s)| F24::from_bits((s << 23 | e << 15 | f) as u32));
            let sum = numbers[0].add(numbers[1]);
            // No neighbour is nearer, and of two as near it is the even one.
            let exact = value[0] + value[1];
            let of = |n: F24| {
                let (m, p) = n.parts();
                m << (p + OFFSET - 100).max(0)
            };
            if sum.bits() >> 15 & 0xff < 101 {
                continue; // cancelled below the unit of these integers
            }
            let error = (of(sum) - exact).abs();
            for other in [sum.bits() + 1, sum.bits() - 1] {
                let distance = (of(F24::from_bits(other)) - exact).abs();
                assert!(error < distance || (error == distance && sum.bits() & 1 == 0), "{exact}: {:e}", sum.to_f64());
            }
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        let n = F24::from_bits;
        let smallest = n(1 << 15);
        assert_eq!(F24::MAX.add(F24::MAX), F24::MAX);
        assert_eq!(F24::LOWEST.add(F24::LOWEST), F24::LOWEST);
        assert_eq!(F24::MAX.mul(F24::LOWEST), F24::LOWEST);
        assert_eq!(F24::MAX.add(F24::LOWEST), F24::ZERO);
        assert_eq!(smallest.mul(n(126 << 15)), F24::ZERO, "half of the smallest");
        assert_eq!(smallest.mul(n(126 << 15)).neg(), F24::ZERO);
        // A product just below the smallest number rounds up to it, one unit less does not.
        assert_eq!(n(64 << 15 | 0x7fff).mul(n(63 << 15 | 1)), smallest);
        assert_eq!(n(64 << 15 | 0x7fff).mul(n(63 << 15)), F24::ZERO);
        // Two neighbours of the smallest exponent differ by less than the smallest number.
        assert_eq!(n(1 << 15 | 5).add(n(1 << 23 | 1 << 15)), F24::ZERO);
        // Half a unit above the largest number is a tie to an even one that is too large.
        let half = n((254 - 16) << 15);
        assert_eq!(F24::MAX.add(half), F24::MAX);
        assert_eq!(F24::MAX.add(half.neg()), n(F24::MAX.bits() - 1), "a tie to even");
        assert_eq!(n(F24::MAX.bits() - 1).add(half), n(F24::MAX.bits() - 1));
        assert_eq!(n(1 << 23), F24::ZERO);
        assert_eq!(n(0x12), F24::ZERO);
        assert_eq!(n(0xff << 15 | 1), F24::MAX);
        assert_eq!(n(1 << 23 | 0xff << 15), F24::LOWEST);
        assert!(F24::LOWEST < n(1 << 23 | 200 << 15) && n(1 << 23 | 200 << 15) < F24::ZERO && F24::ZERO < smallest);
        assert_eq!(F24::LOWEST.abs(), F24::MAX);
    }

    #[test]
    fn integers_are_rounded_once() {
        let mut random = Random(4);
        for value in [0, 1, -1, 65_535, 65_536, 65_537, 131_071, 98_305 * 2, i32::MIN, i32::MAX] {
            assert_eq!(F24::from_int(value), nearest(f64::from(value)), "{value}");
        }
        for _ in 0..1_000_000 {
            let value = random.next() as i64 >> (random.next() % 60 + 4).max(17); // 48 bits: exact in float64
            assert_eq!(F24::from_int(value), nearest(value as f64), "{value}");
            let value = random.next() as i32 >> (random.next() % 32);
            assert_eq!(F24::from_int(value), nearest(f64::from(value)), "{value}");
        }
        // 17 bits and more: a tie up, a tie down, a bit behind the tie.
        assert_eq!(F24::from_int(65_537).to_f64(), 65_536.0);
        assert_eq!(F24::from_int(65_539).to_f64(), 65_540.0);
        assert_eq!(F24::from_int((65_537i64 << 30) + 1).to_f64(), 65_538.0 * 2f64.powi(30));
        assert_eq!(F24::from_int(-65_537).to_f64(), -65_536.0);
    }

    #[test]
    fn codes_of_every_number_near_the_range_and_of_samples_beyond() {
        // All numbers below 512: every tie is among them. Then far ones.
        let near = (0..(127 + 9) << 15).chain(((127 + 9) << 15..255 << 15).step_by(101));
        for bits in near {
            for sign in [0, 1 << 23] {
                let f = F24::from_bits(sign | bits);
                let exact = f.to_f64().round_ties_even();
                for (zero_point, lo, hi) in [(0i8, -128i8, 127i8), (-7, -127, 127), (100, -3, 90), (-128, 5, 5)] {
                    let expected = (exact + f64::from(zero_point)).max(lo.into()).min(hi.into());
                    assert_eq!(f64::from(f.code(zero_point, lo, hi)), expected, "{:e}, {zero_point}", f.to_f64());
                }
                let magnitude = (f.to_f64().abs() * 16.0 + 0.5).floor().min(4095.0);
                assert_eq!(f64::from(f.t()), magnitude.copysign(f.to_f64()), "t of {:e}", f.to_f64());
            }
        }
        // Ties by name: to the even integer; t goes away from zero.
        for n in -300..300 {
            let half = F24::from_int(2 * n + 1).mul(F24::from_bits(126 << 15));
            let even = if n & 1 == 0 { n } else { n + 1 };
            assert_eq!(i32::from(half.code(0, -128, 127)), even.clamp(-128, 127), "{n} and a half");
            let t = half.mul(F24::from_bits((127 - 4) << 15)).t();
            assert_eq!(t, if n < 0 { n } else { n + 1 }, "{n} and a half sixteenths");
        }
        assert_eq!(F24::MAX.code(-128, -128, 127), 127);
        assert_eq!(F24::LOWEST.code(127, -100, 127), -100);
        // min(max(.., lo), hi): hi counts where lo is above it.
        assert_eq!(F24::ZERO.code(0, 20, 10), 10);
    }

    #[test]
    fn the_lines_through_all_segments_of_all_functions() {
        let tables = functions();
        let whole = |kind: Function, x: f64| -> (f64, f64) {
            // (place in 1 / 65,536 of the table, power of two of the result), in float64: every step is exact.
            match kind {
                Function::Exp2 => ((x - x.floor()) * 65_536.0, x.floor() - 19.0),
                Function::Exp2Code => ((x - x.floor()) * 65_536.0, x.floor() - 12.0),
                Function::Sigmoid => (x * 4096.0 + 32_768.0, -19.0),
                Function::Phi => (x * 8192.0 + 32_768.0, -19.0),
            }
        };
        let mut random = Random(5);
        for (kind, table) in Function::ALL.iter().copied().zip(&tables) {
            let mut seen = std::collections::HashSet::new();
            for n in 0..2_000_000u32 {
                let x = match n % 4 {
                    0 => random.number(),
                    1 => nearest(f64::from(n) / 2_000_000.0 * 272.0 - 136.0),
                    2 => nearest(f64::from(n) / 2_000_000.0 * 20.0 - 10.0),
                    _ => F24::from_bits((random.next() as u32 & (1 << 23 | 0x7fff)) | (random.next() as u32 % 30 + 105) << 15),
                };
                let v = x.to_f64();
                let (top, low) = match kind {
                    Function::Exp2 => (128.0, -126.0),
                    Function::Exp2Code => (121.0, -126.0),
                    Function::Sigmoid => (8.0, -8.0),
                    Function::Phi => (4.0, -4.0),
                };
                let got = x.function(kind, table);
                if v >= top {
                    let one = matches!(kind, Function::Sigmoid | Function::Phi);
                    assert_eq!(got, if one { F24::ONE } else { F24::MAX });
                    continue;
                }
                if v < low {
                    assert_eq!(got, F24::ZERO);
                    continue;
                }
                // Where x has more bits than the place, float64 loses none of those that floor() needs but for tiny
                // negative ones, which lie in the last 1 / 65,536.
                let (place, power) = whole(kind, v);
                let (place, power) = if v < 0.0 && v > -2f64.powi(-30) {
                    match kind {
                        Function::Exp2 | Function::Exp2Code => (65_535.0, power),
                        _ => (32_767.0, power),
                    }
                } else {
                    (place.floor(), power)
                };
                let (segment, rest) = ((place / 1024.0).floor(), place % 1024.0);
                seen.insert(segment as usize);
                let (base, slope) = table[segment as usize];
                let y = f64::from(base) + ((f64::from(slope) * rest + 512.0) / 1024.0).floor();
                assert_eq!(got, nearest(y.max(0.0) * power.exp2()), "{kind:?} of {v:e}");
            }
            assert_eq!(seen.len(), 64, "{kind:?}");
        }
    }

    #[test]
    fn functions_at_their_edges() {
        let tables = functions();
        let f = |x: f64, kind: Function| nearest(x).function(kind, &tables[kind as usize]).to_f64();
        assert_eq!(f(0.0, Function::Exp2), 1.0);
        assert_eq!(f(-126.0, Function::Exp2), 2f64.powi(-126));
        assert_eq!(f(127.0, Function::Exp2), 2f64.powi(127));
        assert_eq!(f(0.0, Function::Exp2Code), 127.0);
        assert_eq!(f(120.0, Function::Exp2Code), 127.0 * 2f64.powi(120));
        assert_eq!(f(121.0, Function::Exp2Code), F24::MAX.to_f64());
        assert_eq!(f(-126.5, Function::Exp2Code), 0.0);
        assert_eq!((f(8.0, Function::Sigmoid), f(-8.01, Function::Sigmoid)), (1.0, 0.0));
        assert!((f(0.0, Function::Sigmoid) - 0.5).abs() < 1e-3 && (f(0.0, Function::Phi) - 0.5).abs() < 1e-3);
        // A line below 0 stops there; one above 2^20 does not.
        let falls = [(3, -1000); 64];
        assert_eq!(nearest(0.01).function(Function::Exp2, &falls), F24::ZERO);
        let rises = [((1 << 20) - 1, 0x7fff); 64];
        let last = nearest(1.0 - 2f64.powi(-16));
        let y = ((1 << 20) - 1) + ((0x7fff * 1023 + 512) >> 10);
        assert_eq!(last.function(Function::Exp2, &rises), nearest(f64::from(y) * 2f64.powi(-19)));
        // Just below 0: the last place of the segment below, not 0.
        let tiny = F24::from_bits(1 << 23 | 1 << 15);
        let places: [Segment; 64] = std::array::from_fn(|i| (i as u32, 0));
        assert_eq!(tiny.function(Function::Sigmoid, &places).to_f64(), 31.0 * 2f64.powi(-19));
        assert_eq!(F24::ZERO.function(Function::Sigmoid, &places).to_f64(), 32.0 * 2f64.powi(-19));
        assert_eq!(tiny.function(Function::Exp2, &places).to_f64(), 63.0 * 2f64.powi(-20));
    }

    /// Largest error in units of the result's last place, over all significands with these exponent fields.
    fn worst(exponents: &[u32], result: impl Fn(F24) -> F24, exact: impl Fn(f64) -> f64) -> f64 {
        let mut worst = 0f64;
        for &e in exponents {
            for fraction in 0..1 << 15 {
                let a = F24::from_bits(e << 15 | fraction);
                let y = result(a);
                let ulp = ((y.bits() >> 15) as f64 - OFFSET as f64).exp2();
                worst = worst.max((y.to_f64() - exact(a.to_f64())).abs() / ulp);
            }
        }
        worst
    }

    #[test]
    fn reciprocals_of_all_significands() {
        let error = worst(&[127, 128, 20, 240], F24::recip, |a| 1.0 / a);
        println!("1 / a: at most {error:.4} units in the last place");
        assert!(error < RECIP_ULP, "{error}");
        for fraction in 0..1 << 15 {
            let at = |e: u32| F24::from_bits(e << 15 | fraction);
            let y = at(127).recip();
            assert_eq!(at(127).neg().recip(), y.neg());
            // Powers of two pass through, down to the smallest number and up to the largest exponent.
            for e in [1, 60, 200, 252, 253, 254] {
                assert_eq!(at(e).recip(), nearest(y.to_f64() * (127.0 - f64::from(e)).exp2()));
            }
        }
        assert_eq!(F24::ZERO.recip(), F24::MAX);
        assert_eq!(F24::ONE.recip(), F24::ONE);
        assert_eq!(F24::MAX.recip(), F24::ZERO);
    }

    #[test]
    fn reciprocal_roots_of_all_significands() {
        let error = worst(&[127, 128, 21, 240], F24::rsqrt, |a| 1.0 / a.sqrt());
        println!("1 / sqrt(a): at most {error:.4} units in the last place");
        assert!(error < RSQRT_ULP, "{error}");
        for fraction in 0..1 << 15 {
            for odd in [0, 1] {
                let at = |e: u32| F24::from_bits((e + odd) << 15 | fraction);
                let y = at(127).rsqrt();
                assert_eq!(at(127).neg().rsqrt(), y);
                for e in [1, 61, 201, 253] {
                    assert_eq!(at(e).rsqrt(), nearest(y.to_f64() * ((127.0 - f64::from(e)) / 2.0).exp2()));
                }
            }
        }
        assert_eq!(F24::ZERO.rsqrt(), F24::MAX);
    }

    proptest! {
        #[test]
        fn bits_go_to_the_toolchains_type_and_back(bits in 0u32..1 << 24) {
            let other = Other::from_bits(bits);
            let own = F24::from(other);
            prop_assert_eq!(own, F24::from_bits(bits));
            prop_assert_eq!(Other::from(own), other);
            prop_assert_eq!(own.to_f64(), other.to_f64());
            prop_assert_eq!(Other::from_word(own.word()), Some(other));
        }
    }
}
