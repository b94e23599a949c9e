// SPDX-License-Identifier: Apache-2.0
//! What the engine's program works on (docs/rram-engine.md): walker, programmer and line table over the cells of
//! [`RramModel`], of which nothing else is used here: records, wake, commit and scrub are the program's.

use crate::rram_engine::{Engine, Hands, rom};
use crate::rram_model::RramModel;
use std::sync::LazyLock;
use systole_chip::device::Device;
use systole_isa::rram::RECORD_MAGIC;
use systole_isa::rram::{RECORD_WORDS, Record};
use systole_isa::rram_engine::{AsmError, Fault, INPUTS, MEMORY_WORDS, OUTPUTS, SINKS, VERBS, program, watch};
use systole_isa::{Config, fingerprint};

/// Where the host's record lies in the engine's memory.
const HOST: usize = 48;
const MOST_STEPS: usize = 20_000_000;
/// That of the ISA's tables, which take long to print.
static FINGERPRINT: LazyLock<u32> = LazyLock::new(fingerprint);

/// The parts of the chip beside the engine.
pub struct Parts {
    /// Cells, line table, programmer.
    pub cells: RramModel,
    put: [u32; 32],
    request: u32,
    slot: u32,
    /// Keys were given.
    pub unlocked: bool,
    /// Programming is forbidden until reset.
    pub locked: bool,
    budget: u32,
    verdict: u32,
    crc: crc32fast::Hasher,
    word: u32,
    begun: Option<[u32; 4]>, // mode, line, count, pick
    at: u32,
    data: Vec<u8>,
    banks: Vec<u8>,
    bytes: Vec<u8>,
    /// Codes of ERROR, in order.
    pub errors: Vec<u32>,
}

fn number(table: &[&str], name: &str) -> usize {
    table.iter().position(|n| *n == name).unwrap_or_else(|| unreachable!("{name} is in the table"))
}

impl Parts {
    /// An output as it was last written.
    pub fn output(&self, name: &str) -> u32 {
        self.put[number(&OUTPUTS, name)]
    }

    /// Bytes of the lines read since the CRC was cleared.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The walk that was begun comes to its end.
    fn finish(&mut self, memory: &mut [u32; MEMORY_WORDS]) {
        if let Some(walk) = self.begun.take() {
            self.walk(walk, memory);
        }
    }

    fn walk(&mut self, walk: [u32; 4], memory: &mut [u32; MEMORY_WORDS]) {
        let [mode, first, count, pick] = walk;
        let (reference, raw, sink) = ((mode & 7) as usize, mode >> 3 & 1 == 1, SINKS[(mode >> 4 & 7) as usize]);
        let (sealed, counted, first_only) = (mode >> 7 & 1 == 1, mode >> 11 & 1 == 1, mode >> 12 & 1 == 1);
        let inverted = if mode >> 13 & 1 == 1 { u32::MAX } else { 0 };
        if mode >> 14 & 1 == 1 {
            (self.crc, self.bytes) = (crc32fast::Hasher::new(), vec![]);
        }
        if mode >> 15 == 1 {
            self.verdict = 0;
        }
        let (rows, cols) = (self.cells.config.rows, self.cells.config.cols as usize);
        let on_record = matches!(sink, "RECORD" | "CHECK");
        let rows = if first_only { 1 } else { rows };
        let mut words = 0; // of 32 bits, gone by
        for line in first..first + count {
            let line = line % self.cells.config.rram_depth;
            let physical = if raw { line } else { self.cells.physical(line) };
            for row in 0..rows {
                if on_record && words >= RECORD_WORDS {
                    continue;
                }
                let (mut data, word) = self.cells.word(row, physical, reference, line);
                self.verdict |= u32::from(word.corrected) | u32::from(word.uncorrectable) << 1;
                if counted {
                    self.cells.counts.corrected += u32::from(word.corrected && !word.uncorrectable);
                    self.cells.counts.uncorrectable += u32::from(word.uncorrectable);
                }
                let units = data.len() / 4;
                for (unit, chunk) in data.chunks_mut(4).enumerate() {
                    let value = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
                    match sink {
                        "RECORD" => memory[words] = value,
                        "TABLE" => self.enter(value ^ inverted),
                        "WORD" if words as u32 == pick => self.word = value,
                        _ => {}
                    }
                    let ends = if on_record {
                        words == RECORD_WORDS - 1
                    } else {
                        (line, row, unit) == (first + count - 1, rows - 1, units - 1)
                    };
                    if sealed && ends {
                        chunk.fill(0);
                    }
                    words += 1;
                }
                if sink == "BANKS" {
                    let at = row as usize * cols;
                    self.banks[at..at + cols].copy_from_slice(&data);
                }
                self.crc.update(&data);
                self.bytes.extend(data);
            }
        }
    }

    /// Writes the entry at `AT`, where a slot has one, and steps to the next.
    fn enter(&mut self, entry: u32) {
        let depth = self.cells.config.rram_depth;
        if self.at % self.cells.layout.half < self.cells.layout.slot_lines {
            let line = (entry as u16).min(depth as u16 - 1);
            self.cells.table[(self.at % depth) as usize] = (line, (entry >> 16) as u16);
        }
        self.at += 1;
    }

    /// Line that the scrub is at, with "physical" in bit 19 and "the last one" in bit 31.
    fn place(&self) -> u32 {
        let layout = self.cells.layout;
        let (n, live) = (self.output("SCRUB_AT"), self.output("LIVE"));
        let base = (self.output("NEWEST") & 1) * layout.half;
        let last = u32::from(n + 1 == live + layout.table_lines + layout.record_lines) << 31;
        last | match n.checked_sub(live) {
            None => base + n,
            Some(m) if m < layout.table_lines => (base + layout.slot_lines + m) | 1 << 19,
            Some(m) => (self.output("LIVE_RECORD") + m - layout.table_lines) | 1 << 19,
        }
    }
}

impl Hands for Parts {
    fn get(&mut self, input: u32) -> u32 {
        let (config, layout) = (&self.cells.config, self.cells.layout);
        let of = self.output("USED_SLOT") as usize & 1;
        match INPUTS.get(input as usize).copied().unwrap_or("") {
            "REQUEST" => self.request,
            "SLOT" => self.slot,
            "UNLOCKED" => self.unlocked.into(),
            "LOCKED" => self.locked.into(),
            "VERDICT" => self.verdict,
            "CRC" => self.crc.clone().finalize(),
            "WORD" => self.word,
            "USED" => {
                let [first, second] = self.cells.used[of];
                let hot = self.cells.hot[of].map_or(0, |c| c << 2 | 8);
                u32::from(self.cells.want_turn[of]) << 1 | hot | first << 8 | second << 16
            }
            "BUDGET" => self.budget.max(1),
            "SCRUB_AT" => self.output("SCRUB_AT"),
            "PLACE" => self.place(),
            "MAGIC" => RECORD_MAGIC,
            "HALF" => layout.half,
            "SLOT_LINES" => layout.slot_lines,
            "TABLE_LINES" => layout.table_lines,
            "RECORD_LINES" => layout.record_lines,
            "RECORDS_AT" => layout.record(0),
            "LAST_RECORD" => layout.record(7),
            "LINE_WORDS_1" => layout.line_bytes / 4 - 1,
            "LINE_LOG2" => (layout.line_bytes / 4).ilog2(),
            "LINE_UNITS_1" => layout.line_bytes / 8 - 1,
            "UNITS_LOG2" => (layout.line_bytes / 8).ilog2(),
            "MAX_LINES" => layout.usable(),
            "MACHINE" => config.machine(),
            "FINGERPRINT" => *FINGERPRINT,
            "ROWS" => config.rows,
            "COL_WORDS" => config.cols / 4,
            _ => 0,
        }
    }

    fn put(&mut self, output: u32, value: u32) {
        self.put[output as usize & 31] = value;
        let slot = self.output("USED_SLOT") as usize & 1;
        match OUTPUTS.get(output as usize).copied().unwrap_or("") {
            "CLEAR" => {
                if value & 1 == 1 {
                    self.verdict = 0;
                }
                if value & 2 == 2 {
                    (self.crc, self.bytes) = (crc32fast::Hasher::new(), vec![]);
                }
            }
            "AT" => self.at = value,
            "ENTRY" => self.enter(value),
            "DATA" => self.data.extend(value.to_le_bytes()),
            "USED" => {
                self.cells.used[slot] = [value >> 8 & 0xff, value >> 16 & 0xff];
                self.cells.hot[slot] = (value >> 3 & 1 == 1).then_some(value >> 2 & 1);
                (self.cells.floor[slot], self.cells.want_turn[slot]) = ([0; 2], false);
            }
            "TURNED" => {
                let slot = value as usize & 1;
                self.cells.used[slot].swap(0, 1);
                (self.cells.floor[slot], self.cells.want_turn[slot]) = ([0; 2], false);
                self.cells.counts.turns += 1;
            }
            "SLOT" => self.slot = value & 1,
            "ERROR" => self.errors.push(value),
            _ => {}
        }
    }

    fn verb(&mut self, verb: u32, _bound: u32, memory: &mut [u32; MEMORY_WORDS]) -> Option<()> {
        let cols = self.cells.config.cols as usize;
        match VERBS.get(verb as usize).copied()? {
            // What a walk that was begun reads comes while the program goes on: here, when it asks for the next.
            "WALK" | "BEGIN" => {
                self.finish(memory);
                self.begun = Some(["WALK", "LINE", "COUNT", "PICK"].map(|name| self.output(name)));
                if VERBS[verb as usize] == "WALK" {
                    self.finish(memory);
                }
            }
            "DONE" => self.finish(memory),
            "LOAD" => {
                let at = self.output("ROW") as usize * cols;
                let word = std::mem::take(&mut self.data);
                self.crc.update(&word);
                self.banks[at..at + word.len()].copy_from_slice(&word);
            }
            "DIGEST" => self.crc.update(&std::mem::take(&mut self.data)),
            "PROGRAM" => {
                let bytes = self.banks.clone();
                let done = self.cells.program(self.output("LINE"), &bytes, self.output("MOVE") & 1 == 1);
                self.verdict = self.verdict & !4 | u32::from(!done) << 2;
            }
            "LOOK" => {
                let (line, wear) = self.cells.table[self.at as usize % self.cells.table.len()];
                self.word = u32::from(wear) << 16 | u32::from(line);
            }
            "IDENTITY" => {
                let half = self.cells.layout.half;
                let end = (self.at / half + 1) * half;
                for at in self.at..end {
                    self.cells.table[at as usize] = (at as u16, 0);
                }
                self.at = end;
            }
            "COPY" => {
                let table = &self.cells.table;
                let inverted = if self.output("WALK") >> 13 & 1 == 1 { u32::MAX } else { 0 };
                let (half, slot_lines) = (self.cells.layout.half, self.cells.layout.slot_lines);
                let entries = self.at..self.at + cols as u32 / 4;
                let word: Vec<u8> = entries
                    .flat_map(|at| {
                        let (physical, wear) = table[at as usize % table.len()];
                        let entry = u32::from(wear) << 16 | u32::from(physical);
                        (if at % half < slot_lines { entry } else { 0 } ^ inverted).to_le_bytes()
                    })
                    .collect();
                self.at += cols as u32 / 4;
                self.crc.update(&word);
                let at = self.output("ROW") as usize * cols;
                self.banks[at..at + word.len()].copy_from_slice(&word);
            }
            "RELOCK" => self.unlocked = false,
            _ => {}
        }
        Some(())
    }
}

/// A controller that runs a program: what [`RramModel`] does by itself, done by the engine.
pub struct Programmed {
    /// The engine.
    pub engine: Engine,
    /// What it works on.
    pub parts: Parts,
    /// Told the address of each instruction before it is done, where there is one.
    pub at: Option<Box<dyn FnMut(u32)>>,
}

impl Programmed {
    /// Behind a part, as after reset before it looked for an image.
    ///
    /// # Errors
    /// Where the program does not assemble.
    pub fn new(config: &Config, device: Device) -> Result<Programmed, AsmError> {
        Ok(Programmed::with(config, device, rom(&program()?)))
    }

    /// As [`Programmed::new`], with another program.
    pub fn with(config: &Config, device: Device, rom: Vec<(u32, u32)>) -> Programmed {
        let cells = RramModel::new(config, device);
        let line = cells.layout.line_bytes as usize;
        let parts = Parts {
            cells,
            put: [0; 32],
            request: 0,
            slot: 0,
            unlocked: false,
            locked: false,
            budget: 0,
            verdict: 0,
            crc: crc32fast::Hasher::new(),
            word: 0,
            begun: None,
            at: 0,
            data: vec![],
            banks: vec![0; line],
            bytes: vec![],
            errors: vec![],
        };
        Programmed { engine: Engine::new(rom, watch(config.rram_depth)), parts, at: None }
    }

    /// One instruction.
    ///
    /// # Errors
    /// Why the engine stops.
    pub fn step(&mut self) -> Result<(), Fault> {
        if let Some(at) = &mut self.at {
            at(self.engine.pc);
        }
        self.engine.step(&mut self.parts).map(|_| ())
    }

    /// Runs up to the next instruction that waits for a request; instructions done.
    ///
    /// # Errors
    /// Why the engine stopped.
    pub fn settle(&mut self) -> Result<usize, Fault> {
        for steps in 0..MOST_STEPS {
            if self.engine.takes() {
                return Ok(steps);
            }
            self.step()?;
        }
        Err(Fault::Bound)
    }

    /// Gives a request and runs to its end: instructions done, and the code of ERROR, 0 where there is none.
    ///
    /// # Errors
    /// Why the engine stopped.
    pub fn request(&mut self, code: u32) -> Result<(usize, u32), Fault> {
        (self.parts.request, self.parts.errors) = (code, vec![]);
        self.step()?;
        let steps = self.settle()?;
        Ok((steps, self.parts.errors.first().copied().unwrap_or(0)))
    }

    /// Writes a line, as when the stream has filled it.
    ///
    /// # Errors
    /// Why the engine stopped.
    pub fn write_line(&mut self, line: u32, bytes: &[u8]) -> Result<u32, Fault> {
        self.parts.banks.fill(0);
        self.parts.banks[..bytes.len()].copy_from_slice(bytes);
        Ok(self.request(5 | line << 16)?.1)
    }

    /// Commits what was written to a slot.
    ///
    /// # Errors
    /// Why the engine stopped.
    pub fn commit(&mut self, slot: u32, record: &Record) -> Result<u32, Fault> {
        self.prepare(slot, record);
        Ok(self.request(3)?.1)
    }

    /// What stands before a commit, whose request is given: the next step takes it.
    pub fn prepare(&mut self, slot: u32, record: &Record) {
        self.engine.memory[HOST..HOST + RECORD_WORDS].copy_from_slice(&record.encode());
        (self.parts.slot, self.parts.unlocked, self.parts.request) = (slot, true, 3);
    }

    /// Scrubs so many lines, as behind a run.
    ///
    /// # Errors
    /// Why the engine stopped.
    pub fn scrub_some(&mut self, lines: u32) -> Result<u32, Fault> {
        self.parts.budget = lines;
        Ok(self.request(6)?.1)
    }

    /// Whether a slot's half of the line table was made.
    pub fn has_table(&self, slot: u32) -> bool {
        self.engine.memory[34] >> slot & 1 == 1
    }
}
