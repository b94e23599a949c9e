// SPDX-License-Identifier: Apache-2.0
//! Words and lines as the cells read, at any reference.

use super::{NORMAL, RramModel, STRONG_0, STRONG_1, Word};
use systole_isa::ecc::Verdict;

impl RramModel {
    /// A stored word as it reads at a reference: its beats, one behind the other. Bits that only fill up the last one are
    /// not looked at.
    pub(crate) fn raw(&self, row: u32, physical: u32, reference: usize) -> Vec<u8> {
        let beats = self.config.weight_beats;
        let width = self.device.width() as usize;
        let used = self.code.bits() as usize;
        if beats == 1 {
            let plane = self.device.plane(row, physical, reference);
            let mut bits: Vec<u8> = plane.iter().flat_map(|w| w.to_le_bytes()).take(used.div_ceil(8)).collect();
            if let Some(last) = bits.last_mut().filter(|_| !used.is_multiple_of(8)) {
                *last &= (1 << (used % 8)) - 1;
            }
            return bits;
        }
        let mut bits = vec![0u8; used.div_ceil(8)];
        for beat in 0..beats {
            let plane = &self.device.plane(row, physical * beats + beat, reference);
            for i in 0..width.min(used - beat as usize * width) {
                let at = beat as usize * width + i;
                bits[at / 8] |= ((plane[i / 64] >> (i % 64) & 1) as u8) << (at % 8);
            }
        }
        bits
    }

    pub(crate) fn decode(&self, raw: &[u8], line: u32) -> (Vec<u8>, Word) {
        let (data, verdict) = self.code.decode(raw, line);
        (data, Word { corrected: verdict == Verdict::Corrected, uncorrectable: verdict == Verdict::Uncorrectable })
    }

    /// A word of a line where it lies, at a reference.
    pub fn word(&self, row: u32, physical: u32, reference: usize, line: u32) -> (Vec<u8>, Word) {
        let read = || self.decode(&self.raw(row, physical, reference), line);
        match &self.reads {
            Some(reads) => reads.word(row, physical, reference, line, read),
            None => read(),
        }
    }

    pub(super) fn managed(&self, line: u32) -> bool {
        line % self.layout.half < self.layout.slot_lines
    }

    pub(crate) fn physical(&self, line: u32) -> u32 {
        if self.managed(line) { self.table[line as usize].0.into() } else { line }
    }

    /// A line at a reference: its bytes, and the worst verdict on its words.
    pub(super) fn read(&self, line: u32, reference: usize) -> (Vec<u8>, Word) {
        let physical = self.physical(line);
        let (mut bytes, mut all) = (vec![], Word { corrected: false, uncorrectable: false });
        for row in 0..self.config.rows {
            let (data, word) = self.decode(&self.raw(row, physical, reference), line);
            bytes.extend(data);
            all.corrected |= word.corrected;
            all.uncorrectable |= word.uncorrectable;
        }
        (bytes, all)
    }

    pub(super) fn lines(&self, first: u32, count: u32, reference: usize) -> (Vec<u8>, Word) {
        let (mut bytes, mut all) = (vec![], Word { corrected: false, uncorrectable: false });
        for line in first..first + count {
            let (data, word) = self.read(line, reference);
            bytes.extend(data);
            all.corrected |= word.corrected;
            all.uncorrectable |= word.uncorrectable;
        }
        (bytes, all)
    }

    /// A line as runs read it; counts what was wrong.
    pub fn fetch(&mut self, line: u32) -> (Vec<u8>, bool) {
        let physical = self.physical(line);
        let (mut bytes, mut bad) = (vec![], false);
        for row in 0..self.config.rows {
            let (data, word) = self.decode(&self.raw(row, physical, NORMAL), line);
            bytes.extend(data);
            self.counts.corrected += u32::from(word.corrected && !word.uncorrectable);
            self.counts.uncorrectable += u32::from(word.uncorrectable);
            bad |= word.uncorrectable;
        }
        (bytes, bad)
    }

    /// Whether a word of the line is not clean at one of the margins, and whether one is beyond correction.
    pub(super) fn margins(&self, line: u32) -> (bool, bool) {
        let words = [STRONG_1, STRONG_0].map(|r| self.read(line, r).1);
        (words.iter().any(|w| w.corrected || w.uncorrectable), words.iter().any(|w| w.uncorrectable))
    }

    pub(super) fn is_line_weak(&self, line: u32) -> bool {
        self.margins(line).0
    }
}
