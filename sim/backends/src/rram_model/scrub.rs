// SPDX-License-Identifier: Apache-2.0
//! Scrubbing: lines are looked at at both margins, weak ones written again.

use super::{GIVEN, NORMAL, RramModel, STRONG_0, number};

impl RramModel {
    /// Looks at every line of the newest image at both margins and writes the weak ones again. Lines looked at.
    pub fn scrub(&mut self) -> u32 {
        self.scrub_at = 0;
        self.scrub_some(u32::MAX)
    }

    /// The line that the scrub looks at next, counted through image, table's copy and record.
    pub fn scrub_line(&self) -> u32 {
        self.scrub_at
    }

    /// What SCRUBs of a run do: so many lines are looked at, up to the first weak one.
    pub fn scrub_in_run(&mut self, lines: u64) {
        let all = self.scrub_lines();
        for _ in 0..if all.is_empty() { 0 } else { lines } {
            if self.scrub_found || self.is_line_weak(all[self.scrub_at as usize]) {
                self.scrub_found = true;
                break;
            }
            self.scrub_at = (self.scrub_at + 1) % all.len() as u32;
        }
    }

    /// What follows a run: the weak line that it found is written again, and `budget` lines are scrubbed, up to the last.
    pub fn after_run(&mut self, budget: u32) {
        if budget != 0 || self.scrub_found {
            self.scrub_some(budget.max(1));
        }
    }

    pub(super) fn scrub_some(&mut self, lines: u32) -> u32 {
        let all = self.scrub_lines();
        let mut done = 0;
        if !all.is_empty() {
            self.make_tables();
        }
        while done < lines && !all.is_empty() {
            let (at, line) = (self.scrub_at, all[self.scrub_at as usize]);
            let mut bytes = self.read(line, STRONG_0).0;
            let (mut weak, beyond) = self.margins(line);
            let mut bad = false;
            if weak {
                (bytes, bad) = self.fetch(line);
            }
            // What the code takes for right may be wrong: the line's own CRC knows.
            if !bad && !self.is_tile_good(at, &bytes) {
                self.counts.tiles = (self.counts.tiles.0 + 1, at);
                weak = false;
            }
            // What a line did not take before is left to the code while that can mend it.
            let hopeless = !beyond && self.given.contains(&line);
            if weak && !bad && !hopeless {
                if self.program(line, &bytes, false) {
                    self.counts.refreshed += 1;
                } else {
                    self.given.push_back(line);
                    self.given.drain(..self.given.len().saturating_sub(GIVEN));
                }
            }
            self.scrub_found = false;
            self.scrub_at = (self.scrub_at + 1) % all.len() as u32;
            done += 1;
            if self.scrub_at == 0 {
                break;
            }
        }
        done
    }

    pub(super) fn scrub_lines(&self) -> Vec<u32> {
        let Some((record, place)) = self.newest().and_then(|s| self.best[s as usize]) else { return vec![] };
        let base = record.slot * self.layout.half;
        (base..base + record.lines)
            .chain((0..self.layout.table_lines).map(|l| self.layout.table(record.slot) + l))
            .chain((0..self.layout.record_lines).map(|l| self.layout.record(place) + l))
            .collect()
    }

    /// Whether line `n` of the newest image has the CRC that stands behind it; lines of CRCs have none.
    pub(super) fn is_tile_good(&self, n: u32, bytes: &[u8]) -> bool {
        let Some((record, _)) = self.newest().and_then(|s| self.best[s as usize]) else { return true };
        let tiles = record.lines - record.tile_lines;
        if n >= tiles {
            return true;
        }
        let at = 4 * n;
        let line = record.slot * self.layout.half + tiles + at / self.layout.line_bytes;
        let (crcs, word) = self.read(line, NORMAL);
        let at = (at % self.layout.line_bytes) as usize;
        !word.uncorrectable && number(&crcs[at..at + 4]) as u32 == crc32fast::hash(bytes)
    }
}
