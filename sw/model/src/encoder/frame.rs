// SPDX-License-Identifier: Apache-2.0
//! Numbers as the bytes of a frame (docs/encoders.md, "The frame").

/// Largest integer that two codes make: `128 * 127 + 63`.
const LARGEST: f64 = 16319.0;

/// `n` filled up to a multiple of `cols`.
pub fn pad(n: usize, cols: usize) -> usize {
    n.next_multiple_of(cols)
}

/// The frame of `x`, `[tokens][width]` row by row, for a machine of `cols` columns: exponents, masks and codes as bytes. `mask`:
/// whether each token counts.
///
/// # Panics
/// Where `x` is no whole number of tokens, or `mask` has another number of them.
pub fn frame(x: &[f32], width: usize, mask: &[bool], cols: usize) -> Vec<i8> {
    assert_eq!(x.len(), width * mask.len(), "{} numbers for {} tokens of {width}", x.len(), mask.len());
    let (tokens, lanes) = (pad(mask.len(), cols), pad(width, cols));
    let mut out = vec![0i8; tokens * (2 + 2 * lanes)];
    for (t, row) in x.chunks_exact(width).enumerate() {
        let e = exponent(row);
        out[t] = e as i8;
        out[tokens + t] = i8::from(mask[t]);
        let at = 2 * tokens + 2 * lanes * t;
        for (i, &x) in row.iter().enumerate() {
            let n = integer(x, e).clamp(-LARGEST, LARGEST) as i32;
            let h = (n + 64).div_euclid(128);
            out[at + i] = -h as i8;
            out[at + lanes + i] = (n - 128 * h) as i8;
        }
    }
    out[mask.len()..tokens].fill(-100);
    out
}

/// `x / 2^e`, rounded to the nearest integer, ties to even.
fn integer(x: f32, e: i32) -> f64 {
    (f64::from(x) / 2f64.powi(e)).round_ties_even()
}

/// The least exponent from -100 on with which a token's largest channel fits; 100 where none does.
fn exponent(row: &[f32]) -> i32 {
    let largest = row.iter().fold(0f32, |m, x| m.max(x.abs()));
    (-100..100).find(|&e| integer(largest, e) <= LARGEST).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a frame says of a token, read as the document has it.
    fn read(frame: &[i8], tokens: usize, lanes: usize, t: usize, i: usize) -> f64 {
        let at = 2 * tokens + 2 * lanes * t + i;
        let n = -128 * i32::from(frame[at]) + i32::from(frame[at + lanes]);
        f64::from(n) * 2f64.powi(i32::from(frame[t]))
    }

    #[test]
    fn a_frame_keeps_fourteen_bits_of_a_token() {
        let x = [1.0f32, -0.75, 3.25e-5, 0.0, 0.0, 0.0, -127.4, 99.0, 1e-30];
        let f = frame(&x, 3, &[true, true, false], 4);
        assert_eq!((f.len(), &f[..4], &f[4..8]), (4 * 10, &[-13, -100, -7, -100][..], &[1, 1, 0, 0][..]));
        for (t, row) in x.chunks(3).enumerate() {
            let largest = row.iter().fold(0f32, |m, x| m.max(x.abs()));
            for (i, x) in row.iter().enumerate() {
                let off = (read(&f, 4, 4, t, i) - f64::from(*x)).abs();
                assert!(off <= f64::from(largest) * 2f64.powi(-14), "token {t}, channel {i}: {off}");
            }
        }
    }

    #[test]
    fn the_largest_codes_are_used_to_their_end() {
        let f = frame(&[16319.0, -16319.0, 16319.4], 3, &[true], 4);
        assert_eq!(f[0], 0);
        assert_eq!((read(&f, 4, 4, 0, 0), read(&f, 4, 4, 0, 1), read(&f, 4, 4, 0, 2)), (16319.0, -16319.0, 16319.0));
        assert_eq!(frame(&[16319.6], 1, &[true], 4)[0], 1, "one more is beyond");
    }
}
