// SPDX-License-Identifier: Apache-2.0
//! The RRAM controller without Verilog and without cycles, written from docs/rram.md: the same cells, the same layout, so
//! that a part programmed by the one is woken by the other. Campaigns over many parts and years run on it.

mod table;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use systole_chip::device::{Device, Pulse};
use systole_isa::ecc::{Verdict, WordCode};
use systole_isa::rram::{Layout, RECORD_WORDS, RECORDS, RETRIES, Record, TURN_THRESHOLD, WEAR_THRESHOLD};
use systole_isa::{Config, fingerprint};

/// What a decoder said of a word, all its codes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// One of its codes corrected a bit.
    pub corrected: bool,
    /// One of them could not.
    pub uncorrectable: bool,
}

/// Counters of the controller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Words corrected and beyond correction, read at the normal reference.
    pub corrected: u32,
    /// Words beyond correction.
    pub uncorrectable: u32,
    /// Pulses, by row.
    pub pulses: u32,
    /// Rounds of pulses behind the first.
    pub retries: u32,
    /// Lines retired.
    pub remaps: u32,
    /// Lines that changed places.
    pub swaps: u32,
    /// Slots whose classes changed places.
    pub turns: u32,
    /// Lines that a scrub wrote again.
    pub refreshed: u32,
    /// Lines whose CRC a scrub found wrong, and the last of them.
    pub tiles: (u32, u32),
    /// Lines that no spare was left for.
    pub failed: u32,
}

/// Lines that a scrub remembers because they did not take their bits.
const GIVEN: usize = 5;

/// Why the controller refuses or gives up: a code of `ERROR`.
pub type Refusal = &'static str;

const NORMAL: usize = 0;
const STRONG_1: usize = 1;
const STRONG_0: usize = 2;
const VERIFY_1: usize = 3;
const VERIFY_0: usize = 4;

/// Sees a pulse before the cells of (row, address) do, and may change it; false: they do not get it.
pub type BeforePulse = Box<dyn FnMut(&mut Device, u32, u32, &mut Pulse) -> bool>;

/// Words by row and physical line, as they were read for a logical line at a reference.
pub(crate) type Seen = Rc<RefCell<Vec<Vec<((u32, usize), (Vec<u8>, Word))>>>>;

/// The controller of one part.
pub struct RramModel {
    pub(crate) config: Config,
    pub(crate) layout: Layout,
    code: WordCode,
    /// The cells.
    pub device: Device,
    pub(crate) table: Vec<(u16, u16)>, // (physical line, wear) by logical line
    best: [Option<(Record, u32)>; 2],
    pub(crate) used: [[u32; 2]; 2],  // by slot and class
    pub(crate) floor: [[u16; 2]; 2], // least wear known, likewise
    scrub_at: u32,
    scrub_found: bool, // a run found the line there weak
    pub(crate) want_turn: [bool; 2],
    pub(crate) hot: [Option<u32>; 2], // the class for whose sake a slot turned last
    turn: [bool; 2],                  // before the next line is written to a slot
    made: [bool; 2],                  // the halves of the line table
    given: VecDeque<u32>,             // lines that did not take their bits in a scrub, the last five
    foreign: bool,
    weak: bool,
    worn: u16,
    /// Rounds of pulses that each programmed line needed, counted by their number.
    pub rounds: [u64; RETRIES as usize + 2],
    /// What happened since power came.
    pub counts: Counts,
    /// The image that is awake.
    pub awake: Option<Record>,
    /// Called before each pulse, where there is one.
    pub before_pulse: Option<BeforePulse>,
    /// Words that were read already; who shares them takes out what changes.
    pub(crate) seen: Option<Seen>,
}

impl RramModel {
    /// The controller behind a part, as after reset before it looked for an image.
    pub fn new(config: &Config, device: Device) -> RramModel {
        RramModel {
            config: config.clone(),
            layout: Layout::of(config),
            code: WordCode::of(config),
            device,
            table: (0..config.rram_depth).map(|l| (l as u16, 0)).collect(),
            best: [None; 2],
            used: [[0; 2]; 2],
            floor: [[0; 2]; 2],
            scrub_at: 0,
            scrub_found: false,
            want_turn: [false; 2],
            hot: [None; 2],
            turn: [false; 2],
            made: [false; 2],
            given: VecDeque::new(),
            foreign: false,
            weak: false,
            worn: 0,
            rounds: Default::default(),
            counts: Counts::default(),
            awake: None,
            before_pulse: None,
            seen: None,
        }
    }

    /// The division of the memory.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

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
    pub(crate) fn word(&self, row: u32, physical: u32, reference: usize, line: u32) -> (Vec<u8>, Word) {
        let read = || self.decode(&self.raw(row, physical, reference), line);
        let Some(seen) = &self.seen else { return read() };
        let here = &mut seen.borrow_mut()[(row * self.config.rram_depth + physical) as usize];
        if let Some((_, word)) = here.iter().find(|s| s.0 == (line, reference)) {
            return word.clone();
        }
        here.push(((line, reference), read()));
        here[here.len() - 1].1.clone()
    }

    fn managed(&self, line: u32) -> bool {
        line % self.layout.half < self.layout.slot_lines
    }

    pub(crate) fn physical(&self, line: u32) -> u32 {
        if self.managed(line) { self.table[line as usize].0.into() } else { line }
    }

    /// A line at a reference: its bytes, and the worst verdict on its words.
    fn read(&self, line: u32, reference: usize) -> (Vec<u8>, Word) {
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

    /// The slot of the newest committed image.
    pub fn newest(&self) -> Option<u32> {
        (0..2).filter(|&s| self.best[s as usize].is_some()).max_by_key(|&s| self.best[s as usize].map(|b| b.0.epoch))
    }

    /// Epoch of the newest committed image; 0: there is none.
    pub fn epoch(&self) -> u32 {
        self.newest().and_then(|s| self.best[s as usize]).map_or(0, |b| b.0.epoch)
    }

    /// Spares left in each slot.
    pub fn spares(&self) -> [u32; 2] {
        self.used.map(|u| self.layout.spares - u[0] - u[1])
    }

    /// Writes of the most worn line among those programmed since power came.
    pub fn wear(&self) -> u16 {
        self.worn
    }

    /// Whether there is a record for another machine or of other software.
    pub fn foreign(&self) -> bool {
        self.foreign
    }

    /// Whether the record that was chosen read weakly and was written again.
    pub fn weak(&self) -> bool {
        self.weak
    }

    /// Sets the wear counters of a slot's lines, as if so much had been written (tests, campaigns).
    pub fn wear_out(&mut self, slot: u32, wear: impl Fn(u32) -> u16) {
        for n in 0..self.layout.slot_lines {
            self.table[(slot * self.layout.half + n) as usize].1 = wear(n);
        }
    }

    /// Physical line and writes of every logical line.
    pub fn wear_of_lines(&self) -> Vec<(u16, u16)> {
        self.table.clone()
    }

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
    fn level_wear(&mut self, line: u32) {
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

    fn ladder(&mut self, line: u32, bytes: &[u8]) -> bool {
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
    fn wear_line(&mut self, line: u32) {
        if self.managed(line) {
            let wear = &mut self.table[line as usize].1;
            *wear = wear.saturating_add(1);
            self.worn = self.worn.max(*wear);
        }
    }

    fn pulse(&mut self, row: u32, physical: u32, reset: bool, level: u32, mask: &[u8]) {
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

    /// The classes of a slot change places: neighbours exchange their entries. What the slot held is lost.
    fn turn_classes(&mut self, slot: u32) {
        let base = (slot * self.layout.half) as usize;
        self.table[base..base + self.layout.slot_lines as usize].chunks_mut(2).for_each(|pair| pair.swap(0, 1));
        let slot = slot as usize;
        self.used[slot].swap(0, 1);
        (self.floor[slot], self.want_turn[slot], self.turn[slot]) = ([0; 2], false, false);
        self.counts.turns += 1;
    }

    fn lines(&self, first: u32, count: u32, reference: usize) -> (Vec<u8>, Word) {
        let (mut bytes, mut all) = (vec![], Word { corrected: false, uncorrectable: false });
        for line in first..first + count {
            let (data, word) = self.read(line, reference);
            bytes.extend(data);
            all.corrected |= word.corrected;
            all.uncorrectable |= word.uncorrectable;
        }
        (bytes, all)
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

    fn is_weak(&self, place: u32, record: &Record) -> bool {
        [STRONG_1, STRONG_0].iter().any(|&r| {
            let (found, word) = self.read_record(place, r);
            found != Some(*record) || word.corrected || word.uncorrectable
        })
    }

    fn write_record(&mut self, place: u32, record: &Record) {
        let mut bytes: Vec<u8> = record.encode().iter().flat_map(|w| w.to_le_bytes()).collect();
        bytes.resize((self.layout.record_lines * self.layout.line_bytes) as usize, 0);
        for (n, line) in bytes.chunks(self.layout.line_bytes as usize).enumerate() {
            self.program(self.layout.record(place) + n as u32, line, false);
        }
    }

    fn read_record(&self, place: u32, reference: usize) -> (Option<Record>, Word) {
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

    fn scrub_some(&mut self, lines: u32) -> u32 {
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

    fn scrub_lines(&self) -> Vec<u32> {
        let Some((record, place)) = self.newest().and_then(|s| self.best[s as usize]) else { return vec![] };
        let base = record.slot * self.layout.half;
        (base..base + record.lines)
            .chain((0..self.layout.table_lines).map(|l| self.layout.table(record.slot) + l))
            .chain((0..self.layout.record_lines).map(|l| self.layout.record(place) + l))
            .collect()
    }

    /// Whether line `n` of the newest image has the CRC that stands behind it; lines of CRCs have none.
    fn is_tile_good(&self, n: u32, bytes: &[u8]) -> bool {
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

    fn is_line_weak(&self, line: u32) -> bool {
        self.margins(line).0
    }

    /// Whether a word of the line is not clean at one of the margins, and whether one is beyond correction.
    fn margins(&self, line: u32) -> (bool, bool) {
        let words = [STRONG_1, STRONG_0].map(|r| self.read(line, r).1);
        (words.iter().any(|w| w.corrected || w.uncorrectable), words.iter().any(|w| w.uncorrectable))
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b))
}
