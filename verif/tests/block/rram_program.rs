// SPDX-License-Identifier: Apache-2.0
//! The programmer of lines (docs/rram.md, programming and wear) beside banks, a walker and a line table: cells that take several pulses, or none; lines
//! that are retired, exchanged, or lie where they must not. Behind each job all words of the slot, the table and the pulses are as promised.

use crate::common::{bench, block};
use harness::{Clock, Sim, Stream};
use std::collections::{BTreeSet, HashMap, VecDeque};
use systole_isa::Config;
use systole_isa::ecc::WordCode;
use systole_isa::rram::{Layout, REFERENCES, RETRIES, WEAR_THRESHOLD};

const ROWS: usize = 4;
const COLS: usize = 4;
const BEATS: usize = 2;
const DEPTH: usize = 256;

/// A cell: 0 and 3 are strong, 1 reads 1 at VERIFY_0 and 2 reads 0 at VERIFY_1.
type Cells = Vec<u8>;

struct Bench {
    sim: Sim,
    clk: Clock,
    random: Stream,
    layout: Layout,
    code: WordCode,
    bits: usize,
    /// Physical line and wear of each line.
    table: Vec<(usize, u64)>,
    writing: Option<(usize, (usize, u64))>,
    looks: VecDeque<(usize, u64)>,
    /// By physical line and row.
    cells: Vec<[Cells; ROWS]>,
    /// Pulses that a cell still needs, where it is not one.
    hard: HashMap<(usize, usize, usize), u32>,
    prog: [u64; ROWS],
    raw: [u64; ROWS],
    loaded: [bool; ROWS],
    /// Words of a walk that are still to come: cycles to the first, row.
    walk: Option<(u32, usize, usize, u64)>,
    pulsing: u32,
    /// The line that is programmed, its partner in an exchange.
    pulses: u32,
    retried: u32,
    retired: u32,
    swapped: u32,
    /// Sub-words that were pulsed since the last walk.
    beats: Vec<u64>,
}

impl Bench {
    fn set(&self, name: &str, value: u64) {
        self.sim.signal(name).set(value);
    }

    fn get(&self, name: &str) -> u64 {
        self.sim.signal(name).get()
    }

    fn is(&self, name: &str) -> bool {
        self.get(name) == 1
    }

    /// The number in the cells of a row at a read reference.
    fn read(&self, line: usize, row: usize, reference: &str) -> u64 {
        let one = |cell: u8| match reference {
            "VERIFY_1" => cell == 3,
            "VERIFY_0" => cell >= 1,
            _ => cell >= 2,
        };
        self.cells[line][row].iter().enumerate().fold(0, |n, (bit, cell)| n | u64::from(one(*cell)) << bit)
    }

    /// What a row should hold: {check bits, data}.
    fn encoded(&self, data: u32, line: usize) -> u64 {
        self.code.encode(&data.to_le_bytes(), line as u32).iter().rev().fold(0, |n, &b| n << 8 | u64::from(b))
    }

    /// Data of a logical line, by row.
    fn data(&self, line: usize) -> [u32; ROWS] {
        let place = self.table.get(line).map_or(line, |e| e.0);
        std::array::from_fn(|row| self.read(place, row, "NORMAL") as u32)
    }

    fn place(&self, line: usize) -> usize {
        if self.managed(line) { self.table[line].0 } else { line }
    }

    fn managed(&self, line: usize) -> bool {
        line % (DEPTH / 2) < self.layout.slot_lines as usize
    }

    /// A cycle; what the block asks for is done.
    async fn cycle(&mut self) {
        self.clk.rising_edge().await;
        // The line table: an entry 3 cycles later, a write 1 cycle later.
        self.looks.push_back(self.table[self.get("look_o") as usize % DEPTH]);
        if let Some((at, entry)) = self.writing.take() {
            self.table[at] = entry;
        }
        if self.is("table_we_o") {
            let entry = (self.get("table_line_o") as usize, self.get("table_wear_o"));
            self.writing = Some((self.get("table_addr_o") as usize, entry));
        }
        let (line, wear) = if self.looks.len() > 2 { self.looks.pop_front().unwrap() } else { (0, 0) };
        self.set("look_line_i", line as u64);
        self.set("look_wear_i", wear);
        // Banks: what is to be programmed, and the bits that differ.
        let loads = self.get("prog_load_o");
        for row in (0..ROWS).filter(|row| loads >> row & 1 == 1) {
            let mut bytes = [0; 8];
            self.sim.signal("prog_data_o").get_bytes(&mut bytes[..self.bits.div_ceil(8)]);
            self.prog[row] = u64::from_le_bytes(bytes);
            self.loaded[row] = true;
        }
        self.retried += u32::from(self.is("retried_o"));
        self.retired += u32::from(self.is("retired_o"));
        self.swapped += u32::from(self.is("swapped_o"));
        self.pulse();
        self.step_walk();
        let used = (1u64 << self.code.bits()) - 1;
        let need = |set: bool| {
            (0..ROWS).fold(0, |all, row| {
                let differs = if set { self.prog[row] & !self.raw[row] } else { self.raw[row] & !self.prog[row] };
                all | u64::from(differs & used != 0) << row
            })
        };
        self.set("need_set_i", need(true));
        self.set("need_reset_i", need(false));
    }

    fn pulse(&mut self) {
        self.pulsing = self.pulsing.saturating_sub(1);
        let rows = self.get("pulse_o");
        if rows != 0 {
            assert_eq!(self.pulsing, 0, "a pulse while another one is on");
            assert!(self.walk.is_none(), "a pulse beside a read");
            let (place, beat, reset) = (self.get("pulse_addr_o") as usize, self.get("pulse_beat_o"), self.is("pulse_reset_o"));
            assert!(self.get("pulse_level_o") < u64::from(RETRIES), "a pulse beyond the ladder");
            self.beats.push(beat);
            let width = self.bits / BEATS;
            for row in (0..ROWS).filter(|row| rows >> row & 1 == 1) {
                assert!(self.loaded[row], "row {row} is pulsed, and no word of it was loaded");
                let mask = if reset { self.raw[row] & !self.prog[row] } else { self.prog[row] & !self.raw[row] };
                for bit in (0..width).map(|bit| beat as usize * width + bit).filter(|bit| mask >> bit & 1 == 1) {
                    let left = self.hard.entry((place, row, bit)).or_insert(1);
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        self.cells[place][row][bit] = if reset { 0 } else { 3 };
                        self.hard.remove(&(place, row, bit));
                    }
                }
            }
            self.pulses += 1;
            self.pulsing = 2 + self.random.below(4) as u32;
        }
        self.set("pulsing_i", (self.pulsing > 0).into());
    }

    fn step_walk(&mut self) {
        for name in ["walk_valid_i", "walk_done_i"] {
            self.set(name, 0);
        }
        if self.is("walk_start_o") {
            assert!(self.walk.is_none() && self.pulsing == 0, "a walk beside another one, or a pulse");
            let line = self.get("walk_line_o") as usize;
            let place = if self.is("walk_raw_o") { line } else { self.place(line) };
            assert_eq!(self.is("walk_raw_o"), !self.managed(line), "lines beside the slots are physical ones");
            assert!(
                self.beats.is_empty() || self.beats == [0, 1],
                "each sub-word is pulsed once between reads: {:?}",
                self.beats
            );
            self.beats.clear();
            self.walk = Some((8 + self.random.below(8) as u32, 0, place, self.get("walk_ref_o")));
        } else if let Some((wait, row, place, reference)) = self.walk.take() {
            if wait > 0 {
                self.walk = Some((wait - 1, row, place, reference));
            } else {
                self.raw[row] = self.read(place, row, REFERENCES[reference as usize]);
                self.set("walk_valid_i", 1);
                self.set("walk_row_i", row as u64);
                self.set("walk_word_i", self.raw[row] & 0xffff_ffff);
                self.set("walk_done_i", (row + 1 == ROWS).into());
                self.walk = (row + 1 < ROWS).then_some((0, row + 1, place, reference));
            }
        }
    }

    /// Words of a line come, and it is programmed; gives whether that failed, or nothing where a reset comes after so many cycles.
    async fn program(&mut self, line: usize, words: &[Option<u32>; ROWS], moves: bool, reset: Option<u32>) -> Option<bool> {
        (self.pulses, self.retried, self.retired, self.swapped) = (0, 0, 0, 0);
        self.loaded = [false; ROWS];
        self.beats.clear();
        for (row, word) in words.iter().enumerate().filter_map(|(row, word)| Some((row, (*word)?))) {
            self.set("load_i", 1);
            self.set("load_row_i", row as u64);
            self.set("load_line_i", line as u64);
            self.set("load_data_i", word.into());
            self.cycle().await;
        }
        self.set("load_i", 0);
        self.set("load_data_i", 0);
        self.cycle().await;
        self.set("start_i", 1);
        self.set("line_i", line as u64);
        self.set("move_i", moves.into());
        self.cycle().await;
        self.set("start_i", 0);
        self.set("line_i", 0);
        for cycle in 0..60_000 {
            // A word that comes in the cycle of a reset is not taken.
            let resets = reset == Some(cycle);
            self.set("rst_i", resets.into());
            self.set("load_i", resets.into());
            self.cycle().await;
            if resets {
                self.set("rst_i", 0);
                self.set("load_i", 0);
                (self.walk, self.pulsing) = (None, 0);
                let pulses = self.pulses;
                for _ in 0..40 {
                    self.cycle().await;
                    let silent = ["busy_o", "walk_start_o", "table_we_o", "prog_load_o"].map(|n| self.get(n));
                    assert_eq!((silent, self.pulses), ([0; 4], pulses), "work behind a reset");
                }
                return None;
            }
            if self.is("done_o") {
                let failed = self.is("failed_o");
                self.cycle().await;
                self.cycle().await;
                assert!(!self.is("busy_o"));
                return Some(failed);
            }
            assert!(self.is("busy_o"), "work on line {line}");
        }
        panic!("line {line} does not end");
    }

    /// The table and the cells anew: wears, marginal cells, cells that need pulses. `stuck`: of how many cells none takes a pulse.
    async fn anew(&mut self, stuck: f64) {
        let slot_lines = self.layout.slot_lines as usize;
        self.hard.clear();
        let level = self.random.below(300);
        for line in 0..DEPTH {
            let spread = if self.random.chance(0.5) { 40 } else { 200 };
            self.table[line] = (line, level + self.random.below(spread));
            let encoded: [u64; ROWS] = std::array::from_fn(|_| self.random.below(1 << 32)).map(|w| self.encoded(w as u32, line));
            for (row, word) in encoded.into_iter().enumerate() {
                self.cells[line][row] = (0..self.bits)
                    .map(|bit| {
                        let weak = self.random.chance(0.02);
                        match (word >> bit & 1, weak) {
                            (1, false) => 3,
                            (1, true) => 2,
                            (_, false) => 0,
                            _ => 1,
                        }
                    })
                    .collect();
                for bit in 0..self.code.bits() as usize {
                    if self.random.chance(0.1) {
                        self.hard.insert((line, row, bit), 1 + self.random.below(3) as u32);
                    } else if self.random.chance(stuck) && line < DEPTH {
                        self.hard.insert((line, row, bit), u32::MAX);
                    }
                }
            }
        }
        // Some lines of a class have changed places.
        for _ in 0..20 {
            let base = self.random.below(2) as usize * DEPTH / 2;
            let a = base + self.random.below(slot_lines as u64) as usize;
            let b = base + (a - base + 2 * self.random.below(20) as usize) % (slot_lines & !1);
            if (a ^ b) & 1 == 0 {
                (self.table[a], self.table[b]) = (self.table[b], self.table[a]);
            }
        }
        for slot in 0..2 {
            self.set("used_we_i", 1);
            self.set("used_slot_i", slot);
            self.set("used_i", 0);
            self.cycle().await;
        }
        self.set("used_we_i", 0);
        self.cycle().await;
    }

    /// Lines of a class of a slot that a scan looks at: the spares that are used are not among them.
    fn scanned(&self, line: usize, used: usize) -> impl Iterator<Item = usize> {
        let (base, last) = (line & (DEPTH / 2), self.layout.slot_lines as usize - 2 * used);
        (base..base + last).filter(move |other| other % 2 == line % 2)
    }
}

#[test]
fn lines_are_programmed_retired_and_exchanged_and_every_other_line_keeps_its_words() {
    let config = Config::named("tiny,RRAM_DEPTH=256,WEIGHT_BEATS=2,RRAM_WAYS=4").unwrap();
    let (layout, code, bits) = (Layout::of(&config), WordCode::of(&config), config.word_bits() as usize);
    let spec = block("systole_rram_program")
        .parameter("ROWS", ROWS)
        .parameter("COLS", COLS)
        .parameter("WEIGHT_BEATS", BEATS)
        .parameter("RRAM_DEPTH", DEPTH)
        .parameter("RRAM_WAYS", 4)
        .parameter("CHECK", bits - 8 * COLS);
    bench(&spec, 8, move |sim, clk| async move {
        let random = sim.random("lines");
        let mut b = Bench {
            sim,
            clk,
            random,
            layout,
            code,
            bits,
            table: vec![(0, 0); DEPTH],
            writing: None,
            looks: VecDeque::new(),
            cells: vec![std::array::from_fn(|_| vec![0; bits]); DEPTH],
            hard: HashMap::new(),
            prog: [0; ROWS],
            raw: [0; ROWS],
            loaded: [false; ROWS],
            walk: None,
            pulsing: 0,
            pulses: 0,
            retried: 0,
            retired: 0,
            swapped: 0,
            beats: vec![],
        };
        let spares = layout.spares as usize / 2;
        let mut seen = [0u32; 8];
        for round in 0..24 {
            b.anew(if round % 3 == 0 { 0.001 } else { 0.0 }).await;
            let (mut used, mut behind_failure) = ([[0usize; 2]; 2], false);
            for _ in 0..16 {
                // Mostly lines of an image; records and copies of the table too, which never move.
                let slot = b.random.below(2) as usize;
                let limit = if b.random.chance(0.8) { layout.slot_lines as usize - layout.spares as usize } else { DEPTH / 2 };
                let any = slot * DEPTH / 2 + b.random.below(limit as u64) as usize;
                // Behind a line that failed the most worn one: nothing of the failure is left.
                let image = |line: &usize| line % (DEPTH / 2) < (layout.slot_lines - layout.spares) as usize;
                let line = if behind_failure { (0..DEPTH).filter(image).max_by_key(|&l| b.table[l].1).unwrap() } else { any };
                let slot = line / (DEPTH / 2);
                let (managed, class) = (b.managed(line), line % 2);
                if managed && line % (DEPTH / 2) >= (layout.slot_lines - layout.spares) as usize {
                    continue; // a spare has no words of its own
                }
                let moves = behind_failure || b.random.chance(0.8);
                behind_failure = false;
                let words: [Option<u32>; ROWS] =
                    std::array::from_fn(|_| b.random.chance(0.8).then(|| b.random.below(1 << 32) as u32));
                let (table, before): (_, Vec<_>) = (b.table.clone(), (0..DEPTH).map(|l| b.data(l)).collect());
                if b.random.chance(0.1) && managed {
                    // An entry that names a place outside of the slot's lines: nothing is pulsed.
                    let outside =
                        [line ^ (DEPTH / 2), slot * DEPTH / 2 + layout.slot_lines as usize + b.random.below(8) as usize];
                    b.table[line].0 = outside[b.random.below(2) as usize];
                    let bad = b.table.clone();
                    assert_eq!(b.program(line, &words, moves, None).await, Some(true), "line {line} lies outside of its slot");
                    assert_eq!((b.pulses, &b.table), (0, &bad), "nothing is pulsed, and no entry written");
                    b.table = table;
                    seen[0] += 1;
                    continue;
                }
                if b.random.chance(0.05) {
                    let after = b.random.below(120) as u32;
                    if b.program(line, &words, false, Some(after)).await.is_none() {
                        // What was loaded is forgotten, and spares are counted anew.
                        used = [[0; 2]; 2];
                        b.table = table.clone();
                        assert_eq!(b.program(line, &[None; ROWS], false, None).await, Some(false));
                        assert_eq!(b.pulses, 0, "no word was loaded since the reset");
                        seen[1] += 1;
                        continue;
                    }
                }
                let least = b.scanned(line, used[slot][class]).map(|l| b.table[l].1).min().unwrap();
                let worn = managed && moves && b.table[line].1 >= least + u64::from(WEAR_THRESHOLD);
                let failed = b.program(line, &words, moves, None).await.unwrap();
                // A line is exchanged where it is worn, and with a spare where it does not take its words.
                assert_eq!(b.swapped > 0, worn, "line {line} of wear {}, the least worn one {least}", table[line].1);
                assert!(moves && managed || b.retired == 0, "line {line} does not move");
                used[slot][class] += b.retired as usize;
                let counted = b.get("used_o");
                let expected = (0..4).fold(0, |all, n| all | (used[n / 2][n % 2] as u64) << (8 * n));
                assert_eq!(counted, expected, "spares used");
                if !failed {
                    for (row, word) in words.iter().enumerate().filter_map(|(row, word)| Some((row, (*word)?))) {
                        let wanted = b.encoded(word, line);
                        for reference in ["NORMAL", "VERIFY_1", "VERIFY_0"] {
                            let used_bits = (1u64 << b.code.bits()) - 1;
                            let got = b.read(b.place(line), row, reference) & used_bits;
                            assert_eq!(got, wanted, "line {line}, row {row} at {reference}");
                        }
                    }
                } else {
                    assert!(
                        !moves || !managed || used[slot][class] == spares,
                        "line {line} is not as it should be, and there are spares"
                    );
                    seen[2] += 1;
                    behind_failure = true;
                }
                let mut moved = BTreeSet::from([line]);
                moved.extend((0..DEPTH).filter(|&l| b.table[l] != table[l]));
                for other in (0..DEPTH).filter(|&l| l != line && b.managed(l)) {
                    // Words of a spare are nobody's.
                    let spare = other % (DEPTH / 2) >= (layout.slot_lines - layout.spares) as usize;
                    assert!(
                        spare || failed && b.swapped > 0 || b.data(other) == before[other],
                        "line {other} beside {line} keeps its words"
                    );
                }
                for (row, _) in words.iter().enumerate().filter(|(_, word)| word.is_none()) {
                    assert!(failed || b.data(line)[row] == before[line][row], "row {row} of line {line} was not sent");
                }
                for slot in 0..2 {
                    for class in 0..2 {
                        let lines = || (0..layout.slot_lines as usize).map(|l| slot * DEPTH / 2 + l).filter(|l| l % 2 == class);
                        let places: BTreeSet<usize> = lines().map(|l| b.table[l].0).collect();
                        assert_eq!(places, lines().collect(), "lines of a class have the places of the class");
                    }
                }
                // Wear goes with the place; what was pulsed has one write more.
                let wear = |table: &[(usize, u64)], place: usize| table.iter().find(|e| e.0 == place).map(|e| e.1);
                let places: Vec<usize> = moved.iter().filter(|l| b.managed(**l)).map(|&l| b.table[l].0).collect();
                for place in places {
                    let (now, old) = (wear(&b.table, place).unwrap(), wear(&table, place).unwrap());
                    assert!(now == old || now == old + 1, "wear of {place}: {old} before, {now}");
                }
                if managed && b.pulses > 0 && b.retired == 0 && b.swapped == 0 {
                    assert_eq!(b.table[line].1, table[line].1 + 1, "a write of line {line}");
                }
                seen[3] += b.swapped;
                seen[4] += b.retired;
                seen[5] += b.retried;
                seen[6] += u32::from(!managed);
                seen[7] += u32::from(b.pulses > 0);
            }
        }
        assert!(seen.iter().all(|&n| n > 3), "every case came up: {seen:?}");
    });
}
