// SPDX-License-Identifier: Apache-2.0
//! The report: layers and memories.

use super::Emitter;
use crate::origin::Origins;
use crate::report::{LayerReport, MemoryUse};
use crate::stage::{Stage, Weights};
use crate::tile::{Axis, Plan, Segment, segments};
use std::collections::BTreeMap;
use systole_isa::{Config, Image, Program};
use systole_model::graph::Graph;

impl Emitter<'_> {
    pub(super) fn memory(&self, image: &Image) -> Vec<MemoryUse> {
        let c = self.config;
        let (cols, tile) = (c.cols as usize, (c.rows * c.cols) as usize);
        let x = self.placement.regions.iter().map(|r| r.base + r.words).max().unwrap_or(0);
        [
            ("X", x, c.x_depth),
            ("W SRAM", self.staged.w_sram, c.w_sram_depth),
            ("RRAM", image.weights.len() / tile, c.rram_depth),
            ("PARAM", image.params.len() / cols, c.param_depth),
            ("TAP", image.taps.len() / (4 * cols), if c.lane_taps == 0 { 0 } else { c.tap_depth }),
            ("VECTOR", self.staged.numbers.len() / cols, c.vec_param_depth * u32::from(c.vec_lanes > 0)),
            ("LUT", self.staged.luts.len(), c.lut_count),
            ("IN", (image.in_bytes as usize).div_ceil(cols), c.in_depth),
            ("OUT", (image.out_bytes as usize).div_ceil(cols), c.out_depth),
            ("TIMETABLE", image.timetable.len(), c.timetable_depth),
            ("DESC", image.descriptors.len(), c.desc_depth),
        ]
        .map(|(memory, used, size)| MemoryUse { memory, used, size: size as usize })
        .into()
    }

    /// Bytes of the tables that a stage is the first to pick rows of.
    fn new_tables(&self, stage: usize) -> usize {
        let picks = |i: usize| match &self.staged.stages[i].weights {
            Weights::Rows(picks) => picks.iter().map(|p| p.0).collect(),
            _ => vec![],
        };
        let own = picks(stage);
        let before: Vec<usize> = (0..stage).flat_map(picks).collect();
        let new = |t: &usize| own.contains(t) && !before.contains(t);
        (0..self.staged.tables.len()).filter(new).map(|t| self.staged.tables[t].bytes.len()).sum()
    }

    /// A row for each stage; parts of a stage in bands are one row, and stages of one layer (a maximum pool).
    /// Beside them, by stage, the number of its row.
    pub(super) fn layers(&self, graph: &Graph) -> (Vec<LayerReport>, Vec<usize>) {
        let tile = (self.config.rows * self.config.cols) as usize;
        // By number of the whole stage, where it runs in bands.
        let mut parts: Vec<(Option<usize>, LayerReport)> = Vec::new();
        let mut part_of: Vec<usize> = Vec::new();
        let firsts = self.staged.firsts();
        let mut before = None;
        let stages = &self.staged.stages;
        for (index, stage) in stages.iter().enumerate() {
            let placed: Vec<_> = self.schedule.matmuls.iter().filter(|p| p.stage == index).collect();
            let lane = self.schedule.lanes.iter().find(|p| p.stage == index);
            let numbers = self.schedule.numbers.iter().find(|p| p.stage == index);
            // What is no MATMUL: when it begins, and for how long it is busy.
            let other = lane.map(|l| (l.start, l.busy)).or(numbers.map(|n| (n.start, n.busy)));
            let start = placed.first().map_or(other.map_or(0, |o| o.0), |p| p.start);
            let end = placed.last().map_or(other.map_or(0, |o| o.0 + o.1), |p| p.start + p.segment.busy);
            let cycles = end.saturating_sub(before.unwrap_or(0));
            before = before.max(Some(end));
            let busy = other.map_or(placed.iter().map(|p| p.segment.busy).sum::<u64>(), |o| o.1);
            let visits = stage.k_tiles() * stage.n_tiles;
            let beats = u64::from(self.config.weight_beats);
            let law = |b: &crate::stage::Block| {
                let reload = if stage.is_shared() { 1 } else { beats };
                let array = (b.pixels() as u64).max(reload) * visits as u64;
                let post = (b.pixels() * stage.n_tiles) as u64 * u64::from(self.config.post_beats());
                array.max(post)
            };
            let names = stage.name(graph);
            let region = stage.input.map(|t| self.placement.regions[t]);
            let bytes = match &stage.weights {
                Weights::Tiles(b) | Weights::Shared(b) if firsts[index] == index => b.len(),
                Weights::Rows(_) => self.new_tables(index),
                _ => 0,
            };
            let mut report = LayerReport {
                layer: stage.layers[0],
                layers: stage.layers.clone(),
                name: names,
                kind: stage.kind,
                m: stage.pixels(),
                k_tiles: stage.k_tiles(),
                n_tiles: stage.n_tiles,
                parts: stage.parts,
                bands: stage.band.map_or(1, |b| b.bands),
                band_rows: stage.band.map_or(0, |b| b.rows),
                rows_made: stage.band.map_or(0, |b| b.rows),
                rows_again: stage.band.map_or(0, |b| b.again),
                blocks: stage.blocks.len(),
                order: if lane.is_some() {
                    "lane engine".into()
                } else if numbers.is_some() {
                    "vector unit".into()
                } else {
                    order(self.schedule.plans[index], stage, self.config)
                },
                nests: placed.len() + usize::from(lane.is_some()) + numbers.map_or(0, |n| n.rows.len()),
                law: lane.map_or(stage.blocks.iter().map(law).sum(), |l| l.busy),
                start,
                cycles,
                busy,
                bubble: cycles.saturating_sub(busy),
                macs: stage.macs,
                utilisation: 0.0,
                why: String::new(),
                x_base: region.map_or(0, |r| r.base as u32),
                x_words: region.map_or(0, |r| r.words as u32),
                w_words: (bytes / tile) as u32,
            };
            report.finish(self.config, stage.is_raw());
            let of = stage.band.map(|b| b.of);
            let known = parts.iter().position(|p| of.is_some() && p.0 == of);
            part_of.push(known.unwrap_or(parts.len()));
            match known {
                Some(n) => parts[n].1.join_band(&report, self.config, stage.is_raw()),
                None => parts.push((of, report)),
            }
        }
        let mut reports: Vec<LayerReport> = Vec::new();
        let mut report_of: Vec<usize> = Vec::new();
        for (_, report) in parts {
            match reports.last_mut() {
                Some(last) if last.layers == report.layers => last.join(&report, self.config),
                _ => reports.push(report),
            }
            report_of.push(reports.len() - 1);
        }
        (reports, part_of.into_iter().map(|p| report_of[p]).collect())
    }
}

impl Emitter<'_> {
    /// What each row of the program is for.
    pub(super) fn origins(&self, program: &Program, layers: &[LayerReport], of_stage: &[usize]) -> Origins {
        // By the cycle of the row, which no other has: its stage, and the tensor that it writes.
        let mut of: BTreeMap<u64, (Option<usize>, Option<usize>)> = BTreeMap::new();
        let s = self.schedule;
        of.extend(s.matmuls.iter().map(|p| (p.row, (Some(p.stage), None))));
        of.extend(s.lanes.iter().map(|p| (p.row, (Some(p.stage), None))));
        of.extend(s.posts.iter().map(|p| (p.2, (Some(p.0), self.staged.stages[p.0].output))));
        for p in &s.numbers {
            of.extend(p.rows.iter().map(|r| (r.cycle, (Some(p.stage), self.staged.stages[p.stage].output))));
        }
        of.extend(self.staged.loads.iter().zip(&s.loads).map(|(job, &row)| (row, (None, Some(job.tensor)))));
        let rows = program.rows.iter().map(|r| of.get(&r.cycle).copied().unwrap_or_default());
        let (parts, writes) = rows.map(|(stage, tensor)| (stage.map(|s| of_stage[s]), tensor)).unzip();
        Origins {
            names: layers.iter().map(|l| l.name.clone()).collect(),
            numbers: layers.iter().map(|l| l.layer + 1).collect(),
            parts,
            tensors: self.staged.tensors.iter().map(|t| t.name.clone()).collect(),
            writes,
        }
    }
}

fn order(plan: Plan, stage: &Stage, config: &Config) -> String {
    let all = segments(stage, plan, &stage.blocks[0], config);
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
