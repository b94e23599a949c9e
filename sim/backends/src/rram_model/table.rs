// SPDX-License-Identifier: Apache-2.0
//! The line table of the controller's model, and its copies in RRAM.

use super::{NORMAL, RramModel, STRONG_0, STRONG_1, number};
use systole_isa::rram::Record;

impl RramModel {
    /// Writes the copy of a slot's table with these flags; its CRC where it reads well at both margins.
    pub(super) fn write_copy(&mut self, slot: u32, flags: u32) -> Option<u32> {
        let base = (slot * self.layout.half) as usize;
        let copy = self.layout.copy(&self.table[base..base + self.layout.slot_lines as usize], flags);
        for (n, line) in copy.chunks(self.layout.line_bytes as usize).enumerate() {
            // A cell that does not take its bit is left to the code; what counts is how it reads.
            self.program(self.layout.table(slot) + n as u32, line, false);
        }
        let end = copy.len() - 4; // the CRC itself is not compared
        let good = [STRONG_1, STRONG_0].iter().all(|&reference| {
            let (bytes, word) = self.lines(self.layout.table(slot), self.layout.table_lines, reference);
            bytes[..end] == copy[..end] && !word.uncorrectable
        });
        good.then(|| number(&copy[end..]) as u32)
    }

    /// Entries of a slot's lines, and what goes with them.
    pub(super) fn enter(&mut self, slot: u32, entries: &[(u16, u16)], known: &Record) {
        let (base, last, slot) = ((slot * self.layout.half) as usize, self.config.rram_depth as u16 - 1, slot as usize);
        for (entry, &(line, wear)) in self.table[base..].iter_mut().zip(entries) {
            *entry = (line.min(last), wear);
        }
        (self.used[slot], self.turn[slot], self.hot[slot]) = (known.spares_used, known.turn, known.hot);
        (self.floor[slot], self.want_turn[slot]) = ([0; 2], false);
    }

    /// Wrong words in the first lines of a slot's copy, which were read.
    pub(super) fn count_copy(&mut self, slot: u32, lines: u32) {
        let first = self.layout.table(slot);
        (first..first + lines).for_each(|line| _ = self.fetch(line));
    }

    /// Both halves of the line table, before anything is programmed.
    pub fn make_tables(&mut self) {
        for slot in (0..2).filter(|&s| !self.made[s as usize]).collect::<Vec<u32>>() {
            // A copy stands for itself, whatever became of the record.
            let (entries, known, whole) = self.read_copy(slot, None);
            if self.newest() == Some(slot) && !whole {
                continue; // what wake took from it stands
            }
            let half = slot * self.layout.half..(slot + 1) * self.layout.half;
            half.for_each(|l| self.table[l as usize] = (l as u16, 0));
            if whole {
                self.enter(slot, &entries, &known);
                self.count_copy(slot, self.layout.table_lines);
            } else {
                // Half written when power went: nothing in that slot is alive.
                self.enter(slot, &[], &Record::default());
            }
            self.made[slot as usize] = true;
        }
    }

    /// Whether a slot's half of the line table was made, as far as it reaches.
    pub fn has_table(&self, slot: u32) -> bool {
        self.made[slot as usize]
    }

    /// A slot's copy of the table as it reads: entries, what it says of the slot, and whether it is whole.
    pub(super) fn read_copy(&self, slot: u32, flags: Option<&Record>) -> (Vec<(u16, u16)>, Record, bool) {
        let (mut bytes, word) = self.lines(self.layout.table(slot), self.layout.table_lines, NORMAL);
        let end = bytes.len() - 4;
        let own = number(&bytes[end..]) as u32;
        let known = flags.copied().unwrap_or_else(|| {
            let tail = Record::of_flags(number(&bytes[end - 4..end]) as u32);
            Record { table_crc: own, ..tail }
        });
        bytes[end..].fill(0);
        let whole = crc32fast::hash(&bytes) == known.table_crc && !word.uncorrectable;
        let other = if known.inverted { u32::MAX } else { 0 };
        let entries = bytes.chunks(4).take(self.layout.slot_lines as usize).map(|e| number(e) as u32 ^ other);
        (entries.map(|e| (e as u16, (e >> 16) as u16)).collect(), known, whole)
    }
}
