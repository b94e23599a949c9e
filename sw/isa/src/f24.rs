// SPDX-License-Identifier: Apache-2.0
//! F24, the number of the vector unit: the upper 24 bits of a float32 (docs/arithmetic.md, F24).
//!
//! Compiler and host make constants and tables with it. The instruction-level model has its own.

use serde::Serialize;

/// A number: sign, 8 bits of exponent (bias 127), 15 bits of fraction. Exponent 0 is zero; there is no infinity and no NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct F24(u32);

/// Segments of a function.
pub const SEGMENTS: usize = 64;

impl F24 {
    /// 0.
    pub const ZERO: F24 = F24(0);
    /// 1.
    pub const ONE: F24 = F24(127 << 15);
    /// The largest number.
    pub const MAX: F24 = F24(254 << 15 | 0x7fff);

    /// The number with these 24 bits: a zero with sign or fraction is plain zero, exponent 255 the largest number.
    pub fn from_bits(bits: u32) -> F24 {
        match bits >> 15 & 0xff {
            0 => F24::ZERO,
            255 => F24(bits & 1 << 23 | F24::MAX.0),
            _ => F24(bits & 0xff_ffff),
        }
    }

    /// Its 24 bits.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// `value` rounded: to nearest, ties to even; too large becomes the largest number, too small 0, and so does NaN.
    pub fn from_f64(value: f64) -> F24 {
        if value.is_nan() || value == 0.0 {
            return F24::ZERO;
        }
        let sign = u32::from(value < 0.0) << 23;
        let magnitude = value.abs();
        if magnitude.is_infinite() {
            return F24(sign | F24::MAX.0);
        }
        // value = m * 2^(exponent - 15), 2^15 <= m < 2^16.
        let mut exponent = magnitude.log2().floor() as i32;
        let mut m = (magnitude * 2f64.powi(15 - exponent)).round_ties_even();
        if m < 32768.0 {
            exponent -= 1;
            m = (magnitude * 2f64.powi(15 - exponent)).round_ties_even();
        }
        if m >= 65536.0 {
            exponent += 1;
            m = 32768.0;
        }
        match exponent + 127 {
            e if e <= 0 => F24::ZERO,
            e if e >= 255 => F24(sign | F24::MAX.0),
            e => F24(sign | (e as u32) << 15 | (m as u32 & 0x7fff)),
        }
    }

    /// Its value, exactly.
    pub fn to_f64(self) -> f64 {
        f64::from(f32::from_bits(self.0 << 8))
    }

    /// The number in a word of a VECTOR result on OUT; `None` where the low byte is not 0 and so the word is none.
    pub fn from_word(word: u32) -> Option<F24> {
        (word & 0xff == 0).then(|| F24::from_bits(word >> 8))
    }
}

/// A segment of a function: `(base, slope)`, both in 2^-19 (format `segment`).
pub type Segment = (u32, i32);

/// A segment as uploaded.
pub fn encode_segment((base, slope): Segment) -> u64 {
    u64::from(base) | u64::from(slope as u16) << 20
}

/// Back from [`encode_segment`].
pub fn decode_segment(word: u64) -> Segment {
    ((word & 0xf_ffff) as u32, i32::from((word >> 20) as u16 as i16))
}

/// A parameter word of one lane as uploaded (format `vector_param`).
pub fn encode_param(scale: F24, bias: F24) -> u64 {
    u64::from(scale.bits()) | u64::from(bias.bits()) << 24
}

/// Back from [`encode_param`].
pub fn decode_param(word: u64) -> (F24, F24) {
    (F24::from_bits(word as u32 & 0xff_ffff), F24::from_bits((word >> 24) as u32 & 0xff_ffff))
}

/// The contents of the four functions that the compiler loads: exp2, sigmoid, Phi, exp2 times 127.
///
/// Each segment is the chord, lowered or raised by half of what the curve departs from it in the middle: the error is halved.
pub fn functions() -> [[Segment; SEGMENTS]; 4] {
    let exp2 = |x: f64| x.exp2();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let table = |low: f64, step: f64, scale: f64, f: &dyn Fn(f64) -> f64| -> [Segment; SEGMENTS] {
        std::array::from_fn(|i| {
            let (x0, x1) = (low + i as f64 * step, low + (i + 1) as f64 * step);
            let bend = (f((x0 + x1) / 2.0) - (f(x0) + f(x1)) / 2.0) / 2.0;
            let unit = scale * f64::from(1 << 19);
            let base = ((f(x0) + bend) * unit).round().clamp(0.0, f64::from((1 << 20) - 1));
            (base as u32, ((f(x1) - f(x0)) * unit).round() as i32)
        })
    };
    // At 0 the exponentials are exact: the largest probability is a whole code.
    let mut exps = [table(0.0, 1.0 / 64.0, 1.0, &exp2), table(0.0, 1.0 / 64.0, 127.0 / 128.0, &exp2)];
    exps[0][0].0 = 1 << 19;
    exps[1][0].0 = 127 << 12;
    [exps[0], table(-8.0, 0.25, 1.0, &sigmoid), table(-4.0, 0.125, 1.0, &phi), exps[1]]
}

/// The normal distribution's cumulative function.
fn phi(x: f64) -> f64 {
    0.5 * (1.0 + libm::erf(x / std::f64::consts::SQRT_2))
}

/// First values of 1 / m, by the 8 bits of the significand behind its first.
pub fn recip_table() -> [u16; 256] {
    std::array::from_fn(|i| {
        let mid = (1 << 15) + 128 * i as u64 + 64;
        (((1 << 31) + mid / 2) / mid) as u16
    })
}

/// First values of 1 / sqrt(v), by the 7 bits of the significand behind its first; the upper half for an odd exponent.
pub fn rsqrt_table() -> [u16; 256] {
    std::array::from_fn(|i| {
        let mid = ((1 << 15) + 256 * (i as u64 % 128) + 128) << (i / 128);
        ((1u64 << 47) / mid).isqrt() as u16
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_number_keeps_its_bits() {
        for bits in (0..1u32 << 24).step_by(7) {
            let v = F24::from_bits(bits);
            assert_eq!(F24::from_f64(v.to_f64()), v, "{bits:06x}");
            assert_eq!(F24::from_word((v.to_f64() as f32).to_bits()), Some(v));
        }
        assert_eq!(F24::from_f64(1e39), F24::MAX);
        assert_eq!(F24::from_f64(-f64::INFINITY).to_f64(), -F24::MAX.to_f64());
        assert_eq!(F24::from_f64(1e-39), F24::ZERO);
        assert_eq!(F24::from_f64(f64::NAN), F24::ZERO);
        assert_eq!(F24::ONE.to_f64(), 1.0);
    }

    proptest! {
        #[test]
        fn rounding_is_to_the_nearest_and_to_even(bits in 1u32 << 15..254 << 15, part in 0.0f64..=1.0) {
            let (low, high) = (F24(bits).to_f64(), F24(bits + 1).to_f64());
            let value = low + (high - low) * part;
            let middle = (low + high) / 2.0;
            let up = value > middle || (value == middle && bits & 1 == 1);
            prop_assert_eq!(F24::from_f64(value), F24(if up { bits + 1 } else { bits }));
            prop_assert_eq!(F24::from_f64(-value).to_f64(), -F24::from_f64(value).to_f64());
        }
    }

    #[test]
    fn segments_fit_their_fields_and_follow_the_functions() {
        let tables = functions();
        for (n, (low, step, f)) in [
            (0.0, 1.0 / 64.0, (|x: f64| x.exp2()) as fn(f64) -> f64),
            (-8.0, 0.25, |x| 1.0 / (1.0 + (-x).exp())),
            (-4.0, 0.125, phi),
            (0.0, 1.0 / 64.0, |x| x.exp2() * 127.0 / 128.0),
        ]
        .into_iter()
        .enumerate()
        {
            for (i, &segment) in tables[n].iter().enumerate() {
                assert_eq!(decode_segment(encode_segment(segment)), segment);
                for r in (0..1024).step_by(31) {
                    let x = low + (i as f64 + f64::from(r) / 1024.0) * step;
                    let y = (f64::from(segment.0) + f64::from(segment.1) * f64::from(r) / 1024.0) / f64::from(1 << 19);
                    assert!((y - f(x)).abs() < 5e-4, "function {n} at {x}: {y} for {}", f(x));
                }
            }
        }
        assert_eq!(tables[3][0].0 << 7, 127 << 19);
    }
}
