// SPDX-License-Identifier: Apache-2.0
//! One stage on top of what is placed: each instruction at its earliest.

use super::{Log, PlacedSegment, Scheduler, Span, State};
use crate::loops;
use crate::stage::{Block, NWalk, Stage, Tap, Tensor};
use crate::tile::{self, Plan, Segment};
use std::rc::Rc;

impl Scheduler<'_> {
    /// Places every instruction of stage `index` in the order `plan`.
    pub(super) fn stage(&self, state: &mut State, index: usize, plan: Plan, mut log: Option<&mut Log>) {
        let stage = &self.staged.stages[index];
        if let Some(numbers) = &stage.numbers {
            return self.numbers_stage(state, index, numbers, log);
        }
        if let Some(steps) = loops::LaneSteps::of(stage) {
            return self.lane_stage(state, index, &steps, log);
        }
        let groups = self.groups();
        let see = u64::from(self.lat.write_to_read);
        for (b, block) in stage.blocks.iter().enumerate() {
            let mut armed = false;
            for segment in tile::segments(stage, plan, block, self.config) {
                let ends = segment.ends(groups);
                let words = 1 + loops::matmul(self.staged, stage, block, &segment).0.len() as u64;
                let lead = words + u64::from(self.lat.issue + self.lat.w_lead);
                let post_words = (!ends.is_empty() && !armed).then(|| self.post_words(stage, block));
                let mut start = self.dependencies(state, stage, block, &segment, &ends).max(lead);
                // A further block reads the weights again from the first, and parts of stages read them out of their order.
                // Where registers pick, any way may be asked.
                if (b > 0 || self.jumps(index)) && segment.k0 == 0 && segment.n0 == 0 {
                    start = start.max(state.rested);
                }
                loop {
                    let later = self.ports(state, stage, block, &segment, &ends, start);
                    if later > start {
                        start = later;
                    } else if self.rows(state, start, lead, words, post_words, &ends) {
                        break;
                    } else {
                        start += 1;
                    }
                }
                if let Some(log) = log.as_deref_mut() {
                    let placed = PlacedSegment { stage: index, block: b, segment: segment.clone(), start, row: 0 };
                    log.matmuls.push((placed, state.tags));
                    if post_words.is_some() {
                        log.posts.push((index, b, state.tags + 1));
                    }
                }
                state.tags += 2;
                armed |= post_words.is_some();
                state.free = start + segment.busy;
                let (beats, ways) = (self.config.weight_beats, self.config.rram_ways);
                // What RRAM rests from, or would.
                state.rested = start + segment.last_load() + u64::from(beats - 1 + ways);
                let (Some(&(_, e0)), Some(&(_, e1))) = (ends.first(), ends.last()) else {
                    continue;
                };
                let last = start + e1 + segment.row_span();
                let write = self.write(stage);
                let pace = tile::pace(stage, self.config);
                state.next_write = last + write + if stage.is_raw() { 4 } else { 1 };
                state.next_result = last + write + pace;
                state.next_end = last + u64::from(self.lat.post_distance);
                state.next_post = last + u64::from(self.lat.post_take) + 1;
                if let Some(operand) = stage.operand {
                    let flat = self.flat(stage);
                    state.next_flat = last + flat + 1;
                    state.flats.retain(|f| f.to >= start);
                    state.flats.push(Span { banks: self.banks(operand), from: start + e0 + flat, to: last + flat });
                }
                if stage.fill.is_some() {
                    // The first row's weights are read so long before the step that multiplies.
                    let lead = u64::from(self.lat.w_lead) - u64::from(self.lat.w_sram_read);
                    state.weights_ready = last + write + see + lead;
                }
                if let Some(output) = stage.output {
                    let (words, line) = (self.staged.tensors[output].words, self.staged.tensors[output].line);
                    let ready = Rc::make_mut(&mut state.ready[output]);
                    let period = segment.row_period();
                    if stage.wide > 1 {
                        for vector in 0..block.cols {
                            for &(n, e) in &ends {
                                let at =
                                    ((block.col + vector) * stage.wide + stage.output_at()) * words + stage.word() + n / groups;
                                let (pixel, word) = (at / words, at % words);
                                let time = start + e + vector as u64 * period + write + see;
                                for (word, slope) in ready[pixel / line * words + word].iter_mut().zip(self.slopes()) {
                                    *word = (*word).max(time.saturating_sub(slope * (pixel % line) as u64));
                                }
                            }
                        }
                        continue;
                    }
                    for (vector, pixel, count) in stage.written(block, line) {
                        for &(n, e) in &ends {
                            let word = &mut ready[pixel / line * words + stage.word() + n / groups];
                            let time = start + e + vector as u64 * period + write + see;
                            for (word, slope) in word.iter_mut().zip(self.slopes()) {
                                // Results come slower than that: the last of them decides.
                                let late = period.saturating_sub(slope * stage.spacing() as u64) * (count as u64 - 1);
                                *word = (*word).max((time + late).saturating_sub(slope * (pixel % line) as u64));
                            }
                        }
                    }
                }
            }
        }
    }

    /// Whether a stage's weights do not lie behind those of the stage before.
    fn jumps(&self, index: usize) -> bool {
        let part = |i: usize| self.staged.stages[i].band.is_some() || self.staged.stages[i].is_rows();
        index > 0 && (part(index) || part(index - 1))
    }

    pub(super) fn write(&self, stage: &Stage) -> u64 {
        let (lut, meeting) = (stage.post.lut.is_some(), stage.post.meeting.is_some());
        u64::from(self.lat.post_write_with(!stage.is_raw() && lut, !stage.is_raw() && meeting))
    }

    /// X time to the flat read of the operand.
    fn flat(&self, stage: &Stage) -> u64 {
        let lut = if stage.post.lut.is_some() { self.lat.lut } else { 0 };
        u64::from(self.lat.post_take + self.lat.residual_read + lut)
    }

    /// Earliest start by what has to be there before.
    fn dependencies(&self, state: &State, stage: &Stage, block: &Block, segment: &Segment, ends: &[(usize, u64)]) -> u64 {
        let mut start = if stage.is_in_run() { state.free.max(state.weights_ready) } else { state.free };
        let period = segment.row_period();
        let [one, pace] = self.slopes();
        let (at, slope) = if period >= pace { (1, pace) } else { (0, one) };
        if let Some(input) = stage.input {
            // n tiles that read the same words: the first reads first.
            let tiles = if segment.shared || stage.n_walk != NWalk::SAME { segment.n_count() } else { 1 };
            for i in 0..segment.k_count() {
                let tap = &stage.taps[segment.k0 + i];
                for n in 0..tiles {
                    let word = tap.word + if segment.shared { n } else { stage.n_walk.word(segment.n0 + n) };
                    let time = segment.read_time(i) + segment.tile_time(n);
                    let ready = self.reads(&state.ready[input], (at, slope), stage, block, tap, word);
                    start = start.max(ready.saturating_sub(time));
                }
            }
        }
        if let Some(operand) = stage.operand {
            let Tensor { words, line, pixels, .. } = self.staged.tensors[operand];
            for (vector, pixel, _) in stage.runs(block, line, stage.operand_at()) {
                let pixel = if pixels == 1 { 0 } else { pixel };
                for &(n, e) in ends {
                    let ready =
                        state.ready[operand][pixel / line * words + n / self.groups()][at] + slope * (pixel % line) as u64;
                    start = start.max(ready.saturating_sub(e + vector as u64 * period + self.flat(stage)));
                }
            }
        }
        start
    }

    /// Earliest time of the first vector of a visit that reads `word` of every pixel under `tap`, a pixel in `slope`
    /// cycles or more.
    fn reads(
        &self,
        ready: &[[u64; 2]],
        (which, slope): (usize, u64),
        stage: &Stage,
        block: &Block,
        tap: &Tap,
        word: usize,
    ) -> u64 {
        let Some(tensor) = stage.input.map(|t| &self.staged.tensors[t]) else { return 0 };
        let at = |pixel: usize| ready[pixel / tensor.line * tensor.words + word][which] + slope * (pixel % tensor.line) as u64;
        let mut first = 0;
        if let Some(gather) = block.gather {
            for vector in 0..block.cols {
                let at = (gather.word as i64 + gather.step * vector as i64) as usize + word;
                let (pixel, word) = (at / tensor.words, at % tensor.words);
                let time = ready[pixel / tensor.line * tensor.words + word][which] + slope * (pixel % tensor.line) as u64;
                first = first.max(time.saturating_sub(slope * vector as u64));
            }
            return first;
        }
        if stage.out[0] == 1 && stage.over.size[0] == 1 && stage.pad.is_none() && stage.over.stride[1] == 1 {
            // Pixel after pixel: the first of each line decides.
            let origin = (stage.over.origin[1] + tap.col) as usize;
            let mut pixel = origin + block.col;
            while pixel < origin + block.col + block.cols {
                first = first.max(at(pixel).saturating_sub(slope * (pixel - origin - block.col) as u64));
                pixel = (pixel / tensor.line + 1) * tensor.line;
            }
            return first;
        }
        let [h, w] = stage.over.size.map(|s| s as i64);
        let [sy, sx] = stage.over.stride.map(|s| s as i64);
        let top = i64::from(stage.over.origin[0] + tap.row);
        let left = i64::from(stage.over.origin[1] + tap.col);
        // Columns of the block whose tap lies in the input.
        let low = (-left).max(0).div_euclid(sx) + i64::from((-left).max(0) % sx != 0);
        let low = low.max(block.col as i64);
        let high = (w - 1 - left).div_euclid(sx).min((block.col + block.cols) as i64 - 1);
        if low > high {
            return 0;
        }
        for row in 0..block.rows {
            let y = (block.row + row) as i64 * sy + top;
            if !(0..h).contains(&y) {
                continue;
            }
            // Time and place go along in a straight line: the ends decide.
            for x in [low, high] {
                let pixel = (y * w + x * sx + left) as usize;
                let vector = (row * block.cols) as u64 + (x as u64 - block.col as u64);
                first = first.max(at(pixel).saturating_sub(slope * vector));
            }
        }
        first
    }

    /// The first start from `start` on at which no port is used twice.
    fn ports(&self, state: &State, stage: &Stage, block: &Block, segment: &Segment, ends: &[(usize, u64)], start: u64) -> u64 {
        let mut start = start;
        if let (Some(&(_, e0)), Some(&(_, e1))) = (ends.first(), ends.last()) {
            let write = self.write(stage);
            start = start.max(state.next_result.saturating_sub(e0 + write)).max(state.next_end.saturating_sub(e0));
            if stage.operand.is_some() {
                start = start.max(state.next_flat.saturating_sub(e0 + self.flat(stage)));
            }
            if let Some(output) = stage.output {
                let banks = self.written(output, stage, block);
                for load in state.loads.iter().filter(|l| l.banks & banks != 0) {
                    let (from, to) = (start + e0 + write, start + e1 + segment.row_span() + write);
                    if from <= load.to && load.from <= to {
                        start = (load.to + 1).saturating_sub(e0 + write).max(start);
                    }
                }
            }
        }
        let ripple = u64::from(self.config.rows) - 1;
        let banks = stage.input.map_or(0, |t| self.banks(t));
        for flat in state.flats.iter().filter(|f| f.banks & banks != 0) {
            if start <= flat.to && flat.from.saturating_sub(ripple) <= start + segment.last_step() {
                start = flat.to + 1;
            }
        }
        start
    }

    /// Places the row of a MATMUL that starts at `start`, and that of POST where sums begin to
    /// end; leaves no trace where one of them has no place.
    fn rows(&self, state: &mut State, start: u64, lead: u64, words: u64, post_words: Option<u64>, ends: &[(usize, u64)]) -> bool {
        let tag = state.tags;
        if !state.rows.place_at(start - lead, words, tag) {
            return false;
        }
        let (Some(post_words), Some(&(_, e0))) = (post_words, ends.first()) else {
            return true;
        };
        let lead = post_words + u64::from(self.lat.issue);
        let first_take = start + e0 + u64::from(self.lat.post_take);
        let window = (state.next_post.saturating_sub(lead), first_take.saturating_sub(lead));
        if first_take >= lead && state.rows.place(window, post_words, tag + 1) {
            return true;
        }
        state.rows.remove(tag);
        false
    }
}
