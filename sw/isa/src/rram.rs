// SPDX-License-Identifier: Apache-2.0
//! How the RRAM is divided, and the record that makes an image the one that wakes (docs/rram.md).

use crate::{Config, fingerprint};
use serde::Serialize;

/// Places for records.
pub const RECORDS: u32 = 8;
/// Rounds of pulses before a line is given up.
pub const RETRIES: u32 = 8;
/// A line that is worn so many writes more than the least worn one of its slot changes places with it.
pub const WEAR_THRESHOLD: u32 = 128;
/// A slot's classes of lines change places before its next image when the one that is written has so many writes more on
/// its least worn line than the other; three times as many where the last change was for the other's sake.
pub const TURN_THRESHOLD: u32 = 256;
/// Written to `RRAM_UNLOCK` one behind the other they allow programming.
pub const KEYS: [u32; 2] = [0x5253_4554, 0x4f50_454e];
/// First word of a record: "SYSR".
pub const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"SYSR");
/// Words of 32 bits in a record.
pub const RECORD_WORDS: usize = 16;

/// Read references, by code: a bit reads 1 where the cell's resistance is below it.
pub const REFERENCES: [&str; 5] = ["NORMAL", "STRONG_1", "STRONG_0", "VERIFY_1", "VERIFY_0"];

/// Commands, by code from 1 on.
pub const COMMANDS: [&str; 4] = ["WAKE", "WARM_WAKE", "COMMIT", "SCRUB"];

/// Where what lies, in lines: a line is a word in every row, R x C bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// Bytes of a line.
    pub line_bytes: u32,
    /// Lines of a half; slot 1 begins there.
    pub half: u32,
    /// Lines of a slot, spares included.
    pub slot_lines: u32,
    /// Spares among them, the last ones.
    pub spares: u32,
    /// Classes of lines, by their lowest bits: a run reads one line behind the other, which must lie in different ways, so
    /// that a line never leaves its class. 1 where the beats of a word use all ways.
    pub classes: u32,
    /// Lines of a slot's copy of its part of the line table, behind the slot.
    pub table_lines: u32,
    /// Words of 32 bits at its end that are no entries: a word of a bank, but not less than two.
    pub tail_units: u32,
    /// Lines of a record.
    pub record_lines: u32,
}

impl Layout {
    /// The layout of a configuration.
    pub fn of(config: &Config) -> Layout {
        let line_bytes = config.rows * config.cols;
        let half = config.rram_depth / 2;
        let table_lines = half * 4 / line_bytes;
        let record_lines = (64 / line_bytes).max(1);
        let slot_lines = half - table_lines - RECORDS / 2 * record_lines;
        let classes = (config.rram_ways / config.weight_beats).max(1);
        let (spares, tail_units) = (config.rram_depth / 64, (config.cols / 4).max(2));
        Layout { line_bytes, half, slot_lines, spares, classes, table_lines, tail_units, record_lines }
    }

    /// Whether a slot has lines for an image, and its copy of the line table room for all of its entries.
    pub fn holds_its_table(&self) -> bool {
        self.table_lines > 0
            && self.slot_lines > self.spares + self.classes
            && (self.slot_lines + self.tail_units) * 4 <= self.table_lines * self.line_bytes
    }

    /// Class of a line.
    pub fn class(&self, line: u32) -> usize {
        (line % self.classes) as usize
    }

    /// The spare that a class of a slot uses when `used` are used.
    pub fn spare(&self, slot: u32, class: usize, used: u32) -> u32 {
        slot * self.half + self.slot_lines - self.classes * (used + 1) + class as u32
    }

    /// Lines that an image can have.
    pub fn usable(&self) -> u32 {
        self.slot_lines - self.spares
    }

    /// First line of a slot's copy of the line table.
    pub fn table(&self, slot: u32) -> u32 {
        slot * self.half + self.slot_lines
    }

    /// A copy of a slot's part of the line table: its entries (physical line, writes), the other way round where the record's
    /// flags say so; zeros; the flags; CRC-32 of all this with itself as 0.
    pub fn copy(&self, entries: &[(u16, u16)], flags: u32) -> Vec<u8> {
        let inverted = if Record::of_flags(flags).inverted { u32::MAX } else { 0 };
        let mut words: Vec<u32> = entries.iter().map(|&(line, wear)| u32::from(wear) << 16 | u32::from(line)).collect();
        words.resize((self.table_lines * self.line_bytes / 4) as usize - 2, 0);
        // The last word of a bank has no entry but these two.
        let tail = words.len() + 2 - (self.tail_units as usize);
        words[..tail].iter_mut().for_each(|w| *w ^= inverted);
        words.extend([flags, 0]);
        let bytes = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
        let crc = crc32fast::hash(&bytes(&words));
        words.pop();
        words.push(crc);
        bytes(&words)
    }

    /// First line of a record's place.
    pub fn record(&self, place: u32) -> u32 {
        (place & 1) * self.half + self.slot_lines + self.table_lines + (place >> 1) * self.record_lines
    }
}

/// What a slot holds; written last, so that it makes the image valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Rises with every commit.
    pub epoch: u32,
    /// Slot of the image.
    pub slot: u32,
    /// The classes change places before the slot's next image.
    pub turn: bool,
    /// The class for whose sake they changed places last.
    pub hot: Option<u32>,
    /// The entries of the line table's copy are stored the other way round.
    pub inverted: bool,
    /// Spares used in the slot, by class.
    pub spares_used: [u32; 2],
    /// Lines of the image.
    pub lines: u32,
    /// Fingerprint of the ISA tables.
    pub fingerprint: u32,
    /// Configuration number | WEIGHT_BEATS << 8 | ECC << 16.
    pub config: u32,
    /// Bytes of an input frame.
    pub in_bytes: u32,
    /// Bytes of an output frame.
    pub out_bytes: u32,
    /// Lines of weights, from line 0 on.
    pub weight_lines: u32,
    /// Lines at the end that hold the CRC-32 of each line before them.
    pub tile_lines: u32,
    /// 64-bit units of timetable, descriptors, parameters, lookup tables, taps; each begins on a line.
    pub units: [u32; 5],
    /// CRC-32 of the image's lines.
    pub image_crc: u32,
    /// CRC-32 of the copy of the line table, as [`Layout::copy`] puts it last.
    pub table_crc: u32,
}

impl Record {
    /// The 16 words; the last one is the CRC-32 of them with itself as 0.
    pub fn encode(&self) -> [u32; RECORD_WORDS] {
        let mut w = [0; RECORD_WORDS];
        w[0] = RECORD_MAGIC;
        w[1] = self.epoch;
        w[2] = self.flags();
        w[3] = self.fingerprint;
        w[4] = self.config;
        w[5] = self.in_bytes;
        w[6] = self.out_bytes;
        w[7] = self.weight_lines | self.lines << 16;
        w[8..13].copy_from_slice(&self.units);
        w[13] = self.image_crc;
        w[14] = self.table_crc;
        w[15] = Self::crc(&w);
        w
    }

    /// Word 2, which stands in the line table's copy too.
    pub fn flags(&self) -> u32 {
        self.slot
            | u32::from(self.turn) << 1
            | self.hot.map_or(0, |c| c << 2 | 8)
            | u32::from(self.inverted) << 4
            | self.spares_used[0] << 8
            | self.spares_used[1] << 16
            | self.tile_lines << 24
    }

    /// What [`Record::flags`] says, the rest empty.
    pub fn of_flags(flags: u32) -> Record {
        Record {
            slot: flags & 1,
            turn: flags >> 1 & 1 == 1,
            hot: (flags >> 3 & 1 == 1).then_some(flags >> 2 & 1),
            inverted: flags >> 4 & 1 == 1,
            spares_used: [flags >> 8 & 0xff, flags >> 16 & 0xff],
            tile_lines: flags >> 24,
            ..Record::default()
        }
    }

    fn crc(words: &[u32; RECORD_WORDS]) -> u32 {
        let mut words = *words;
        words[15] = 0;
        crc32fast::hash(&words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>())
    }

    /// Back from [`Record::encode`]; `None` unless magic and CRC are right.
    pub fn decode(words: &[u32; RECORD_WORDS]) -> Option<Record> {
        (words[0] == RECORD_MAGIC && words[15] == Self::crc(words)).then(|| Record {
            epoch: words[1],
            lines: words[7] >> 16,
            fingerprint: words[3],
            config: words[4],
            in_bytes: words[5],
            out_bytes: words[6],
            weight_lines: words[7] & 0xffff,
            units: std::array::from_fn(|i| words[8 + i]),
            image_crc: words[13],
            table_crc: words[14],
            ..Record::of_flags(words[2])
        })
    }
}

/// An image as it lies in a slot: the bytes of its lines, and its record without what the machine fills in (epoch, slot,
/// spares, CRC of the line table).
///
/// Weights come first, a line being a tile of R x C; then timetable, descriptors, parameters, lookup tables and taps, each
/// from a new line on; then the CRC-32 of each of these lines.
pub fn slot_bytes(image: &crate::Image, config: &Config) -> (Vec<u8>, Record) {
    let line = Layout::of(config).line_bytes as usize;
    let sections = image.sections();
    let mut bytes: Vec<u8> = image.weights.iter().map(|&b| b as u8).collect();
    bytes.resize(bytes.len().next_multiple_of(line), 0);
    let weight_lines = (bytes.len() / line) as u32;
    let mut units = [0; 5];
    for (section, units) in sections.iter().zip(&mut units) {
        *units = (section.len() / 8) as u32;
        bytes.extend(section);
        bytes.resize(bytes.len().next_multiple_of(line), 0);
    }
    let tiles = bytes.len() / line;
    let crcs: Vec<u8> = bytes.chunks(line).flat_map(|l| crc32fast::hash(l).to_le_bytes()).collect();
    bytes.extend(crcs);
    bytes.resize(bytes.len().next_multiple_of(line), 0);
    let record = Record {
        lines: (bytes.len() / line) as u32,
        tile_lines: (bytes.len() / line - tiles) as u32,
        fingerprint: fingerprint(),
        config: config.machine(),
        in_bytes: image.in_bytes,
        out_bytes: image.out_bytes,
        weight_lines,
        units,
        image_crc: crc32fast::hash(&bytes),
        ..Record::default()
    };
    (bytes, record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CONFIGS;

    #[test]
    fn everything_lies_in_its_half_and_nothing_twice() {
        for config in CONFIGS {
            let l = Layout::of(&config);
            let mut used = vec![0; config.rram_depth as usize];
            let mut take = |first: u32, lines: u32| (first..first + lines).for_each(|i| used[i as usize] += 1);
            (0..2).for_each(|s| take(s * l.half, l.slot_lines));
            (0..2).for_each(|s| take(l.table(s), l.table_lines));
            (0..RECORDS).for_each(|p| take(l.record(p), l.record_lines));
            assert!(used.iter().all(|&n| n == 1), "{}", config.name);
            assert!((l.usable() * 4).div_ceil(l.line_bytes) < 256, "TILE_LINES has 8 bits");
            assert!([1, 2].contains(&l.classes) && l.slot_lines.is_multiple_of(l.classes) && l.spares.is_multiple_of(l.classes));
            assert!(
                l.usable() > l.half / 2 && (l.slot_lines + l.tail_units) * 4 <= l.table_lines * l.line_bytes,
                "{}: {l:?}",
                config.name
            );
        }
    }

    #[test]
    fn a_record_comes_back_and_any_changed_bit_is_seen() {
        let record = Record { epoch: 7, slot: 1, lines: 300, weight_lines: 200, units: [1, 2, 3, 4, 5], ..Record::default() };
        let words = record.encode();
        assert_eq!(Record::decode(&words), Some(record));
        for bit in 0..32 * RECORD_WORDS {
            let mut wrong = words;
            wrong[bit / 32] ^= 1 << (bit % 32);
            assert_eq!(Record::decode(&wrong), None, "bit {bit}");
        }
    }
}
