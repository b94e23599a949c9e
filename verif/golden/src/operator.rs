// SPDX-License-Identifier: Apache-2.0
//! Operators on plain tensors (docs/arithmetic.md), independent of tiles and timetables.

/// `x [m, k] * w [k, n]` with the input's zero point subtracted, plus bias; sums wrap.
///
/// # Panics
/// When a slice is shorter than its shape says.
pub fn matmul(x: &[i8], zero_point: i8, w: &[i8], bias: &[i32], m: usize, k: usize, n: usize) -> Vec<i32> {
    let mut out = vec![0i32; m * n];
    for i in 0..m {
        let row = &mut out[i * n..][..n];
        row.copy_from_slice(&bias[..n]);
        for t in 0..k {
            let v = i32::from(x[i * k + t]) - i32::from(zero_point);
            for (o, &w) in row.iter_mut().zip(&w[t * n..][..n]) {
                *o = o.wrapping_add(v * i32::from(w));
            }
        }
    }
    out
}

/// ONNX Runtime's requantisation, in float32 as its CPU kernels compute it:
/// `sat8(rne(f32(f32(acc) * scale)) + zero_point)`.
pub fn requant_float(acc: i32, scale: f32, zero_point: i8) -> i8 {
    let rounded = (acc as f32 * scale).round_ties_even();
    // Beyond 2^30 everything saturates; the sum below stays exact.
    (rounded.clamp(-1e9, 1e9) as i32 + i32::from(zero_point)).clamp(-128, 127) as i8
}

/// The integer form of the same (docs/arithmetic.md): scale = `q * 2^-shift`.
pub fn requant_integer(acc: i32, q: u32, shift: u32, zero_point: i8) -> i8 {
    let zp = i128::from(zero_point);
    if shift > 62 {
        return zero_point;
    }
    let mut a = u128::from(acc.unsigned_abs());
    if a >= 1 << 24 {
        let extra = 128 - a.leading_zeros() - 24;
        let (low, half) = (a & ((1 << extra) - 1), 1u128 << (extra - 1));
        a >>= extra;
        if low > half || (low == half && a & 1 == 1) {
            a += 1;
        }
        a <<= extra;
    }
    let p = a * u128::from(q);
    let m = p >> shift;
    let rounded = if shift == 0 {
        m
    } else {
        let frac = p & ((1 << shift) - 1);
        let half = 1u128 << (shift - 1);
        let k = if m == 0 { -1 } else { 127 - m.leading_zeros() as i32 };
        let exponent = shift as i32 + k - 24;
        let window = if exponent < 0 { 0 } else { 1u128 << exponent };
        let tie = frac.abs_diff(half) <= window;
        m + if tie { m & 1 } else { u128::from(frac > half) }
    };
    let signed = if acc < 0 { -(rounded as i128) } else { rounded as i128 };
    (signed + zp).clamp(-128, 127) as i8
}
