// SPDX-License-Identifier: Apache-2.0
//! The inner product of the array: one vector of R bytes with a tile of R x C weights.
//!
//! Weights lie in pairs of rows: a vector holds the weights of four columns for two rows, and one
//! multiply-add of pairs makes eight multiplications.

use wide::{i16x8, i32x4};

/// Vectors in a tile.
pub(crate) fn tile_vectors(rows: usize, cols: usize) -> usize {
    rows / 2 * (cols / 4)
}

/// Tiles `[tile][row][col]` of int8 weights as vectors.
pub(crate) fn pack(weights: &[i8], rows: usize, cols: usize) -> Vec<i16x8> {
    let mut out = Vec::with_capacity(weights.len() / 8);
    for tile in weights.chunks_exact(rows * cols) {
        for pair in tile.chunks_exact(2 * cols) {
            for c in (0..cols).step_by(4) {
                out.push(i16x8::new(std::array::from_fn(|i| i16::from(pair[i % 2 * cols + c + i / 2]))));
            }
        }
    }
    out
}

/// A tile with `zero` subtracted from each weight.
pub(crate) fn less(tile: &[i16x8], zero: i8) -> Vec<i16x8> {
    tile.iter().map(|&w| w - i16x8::splat(zero.into())).collect()
}

/// Adds `x[r] * w[r][c]` over all rows to each `sum[c]`; sums wrap.
fn mac<const QUADS: usize>(sum: &mut [i32], x: &[i8], w: &[i16x8]) {
    let mut acc = [i32x4::ZERO; QUADS];
    for (pair, row) in x.chunks_exact(2).zip(w.chunks_exact(QUADS)) {
        let both = i32::from(pair[1]) << 16 | (i32::from(pair[0]) & 0xffff);
        let both: i16x8 = bytemuck::cast(i32x4::splat(both));
        for (a, w) in acc.iter_mut().zip(row) {
            *a += both.dot(*w);
        }
    }
    for (s, a) in sum.chunks_exact_mut(4).zip(acc) {
        for (s, a) in s.iter_mut().zip(a.to_array()) {
            *s = s.wrapping_add(a);
        }
    }
}

/// The kernel for a number of columns.
pub(crate) fn for_cols(cols: usize) -> fn(&mut [i32], &[i8], &[i16x8]) {
    match cols {
        4 => mac::<1>,
        8 => mac::<2>,
        16 => mac::<4>,
        _ => mac::<8>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_the_plain_sum_at_the_corners() {
        for (rows, cols) in [(4, 4), (8, 8), (16, 8), (16, 16), (32, 32)] {
            let corner = [-128i8, -1, 0, 127];
            let w: Vec<i8> = (0..rows * cols).map(|i| corner[i * 7 / 3 % 4]).collect();
            let x: Vec<i8> = (0..rows).map(|i| corner[i * 5 / 2 % 4]).collect();
            for zero in corner {
                let mut sum = vec![i32::MAX - 5; cols];
                for_cols(cols)(&mut sum, &x, &less(&pack(&w, rows, cols), zero));
                for c in 0..cols {
                    let weight = |r: usize| i32::from(w[r * cols + c]) - i32::from(zero);
                    let plain: i32 = (0..rows).map(|r| i32::from(x[r]) * weight(r)).sum();
                    assert_eq!(sum[c], (i32::MAX - 5).wrapping_add(plain));
                }
            }
        }
    }
}
