// SPDX-License-Identifier: Apache-2.0
//! Transposed convolutions by their definition: each input pixel adds its products to the output pixels that its taps reach.

use systole_model::graph::Window;

/// A transposed convolution of values `x`, zero point subtracted, `[h, w, c]` row-major.
pub struct Convolution<'a> {
    pub x: Vec<i32>,
    /// Shape of the input.
    pub from: [usize; 3],
    /// Shape of the output.
    pub to: [usize; 3],
    pub window: &'a Window,
    pub groups: usize,
    /// `[kernel row][kernel column][channel of the group][output]`
    pub weights: &'a [i16],
}

/// Each input pixel and the output pixel that a tap makes of it, where there is one: `f(input pixel, tap, output pixel)`.
fn meetings(from: [usize; 3], to: [usize; 3], window: &Window, mut f: impl FnMut(usize, usize, usize)) {
    for iy in 0..from[0] {
        for ix in 0..from[1] {
            for ky in 0..window.kernel[0] {
                for kx in 0..window.kernel[1] {
                    let oy = (iy * window.stride[0] + ky * window.dilation[0]).checked_sub(window.pads[0]);
                    let ox = (ix * window.stride[1] + kx * window.dilation[1]).checked_sub(window.pads[1]);
                    if let (Some(oy), Some(ox)) = (oy.filter(|&y| y < to[0]), ox.filter(|&x| x < to[1])) {
                        f(iy * from[1] + ix, ky * window.kernel[1] + kx, oy * to[1] + ox);
                    }
                }
            }
        }
    }
}

impl Convolution<'_> {
    /// `f(input element, weight, output element)` of every product.
    fn products(&self, mut f: impl FnMut(usize, usize, usize)) {
        let ([_, _, channels], [_, _, outputs]) = (self.from, self.to);
        let (in_group, out_group) = (channels / self.groups, outputs / self.groups);
        meetings(self.from, self.to, self.window, |input, tap, output| {
            for out in 0..outputs {
                for ch in 0..in_group {
                    let channel = out / out_group * in_group + ch;
                    f(input * channels + channel, (tap * in_group + ch) * outputs + out, output * outputs + out);
                }
            }
        });
    }

    /// Sums of 32 bits, which wrap.
    pub fn sums(&self, bias: &[i32]) -> Vec<i32> {
        let mut sums: Vec<i32> = (0..self.to.iter().product()).map(|i| bias[i % bias.len()]).collect();
        self.products(|x, w, y| sums[y] = sums[y].wrapping_add(self.x[x] * i32::from(self.weights[w])));
        sums
    }

    /// The sums of the terms' magnitudes.
    pub fn magnitudes(&self, bias: &[i32]) -> Vec<f64> {
        let mut sums: Vec<f64> = (0..self.to.iter().product()).map(|i| f64::from(bias[i % bias.len()].unsigned_abs())).collect();
        self.products(|x, w, y| sums[y] += f64::from((self.x[x] * i32::from(self.weights[w])).abs()));
        sums
    }
}

/// Which outputs depend on marked elements of the input.
pub fn reached(marked: impl Fn(usize) -> bool, from: [usize; 3], to: [usize; 3], window: &Window, groups: usize) -> Vec<bool> {
    let (in_group, out_group) = (from[2] / groups, to[2] / groups);
    let mut all = vec![false; to.iter().product()];
    meetings(from, to, window, |input, _, output| {
        for out in 0..to[2] {
            let first = input * from[2] + out / out_group * in_group;
            all[output * to[2] + out] |= (first..first + in_group).any(&marked);
        }
    });
    all
}
