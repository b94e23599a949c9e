// SPDX-License-Identifier: Apache-2.0
//! Depthwise convolutions on the lane engine.

use super::conv::BOUND;
use super::{ONE, PLAIN, Stager, param};
use crate::loops::LaneSteps;
use crate::stage::{Block, Over, PostSpec, Stage, Weights};
use systole_isa::PostDest;
use systole_isa::requant::Param;
use systole_model::graph::{Finish, Op};

impl Stager<'_> {
    /// Adds layer `i` as a stage of the lane engine, where it is a depthwise convolution that the engine takes and is
    /// faster with.
    pub(super) fn depthwise(&mut self, i: usize) -> Option<usize> {
        let graph = self.graph;
        let (layer, map) = (&graph.layers[i], &graph.maps[i + 1]);
        let Op::Conv { input, zero_point, window, groups, weights, bias } = &layer.op else { return None };
        let [h, w, c] = graph.maps[*input].shape;
        let [oh, ow, n] = map.shape;
        let cols = self.cols();
        let [kh, kw] = window.kernel;
        let depthwise = *groups == c && n == c && c > 1;
        let takes = kw <= 3 && kh <= 3 && window.dilation == [1, 1] && weights.iter().all(|w| (-256..256).contains(w));
        let tiles = c.div_ceil(cols);
        let room = self.staged.lane_taps().len() / (4 * cols) + tiles <= self.config.tap_depth as usize;
        if self.config.lane_taps == 0 || !depthwise || !takes || !room {
            return None;
        }
        let origin = [-(window.pads[0] as i32), -(window.pads[1] as i32)];
        let steps = LaneSteps::new(window.kernel, window.stride, origin, [oh, ow], tiles)?;
        // A line's column is written three cycles before the next line reads it.
        let line = (3..=u64::from(self.config.line_depth)).contains(&steps.line());
        let inside = h.max(w).max(steps.lines()).max(steps.line() as usize) <= BOUND;
        if !line || !inside || steps.all() >= (kh * kw * oh * ow * tiles) as u64 {
            return None;
        }
        let tensor = self.tensor(*input).ok()?;
        // Newest line first; of a column that ends a result that result's last weight first.
        let tap = |channel: usize, above: usize| {
            std::array::from_fn(|back| match (kh.checked_sub(above + 1), kw.checked_sub(back + 1)) {
                (Some(row), Some(col)) if channel < c => weights[(row * kw + col) * c + channel],
                _ => 0,
            })
        };
        let taps = (0..tiles)
            .flat_map(|t| (0..4).flat_map(move |above| (0..cols).map(move |lane| (t * cols + lane, above))))
            .map(|(channel, above)| tap(channel, above))
            .collect();
        let mut post = PostSpec { param_step: 1, ..PLAIN };
        match &layer.finish {
            Finish::Int8 { scales, zero_point, lo, hi, .. } => {
                (post.zero_point, post.lo, post.hi) = (*zero_point, *lo, *hi);
                post.param_base = self.params(|c| param(bias[c], scales[c]), n);
            }
            _ if window.stride[1] < 4 => return None, // four words leave for each result
            _ => {
                post.dest = PostDest::OutRaw32;
                post.param_base = self.params(|c| Param { bias: bias[c], ..ONE }, n);
            }
        }
        let stage = Stage {
            layers: vec![i],
            kind: "depthwise",
            input: Some(tensor),
            out: [oh, ow],
            over: Over { size: [h, w], stride: window.stride, origin },
            kernel: window.kernel,
            n_tiles: tiles,
            pad: Some(*zero_point),
            blocks: vec![Block { row: 0, rows: oh, col: 0, cols: ow, params: 0, gather: None }],
            weights: Weights::Taps(taps),
            macs: (oh * ow * weights.len()) as u64,
            ..self.diagonal(1, post)
        };
        Some(self.push(stage, map.shape))
    }
}
