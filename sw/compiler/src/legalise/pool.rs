// SPDX-License-Identifier: Apache-2.0
//! Pools: sums over a window of identity weights, and maxima by comparing tap after tap.

use super::conv::{Geometry, joined};
use super::{PLAIN, Stager, param};
use crate::stage::{Meeting, Over, PostSpec, Stage, Tap, TensorId, Walk};
use crate::tile;
use systole_model::graph::{MapId, MeanRounding, Op, Window};

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
        let Op::AveragePool { input, window, count_padding, scale, zero_point, rounding } = &graph.layers[i].op else {
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
        let means: Vec<Mean> = regions
            .iter()
            .map(|r| Mean {
                count: r.2,
                input_zero: input.zero_point,
                scales: [input.scale, *scale],
                zero_point: *zero_point,
                rounding: *rounding,
                lo,
                hi,
            })
            .collect();
        // Where the zero point is odd and added before rounding, an odd part of it joins the sum.
        let odd = *rounding != MeanRounding::Exact && zero_point % 2 != 0;
        let within = |moved: &i32| i8::try_from(i32::from(*zero_point) - moved).is_ok();
        let moves = (1..32).step_by(2).flat_map(|m| [m, -m]).filter(|m| odd && within(m));
        let mut best: Option<(u32, i32, Vec<Chosen>)> = None;
        for moved in std::iter::once(0).chain(moves) {
            let chosen: Vec<Chosen> = means.iter().map(|m| m.choose(moved)).collect();
            let wrong = chosen.iter().map(|c| c.differing).sum();
            if best.as_ref().is_none_or(|b| wrong < b.0) {
                best = Some((wrong, moved, chosen));
            }
            if wrong == 0 {
                break;
            }
        }
        let (wrong, moved, chosen) = best.ok_or("its window is empty")?;
        stage.blocks.clear();
        for (([row, col], size, _), c) in regions.into_iter().zip(&chosen) {
            let cols = self.cols();
            let params = self.params(|_| param(bias.wrapping_add(c.extra), c.scale), cols);
            for b in tile::blocks(size, acc) {
                stage.blocks.push(crate::stage::Block { row: b.row + row, col: b.col + col, params, ..b });
            }
        }
        self.inexact(i, "average pool", wrong, means.iter().map(Mean::reachable).sum());
        let post = PostSpec { zero_point: (i32::from(*zero_point) - moved) as i8, lo, hi, ..PLAIN };
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
    scales: [f32; 2],
    zero_point: i8,
    rounding: MeanRounding,
    lo: i8,
    hi: i8,
}

/// Constants of a mean.
struct Chosen {
    scale: f32,
    /// Added to the sum.
    extra: i32,
    /// Reachable sums with another code than the reference.
    differing: u32,
}

impl Mean {
    fn reference(&self, sum: i64) -> i8 {
        let v = match self.rounding {
            MeanRounding::Exact => {
                let [x, y] = self.scales.map(f64::from);
                (sum as f64 / self.count as f64 * x / y).round_ties_even() + f64::from(self.zero_point)
            }
            MeanRounding::Float32 { unsigned } => {
                let shift = if unsigned { 128.0 } else { 0.0 };
                let mean = sum as f32 * self.scales[0] / self.count as f32 / self.scales[1];
                f64::from((mean + (f32::from(self.zero_point) + shift)).round_ties_even() - shift)
            }
        };
        v.clamp(f64::from(self.lo), f64::from(self.hi)) as i8
    }

    /// `sat8(rne(f32(f32(sum + extra) * scale)) + zero point - moved)`, as the machine does it.
    fn machine(&self, sum: i64, scale: f32, extra: i32, moved: i32) -> i8 {
        let v = ((sum + i64::from(extra)) as f32 * scale).round_ties_even() + (i32::from(self.zero_point) - moved) as f32;
        (v.clamp(-128.0, 127.0) as i8).clamp(self.lo, self.hi)
    }

    fn sums(&self) -> std::ops::RangeInclusive<i64> {
        let zero = i64::from(self.input_zero);
        self.count as i64 * (-128 - zero)..=self.count as i64 * (127 - zero)
    }

    fn reachable(&self) -> u32 {
        255 * self.count as u32 + 1
    }

    /// The scale near the true one with the fewest sums that differ from the reference, where `moved` of the zero point is
    /// added before rounding.
    fn choose(&self, moved: i32) -> Chosen {
        let ratio = f64::from(self.scales[0]) / f64::from(self.scales[1]) / self.count as f64;
        let (exact, extra) = (ratio as f32, (f64::from(moved) / ratio).round() as i32);
        // Sums near a rounding boundary; the others do not depend on the last bits of the scale.
        let near: Vec<(i64, i8)> = self
            .sums()
            .filter(|&sum| {
                let v = sum as f64 * ratio;
                (v - v.floor() - 0.5).abs() < 1e-3 * (1.0 + v.abs() / 256.0)
            })
            .map(|sum| (sum, self.reference(sum)))
            .collect();
        let mut best = (exact, u32::MAX);
        for away in 0..200i32 {
            let bits = exact.to_bits() as i32 + if away % 2 == 1 { away / 2 + 1 } else { -(away / 2) };
            let scale = f32::from_bits(bits as u32);
            let wrong = near.iter().filter(|(sum, code)| self.machine(*sum, scale, extra, moved) != *code).count() as u32;
            if wrong < best.1 {
                best = (scale, wrong);
            }
            if wrong == 0 {
                break;
            }
        }
        let scale = best.0;
        let differs = |s: &i64| self.machine(*s, scale, extra, moved) != self.reference(*s);
        Chosen { scale, extra, differing: self.sums().filter(differs).count() as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(count: usize, ratio: f32, zero_point: i8, rounding: MeanRounding) -> Mean {
        Mean { count, input_zero: 3, scales: [ratio, 1.0], zero_point, rounding, lo: -128, hi: 127 }
    }

    #[test]
    fn means_of_power_of_two_windows_keep_their_ties() {
        for count in [1, 4, 16, 64] {
            let mean = mean(count, 1.0, -128, MeanRounding::Exact);
            let c = mean.choose(0);
            assert_eq!((c.scale, c.extra, c.differing), (1.0 / count as f32, 0, 0));
            assert_eq!(mean.machine(count as i64 / 2, c.scale, 0, 0), -128); // half of one: to even
        }
    }

    #[test]
    fn a_scale_is_found_that_agrees_on_every_reachable_sum() {
        let mut exact = 0;
        let all = 60;
        for n in 0..all {
            let (count, ratio) = ([2, 3, 9, 25, 49, 36][n % 6], 0.3 + 0.037 * n as f32);
            exact += u32::from(mean(count, ratio, -3, MeanRounding::Exact).choose(0).differing == 0);
        }
        assert!(exact * 10 >= all as u32 * 9, "{exact} of {all}");
    }

    #[test]
    fn an_odd_zero_point_before_rounding_joins_the_sum() {
        let float = MeanRounding::Float32 { unsigned: false };
        for (count, ratio) in [(4, 1.0), (4, 0.5), (16, 0.25)] {
            assert!(mean(count, ratio, 7, float).choose(0).differing > 0);
            let c = mean(count, ratio, 7, float).choose(1);
            assert_eq!((c.extra, c.differing), ((count as f32 / ratio) as i32, 0));
        }
    }

    #[test]
    fn stretches_of_equal_divisors() {
        assert_eq!(runs(&[2, 3, 3, 3, 2]), [[0, 1, 2], [1, 3, 3], [4, 1, 2]]);
    }
}
