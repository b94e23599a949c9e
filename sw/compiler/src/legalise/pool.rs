// SPDX-License-Identifier: Apache-2.0
//! Pools: sums over a window of identity weights, and maxima by comparing tap after tap.

use super::conv::{Geometry, joined};
use super::{PLAIN, Stager, param};
use crate::stage::{Meeting, Over, PostSpec, Stage, Tap, TensorId, Walk};
use crate::tile;
use systole_model::graph::{MapId, Op, Window};

impl Stager<'_> {
    /// A stage of identity weights over a window of a tensor.
    fn over_window(&mut self, input: TensorId, shape: [usize; 3], window: &Window, out: [usize; 2]) -> Result<Stage, String> {
        let Geometry { out, over, pad, taps, loops } = Geometry::of(window, shape, out)?;
        let words = self.staged.tensors[input].words;
        let loops = loops.into_iter().map(|l: Walk| Walk { x: l.x * words as i64, ..l });
        let acc = if taps.len() == 1 { usize::MAX } else { self.config.acc_depth as usize };
        Ok(Stage {
            input: Some(input),
            out,
            over,
            k_loops: joined(loops, pad),
            taps,
            pad: pad.then_some(0),
            blocks: tile::blocks(out, acc),
            ..self.diagonal(words, PLAIN)
        })
    }

    pub(super) fn average_pool(&mut self, i: usize, (lo, hi): (i8, i8)) -> Result<usize, String> {
        let graph = self.graph;
        let Op::AveragePool { input, window, count_padding, scale, zero_point } = &graph.layers[i].op else {
            return Err("it is no average pool".into());
        };
        let shape = graph.maps[input.map].shape;
        let [oh, ow, c] = graph.maps[i + 1].shape;
        let tensor = self.tensor(input.map)?;
        let mut stage = self.over_window(tensor, shape, window, [oh, ow])?;
        let taps = window.kernel[0] * window.kernel[1];
        // Where padding does not count, the divisor changes with the window's place: a rectangle for each divisor.
        let along = |d: usize, size: usize, count: usize| -> Vec<usize> {
            let inside = |o: usize| {
                let at = |k: usize| (o * window.stride[d] + k * window.dilation[d]).checked_sub(window.pads[d]);
                (0..window.kernel[d]).filter(|&k| at(k).is_some_and(|v| v < size)).count()
            };
            (0..count).map(inside).collect()
        };
        let flat = stage.out != [oh, ow];
        let regions = if *count_padding || flat || stage.pad.is_none() {
            vec![([0, 0], stage.out, taps)]
        } else {
            let (rows, cols) = (runs(&along(0, shape[0], oh)), runs(&along(1, shape[1], ow)));
            let region = |r: &[usize; 3], c: &[usize; 3]| ([r[0], c[0]], [r[1], c[1]], r[2] * c[2]);
            rows.iter().flat_map(|r| cols.iter().map(move |c| region(r, c))).collect()
        };
        let acc = if taps == 1 { usize::MAX } else { self.config.acc_depth as usize };
        let bias = (-(i32::from(input.zero_point))).wrapping_mul(taps as i32);
        let mut words: Vec<usize> = vec![];
        stage.blocks.clear();
        let (mut wrong, mut reachable) = (0, 0);
        for ([row, col], size, count) in regions {
            let mean = Mean {
                count,
                input_zero: input.zero_point,
                scales: [input.scale, *scale].map(f64::from),
                zero_point: *zero_point,
                lo,
                hi,
            };
            let (factor, differing, of) = mean.choose();
            (wrong, reachable) = (wrong + differing, reachable + of);
            let cols = self.cols();
            words.push(self.params(|_| param(bias, factor), cols));
            for b in tile::blocks(size, acc) {
                let params = words[words.len() - 1];
                stage.blocks.push(crate::stage::Block { row: b.row + row, col: b.col + col, params, ..b });
            }
        }
        self.inexact(i, "average pool", wrong, reachable);
        let post = PostSpec { zero_point: *zero_point, lo, hi, ..PLAIN };
        let pad = stage.pad.map(|_| input.zero_point);
        Ok(self.push(Stage { layers: vec![i], kind: "average pool", pad, post, ..stage }, [oh, ow, c]))
    }

    pub(super) fn max_pool(&mut self, i: usize, map: MapId, window: Window, (lo, hi): (i8, i8)) -> Result<usize, String> {
        let shape = self.graph.maps[map].shape;
        let [oh, ow, c] = self.graph.maps[i + 1].shape;
        let tensor = self.tensor(map)?;
        let [kh, kw] = window.kernel;
        // Along rows first and then along columns, where that is less work.
        let (at_once, apart) = (kh * kw * oh * ow, kw * shape[0] * ow + kh * oh * ow);
        let last = if kh > 1 && kw > 1 && apart < at_once {
            let across = Window {
                kernel: [1, kw],
                stride: [1, window.stride[1]],
                dilation: [1, window.dilation[1]],
                pads: [0, window.pads[1], 0, window.pads[3]],
            };
            let down = Window {
                kernel: [kh, 1],
                stride: [window.stride[0], 1],
                dilation: [window.dilation[0], 1],
                pads: [window.pads[0], 0, window.pads[2], 0],
            };
            let middle = [shape[0], ow, c];
            let half = self.largest(i, tensor, shape, &across, middle)?;
            let tensor = self.staged.stages[half].output.ok_or("its result leaves")?;
            self.largest(i, tensor, middle, &down, [oh, ow, c])?
        } else {
            self.largest(i, tensor, shape, &window, [oh, ow, c])?
        };
        let post = &mut self.staged.stages[last].post;
        (post.lo, post.hi) = (lo, hi);
        Ok(last)
    }

    /// One stage a tap: the larger of the tap and what the stage before gave.
    fn largest(
        &mut self,
        i: usize,
        input: TensorId,
        shape: [usize; 3],
        window: &Window,
        out: [usize; 3],
    ) -> Result<usize, String> {
        let whole = self.over_window(input, shape, window, [out[0], out[1]])?;
        let mut before: Option<usize> = None;
        let words = self.staged.tensors[input].words;
        for tap in &whole.taps {
            let operand = before.and_then(|s| self.staged.stages[s].output);
            let over = Over { origin: [whole.over.origin[0] + tap.row, whole.over.origin[1] + tap.col], ..whole.over };
            let pad = whole.pad.map(|_| -128); // never the largest
            let post = PostSpec { meeting: operand.map(|_| Meeting::Max), ..self.codes_post() };
            let stage = Stage {
                layers: vec![i],
                kind: "maximum pool",
                input: Some(input),
                operand,
                out: whole.out,
                over,
                taps: vec![Tap { row: 0, col: 0, word: 0 }],
                pad,
                blocks: tile::blocks(whole.out, usize::MAX),
                ..self.diagonal(words, post)
            };
            before = Some(self.push(stage, out));
        }
        before.ok_or_else(|| "its window is empty".into())
    }
}

/// Stretches of equal values: first, length, value.
fn runs(values: &[usize]) -> Vec<[usize; 3]> {
    let mut runs: Vec<[usize; 3]> = vec![];
    for (at, &v) in values.iter().enumerate() {
        match runs.last_mut() {
            Some(r) if r[2] == v => r[1] += 1,
            _ => runs.push([at, 1, v]),
        }
    }
    runs
}

/// A mean over `count` codes as a requantisation of their sum.
struct Mean {
    count: usize,
    input_zero: i8,
    /// Of the codes, and of the mean.
    scales: [f64; 2],
    zero_point: i8,
    lo: i8,
    hi: i8,
}

impl Mean {
    fn reference(&self, sum: i64) -> i8 {
        let v = (sum as f64 / self.count as f64 * self.scales[0] / self.scales[1]).round_ties_even() + f64::from(self.zero_point);
        v.clamp(f64::from(self.lo), f64::from(self.hi)) as i8
    }

    /// `sat8(rne(f32(f32(sum) * scale)) + zero point)`, as the machine does it.
    fn machine(&self, sum: i64, scale: f32) -> i8 {
        let v = (sum as f32 * scale).round_ties_even() + f32::from(self.zero_point);
        (v.clamp(-128.0, 127.0) as i8).clamp(self.lo, self.hi)
    }

    /// The scale near the true one with the fewest sums that differ from the reference; how many, of how many.
    fn choose(&self) -> (f32, u32, u32) {
        let zero = i64::from(self.input_zero);
        let (least, most) = (self.count as i64 * (-128 - zero), self.count as i64 * (127 - zero));
        let exact = (self.scales[0] / self.scales[1] / self.count as f64) as f32;
        // Sums near a rounding boundary; the others do not depend on the last bits of the scale.
        let near: Vec<(i64, i8)> = (least..=most)
            .filter(|&sum| {
                let v = sum as f64 * f64::from(exact);
                (v - v.floor() - 0.5).abs() < 1e-3 * (1.0 + v.abs() / 256.0)
            })
            .map(|sum| (sum, self.reference(sum)))
            .collect();
        let mut best = (exact, u32::MAX);
        for away in 0..200i32 {
            let bits = exact.to_bits() as i32 + if away % 2 == 1 { away / 2 + 1 } else { -(away / 2) };
            let scale = f32::from_bits(bits as u32);
            let wrong = near.iter().filter(|(sum, code)| self.machine(*sum, scale) != *code).count() as u32;
            if wrong < best.1 {
                best = (scale, wrong);
            }
            if wrong == 0 {
                break;
            }
        }
        let differing = (least..=most).filter(|&s| self.machine(s, best.0) != self.reference(s)).count() as u32;
        (best.0, differing, (most - least + 1) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_power_of_two_windows_keep_their_ties() {
        for count in [1, 4, 16, 64] {
            let mean = Mean { count, input_zero: -128, scales: [1.0, 1.0], zero_point: -128, lo: -128, hi: 127 };
            let (scale, differing, _) = mean.choose();
            assert_eq!((scale, differing), (1.0 / count as f32, 0));
            assert_eq!(mean.machine(count as i64 / 2, scale), -128); // half of one: to even
        }
    }

    #[test]
    fn a_scale_is_found_that_agrees_on_every_reachable_sum() {
        let mut exact = 0;
        let all = 60;
        for n in 0..all {
            let (count, scale) = ([2, 3, 9, 25, 49, 36][n % 6], f64::from(0.3 + 0.037 * n as f32));
            let mean = Mean { count, input_zero: n as i8, scales: [scale, 1.0], zero_point: -3, lo: -128, hi: 127 };
            exact += u32::from(mean.choose().1 == 0);
        }
        assert!(exact * 10 >= all as u32 * 9, "{exact} of {all}");
    }

    #[test]
    fn stretches_of_equal_divisors() {
        assert_eq!(runs(&[2, 3, 3, 3, 2]), [[0, 1, 2], [1, 3, 3], [4, 1, 2]]);
    }
}
