// SPDX-License-Identifier: Apache-2.0
//! OUT, and END behind everything.

use super::events::{Accesses, Units, Vector};
use super::{Checker, Rule};

impl Checker<'_> {
    /// POST and VECTOR write one result in a cycle. (How close those of POST are it knows itself.)
    pub(super) fn one_result(&mut self, accesses: &mut Accesses) {
        accesses.outputs.sort_by_key(|o| o.cycle);
        for pair in accesses.outputs.windows(2) {
            let (then, now) = (&pair[0], &pair[1]);
            if now.cycle < then.cycle + then.beats && (then.unit, now.unit) != ("POST", "POST") {
                self.report.add(Rule::ResultCollision, now.cycle, now.row, now.unit, || {
                    format!("{} of row {} writes until {}", then.unit, then.row, then.cycle + then.beats - 1)
                });
            }
        }
    }

    /// One write a cycle; inside the frame, and all of it.
    pub(super) fn out(&mut self, accesses: &mut Accesses) {
        accesses.outs.sort_by_key(|o| o.cycle);
        for pair in accesses.outs.windows(2) {
            if pair[0].cycle == pair[1].cycle {
                self.report.add(Rule::OutPort, pair[1].cycle, pair[1].row, pair[1].unit, || {
                    format!("{} of row {} writes as well", pair[0].unit, pair[0].row)
                });
            }
        }
        let words = self.sizes.out_bytes.div_ceil(self.config.cols);
        if words > self.config.out_depth {
            self.report.add(Rule::OutFrame, 0, 0, "END", || {
                format!("a frame of {words} words, the buffer has {}", self.config.out_depth)
            });
            return;
        }
        let mut written = vec![false; words as usize];
        for o in &accesses.outs {
            match written.get_mut(o.word as usize) {
                Some(w) => *w = true,
                None => {
                    self.report.add(Rule::OutFrame, o.cycle, o.row, o.unit, || format!("word {} of a frame of {words}", o.word))
                }
            }
        }
        let missing = written.iter().filter(|w| !**w).count();
        if let Some(first) = written.iter().position(|w| !w) {
            self.report.add(Rule::OutFrame, 0, 0, "END", || {
                format!("{missing} of {words} words are never written, word {first} the first")
            });
        }
    }

    /// Nothing happens in END's cycle or later.
    pub(super) fn end(&mut self, units: &Units, vectors: &[Vector], accesses: &Accesses) {
        let last_vector = vectors.last().map(|v| (v.t, "MATMUL vector"));
        let last = [
            last_vector,
            Some((accesses.last_step, "step of LOAD, STORE, LANE, VECTOR or SCALAR")),
            accesses.x_writes.iter().map(|w| w.cycle).max().map(|c| (c, "X write")),
            accesses.w_writes.iter().map(|w| w.cycle).max().map(|c| (c, "W SRAM write")),
            accesses.outs.last().map(|o| (o.cycle, "OUT write")),
            accesses.v.iter().filter(|t| t.write).map(|t| t.cycle).max().map(|c| (c, "V write")),
            accesses.s.iter().filter(|t| t.write).map(|t| t.cycle).max().map(|c| (c, "S write")),
        ];
        for (cycle, what) in last.into_iter().flatten().filter(|(c, _)| *c > 0 && *c >= units.end) {
            self.report.add(Rule::EndEarly, units.end, units.end_row, "END", || format!("the last {what} is in {cycle}"));
        }
    }
}
