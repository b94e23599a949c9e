// SPDX-License-Identifier: Apache-2.0
//! Pools: sums over a window of identity weights, and maxima by comparing tap after tap.

use super::conv::{Geometry, joined};
use super::{PLAIN, Stager, param};
use crate::stage::{Meeting, Over, PostSpec, Stage, Tap, TensorId, Walk};
use crate::tile;
use systole_model::approximation::{Divisor, Form};
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
        let odd = matches!(rounding, MeanRounding::Window { .. }) && zero_point % 2 != 0;
        let within = |moved: &i32| i8::try_from(i32::from(*zero_point) - moved).is_ok();
        let moves = (1..32).step_by(2).flat_map(|m| [m, -m]).filter(|m| odd && within(m));
        let mut best: Option<(Misses, i32, Vec<Chosen>)> = None;
        for moved in std::iter::once(0).chain(moves) {
            let chosen: Vec<Chosen> = means.iter().map(|m| m.choose(moved)).collect();
            let misses = chosen.iter().fold(Misses::default(), |sum, c| sum.plus(c.misses));
            if best.as_ref().is_none_or(|b| misses < b.0) {
                best = Some((misses, moved, chosen));
            }
            if misses == Misses::default() {
                break;
            }
        }
        let (_, moved, chosen) = best.ok_or("its window is empty")?;
        if let Some(c) = chosen.iter().find(|c| !c.scale.is_normal() || c.scale >= 16_777_216.0) {
            return Err(format!("the scale of its mean is {:e}; it must be a normal number below 2^24", c.scale));
        }
        stage.blocks.clear();
        for (&([row, col], size, _), c) in regions.iter().zip(&chosen) {
            let cols = self.cols();
            let params = self.params(|_| param(bias.wrapping_add(c.extra), c.scale), cols);
            for b in tile::blocks(size, acc) {
                stage.blocks.push(crate::stage::Block { row: b.row + row, col: b.col + col, params, ..b });
            }
        }
        let zero_point = (i32::from(*zero_point) - moved) as i8;
        let divisor =
            |(r, c): (&([usize; 2], [usize; 2], usize), &Chosen)| Divisor { count: r.2, scale: c.scale, extra: c.extra };
        let form = Form::Mean { divisors: regions.iter().zip(&chosen).map(divisor).collect(), zero_point };
        let (differing, of) = (chosen.iter().map(|c| c.differing).sum(), means.iter().map(Mean::reachable).sum());
        self.inexact(i, "average pool", differing, of, form);
        let post = PostSpec { zero_point, lo, hi, ..PLAIN };
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

/// How badly constants of a mean fit: first what counts most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Misses {
    /// Sums whose code is none that the float32 additions can give.
    wrong: u32,
    /// Sums whose code is not that of additions without rounding.
    astray: u32,
}

impl Misses {
    fn plus(self, other: Misses) -> Misses {
        Misses { wrong: self.wrong + other.wrong, astray: self.astray + other.astray }
    }
}

/// Constants of a mean.
struct Chosen {
    scale: f32,
    /// Added to the sum.
    extra: i32,
    misses: Misses,
    /// Reachable sums whose code may not be the reference's: it is not, or the order of additions decides.
    differing: u32,
}

impl Mean {
    /// The code of a mean whose float32 sum of real values is `sum`.
    fn of_real(&self, sum: f32) -> i8 {
        let mean = sum / self.count as f32 / self.scales[1];
        let zero = f32::from(self.zero_point);
        let code = match self.rounding {
            MeanRounding::Window { unsigned } => {
                let shift = if unsigned { 128.0 } else { 0.0 };
                (mean + (zero + shift)).round_ties_even() - shift
            }
            MeanRounding::Float32 | MeanRounding::Global => mean.round_ties_even() + zero,
        };
        code.clamp(f32::from(self.lo), f32::from(self.hi)) as i8
    }

    /// The least and the greatest code that `sum` can have, as float32 additions round, and that of no rounding.
    fn reference(&self, sum: i64) -> [i8; 3] {
        let exact = sum as f64 * f64::from(self.scales[0]);
        let error = self.error(exact);
        [exact - error, exact + error, exact].map(|v| self.of_real(v as f32))
    }

    /// How far float32 additions of real values can end from their sum. Each rounds a partial sum by 2^-24 of it at most, and
    /// a partial sum of i of n values is at most i of the largest, and at most n - i of the largest from the whole.
    fn error(&self, exact: f64) -> f64 {
        let n = self.count as f64;
        // Few enough bits, and nothing is ever rounded: k * scale for k up to 255 n.
        let bits = 24 - self.scales[0].to_bits().trailing_zeros().min(23);
        if f64::from(bits) + (255.0 * n + 1.0).log2().ceil() <= 24.0 {
            return 0.0;
        }
        let zero = i32::from(self.input_zero);
        let largest = f64::from((127 - zero).max(128 + zero)) * f64::from(self.scales[0]);
        let whole = (exact.abs() / largest).min(n);
        let turn = (n + whole) / 2.0;
        let partial = turn * turn / 2.0 + (n - turn) * whole + (n - turn).powi(2) / 2.0 + 2.0 * n;
        1.01 * largest * partial / f64::from(1 << 24)
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

    /// The scale near the true one with the fewest misses, where `moved` of the zero point is added before rounding.
    fn choose(&self, moved: i32) -> Chosen {
        if self.rounding == MeanRounding::Global {
            // The machine's own arithmetic: the integer sum times one float32 factor.
            let scale = self.scales[0] / (self.scales[1] * self.count as f32);
            return Chosen { scale, extra: 0, misses: Misses::default(), differing: 0 };
        }
        let ratio = f64::from(self.scales[0]) / f64::from(self.scales[1]) / self.count as f64;
        let (exact, extra) = (ratio as f32, (f64::from(moved) / ratio).round() as i32);
        // Sums near a rounding boundary; the others do not depend on the last bits of the scale.
        let near: Vec<(i64, [i8; 3])> = self
            .sums()
            .filter(|&sum| {
                let v = sum as f64 * ratio;
                (v - v.floor() - 0.5).abs() < 1e-3 * (1.0 + v.abs() / 256.0)
            })
            .map(|sum| (sum, self.reference(sum)))
            .collect();
        let misses = |scale: f32| {
            near.iter().fold(Misses::default(), |sum, (at, [least, most, plain])| {
                let code = self.machine(*at, scale, extra, moved);
                let wrong = !(*least..=*most).contains(&code);
                sum.plus(Misses { wrong: wrong.into(), astray: (code != *plain).into() })
            })
        };
        let mut best = (exact, misses(exact));
        for away in 1..200i32 {
            if best.1 == Misses::default() {
                break;
            }
            let bits = exact.to_bits() as i32 + if away % 2 == 1 { away / 2 + 1 } else { -(away / 2) };
            let scale = f32::from_bits(bits as u32);
            let found = misses(scale);
            if found < best.1 {
                best = (scale, found);
            }
        }
        let (scale, misses) = best;
        let differs = |sum: &i64| {
            let [least, most, _] = self.reference(*sum);
            let code = self.machine(*sum, scale, extra, moved);
            least != code || most != code
        };
        Chosen { scale, extra, misses, differing: self.sums().filter(differs).count() as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(count: usize, ratio: f32, zero_point: i8, rounding: MeanRounding) -> Mean {
        Mean { count, input_zero: 3, scales: [ratio, 1.0], zero_point, rounding, lo: -128, hi: 127 }
    }

    const WINDOW: MeanRounding = MeanRounding::Window { unsigned: false };

    #[test]
    fn a_global_mean_is_the_machines_own_arithmetic() {
        for (count, ratio) in [(9, 1.0), (49, 0.37), (144, 1.0)] {
            let mean = mean(count, ratio, 7, MeanRounding::Global);
            let c = mean.choose(0);
            assert_eq!((c.extra, c.differing), (0, 0));
            for sum in mean.sums() {
                let expected = (sum as f32 * (ratio / (1.0 * count as f32))).round_ties_even() + 7.0;
                assert_eq!(mean.machine(sum, c.scale, 0, 0), expected.clamp(-128.0, 127.0) as i8);
            }
        }
    }

    #[test]
    fn means_whose_additions_are_exact_keep_their_ties() {
        for count in [1, 4, 16, 64] {
            let mean = mean(count, 1.0, -128, WINDOW);
            let c = mean.choose(0);
            assert_eq!((c.scale, c.extra, c.differing), (1.0 / count as f32, 0, 0));
            assert_eq!(mean.machine(count as i64 / 2, c.scale, 0, 0), -128); // half of one: to even
        }
    }

    #[test]
    fn where_additions_round_every_tie_is_counted() {
        // 0.1 has 24 bits: a quarter of all sums of four lies halfway.
        let mean = Mean { scales: [0.1, 0.1], ..mean(4, 0.1, -128, WINDOW) };
        let c = mean.choose(0);
        assert_eq!(c.misses.wrong, 0);
        let halves = mean.sums().filter(|s| s.rem_euclid(4) == 2 && (-512..=504).contains(s)).count();
        assert!(c.differing > 0 && c.differing as usize <= halves, "{} of {halves}", c.differing);
    }

    #[test]
    fn a_scale_is_found_that_agrees_on_every_sum_that_no_order_decides() {
        for n in 0..60 {
            let (count, ratio) = ([2, 3, 9, 25, 49, 36][n % 6], 0.3 + 0.037 * n as f32);
            let c = mean(count, ratio, -4, WINDOW).choose(0);
            assert_eq!(c.misses.wrong, 0, "{count} {ratio}");
            assert!(c.differing < 40, "{count} {ratio}: {}", c.differing);
        }
    }

    #[test]
    fn an_odd_zero_point_before_rounding_joins_the_sum() {
        for (count, ratio) in [(4, 1.0), (4, 0.5), (16, 0.25)] {
            assert!(mean(count, ratio, 7, WINDOW).choose(0).differing > 0);
            let c = mean(count, ratio, 7, WINDOW).choose(1);
            assert_eq!((c.extra, c.differing), ((count as f32 / ratio) as i32, 0));
        }
    }

    /// No order of additions gives a code outside the ends that `reference` says.
    #[test]
    fn the_ends_of_a_reference_hold_every_order_of_additions() {
        let mut seed = 1u64;
        let mut random = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for _ in 0..20_000 {
            let count = 1 + random(49) as usize;
            let scale = 0.01 + random(1000) as f32 * 1.7e-4;
            let zero = random(256) as i32 - 128;
            let rounding = [WINDOW, MeanRounding::Window { unsigned: true }, MeanRounding::Float32][random(3) as usize];
            let mean = Mean { input_zero: zero as i8, scales: [scale, scale], ..mean(count, scale, -7, rounding) };
            let codes: Vec<i32> = (0..count).map(|_| random(256) as i32 - 128 - zero).collect();
            let sum = codes.iter().map(|&v| v as f32 * scale).fold(0.0f32, |a, b| a + b);
            let [least, most, _] = mean.reference(codes.iter().map(|&v| i64::from(v)).sum());
            assert!((least..=most).contains(&mean.of_real(sum)), "{count} {scale} {codes:?}");
        }
    }

    #[test]
    fn stretches_of_equal_divisors() {
        assert_eq!(runs(&[2, 3, 3, 3, 2]), [[0, 1, 2], [1, 3, 3], [4, 1, 2]]);
    }
}
