// SPDX-License-Identifier: Apache-2.0
//! A line is programmed: the ladder of pulses, spares, wear levelling.

use super::{NORMAL, RramModel, VERIFY_0, VERIFY_1};
use systole_chip::device::Pulse;
use systole_isa::rram::{RETRIES, TURN_THRESHOLD, WEAR_THRESHOLD};

impl RramModel {
    /// Programs a line of R C bytes; false when it is not as it should be afterwards.
    pub fn program(&mut self, line: u32, bytes: &[u8], may_move: bool) -> bool {
        let physical = self.physical(line);
        if self.managed(line) && !(self.managed(physical) && physical / self.layout.half == line / self.layout.half) {
            self.counts.failed += 1; // whatever became of its entry, no other image, copy or record is written
            return false;
        }
        if may_move && self.managed(line) {
            self.level_wear(line);
        }
        loop {
            if self.ladder(line, bytes) {
                return true;
            }
            let (slot, class) = ((line / self.layout.half) as usize, self.layout.class(line));
            let used = &mut self.used[slot][class];
            if !(may_move && line % self.layout.half < self.layout.slot_lines && *used * self.layout.classes < self.layout.spares)
            {
                self.counts.failed += 1;
                self.wear_line(line); // it was pulsed all the same
                return false;
            }
            // Retired: its number lives on the next spare of its class.
            let spare = self.layout.spare(slot as u32, class, *used);
            *used += 1;
            self.table.swap(line as usize, spare as usize);
            self.counts.remaps += 1;
        }
    }

    /// Where the line is worn, it changes places with the least worn one of its class.
    pub(super) fn level_wear(&mut self, line: u32) {
        let (slot, class) = ((line / self.layout.half) as usize, self.layout.class(line));
        let threshold = WEAR_THRESHOLD as u16;
        let wear = self.table[line as usize].1;
        if wear < self.floor[slot][class].saturating_add(threshold) {
            return;
        }
        let base = slot as u32 * self.layout.half;
        let usable = base..base + self.layout.slot_lines - self.layout.classes * self.used[slot][class];
        let of = |l: u32| self.table[l as usize].1;
        let Some(least) = usable.filter(|&l| self.layout.class(l) == class).min_by_key(|&l| of(l)) else { return };
        let floor = of(least);
        let others = base..base + self.layout.usable();
        let cold = others.filter(|&l| self.layout.class(l) != class).map(of).min();
        let ahead = TURN_THRESHOLD as u16 * if self.hot[slot].is_some_and(|h| h as usize != class) { 3 } else { 1 };
        if cold.is_some_and(|cold| floor >= cold.saturating_add(ahead)) {
            (self.want_turn[slot], self.hot[slot]) = (true, Some(class as u32));
        }
        self.floor[slot][class] = floor;
        if wear < floor.saturating_add(threshold) {
            return;
        }
        let kept = self.read(least, NORMAL).0;
        self.table.swap(line as usize, least as usize);
        self.counts.swaps += 1;
        self.ladder(least, &kept);
    }

    /// The classes of a slot change places: neighbours exchange their entries. What the slot held is lost.
    pub(super) fn turn_classes(&mut self, slot: u32) {
        let base = (slot * self.layout.half) as usize;
        self.table[base..base + self.layout.slot_lines as usize].chunks_mut(2).for_each(|pair| pair.swap(0, 1));
        let slot = slot as usize;
        self.used[slot].swap(0, 1);
        (self.floor[slot], self.want_turn[slot], self.turn[slot]) = ([0; 2], false, false);
        self.counts.turns += 1;
    }

    pub(super) fn ladder(&mut self, line: u32, bytes: &[u8]) -> bool {
        let physical = self.physical(line);
        let words: Vec<Vec<u8>> = bytes.chunks(self.config.cols as usize).map(|w| self.code.encode(w, line)).collect();
        let mut pulsed = false;
        let mut good = true;
        for level in 0.. {
            let mut any = false;
            for (reference, reset) in [(VERIFY_1, false), (VERIFY_0, true)] {
                let wrong: Vec<Vec<u8>> = (0..self.config.rows)
                    .map(|row| {
                        let raw = self.raw(row, physical, reference);
                        let want = &words[row as usize];
                        raw.iter().zip(want).map(|(r, w)| if reset { r & !w } else { w & !r }).collect()
                    })
                    .collect();
                if wrong.iter().flatten().all(|&b| b == 0) {
                    continue;
                }
                if level == RETRIES {
                    good = false;
                    break;
                }
                any = true;
                self.counts.retries += u32::from(level > 0);
                for (row, mask) in wrong.iter().enumerate().filter(|(_, m)| m.iter().any(|&b| b != 0)) {
                    self.counts.pulses += 1;
                    self.pulse(row as u32, physical, reset, level, mask);
                }
            }
            pulsed |= any;
            if !any || !good {
                self.rounds[(level as usize).min(RETRIES as usize) + usize::from(!good)] += 1;
                break;
            }
        }
        if pulsed && good {
            self.wear_line(line);
        }
        good
    }

    /// A line was written once more.
    pub(super) fn wear_line(&mut self, line: u32) {
        if self.managed(line) {
            let wear = &mut self.table[line as usize].1;
            *wear = wear.saturating_add(1);
            self.worn = self.worn.max(*wear);
        }
    }

    pub(super) fn pulse(&mut self, row: u32, physical: u32, reset: bool, level: u32, mask: &[u8]) {
        let (beats, width) = (self.config.weight_beats, self.device.width() as usize);
        for beat in 0..beats {
            let here = width.min(self.code.bits() as usize - beat as usize * width);
            for part in 0..here.div_ceil(64) {
                let bits = (part * 64..here.min(part * 64 + 64)).fold(0u64, |m, i| {
                    let at = beat as usize * width + i;
                    m | u64::from(mask[at / 8] >> (at % 8) & 1) << (i - part * 64)
                });
                if bits != 0 {
                    let mut pulse = Pulse { part: part as u32, reset, level, mask: bits, cut: false };
                    let (address, device) = (physical * beats + beat, &mut self.device);
                    if self.before_pulse.as_mut().is_none_or(|f| f(device, row, address, &mut pulse)) {
                        self.device.pulse(row, address, pulse);
                    }
                }
            }
        }
    }
}
