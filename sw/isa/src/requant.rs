// SPDX-License-Identifier: Apache-2.0
//! The encoding of scales (docs/arithmetic.md). The requantiser itself is in the models.

use crate::format::PARAM;

/// Parameters of one output channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Param {
    /// Bias, the input's zero point folded in.
    pub bias: i32,
    /// Mantissa of the scale, `2^23 <= q < 2^24`.
    pub q: u32,
    /// `scale = q * 2^-shift`, 0 to 63; above 62 the result is the zero point.
    pub shift: u32,
}

/// Splits a float32 scale into `(q, shift)` with `scale == q * 2^-shift`.
///
/// `None` for what the machine does not take: zero, negative, subnormal, infinite, NaN, and
/// scales of 2^24 and more. Scales below 2^-40 round everything to zero: their shift is 63.
pub fn split_scale(scale: f32) -> Option<(u32, u32)> {
    if !(scale.is_normal() && scale > 0.0) {
        return None;
    }
    let bits = scale.to_bits();
    let shift = 150 - (bits >> 23) as i32;
    let q = bits & 0x7f_ffff | 0x80_0000;
    if shift < 0 { None } else { Some((q, shift.min(63) as u32)) }
}

impl Param {
    /// Its 64-bit word.
    pub fn encode(&self) -> u64 {
        let mut word = 0;
        for (name, value) in [("bias", i64::from(self.bias)), ("q", self.q.into()), ("shift", self.shift.into())] {
            PARAM.set(&mut word, name, value).expect("q < 2^24 and shift < 64");
        }
        word as u64
    }

    /// The parameters in a 64-bit word.
    pub fn decode(word: u64) -> Param {
        Param {
            bias: PARAM.get(word.into(), "bias") as i32,
            q: PARAM.get(word.into(), "q") as u32,
            shift: PARAM.get(word.into(), "shift") as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_scale_is_its_mantissa_and_shift(bits in 0x2b80_0000u32..0x4b80_0000) {
            let scale = f32::from_bits(bits);
            let (q, shift) = split_scale(scale).unwrap();
            prop_assert!((1 << 23..1 << 24).contains(&q));
            if shift <= 62 {
                prop_assert_eq!(f64::from(scale), f64::from(q) * (-f64::from(shift)).exp2());
            }
            let param = Param { bias: bits as i32, q, shift };
            prop_assert_eq!(Param::decode(param.encode()), param);
        }
    }

    #[test]
    fn scales_that_are_no_scales_are_refused() {
        for s in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40, 1e30] {
            assert_eq!(split_scale(s), None, "{s}");
        }
    }
}
