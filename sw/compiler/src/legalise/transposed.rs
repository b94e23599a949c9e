// SPDX-License-Identifier: Apache-2.0
//! Transposed convolutions by phases: of a stride of 2 by 2 the output pixels of even rows and columns are an ordinary convolution
//! with some of the taps, those of even rows and odd columns another, and so on. Nothing is multiplied with the zeros between
//! input pixels; POST writes each phase to its places of the one output.

use super::conv::{BOUND, Geometry, Operands};
use super::{PLAIN, Stager, param};
use crate::report::TRANSPOSED;
use crate::stage::{Over, PostSpec, Spread, Stage, Tap, TensorId, Walk, Weights};
use crate::tile;
use systole_model::graph::{Finish, Op, Window};

/// Output pixels along one dimension that lie over the input alike.
struct Phase {
    /// The first of them; the others follow in steps of the stride.
    first: usize,
    /// How many.
    count: usize,
    /// Taps of the kernel that meet them, by the input pixel that they read, the first first. One each but at an edge that goes on.
    taps: Vec<Vec<usize>>,
    /// Input pixel that the first output pixel's first tap reads, perhaps outside.
    origin: i64,
    /// Input pixels from a tap to the next.
    step: usize,
}

/// The phases along dimension `d` of an output of `size` pixels. With an `edge` the input is so many pixels, and goes on beyond
/// them: outputs that reach there are phases of their own.
fn phases(window: &Window, d: usize, size: usize, edge: Option<usize>) -> Vec<Phase> {
    let (stride, dilation) = (window.stride[d], window.dilation[d]);
    (0..stride.min(size))
        .flat_map(|first| {
            // Tap k of output o reads input (o + pad - k * dilation) / stride, where that is a whole number.
            let from = |tap: usize| (first + window.pads[d]) as i64 - (tap * dilation) as i64;
            let meets = |tap: &usize| from(*tap).rem_euclid(stride as i64) == 0;
            let taps: Vec<usize> = (0..window.kernel[d]).rev().filter(meets).collect();
            let read = |tap: usize| from(tap).div_euclid(stride as i64);
            let origin = taps.first().map_or(0, |&t| read(t));
            let step = taps.get(1).map_or(1, |&t| (read(t) - origin) as usize);
            let count = (size - first).div_ceil(stride);
            let whole = Phase { first, count, taps: taps.iter().map(|&t| vec![t]).collect(), origin, step };
            match edge {
                Some(input) => whole.within(input, stride),
                None => vec![whole],
            }
        })
        .collect()
}

impl Phase {
    /// The same with taps outside an input of `size` pixels on the pixel at its edge. Input pixels follow each other in it.
    fn within(&self, size: usize, stride: usize) -> Vec<Phase> {
        let mut all: Vec<Phase> = vec![];
        for j in 0..self.count {
            let mut at: Vec<(i64, Vec<usize>)> = vec![];
            for (t, taps) in self.taps.iter().enumerate() {
                let pixel = (self.origin + (j + t * self.step) as i64).clamp(0, size as i64 - 1);
                match at.last_mut() {
                    Some(last) if last.0 == pixel => last.1.extend(taps),
                    _ => at.push((pixel, taps.clone())),
                }
            }
            let origin = at.first().map_or(0, |p| p.0);
            let taps: Vec<Vec<usize>> = at.into_iter().map(|p| p.1).collect();
            match all.last_mut() {
                Some(last) if last.taps == taps && last.origin + last.count as i64 == origin => last.count += 1,
                _ => all.push(Phase { first: self.first + j * stride, count: 1, taps, origin, step: self.step }),
            }
        }
        all
    }

    /// Whether a tap reads outside an input of `size` pixels.
    fn leaves(&self, size: usize) -> bool {
        let last = self.origin + (self.taps.len() as i64 - 1) * self.step as i64 + self.count as i64 - 1;
        self.origin < 0 || last >= size as i64
    }
}

impl Stager<'_> {
    /// The last of the stages of a transposed convolution, a stage a phase.
    pub(super) fn conv_transpose(&mut self, i: usize) -> Result<usize, String> {
        let graph = self.graph;
        let (layer, map) = (&graph.layers[i], &graph.maps[i + 1]);
        let Op::ConvTranspose { input, zero_point, window, groups, weights, bias, edge } = &layer.op else {
            return Err("it is no transposed convolution".into());
        };
        let Finish::Int8 { scales, zero_point: y_zero, lo, hi, .. } = &layer.finish else {
            return Err("its result is no code".into());
        };
        let [h, w, channels] = graph.maps[*input].shape;
        let [oh, ow, n] = map.shape;
        let (per, out_per) = (channels / groups, n / groups);
        let at = |ky: usize, kx: usize, channel: usize, out: usize| match channel.checked_sub(out / out_per * per) {
            Some(within) if within < per => weights[((ky * window.kernel[1] + kx) * per + within) * n + out],
            _ => 0,
        };
        let tensor = self.tensor(*input)?;
        let mut made: Option<usize> = None;
        if *edge && window.dilation != [1, 1] {
            return Err("dilations with an edge that goes on".into());
        }
        for rows in phases(window, 0, oh, edge.then_some(h)) {
            for cols in phases(window, 1, ow, edge.then_some(w)) {
                let out = [rows.count, cols.count];
                let pad = rows.leaves(h) || cols.leaves(w);
                let reach = |p: &Phase| p.origin.unsigned_abs() as usize + p.taps.len() * p.step + p.count;
                if pad && [h, w, reach(&rows), reach(&cols)].iter().any(|&v| v > BOUND) {
                    return Err(format!("padding of a map of {h} x {w}; indices go to {BOUND}"));
                }
                let (kh, kw) = (rows.taps.len(), cols.taps.len());
                let stage = if kh * kw == 0 {
                    self.bias_alone(i, tensor, out, n)
                } else {
                    let (dy, dx) = (rows.step, cols.step);
                    let tap = |t: usize| Tap { row: (t / kw * dy) as i32, col: (t % kw * dx) as i32, word: 0 };
                    let geometry = Geometry {
                        out,
                        over: Over { size: [h, w], stride: [1, 1], origin: [rows.origin as i32, cols.origin as i32] },
                        pad,
                        taps: (0..kh * kw).map(tap).collect(),
                        loops: vec![
                            Walk { count: kw, x: dx as i64, row: 0, col: dx as i32 },
                            Walk { count: kh, x: (dy * w) as i64, row: dy as i32, col: 0 },
                        ],
                    };
                    let weight = |t: usize, channel: usize, out: usize| {
                        let (rows, cols) = (&rows.taps[t / kw], &cols.taps[t % kw]);
                        let all = rows.iter().flat_map(|&ky| cols.iter().map(move |&kx| (ky, kx)));
                        if channel < channels { all.map(|(ky, kx)| at(ky, kx, channel, out)).sum() } else { 0 }
                    };
                    let (walk, words) = self.walk(channels, n, *groups, geometry.loops.len());
                    self.product(i, n, Operands { tensor, geometry, weight: &weight, walk, words })?
                };
                // The zero point of the taps that this phase has goes off the bias; 32 bits wrap, as the machine's sums do.
                let zeros = |out: usize| {
                    let sum = |ky: &usize| {
                        let all = cols.taps.iter().flatten().flat_map(|kx| (0..per).map(move |ch| (kx, ch)));
                        all.map(|(kx, ch)| i32::from(at(*ky, *kx, out / out_per * per + ch, out))).sum::<i32>()
                    };
                    i32::from(*zero_point).wrapping_mul(rows.taps.iter().flatten().map(sum).sum())
                };
                let param_base = self.params(|c| param(bias[c].wrapping_sub(zeros(c)), scales[c]), n);
                let post = PostSpec { param_step: 1, param_base, zero_point: *y_zero, lo: *lo, hi: *hi, ..PLAIN };
                let spread = Spread { stride: window.stride, origin: [rows.first, cols.first], width: ow };
                let stage = Stage {
                    kind: TRANSPOSED,
                    pad: stage.pad.map(|_| *zero_point),
                    post,
                    spread: Some(spread),
                    macs: (out[0] * out[1] * kh * kw * per * n) as u64,
                    ..stage
                };
                made = Some(self.push_part(stage, map.shape, made));
            }
        }
        made.ok_or_else(|| "its result is empty".into())
    }

    /// A phase that no tap meets: zero weights on padding, whatever the input is.
    fn bias_alone(&self, i: usize, input: TensorId, out: [usize; 2], outputs: usize) -> Stage {
        let (rows, cols) = (self.rows(), self.cols());
        let n_tiles = outputs.div_ceil(cols);
        Stage {
            layers: vec![i],
            input: Some(input),
            out,
            n_walk: crate::stage::NWalk::SAME,
            n_tiles,
            pad: Some(0),
            blocks: tile::blocks(out, usize::MAX),
            weights: Weights::Tiles(vec![0; n_tiles * rows * cols].into()),
            ..self.diagonal(1, PLAIN)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_meets_each_of_its_taps_once() {
        for (kernel, stride, dilation, pad) in
            [(3, 2, 1, 1), (2, 2, 1, 0), (4, 2, 1, 1), (3, 3, 2, 2), (2, 3, 1, 0), (5, 4, 6, 3), (1, 2, 1, 0), (3, 1, 1, 2)]
        {
            let window = Window { kernel: [kernel, 1], stride: [stride, 1], dilation: [dilation, 1], pads: [pad, 0, 0, 0] };
            let size = 4 * stride + 1;
            let mut seen = vec![vec![]; size];
            for p in phases(&window, 0, size, None) {
                for i in 0..p.count {
                    for (t, taps) in p.taps.iter().enumerate() {
                        seen[p.first + i * stride].push((taps[0], p.origin + (i + t * p.step) as i64));
                    }
                }
            }
            for (o, seen) in seen.iter_mut().enumerate() {
                seen.sort_unstable();
                let all = (0..kernel).flat_map(|tap| (-40..40i64).map(move |input| (tap, input)));
                let expected: Vec<(usize, i64)> =
                    all.filter(|(tap, input)| input * stride as i64 + (tap * dilation) as i64 == (o + pad) as i64).collect();
                assert_eq!(*seen, expected, "kernel {kernel}, stride {stride}, dilation {dilation}, output {o}");
            }
        }
    }
}
