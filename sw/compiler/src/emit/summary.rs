// SPDX-License-Identifier: Apache-2.0
//! The report: layers and memories.

use super::Emitter;
use crate::legalise::{Kind, Stage};
use crate::report::{LayerReport, MemoryUse};
use crate::tile::{Axis, Plan, Segment, segments};
use systole_isa::{Config, Image};
use systole_model::Network;

impl Emitter<'_> {
    pub(super) fn memory(&self, image: &Image) -> Vec<MemoryUse> {
        let c = self.config;
        let cols = c.cols as usize;
        let x = self.placement.regions.iter().map(|r| r.base + r.words).max().unwrap_or(0);
        [
            ("X", x, c.x_depth),
            ("RRAM", self.graph.weight_words, c.rram_depth),
            ("PARAM", image.params.len() / cols, c.param_depth),
            ("LUT", image.luts.len(), c.lut_count),
            ("IN", (image.in_bytes as usize).div_ceil(cols), c.in_depth),
            ("OUT", (image.out_bytes as usize).div_ceil(cols), c.out_depth),
            ("TIMETABLE", image.timetable.len(), c.timetable_depth),
            ("DESC", image.descriptors.len(), c.desc_depth),
        ]
        .map(|(memory, used, size)| MemoryUse { memory, used, size: size as usize })
        .into()
    }

    pub(super) fn layers(&self, network: &Network, bases: &[usize]) -> Vec<LayerReport> {
        let mut reports = Vec::new();
        let mut before = None;
        for (index, stage) in self.graph.stages.iter().enumerate().filter(|(_, s)| s.kind == Kind::Dense) {
            let dense = &network.layers[stage.layer];
            let placed: Vec<_> =
                self.schedule.matmuls.iter().filter(|p| self.graph.stages[p.stage].layer == stage.layer).collect();
            let start = placed.first().map_or(0, |p| p.start);
            let end = placed.last().map_or(0, |p| p.start + p.segment.busy);
            let from = before.unwrap_or(start);
            before = Some(end);
            let busy: u64 = placed.iter().map(|p| p.segment.busy).sum();
            let (rows, cols) = (u64::from(self.config.rows), u64::from(self.config.cols));
            let visit = network.m.max(self.config.weight_beats as usize) as u64;
            let region = self.placement.regions[stage.input];
            let next = bases.get(index + 1).copied().unwrap_or(self.graph.weight_words);
            reports.push(LayerReport {
                layer: stage.layer,
                m: network.m,
                k: dense.k,
                n: dense.n,
                k_tiles: stage.k_tiles,
                n_tiles: stage.n_tiles,
                blocks: self.schedule.blocks.len(),
                order: order(self.schedule.plans[index], stage, self.config, &self.schedule.blocks),
                nests: placed.len(),
                law: visit * (stage.k_tiles * stage.n_tiles) as u64,
                start,
                cycles: end - from,
                bubble: (end - from).saturating_sub(busy),
                utilisation: (network.m * dense.k * dense.n) as f64 / ((rows * cols * (end - from)) as f64),
                x_base: region.base as u32,
                x_words: region.words as u32,
                w_words: (next - bases[index]) as u32,
            });
        }
        reports
    }
}

fn order(plan: Plan, stage: &Stage, config: &Config, blocks: &[(usize, usize)]) -> String {
    let all = segments(stage, plan, blocks, 0, config);
    let outer = |s: &Segment| {
        if s.k_count() == 1 || s.n_count() == 1 {
            return "";
        }
        if s.loops.last().is_some_and(|l| l.axis == Axis::K) { " k outer" } else { " n outer" }
    };
    let names: Vec<String> =
        all.iter().take(4).map(|s| format!("k{}+{} n{}+{}{}", s.k0, s.k_count(), s.n0, s.n_count(), outer(s))).collect();
    let more = if all.len() > 4 { format!(", {} more", all.len() - 4) } else { String::new() };
    names.join(", ") + &more
}
