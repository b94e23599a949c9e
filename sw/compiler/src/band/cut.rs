// SPDX-License-Identifier: Apache-2.0
//! Stages by bands: each stage of a run once for every band, on tensors of the rows that the band has.

use super::rows::{Plan, Reads, Rows, Run, Step, is_flat, plan, reads, spread_rows, target_size};
use crate::legalise::{filling, row_loads};
use crate::stage::{Band, Block, Gather, LoadJob, Over, Source, Spread, Stage, Staged, Tensor, TensorId};
use crate::tile;
use std::collections::HashMap;
use systole_isa::Config;

/// A network whose runs of stages are being cut.
struct Cutter<'a> {
    staged: &'a Staged,
    config: &'a Config,
    stages: Vec<Stage>,
    tensors: Vec<Tensor>,
    loads: Vec<LoadJob>,
    /// Number of a tensor that is still whole.
    whole: HashMap<TensorId, TensorId>,
}

/// The same network with runs of its stages, first to last, in bands; `None` where one of them cannot be.
pub fn cut(staged: &Staged, runs: &[Run], config: &Config) -> Option<Staged> {
    let mut c = Cutter { staged, config, stages: vec![], tensors: vec![], loads: vec![], whole: HashMap::new() };
    let plans: Vec<Plan> = runs.iter().map(|r| plan(staged, r)).collect::<Option<_>>()?;
    let own: Vec<TensorId> = plans.iter().flat_map(|p| p.own.iter().copied()).collect();
    for (t, tensor) in staged.tensors.iter().enumerate().filter(|(t, _)| !own.contains(t)) {
        c.whole.insert(t, c.tensors.len());
        c.tensors.push(tensor.clone());
    }
    for job in staged.loads.iter().filter(|j| !own.contains(&j.tensor)) {
        c.loads.push(LoadJob { tensor: c.whole[&job.tensor], ..job.clone() });
    }
    let mut at = 0;
    for (run, plan) in runs.iter().zip(&plans) {
        (at..run.first).for_each(|s| c.keep(s));
        c.run(run, plan)?;
        at = run.end;
    }
    (at..staged.stages.len()).for_each(|s| c.keep(s));
    let Cutter { stages, tensors, mut loads, .. } = c;
    loads.sort_by_key(|j| tensors[j.tensor].loaded);
    let mut cut = Staged { stages, tensors, loads, ..staged.clone_head() };
    let last = cut.last_uses();
    cut.tensors.iter_mut().zip(&last).for_each(|(t, last)| t.last_use = last.unwrap_or(0));
    for (i, s) in cut.stages.iter().enumerate().rev() {
        if let Some(t) = s.output
            && let Source::Stage(by) = &mut cut.tensors[t].source
        {
            *by = i;
        }
    }
    Some(cut)
}

impl Cutter<'_> {
    /// A stage as it is.
    fn keep(&mut self, s: usize) {
        let stage = &self.staged.stages[s];
        let of = |t: Option<TensorId>| t.map(|t| self.whole[&t]);
        let (input, output, operand) = (of(stage.input), of(stage.output), of(stage.operand));
        self.stages.push(Stage { input, output, operand, ..stage.clone() });
    }

    fn run(&mut self, run: &Run, plan: &Plan) -> Option<()> {
        let first = self.stages.len();
        let mut free: HashMap<TensorId, usize> = HashMap::new();
        let mut made: HashMap<usize, usize> = HashMap::new();
        for (number, step) in plan.steps.iter().enumerate() {
            let begin = self.stages.len();
            let own = self.tensors_of(step, begin, &free);
            for (i, rows) in step.made.iter().enumerate() {
                let Some(rows) = rows else { continue };
                let s = run.first + i;
                let stage = self.part(s, rows, step, &own, &mut made, [number, run.bands])?;
                for t in [self.staged.stages[s].input, self.staged.stages[s].operand].into_iter().flatten() {
                    // What is loaded for the next band may take the place of what is read here.
                    free.insert(t, self.stages.len() + 1);
                }
                if let Some(t) = stage.output.filter(|t| own.values().any(|o| o == t)) {
                    self.tensors[t].source = Source::Stage(self.stages.len());
                    if self.tensors[t].fill && self.loads.iter().all(|j| j.tensor != t) {
                        self.tensors[t].loaded = self.stages.len();
                        self.loads.push(filling(t, &self.tensors[t], self.config));
                    }
                }
                self.stages.push(stage);
            }
        }
        self.share(first, run);
        Some(())
    }

    /// The tensors of one band, by those of the whole network.
    fn tensors_of(&mut self, step: &Step, begin: usize, free: &HashMap<TensorId, usize>) -> HashMap<TensorId, TensorId> {
        let mut held: Vec<(&TensorId, &Rows)> = step.held.iter().collect();
        held.sort_by_key(|h| h.0);
        let mut own = HashMap::new();
        for (&t, rows) in held {
            let tensor = &self.staged.tensors[t];
            let pixels = rows.len() * tensor.width;
            let line = if tensor.width == 1 { tensor.line.min(pixels) } else { tensor.width };
            let loaded = free.get(&t).copied().unwrap_or(begin);
            let id = self.tensors.len();
            own.insert(t, id);
            self.tensors.push(Tensor { pixels, line, loaded: if tensor.frame.is_some() { loaded } else { 0 }, ..tensor.clone() });
            if let Some(frame) = &tensor.frame {
                self.loads.extend(row_loads(frame, id, &self.tensors[id], rows.clone(), self.config));
                if tensor.fill {
                    self.loads.push(filling(id, &self.tensors[id], self.config));
                }
            }
        }
        own
    }

    /// The part of stage `s` that makes `rows` of what it writes.
    fn part(
        &self,
        s: usize,
        rows: &Rows,
        step: &Step,
        own: &HashMap<TensorId, TensorId>,
        made: &mut HashMap<usize, usize>,
        [number, bands]: [usize; 2],
    ) -> Option<Stage> {
        let staged = self.staged;
        let stage = &staged.stages[s];
        // A tensor's new number, and the first of its rows that are there.
        let of = |t: TensorId| own.get(&t).map_or_else(|| (self.whole[&t], 0), |&id| (id, step.held[&t].start));
        let [all_rows, width] = target_size(staged, stage.output);
        let flat = is_flat(staged, stage);
        let output = stage.output.map(of);
        let base = output.map_or(0, |o| o.1);
        let pixels = rows.start * width / stage.wide..rows.end * width / stage.wide;
        let (own_rows, whole) = match &stage.spread {
            Some(spread) => (spread_rows(spread, stage.out[0], rows), stage.out[0]),
            None => (rows.clone(), all_rows),
        };
        let out = if flat { [1, pixels.len()] } else { [own_rows.len(), stage.out[1]] };
        let mut over = stage.over;
        let mut input = None;
        match (reads(staged, stage)?, stage.input) {
            (Reads::Nothing, _) | (_, None) => {}
            (kind, Some(t)) => {
                let (id, first) = of(t);
                input = Some(id);
                over = self.over(stage, kind, id, [own_rows.start, pixels.start], first);
            }
        }
        let spread = stage.spread.map(|spread| {
            let row = spread.origin[0] + own_rows.start * spread.stride[0] - base;
            Spread { origin: [row, spread.origin[1]], ..spread }
        });
        let operand = stage.operand.map(of);
        let meets = |(id, first): (TensorId, usize)| {
            let tensor = &self.tensors[id];
            if tensor.pixels == 1 { 0 } else { rows.start * width - first * tensor.width }
        };
        let before = made.get(&s).copied().unwrap_or(0);
        let after = before.max(own_rows.end);
        made.insert(s, after);
        // What earlier bands made was counted there.
        let share = |rows: usize| (u128::from(stage.macs) * rows as u128 / whole as u128) as u64;
        let first_word = if flat { pixels.start } else { own_rows.start * stage.out[1] };
        let mut part = Stage {
            input,
            output: output.map(|o| o.0),
            operand: operand.map(|o| o.0),
            out,
            spread,
            over,
            blocks: vec![],
            macs: share(after) - share(before),
            band: Some(Band {
                of: s,
                number,
                bands,
                whole,
                first: own_rows.start,
                rows: own_rows.len(),
                again: before.saturating_sub(own_rows.start).min(own_rows.len()),
                longest: 0,
                output: if stage.spread.is_some() { 0 } else { (rows.start - base) * width },
                operand: operand.map_or(0, meets),
            }),
            ..stage.clone()
        };
        part.post.param_base += first_word * stage.post.param_pixel;
        let offset = stage.input.filter(|_| input.is_some()).map_or(0, |t| {
            let tensor = &staged.tensors[t];
            of(t).1 * tensor.width * tensor.words
        });
        let window = if flat { [0..1, pixels] } else { [own_rows, 0..stage.out[1]] };
        part.blocks = self.blocks(stage, &part, window, offset);
        Some(part)
    }

    /// How a part lies over its input, of which row `first` is the first that is there; `at`: the part's first row and first pixel.
    fn over(&self, stage: &Stage, kind: Reads, input: TensorId, at: [usize; 2], first: usize) -> Over {
        let tensor = &self.tensors[input];
        match kind {
            Reads::Window { .. } => Over {
                size: [tensor.rows(), tensor.width],
                origin: [stage.over.origin[0] + (at[0] * stage.over.stride[0]) as i32 - first as i32, stage.over.origin[1]],
                ..stage.over
            },
            Reads::Pixels => {
                let origin = at[1] as i32 - (first * tensor.width) as i32;
                Over { size: [1, tensor.pixels], origin: [0, origin], ..stage.over }
            }
            Reads::Gathered | Reads::Nothing => Over { size: [1, tensor.pixels], ..stage.over },
        }
    }

    /// Rectangles of a part: as a whole stage has them, or, where they are more than pieces for the accumulators, those of the whole
    /// one as far as they lie in the part's window of its rows and columns.
    fn blocks(&self, stage: &Stage, part: &Stage, [rows, cols]: [Rows; 2], offset: usize) -> Vec<Block> {
        let alike = stage.blocks.iter().all(|b| b.gather.is_none() && b.params == stage.blocks[0].params);
        if stage.is_lane() {
            return vec![Block { row: 0, rows: part.out[0], col: 0, cols: part.out[1], params: 0, gather: None }];
        }
        if alike {
            let most = if stage.k_tiles() == 1 { usize::MAX } else { self.config.acc_depth as usize };
            let params = stage.blocks[0].params;
            return tile::blocks(part.out, most).into_iter().map(|b| Block { params, ..b }).collect();
        }
        let meet = |a: &Rows, first: usize, count: usize| a.start.max(first)..a.end.min(first + count);
        let piece = |b: &Block| {
            let (r, c) = (meet(&rows, b.row, b.rows), meet(&cols, b.col, b.cols));
            let gather = b.gather.map(|g| {
                let word = g.word as i64 + g.step * (c.start as i64 - b.col as i64) - offset as i64;
                Gather { word: word.max(0) as usize, ..g }
            });
            let there = r.start < r.end && c.start < c.end;
            there.then(|| Block {
                row: r.start - rows.start,
                rows: r.len(),
                col: c.start - cols.start,
                cols: c.len(),
                gather,
                ..*b
            })
        };
        stage.blocks.iter().filter_map(piece).collect()
    }

    /// What parts of one stage have in common: the longest block; and the multiplications of the whole.
    fn share(&mut self, first: usize, run: &Run) {
        let mut longest: HashMap<usize, (usize, u64, usize)> = HashMap::new();
        for (i, s) in self.stages.iter().enumerate().skip(first) {
            if let Some(b) = &s.band {
                let known = longest.entry(b.of).or_insert((0, 0, i));
                *known = (known.0.max(s.longest()), known.1 + s.macs, i);
            }
        }
        for (i, s) in self.stages.iter_mut().enumerate().skip(first) {
            if let Some(b) = &mut s.band {
                let (most, macs, last) = longest[&b.of];
                b.longest = most;
                // Rows that nothing needs are no less asked for.
                s.macs += if i == last { self.staged.stages[b.of].macs - macs } else { 0 };
            }
        }
        // Nor are those of stages of which no band needs any row, as a phase of a transposed convolution that steps pass by.
        let unmade = (run.first..run.end).filter(|s| !longest.contains_key(s)).map(|s| self.staged.stages[s].macs).sum::<u64>();
        if let Some(s) = self.stages[first..].last_mut() {
            s.macs += unmade;
        }
    }
}

impl Staged {
    /// Everything but stages, tensors and LOAD jobs.
    fn clone_head(&self) -> Staged {
        Staged {
            input: self.input,
            output: self.output,
            tensors: vec![],
            loads: vec![],
            stages: vec![],
            params: self.params.clone(),
            numbers: self.numbers.clone(),
            w_sram: self.w_sram,
            luts: self.luts.clone(),
            tables: self.tables.clone(),
            warnings: self.warnings.clone(),
        }
    }
}
