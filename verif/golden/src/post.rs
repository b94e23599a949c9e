// SPDX-License-Identifier: Apache-2.0
//! The arithmetic of POST on one vector.

use crate::operator::requant_integer;
use systole_isa::program::{Join, Post, Residual};
use systole_isa::requant::Param;

/// Steps 2 and 3: requantised and looked up codes of biased sums.
pub(crate) fn codes(post: &Post, params: &[Param], luts: &[[i8; 256]], biased: &[i32], out: &mut [i8]) {
    for ((o, &a), p) in out.iter_mut().zip(biased).zip(params) {
        let v = fast_requant(a, p, post.zero_point);
        *o = post.lut.and_then(|t| luts.get(t as usize)).map_or(v, |table| table[v as u8 as usize]);
    }
}

/// The document's rule; away from ties float64 decides the same and is faster.
fn fast_requant(acc: i32, p: &Param, zero_point: i8) -> i8 {
    if p.shift > 62 {
        return zero_point;
    }
    let exact = f64::from(acc) * f64::from(p.q) * f64::from_bits((1023 - u64::from(p.shift)) << 52);
    let floor = exact.floor();
    // The windows around ties are at most 2^-15 wide for results that do not saturate.
    if ((exact - floor) - 0.5).abs() > 1e-4 && exact.abs() < 400.0 {
        let rounded = floor as i32 + i32::from(exact - floor > 0.5);
        return (rounded + i32::from(zero_point)).clamp(-128, 127) as i8;
    }
    requant_integer(acc, p.q, p.shift, zero_point)
}

/// Step 4 for one lane.
pub(crate) fn residual(r: &Residual, a: i8, b: i8) -> i8 {
    let from = |v: i8, zero: i8| i64::from(v) - i64::from(zero);
    let t = r.offset
        + match r.join {
            Join::Larger => return a.max(b),
            Join::Sum => i64::from(a) * i64::from(r.ma) + i64::from(b) * i64::from(r.mb),
            Join::Product { zeros: [za, zb] } => from(a, za) * from(b, zb) * i64::from(r.ma),
        };
    let y = if r.shift == 0 {
        t
    } else {
        let floor = t >> r.shift;
        let rest = t - (floor << r.shift);
        let half = 1i64 << (r.shift - 1);
        floor + i64::from(rest > half || (rest == half && floor & 1 == 1))
    };
    (y + i64::from(r.zero_point)).clamp(-128, 127) as i8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_fast_path_is_the_documents_rule(acc in any::<i32>(), shrink in 0u32..31, q in 1u32 << 23..1 << 24, shift in 0u32..64, zp in any::<i8>()) {
            let p = Param { bias: 0, q, shift };
            prop_assert_eq!(fast_requant(acc >> shrink, &p, zp), requant_integer(acc >> shrink, q, shift, zp));
        }

        #[test]
        fn beside_ties_too(half in 0u32..300, q in 1u32 << 23..1 << 24, shift in 16u32..50, off in -1i32..=1, zp in any::<i8>()) {
            let acc = ((f64::from(half) + 0.5) * f64::from(shift).exp2() / f64::from(q)).min(2e9) as i32 + off;
            let p = Param { bias: 0, q, shift };
            prop_assert_eq!(fast_requant(acc, &p, zp), requant_integer(acc, q, shift, zp));
            prop_assert_eq!(fast_requant(-acc, &p, zp), requant_integer(-acc, q, shift, zp));
        }
    }
}
