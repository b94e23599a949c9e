// SPDX-License-Identifier: Apache-2.0
//! A stage of the lane engine on top of what is placed.
//!
//! It begins behind the array's last read, has the flat read path to itself, and hands POST its sums behind all earlier
//! ones. The array may go on with the next stage while it runs, as long as that ends its sums later.

use super::{Log, PlacedLane, Scheduler, Span, State};
use crate::loops::LaneSteps;
use crate::stage::Stage;
use std::rc::Rc;

impl Scheduler<'_> {
    pub(super) fn lane_stage(&self, state: &mut State, index: usize, steps: &LaneSteps, log: Option<&mut Log>) {
        let stage = &self.staged.stages[index];
        let (read, take) = (u64::from(self.lat.lane_read), u64::from(self.lat.lane_take));
        let words = 1 + steps.loops().len() as u64;
        let lead = words + u64::from(self.lat.issue);
        let post_words = self.post_words(stage, &stage.blocks[0]);
        let to_write = take + self.write(stage) - u64::from(self.lat.post_take);
        let (first, last) = (steps.end(0, 0, 0), steps.all() - 1);
        let raw = if stage.is_raw() { 3 } else { 0 };
        // Behind every rippled read, and behind every earlier flat read and result.
        let mut start = state
            .lane_free
            .max(lead)
            .max((state.free + u64::from(self.config.rows)).saturating_sub(read))
            .max(state.next_flat.saturating_sub(read))
            .max(state.next_result.saturating_sub(first + to_write))
            .max(self.lane_input(state, stage, steps).saturating_sub(read));
        if let Some(output) = stage.output {
            for load in state.loads.iter().filter(|l| l.banks & self.banks(output) != 0) {
                if start + first + to_write <= load.to && load.from <= start + last + to_write {
                    start = start.max((load.to + 1).saturating_sub(first + to_write));
                }
            }
        }
        let tag = state.tags;
        let post_lead = post_words + u64::from(self.lat.issue);
        loop {
            let first_take = start + first + take;
            let window = (state.next_post.saturating_sub(post_lead), first_take.saturating_sub(post_lead));
            if state.rows.place_at(start - lead, words, tag) {
                if first_take >= post_lead && state.rows.place(window, post_words, tag + 1) {
                    break;
                }
                state.rows.remove(tag);
            }
            start += 1;
        }
        if let Some(log) = log {
            log.lanes.push((PlacedLane { stage: index, start, busy: steps.all(), row: 0 }, tag));
            log.posts.push((index, 0, tag + 1));
        }
        state.tags += 2;
        state.lane_free = start + steps.all();
        state.next_flat = start + last + read + 1;
        state.next_end = start + last + read + 1;
        state.next_write = start + last + to_write + raw + 1;
        state.next_result = state.next_write;
        state.next_post = start + last + take + 1;
        if let Some(input) = stage.input {
            state.flats.push(Span { banks: self.banks(input), from: start + read, to: start + last + read });
        }
        if let Some(output) = stage.output {
            let tensor = &self.staged.tensors[output];
            let see = u64::from(self.lat.write_to_read);
            let ready = Rc::make_mut(&mut state.ready[output]);
            for tile in 0..steps.tiles {
                for line in 0..stage.out[0] {
                    // Results come slower than they are read: the last of a line decides.
                    for x in [0, stage.out[1] - 1] {
                        let pixel = line * stage.out[1] + x + stage.output_at();
                        let time = start + steps.end(tile, line, x) + to_write + see;
                        let word = &mut ready[pixel / tensor.line * tensor.words + tile / self.groups()];
                        // Every configuration with a lane engine has all lanes of POST: the two are the same.
                        *word = word.map(|w| w.max(time.saturating_sub((pixel % tensor.line) as u64)));
                    }
                }
            }
        }
    }

    /// Earliest first flat read by what has to be there before.
    fn lane_input(&self, state: &State, stage: &Stage, steps: &LaneSteps) -> u64 {
        let Some(input) = stage.input else { return 0 };
        let (tensor, ready) = (&self.staged.tensors[input], &state.ready[input]);
        let [h, w] = stage.over.size;
        let column = steps.first[1].max(0);
        if column >= w as i64 {
            return 0;
        }
        let mut first = 0;
        for tile in 0..steps.tiles {
            for line in 0..steps.lines() {
                let row = steps.first[0] + line as i64;
                if !(0..h as i64).contains(&row) {
                    continue;
                }
                // Columns are read as they come, one a cycle: the first decides.
                let pixel = row as usize * w + column as usize;
                let time = steps.tile() * tile as u64 + steps.line() * line as u64 + (column - steps.first[1]) as u64;
                let at = ready[pixel / tensor.line * tensor.words + tile / self.groups()][0] + (pixel % tensor.line) as u64;
                first = first.max(at.saturating_sub(time));
            }
        }
        first
    }
}
