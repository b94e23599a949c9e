// SPDX-License-Identifier: Apache-2.0
//! One stage on top of what is placed: each instruction at its earliest.

use super::{Log, PlacedSegment, Scheduler, Span, State, post_words};
use crate::legalise::Stage;
use crate::tile::{self, Plan, Segment};
use std::rc::Rc;
use systole_isa::PostDest;

impl Scheduler<'_> {
    /// Places every instruction of stage `index` in the order `plan`.
    pub(super) fn stage(&self, state: &mut State, index: usize, plan: Plan, mut log: Option<&mut Log>) {
        let stage = &self.graph.stages[index];
        let groups = self.groups();
        let see = u64::from(self.lat.write_to_read);
        for (b, &(_, rows)) in self.blocks.iter().enumerate() {
            let mut armed = false;
            for segment in tile::segments(stage, plan, &self.blocks, b, self.config) {
                let ends = segment.ends(groups);
                let words = 1 + segment.loops.len() as u64;
                let lead = words + u64::from(self.lat.issue + self.lat.w_lead);
                let post_words = (!ends.is_empty() && !armed).then(|| post_words(stage, rows));
                let mut start = self.dependencies(state, stage, b, &segment, &ends).max(lead);
                // A further block reads the weights again from the first.
                if b > 0 && segment.k0 == 0 && segment.n0 == 0 {
                    start = start.max(state.rested);
                }
                loop {
                    let later = self.ports(state, stage, &segment, &ends, start);
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
                state.rested = start + segment.last_load() + u64::from(beats - 1 + ways);
                let (Some(&(_, e0)), Some(&(_, e1))) = (ends.first(), ends.last()) else {
                    continue;
                };
                let last = start + e1 + segment.row_span();
                let write = self.write(stage);
                let raw = if stage.post.dest == PostDest::OutRaw32 { 3 } else { 0 };
                state.next_write = last + write + raw + 1;
                state.next_post = last + u64::from(self.lat.post_take) + 1;
                if let Some(operand) = stage.operand {
                    let flat = self.flat(stage);
                    state.next_flat = last + flat + 1;
                    state.flats.retain(|f| f.to >= start);
                    state.flats.push(Span { banks: self.banks(operand), from: start + e0 + flat, to: last + flat });
                }
                if let Some(output) = stage.output {
                    let words = self.graph.tensors[output].words;
                    let ready = Rc::make_mut(&mut state.ready[output]);
                    for (n, e) in ends {
                        let word = &mut ready[b * words + n / groups];
                        *word = (*word).max(start + e + write + see);
                    }
                }
            }
        }
    }

    fn write(&self, stage: &Stage) -> u64 {
        let raw = stage.post.dest == PostDest::OutRaw32;
        u64::from(self.lat.post_write_with(!raw && stage.post.lut.is_some(), !raw && stage.post.residual.is_some()))
    }

    /// X time to the flat read of the operand.
    fn flat(&self, stage: &Stage) -> u64 {
        let lut = if stage.post.lut.is_some() { self.lat.lut } else { 0 };
        u64::from(self.lat.post_take + self.lat.residual_read + lut)
    }

    /// Earliest start by what has to be there before.
    fn dependencies(&self, state: &State, stage: &Stage, block: usize, segment: &Segment, ends: &[(usize, u64)]) -> u64 {
        let ready = &state.ready[stage.input];
        let at = block * stage.k_tiles + segment.k0;
        let mut start = state.free;
        for i in 0..segment.k_count() {
            start = start.max(ready[at + i].saturating_sub(segment.read_time(i)));
        }
        if let Some(operand) = stage.operand {
            let words = self.graph.tensors[operand].words;
            for &(n, e) in ends {
                let ready = state.ready[operand][block * words + n / self.groups()];
                start = start.max(ready.saturating_sub(e + self.flat(stage)));
            }
        }
        start
    }

    /// The first start from `start` on at which no port is used twice.
    fn ports(&self, state: &State, stage: &Stage, segment: &Segment, ends: &[(usize, u64)], start: u64) -> u64 {
        let mut start = start;
        if let (Some(&(_, e0)), Some(&(_, e1))) = (ends.first(), ends.last()) {
            let write = self.write(stage);
            start = start.max(state.next_write.saturating_sub(e0 + write));
            if stage.operand.is_some() {
                start = start.max(state.next_flat.saturating_sub(e0 + self.flat(stage)));
            }
            if let Some(output) = stage.output {
                for load in self.loads.iter().filter(|l| l.banks & self.banks(output) != 0) {
                    let (from, to) = (start + e0 + write, start + e1 + segment.row_span() + write);
                    if from <= load.to && load.from <= to {
                        start = (load.to + 1).saturating_sub(e0 + write).max(start);
                    }
                }
            }
        }
        let ripple = u64::from(self.config.rows) - 1;
        for flat in state.flats.iter().filter(|f| f.banks & self.banks(stage.input) != 0) {
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
