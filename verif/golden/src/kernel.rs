// SPDX-License-Identifier: Apache-2.0
//! The inner product of the array: one vector of R bytes with a tile of R x C weights.

/// Adds `x[r] * w[r][c]` over all rows to each `sum[c]`. Weights are int8 values held in 16 bits, so
/// that a product fits 16 bits and the loop vectorises.
fn mac<const C: usize>(sum: &mut [i32], x: &[i8], w: &[i16]) {
    let mut acc = [0i32; C];
    for (&x, row) in x.iter().zip(w.chunks_exact(C)) {
        let x = i16::from(x);
        for (a, &w) in acc.iter_mut().zip(row) {
            *a += i32::from(x.wrapping_mul(w));
        }
    }
    for (s, a) in sum.iter_mut().zip(acc) {
        *s = s.wrapping_add(a);
    }
}

/// The kernel for a number of columns.
pub(crate) fn for_cols(cols: usize) -> fn(&mut [i32], &[i8], &[i16]) {
    match cols {
        4 => mac::<4>,
        8 => mac::<8>,
        16 => mac::<16>,
        _ => mac::<32>,
    }
}
