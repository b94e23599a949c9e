// SPDX-License-Identifier: Apache-2.0
//! The program of the RRAM controller on its engine does what the controller's model does: the same cells, pulse by pulse,
//! the same line table, records and errors, after every command of random sequences.

use proptest::prelude::*;
use systole_backends::rram_engine::{Engine, rom};
use systole_backends::rram_hands::Programmed;
use systole_backends::rram_model::RramModel;
use systole_chip::device::{Corner, Device};
use systole_isa::Config;
use systole_isa::regs::ERRORS;
use systole_isa::rram::{Layout, RECORD_WORDS, Record};
use systole_isa::rram_engine::{Fault, Op, Word, assemble, parity};

#[derive(Debug, Clone)]
enum Command {
    /// An image of so many lines to the slot that does not hold the newest one, and a commit of it.
    Update {
        lines: u32,
        seed: u8,
    },
    /// As before, without the commit.
    Write {
        lines: u32,
        seed: u8,
    },
    /// A commit of the slot of the newest image.
    Wrong,
    Power,
    Wake {
        warm: bool,
    },
    Scrub,
    Some {
        lines: u32,
    },
    Age {
        years: u8,
    },
    /// One cell or two of a word stick: in the newest slot or the one that is written next, in its lines, copy or records.
    Stick {
        newest: bool,
        part: u32,
        row: u32,
        line: u32,
        bits: Vec<(u32, bool)>,
    },
    /// Lines of a slot are worn.
    Worn {
        wear: u16,
    },
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (2u32..12, any::<u8>()).prop_map(|(lines, seed)| Command::Update { lines, seed }),
        2 => (1u32..6, any::<u8>()).prop_map(|(lines, seed)| Command::Write { lines, seed }),
        1 => Just(Command::Wrong),
        2 => Just(Command::Power),
        1 => any::<bool>().prop_map(|warm| Command::Wake { warm }),
        2 => Just(Command::Scrub),
        1 => (1u32..40).prop_map(|lines| Command::Some { lines }),
        2 => (1u8..20).prop_map(|years| Command::Age { years }),
        3 => stick(),
        1 => (120u16..600).prop_map(|wear| Command::Worn { wear }),
    ]
}

fn stick() -> impl Strategy<Value = Command> {
    let cells = prop::collection::vec((0u32..39, any::<bool>()), 1..3);
    (any::<bool>(), 0u32..3, 0u32..4, 0u32..12, cells).prop_map(|(newest, part, row, line, bits)| Command::Stick {
        newest,
        part,
        row,
        line,
        bits,
    })
}

/// The bytes of a line of an image, and what an image of such lines has for a record.
fn image(config: &Config, lines: u32, seed: u8) -> (Vec<u8>, Record) {
    let line = Layout::of(config).line_bytes as usize;
    let mut bytes: Vec<u8> = (0..lines as usize * line)
        .map(|i| (i as u32).wrapping_mul(2_654_435_761).rotate_left(u32::from(seed)) as u8 ^ seed)
        .collect();
    let crcs: Vec<u8> = bytes.chunks(line).flat_map(|l| crc32fast::hash(l).to_le_bytes()).collect();
    bytes.extend(crcs);
    bytes.resize(bytes.len().next_multiple_of(line), 0);
    let all = (bytes.len() / line) as u32;
    let weight_lines = lines - 1; // and a line of the timetable
    let record = Record {
        lines: all,
        tile_lines: all - lines,
        weight_lines,
        units: [(line / 8) as u32, 0, 0, 0, 0],
        in_bytes: u32::from(seed) + 1,
        out_bytes: 7,
        image_crc: crc32fast::hash(&bytes),
        ..Record::default()
    };
    (bytes, record)
}

fn code(refusal: &str) -> u32 {
    ERRORS.iter().find(|e| e.name == refusal).unwrap().bit
}

/// The model and the program, side by side.
struct Pair {
    config: Config,
    model: RramModel,
    program: Programmed,
}

impl Pair {
    fn new(config: Config, seed: u64) -> Pair {
        Pair::with(config, seed, Corner::typ22())
    }

    fn with(config: Config, seed: u64, corner: Corner) -> Pair {
        let device = Device::new(&config, corner, seed);
        let mut model = RramModel::new(&config, device.clone());
        let mut program = Programmed::new(&config, device).unwrap();
        assert!(model.wake(false).is_err());
        program.settle().unwrap();
        Pair { config, model, program }
    }

    fn power(&mut self) {
        self.model = RramModel::new(&self.config, self.model.device.clone());
        self.program = Programmed::new(&self.config, self.program.parts.cells.device.clone()).unwrap();
        let woke = self.model.wake(false);
        self.program.settle().unwrap();
        self.same_wake(woke, self.program.parts.errors.first().copied().unwrap_or(0), true);
    }

    fn same_wake(&self, woke: Result<Vec<u8>, &str>, error: u32, by_reset: bool) {
        assert_eq!(self.program.parts.output("READY"), u32::from(woke.is_ok()));
        if let (Ok(bytes), Some(record)) = (&woke, self.model.awake) {
            assert_eq!(self.program.parts.output("RUN_SLOT"), record.slot);
            assert_eq!(self.program.parts.output("IN_BYTES"), record.in_bytes);
            assert_eq!(self.program.parts.output("OUT_BYTES"), record.out_bytes);
            assert_eq!(self.program.parts.output("IMAGE_CRC"), record.image_crc);
            let read = self.program.parts.bytes();
            assert!(read.len() <= bytes.len() && (read == bytes || bytes.windows(read.len()).any(|w| w == read)));
        }
        let expected = woke.err().filter(|_| !by_reset).map_or(0, code);
        assert_eq!(error, expected);
    }

    fn write(&mut self, lines: u32, seed: u8) -> (u32, Record) {
        let (bytes, record) = image(&self.config, lines, seed);
        let slot = self.model.newest().map_or(0, |s| 1 - s);
        let layout = *self.model.layout();
        for (n, line) in bytes.chunks(layout.line_bytes as usize).enumerate() {
            let expected = self.model.write_line(slot, n as u32, line).err().map_or(0, code);
            let got = self.program.write_line(slot * layout.half + n as u32, line).unwrap();
            assert_eq!(got, expected, "line {n}");
        }
        (slot, record)
    }

    fn apply(&mut self, command: &Command) {
        match *command {
            Command::Update { lines, seed } => {
                let (slot, record) = self.write(lines, seed);
                let expected = self.model.commit(slot, &record).err().map_or(0, code);
                assert_eq!(self.program.commit(slot, &record).unwrap(), expected);
            }
            Command::Write { lines, seed } => _ = self.write(lines, seed),
            Command::Wrong => {
                let Some(slot) = self.model.newest() else { return };
                let record = image(&self.config, 3, 1).1;
                let expected = self.model.commit(slot, &record).err().map_or(0, code);
                assert_eq!(self.program.commit(slot, &record).unwrap(), expected);
            }
            Command::Power => self.power(),
            Command::Wake { warm } => {
                let woke = self.model.wake(warm);
                let (_, error) = self.program.request(1 + u32::from(warm)).unwrap();
                self.same_wake(woke, error, false);
            }
            Command::Scrub | Command::Some { .. } => {
                let before = self.model.counts.tiles.0;
                let (error, none) = if let Command::Some { lines } = *command {
                    self.model.after_run(lines);
                    (self.program.scrub_some(lines).unwrap(), 0)
                } else {
                    let none = if self.model.scrub() == 0 { code("RRAM_NO_IMAGE") } else { 0 };
                    (self.program.request(4).unwrap().1, none)
                };
                assert_eq!(error, if self.model.counts.tiles.0 == before { none } else { code("RRAM_TILE") });
            }
            Command::Age { years } => {
                let seconds = f64::from(years) * 3.156e7;
                self.model.device.age(seconds, 85.0);
                self.program.parts.cells.device.age(seconds, 85.0);
            }
            Command::Stick { newest, part, row, line, ref bits } => {
                let slot = self.model.newest().map_or(0, |s| if newest { s } else { 1 - s });
                let layout = *self.model.layout();
                let first = [slot * layout.half, layout.table(slot), layout.record(slot)][part as usize];
                self.stick(row, first + line, bits);
            }
            Command::Worn { wear } => {
                let slot = self.model.newest().map_or(0, |s| 1 - s);
                if !self.program.has_table(slot) {
                    return;
                }
                let of = |l: u32| wear / (1 + l as u16 % 7) * (1 - l as u16 % 2);
                self.model.wear_out(slot, of);
                self.program.parts.cells.wear_out(slot, of);
            }
        }
        self.compare(command);
    }

    fn stick(&mut self, row: u32, address: u32, cells: &[(u32, bool)]) {
        for &(bit, one) in cells {
            self.model.device.stick(row, address, bit, one);
            self.program.parts.cells.device.stick(row, address, bit, one);
        }
    }

    fn compare(&self, command: &Command) {
        let (model, cells) = (&self.model, &self.program.parts.cells);
        let (a, b) = (model.device.to_bytes().unwrap(), cells.device.to_bytes().unwrap());
        assert!(a == b, "cells differ after {command:?}");
        let (table, other) = (model.wear_of_lines(), cells.wear_of_lines());
        let half = model.layout().half as usize;
        for slot in 0..2 {
            assert_eq!(model.has_table(slot as u32), self.program.has_table(slot as u32), "slot {slot} after {command:?}");
            // A half that is not made yet says nothing; of the one that is awake, the lines of its image.
            let known = match model.awake {
                _ if self.program.has_table(slot as u32) => half,
                Some(record) if record.slot == slot as u32 => record.lines as usize,
                _ => 0,
            };
            let range = slot * half..slot * half + known;
            let wrong = range.clone().find(|&l| table[l] != other[l]).map(|l| (l, table[l], other[l]));
            assert_eq!(wrong, None, "line table of slot {slot} (line, model, program) after {command:?}");
        }
        let (x, y) = (&model.counts, &cells.counts);
        assert_eq!((x.corrected, x.uncorrectable), (y.corrected, y.uncorrectable), "{command:?}");
        assert_eq!(
            (x.pulses, x.retries, x.remaps, x.swaps, x.turns, x.failed),
            (y.pulses, y.retries, y.remaps, y.swaps, y.turns, y.failed),
            "{command:?}"
        );
        assert_eq!(x.refreshed, self.program.parts.output("REFRESHED"));
        assert_eq!(x.tiles.0, self.program.parts.output("TILE") >> 16);
        if model.newest().is_some() {
            assert_eq!(model.scrub_line(), self.program.parts.output("SCRUB_AT"), "{command:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_program_does_what_the_model_does_command_by_command(seed in 1u64..1000, commands in prop::collection::vec(command(), 1..12)) {
        let mut pair = Pair::new(Config::named("tiny").unwrap(), seed);
        commands.iter().for_each(|c| pair.apply(c));
    }
}

#[test]
fn the_program_updates_wakes_and_scrubs_on_every_layout() {
    for name in ["tiny", "small", "base"] {
        let mut pair = Pair::new(Config::named(name).unwrap(), 7);
        for command in [
            Command::Update { lines: 9, seed: 3 },
            Command::Power,
            Command::Update { lines: 5, seed: 9 },
            Command::Age { years: 10 },
            Command::Power,
            Command::Scrub,
            Command::Wake { warm: true },
        ] {
            pair.apply(&command);
        }
        // The second image; two more for each time that its record was weak.
        let epoch = pair.model.epoch();
        assert!(epoch >= 2 && epoch.is_multiple_of(2), "{name}: {epoch}");
        assert_eq!(pair.program.parts.output("EPOCH"), epoch, "{name}");
        assert!(pair.model.awake.is_some());
    }
}

#[test]
fn records_that_age_are_found_weak_at_either_margin_as_by_the_model() {
    let mut weak = 0;
    for seed in 1..40 {
        let mut pair = Pair::new(Config::named("tiny").unwrap(), seed);
        pair.apply(&Command::Update { lines: 3, seed: seed as u8 });
        let seconds = 10f64.powf(seed as f64 / 5.0);
        pair.model.device.age(seconds, 85.0);
        pair.program.parts.cells.device.age(seconds, 85.0);
        pair.apply(&Command::Power);
        weak += u32::from(pair.model.weak());
        assert_eq!(pair.program.parts.output("SEEN") >> 1, u32::from(pair.model.weak()), "part {seed}");
    }
    assert!((5..39).contains(&weak), "{weak} of 39 weak");
}

#[test]
fn a_record_that_is_written_anew_again_and_again_never_takes_the_place_of_the_other_image() {
    let mut pair = Pair::new(Config::named("tiny").unwrap(), 7);
    pair.apply(&Command::Update { lines: 9, seed: 3 });
    pair.apply(&Command::Update { lines: 5, seed: 9 });
    for _ in 0..30 {
        for command in [Command::Age { years: 10 }, Command::Power, Command::Scrub] {
            pair.apply(&command);
        }
    }
    let renewals = (pair.model.epoch() - 2) / 2;
    assert!(renewals >= 7, "once around the places: {renewals}");
}

/// Up to a label of the program.
fn run_to(program: &mut Programmed, label: &str) {
    let lines = systole_isa::rram_engine::program().unwrap();
    let address = lines.iter().position(|l| l.labels.iter().any(|l| l == label)).unwrap();
    while program.engine.pc != address as u32 {
        program.step().unwrap();
    }
}

#[test]
fn wear_and_spares_outlive_a_cut_between_the_tables_copy_and_the_record() {
    for (stop, kept) in [("commit_record", true), ("copy_tail", false)] {
        let mut pair = Pair::new(Config::named("tiny").unwrap(), 5);
        for seed in 0..3 {
            pair.apply(&Command::Update { lines: 6, seed });
        }
        // Slot 1 is written next; one of its lines is retired.
        pair.stick(2, pair.config.rram_depth / 2 + 3, &[(1, true), (2, true), (3, false), (4, false)]);
        let (slot, record) = pair.write(6, 9);
        pair.compare(&Command::Write { lines: 6, seed: 9 });
        assert_eq!((slot, pair.model.counts.remaps), (1, 1));
        let before = pair.program.parts.cells.wear_of_lines();
        pair.program.prepare(slot, &record);
        run_to(&mut pair.program, stop);
        pair.model.device = pair.program.parts.cells.device.clone();
        pair.power();
        assert_eq!(pair.program.parts.output("NEWEST"), 2, "the image of slot 0 stands");
        pair.apply(&Command::Update { lines: 6, seed: 10 });
        let after = pair.program.parts.cells.wear_of_lines();
        let lines = pair.config.rram_depth as usize / 2..pair.config.rram_depth as usize / 2 + 6;
        let wear = |table: &[(u16, u16)]| table[lines.clone()].iter().map(|l| l.1).sum::<u16>();
        if kept {
            assert_eq!(wear(&after), wear(&before) + 6, "and six writes of the last update");
            assert_eq!(pair.model.counts.remaps, 0, "the line is known to be bad");
        } else {
            assert!(wear(&after) < wear(&before), "a copy that is not whole is not believed");
            assert_eq!(pair.model.counts.remaps, 1);
        }
    }
}

#[test]
fn a_copy_of_the_table_lies_the_other_way_round_where_two_cells_of_a_word_stick() {
    let config = Config::named("tiny").unwrap();
    let layout = Layout::of(&config);
    let line = layout.table(0) + 1; // entries 4 to 7: 4 and 5 in rows 0 and 1
    let commit = |cells: &[(u32, u32, bool)]| {
        let mut pair = Pair::new(config.clone(), 3);
        cells.iter().for_each(|&(row, bit, one)| pair.stick(row, line, &[(bit, one)]));
        pair.apply(&Command::Update { lines: 5, seed: 1 });
        pair
    };
    let inverted = |pair: &Pair| pair.program.engine.memory[2] >> 4 & 1 == 1;
    let woke = |pair: &mut Pair| {
        pair.apply(&Command::Power);
        pair.model.awake.is_some()
    };
    let mut pair = commit(&[]);
    assert!(woke(&mut pair) && !inverted(&pair));
    // Entry 4 is line 4, unless one of its writes made it another: bits 8 and 9 are zero, one of them may stick.
    let mut pair = commit(&[(0, 8, true)]);
    assert!(woke(&mut pair) && !inverted(&pair));
    let mut pair = commit(&[(0, 8, true), (0, 9, true)]);
    assert!(woke(&mut pair) && inverted(&pair));
    // The table is the same afterwards, and goes on: it is that of the slot after next.
    for seed in 2..5 {
        pair.apply(&Command::Update { lines: 5, seed });
        pair.apply(&Command::Power);
        assert!(pair.model.awake.is_some_and(|r| r.inverted == (r.slot == 0)));
    }
    // Neither way: two that are wrong as they are, two that are wrong the other way round.
    let mut pair = commit(&[(0, 8, true), (0, 9, true), (1, 8, false), (1, 9, false)]);
    assert_eq!(pair.program.parts.errors, [code("RRAM_RECORD")]);
    assert!(!woke(&mut pair));
}

#[test]
fn a_line_that_did_not_take_its_bits_is_tried_again_only_where_the_code_cannot_mend_it() {
    let config = Config::named("tiny").unwrap();
    let mut pair = Pair::new(config, 3);
    pair.apply(&Command::Update { lines: 5, seed: 1 });
    let bytes = image(&pair.config, 5, 1).0;
    let line = |pair: &Pair, n: u32| u32::from(pair.model.wear_of_lines()[n as usize].0);
    let wrong = |n: usize, bit: u32| bytes[16 * n + bit as usize / 8] >> (bit % 8) & 1 == 0;
    for n in [1, 3] {
        let at = line(&pair, n);
        pair.stick(0, at, &[(9, wrong(n as usize, 9))]);
    }
    let pulses = |pair: &mut Pair| {
        let before = pair.model.counts.pulses;
        pair.apply(&Command::Scrub);
        pair.model.counts.pulses - before
    };
    assert!(pulses(&mut pair) >= 16, "eight rounds for each of the two");
    assert_eq!(pulses(&mut pair), 0);
    // Power forgets: each is tried once more.
    pair.apply(&Command::Power);
    assert!(pulses(&mut pair) >= 16);
    assert_eq!(pulses(&mut pair), 0);
    // A second bit of a word that is weak: no scrub may wait.
    let (mut again, mut left) = (0, 0);
    for seed in 1..30 {
        let mut pair = Pair::with(Config::named("tiny").unwrap(), seed, Corner { stuck: 0.0, ..Corner::typ22() });
        pair.apply(&Command::Update { lines: 5, seed: 1 });
        let at = line(&pair, 3);
        pair.stick(0, at, &[(9, wrong(3, 9))]);
        pair.apply(&Command::Scrub);
        assert_eq!(pair.model.counts.failed, 1);
        pair.apply(&Command::Age { years: 19 });
        pair.apply(&Command::Age { years: 19 });
        pair.apply(&Command::Scrub);
        again += pair.model.counts.failed - 1;
        left += u32::from(pair.model.counts.failed == 1);
    }
    assert!(again > 0 && left > 10, "tried again in {again} parts, left to the code in {left}");
}

/// Hands that answer nothing: verbs never end.
struct Still;

impl systole_backends::rram_engine::Hands for Still {
    fn get(&mut self, _: u32) -> u32 {
        0
    }
    fn put(&mut self, _: u32, _: u32) {}
    fn verb(&mut self, _: u32, _: u32, _: &mut [u32; 64]) -> Option<()> {
        None
    }
}

#[test]
fn what_no_program_does_stops_the_engine_with_its_fault() {
    let stop = |mut rom: Vec<(u32, u32)>, edit: &dyn Fn(&mut Vec<(u32, u32)>)| {
        edit(&mut rom);
        let mut engine = Engine::new(rom, 10);
        (0..100).find_map(|_| engine.step(&mut Still).err())
    };
    let of = |text: &str| rom(&assemble(text).unwrap());
    let keep = |_: &mut Vec<(u32, u32)>| {};
    assert_eq!(stop(of("mov r1, #1"), &|r| r[0].0 ^= 4), Some(Fault::Parity));
    assert_eq!(stop(of("mov r1, #1"), &keep), Some(Fault::Illegal), "behind the end");
    assert_eq!(stop(of("do WALK, 4"), &keep), Some(Fault::Bound));
    assert_eq!(stop(of("f:\ncall f"), &keep), Some(Fault::Stack));
    assert_eq!(stop(of("ret"), &keep), Some(Fault::Stack));
    let mut circle = Engine::new(of("f:\nadd r1, r1, #1\njmp f"), 5);
    assert_eq!((0..100).find_map(|_| circle.step(&mut Still).err()), Some(Fault::Endless));
    assert_eq!(circle.registers[1], 16, "32 instructions");
    let unmarked = Word { op: Op::Branch, mark: false, constant: false, d: 0, a: 0, condition: 0, k: 2 }.encode();
    let jump = |r: &mut Vec<(u32, u32)>| r[0] = (unmarked, parity(0, unmarked));
    assert_eq!(stop(of("mov r1, #1\nmov r1, #2\nmov r1, #3"), &jump), Some(Fault::Flow));
    assert_eq!(RECORD_WORDS, 16, "the program's records");
}
