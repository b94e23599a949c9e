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
    /// Beyond its edges the input goes on as it ends there.
    pub edge: bool,
    /// `[kernel row][kernel column][channel of the group][output]`
    pub weights: &'a [i16],
}

/// Each input pixel and the output pixel that a tap makes of it, where there is one: `f(input pixel, tap, output pixel)`. With an
/// `edge` pixels beyond the input are those at its edge.
fn meetings(from: [usize; 3], to: [usize; 3], window: &Window, edge: bool, mut f: impl FnMut(usize, usize, usize)) {
    let pixels = |d: usize| {
        let beyond = if edge { (window.kernel[d] * window.dilation[d] + window.pads[d] + to[d]) as i64 } else { 0 };
        -beyond..from[d] as i64 + beyond
    };
    let output = |d: usize, i: i64, k: usize| {
        let at = i * window.stride[d] as i64 + (k * window.dilation[d]) as i64 - window.pads[d] as i64;
        usize::try_from(at).ok().filter(|&at| at < to[d])
    };
    let inside = |d: usize, i: i64| i.clamp(0, from[d] as i64 - 1) as usize;
    for (iy, ky) in pixels(0).flat_map(|i| (0..window.kernel[0]).map(move |k| (i, k))) {
        let Some(oy) = output(0, iy, ky) else { continue };
        for (ix, kx) in pixels(1).flat_map(|i| (0..window.kernel[1]).map(move |k| (i, k))) {
            let Some(ox) = output(1, ix, kx) else { continue };
            f(inside(0, iy) * from[1] + inside(1, ix), ky * window.kernel[1] + kx, oy * to[1] + ox);
        }
    }
}

impl Convolution<'_> {
    /// `f(input element, weight, output element)` of every product.
    fn products(&self, mut f: impl FnMut(usize, usize, usize)) {
        let ([_, _, channels], [_, _, outputs]) = (self.from, self.to);
        let (in_group, out_group) = (channels / self.groups, outputs / self.groups);
        meetings(self.from, self.to, self.window, self.edge, |input, tap, output| {
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
pub fn reached(
    marked: impl Fn(usize) -> bool,
    from: [usize; 3],
    to: [usize; 3],
    window: &Window,
    groups: usize,
    edge: bool,
) -> Vec<bool> {
    let (in_group, out_group) = (from[2] / groups, to[2] / groups);
    let mut all = vec![false; to.iter().product()];
    meetings(from, to, window, edge, |input, _, output| {
        for out in 0..to[2] {
            let first = input * from[2] + out / out_group * in_group;
            all[output * to[2] + out] |= (first..first + in_group).any(&marked);
        }
    });
    all
}
