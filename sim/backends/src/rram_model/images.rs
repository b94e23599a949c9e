// SPDX-License-Identifier: Apache-2.0
//! Images: their lines are written, a record commits them, they wake.

use super::{NORMAL, Refusal, RramModel, STRONG_0, STRONG_1, Word, number};
use systole_isa::fingerprint;
use systole_isa::rram::{RECORD_WORDS, RECORDS, Record};

impl RramModel {
    /// Writes an image's lines into a slot.
    ///
    /// # Errors
    /// `RRAM_SLOT` for the slot of the newest image, `RRAM_PROGRAM`.
    pub fn write_slot(&mut self, slot: u32, bytes: &[u8]) -> Result<(), Refusal> {
        for (n, line) in bytes.chunks(self.layout.line_bytes as usize).enumerate() {
            self.write_line(slot, n as u32, line)?;
        }
        Ok(())
    }

    /// Writes line `n` of a slot.
    ///
    /// # Errors
    /// As [`RramModel::write_slot`].
    pub fn write_line(&mut self, slot: u32, n: u32, bytes: &[u8]) -> Result<(), Refusal> {
        if self.newest() == Some(slot) {
            return Err("RRAM_SLOT");
        }
        self.make_tables();
        if self.awake.is_some_and(|a| a.slot == slot) {
            self.awake = None;
        }
        if self.turn[slot as usize] {
            self.turn_classes(slot);
        }
        if self.program(slot * self.layout.half + n, bytes, true) { Ok(()) } else { Err("RRAM_PROGRAM") }
    }

    /// Makes what was written to a slot the newest image.
    ///
    /// # Errors
    /// `RRAM_CRC` where the slot does not hold it at both margins, `RRAM_PROGRAM`, `RRAM_RECORD`.
    pub fn commit(&mut self, slot: u32, record: &Record) -> Result<(), Refusal> {
        if self.newest() == Some(slot) {
            return Err("RRAM_SLOT");
        }
        self.make_tables();
        let base = slot * self.layout.half;
        for reference in [STRONG_1, STRONG_0] {
            let (bytes, word) = self.lines(base, record.lines, reference);
            if record.lines == 0 || crc32fast::hash(&bytes) != record.image_crc || word.uncorrectable {
                return Err("RRAM_CRC");
            }
        }
        let mut known = Record {
            slot,
            turn: self.want_turn[slot as usize],
            hot: self.hot[slot as usize],
            spares_used: self.used[slot as usize],
            ..*record
        };
        // Where cells that stick leave a word beyond correction, the other way round.
        let copied = [false, true].into_iter().find_map(|inverted| {
            known.inverted = inverted;
            self.write_copy(slot, known.flags())
        });
        let table_crc = copied.ok_or("RRAM_RECORD")?;
        let place = self.newest().and_then(|s| self.best[s as usize]).map_or(0, |b| (b.1 + 1) % RECORDS);
        let record =
            Record { epoch: self.epoch() + 1, fingerprint: fingerprint(), config: self.config.machine(), table_crc, ..known };
        // A place with a bad cell is left for the next one.
        for place in (0..4).map(|n| (place + n) % RECORDS) {
            self.write_record(place, &record);
            if !self.is_weak(place, &record) {
                self.best[slot as usize] = Some((record, place));
                self.turn[slot as usize] = record.turn;
                (self.scrub_at, self.scrub_found) = (0, false);
                self.given.clear();
                return Ok(());
            }
        }
        Err("RRAM_RECORD")
    }

    pub(super) fn is_weak(&self, place: u32, record: &Record) -> bool {
        [STRONG_1, STRONG_0].iter().any(|&r| {
            let (found, word) = self.read_record(place, r);
            found != Some(*record) || word.corrected || word.uncorrectable
        })
    }

    pub(super) fn write_record(&mut self, place: u32, record: &Record) {
        let mut bytes: Vec<u8> = record.encode().iter().flat_map(|w| w.to_le_bytes()).collect();
        bytes.resize((self.layout.record_lines * self.layout.line_bytes) as usize, 0);
        for (n, line) in bytes.chunks(self.layout.line_bytes as usize).enumerate() {
            self.program(self.layout.record(place) + n as u32, line, false);
        }
    }

    pub(super) fn read_record(&self, place: u32, reference: usize) -> (Option<Record>, Word) {
        let (mut bytes, mut all) = (vec![], Word { corrected: false, uncorrectable: false });
        let first = self.layout.record(place);
        // Only its 64 bytes count.
        for n in 0..64 / self.config.cols {
            let (line, row) = (first + n / self.config.rows, n % self.config.rows);
            let (data, word) = self.decode(&self.raw(row, line, reference), line);
            bytes.extend(data);
            all.corrected |= word.corrected;
            all.uncorrectable |= word.uncorrectable;
        }
        let words: [u32; RECORD_WORDS] = std::array::from_fn(|i| number(&bytes[4 * i..4 * i + 4]) as u32);
        (Record::decode(&words).filter(|_| !all.uncorrectable), all)
    }

    /// Looks for the newest record with a good image and makes it the one that is awake; its lines.
    ///
    /// # Errors
    /// `RRAM_NO_IMAGE`, `RRAM_FOREIGN`.
    pub fn wake(&mut self, warm: bool) -> Result<Vec<u8>, Refusal> {
        (self.best, self.awake, self.foreign, self.weak) = ([None; 2], None, false, false);
        self.given.clear();
        self.made = [false; 2];
        (self.scrub_at, self.scrub_found) = (0, false);
        let machine = self.config.machine();
        for place in 0..RECORDS {
            let Some(record) = self.read_record(place, NORMAL).0 else { continue };
            if record.fingerprint != fingerprint() || record.config != machine {
                self.foreign = true;
                continue;
            }
            let best = &mut self.best[record.slot as usize];
            if best.is_none_or(|b| record.epoch > b.0.epoch) {
                *best = Some((record, place));
            }
        }
        let mut candidates: Vec<(Record, u32)> = self.best.iter().flatten().copied().collect();
        candidates.sort_by_key(|b| std::cmp::Reverse(b.0.epoch));
        for (record, place) in candidates {
            // A record that is weak is written anew before it is trusted: elsewhere, so that it stands until the new one does.
            let mut record = record;
            if self.is_weak(place, &record) {
                self.weak = true;
                record.epoch += 2;
                let slot = record.slot as usize;
                let other = self.best[1 - slot].map(|b| b.1);
                let places: Vec<u32> =
                    (1..RECORDS).map(|n| (place + n) % RECORDS).filter(|&p| Some(p) != other).take(4).collect();
                let taken = places.into_iter().find(|&place| {
                    self.write_record(place, &record);
                    !self.is_weak(place, &record)
                });
                self.best[slot] = Some((record, taken.unwrap_or(place)));
            }
            let base = record.slot * self.layout.half;
            let entries = self.read_copy(record.slot, Some(&record)).0;
            let lines = record.lines.min(self.layout.slot_lines) as usize;
            let (mut bytes, mut bad) = (vec![], entries[..lines].iter().any(|e| u32::from(e.0) >= self.config.rram_depth));
            self.enter(record.slot, &entries[..lines], &record);
            self.count_copy(record.slot, (lines as u32 * 4).div_ceil(self.layout.line_bytes));
            // Weights and CRCs of lines are not read by a warm wake.
            let read = record.weight_lines..record.lines - record.tile_lines.min(record.lines);
            for l in 0..record.lines.min(self.layout.slot_lines) {
                let (line, wrong) =
                    if warm && !read.contains(&l) { (self.read(base + l, NORMAL).0, false) } else { self.fetch(base + l) };
                bytes.extend(line);
                bad |= wrong;
            }
            if !bad && (warm || crc32fast::hash(&bytes) == record.image_crc) {
                self.awake = Some(record);
                return Ok(bytes);
            }
            self.best[record.slot as usize] = None;
        }
        Err(if self.foreign { "RRAM_FOREIGN" } else { "RRAM_NO_IMAGE" })
    }
}
