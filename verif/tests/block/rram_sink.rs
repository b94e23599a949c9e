// SPDX-License-Identifier: Apache-2.0
//! Where words of walks, of the host and of the engine go: each one in its cycle, and nothing else.

use crate::common::{bench, block};
use crc32fast::Hasher;
use harness::verilated::Spec;
use harness::{Clock, Sim, Stream};
use rand::RngExt;
use std::collections::{BTreeMap, BTreeSet};
use systole_isa::rram::Record;

const ROWS: u64 = 4;
/// Where words of a walk go (docs/rram-engine.md).
const SINKS: [&str; 7] = ["CRC", "RECORD", "CHECK", "TABLE", "UPLOAD", "BANKS", "WORD"];
/// Pulses: low unless a cycle says otherwise.
const PULSES: &str = "begin_i clear_verdict_i clear_crc_i data_we_i digest_i load_i looked_i host_i walk_valid_i walk_done_i";

fn spec(cols: usize) -> Spec {
    block("systole_rram_sink").parameter("ROWS", ROWS).parameter("COLS", cols)
}

#[derive(Debug, PartialEq, Clone)]
enum Event {
    Memory(u64, u32),
    Entry(u32),
    UploadBegins(u64),
    Upload(Vec<u8>),
    Load { host: bool, row: u64, word: Vec<u8> },
}

/// What stands until it changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    Crc,
    Verdict,
    Word,
}

/// The block, and what is expected of it, by cycle.
struct Bench {
    sim: Sim,
    clk: Clock,
    random: Stream,
    cols: usize,
    t: u64,
    events: BTreeMap<u64, Event>,
    moving: BTreeSet<u64>,
    shown: BTreeMap<(u64, Shown), u32>,
    now: BTreeMap<Shown, u32>,
    crc: Hasher,
    verdict: u32,
    /// Of the walk that is on: its last unit is its CRC; entries are inverted.
    sealed: bool,
    inverted: bool,
    met: BTreeMap<String, u32>,
}

impl Bench {
    fn new(sim: Sim, clk: Clock, cols: usize) -> Bench {
        let (random, now) = (sim.random("sink"), BTreeMap::from([(Shown::Crc, 0), (Shown::Verdict, 0)]));
        let (events, moving, shown, met) = Default::default();
        PULSES.split(' ').for_each(|p| sim.signal(p).set(0));
        Bench {
            sim,
            clk,
            random,
            cols,
            t: 0,
            events,
            moving,
            shown,
            now,
            crc: Hasher::new(),
            verdict: 0,
            sealed: false,
            inverted: false,
            met,
        }
    }

    fn set(&self, name: &str, value: u64) {
        self.sim.signal(name).set(value);
    }

    /// A word of a bus, which has another value in each cycle.
    fn word(&mut self, name: &str) -> Vec<u8> {
        let word: Vec<u8> = (0..self.cols).map(|_| self.random.random()).collect();
        self.sim.signal(name).set_bytes(&word);
        word
    }

    fn value(&mut self, name: &str, limit: u64) -> u64 {
        let value = self.random.random_range(0..limit);
        self.set(name, value);
        value
    }

    /// What the block did in this cycle is compared; then the next one.
    async fn cycle(&mut self) {
        self.clk.rising_edge().await;
        let get = |n: &str| self.sim.signal(n).get();
        let high = |n: &str| self.sim.signal(n).is_high();
        let word = || {
            let mut word = vec![0; self.cols];
            self.sim.signal("data_o").get_bytes(&mut word);
            word
        };
        let mut got = vec![];
        let unit = get("unit_o") as u32;
        high("mem_we_o").then(|| got.push(Event::Memory(get("mem_addr_o"), unit)));
        high("table_we_o").then(|| got.push(Event::Entry(get("entry_o") as u32)));
        high("upload_we_o").then(|| got.push(Event::UploadBegins(get("upload_target_o"))));
        high("upload_valid_o").then(|| got.push(Event::Upload(word())));
        high("load_o").then(|| got.push(Event::Load { host: high("load_host_o"), row: get("load_row_o"), word: word() }));
        assert_eq!(got, Vec::from_iter(self.events.remove(&self.t)), "cycle {}", self.t);
        assert_eq!(high("moving_o"), self.moving.remove(&self.t), "words are under way, cycle {}", self.t);
        for (what, name) in [(Shown::Crc, "crc_o"), (Shown::Verdict, "verdict_o"), (Shown::Word, "word_o")] {
            self.now.extend(self.shown.remove(&(self.t, what)).map(|v| (what, v)));
            assert!(self.now.get(&what).is_none_or(|&v| u64::from(v) == get(name)), "{name} in cycle {}", self.t);
        }
        PULSES.split(' ').for_each(|p| self.set(p, 0));
        self.t += 1;
    }

    async fn pause(&mut self, least: u64, most: u64) {
        for _ in 0..self.random.random_range(least..=most) {
            for bus in ["walk_word_i", "host_data_i"] {
                self.word(bus);
            }
            let small = [("pick_i", 20), ("walk_row_i", ROWS), ("sink_i", 7), ("sealed_i", 2), ("inverted_i", 2)];
            for (port, limit) in [("data_i", 1 << 32), ("entry_i", 1 << 32)].into_iter().chain(small) {
                self.value(port, limit);
            }
            self.cycle().await;
        }
    }

    fn hash(&mut self, bytes: &[u8], seen: u64) {
        self.crc.update(bytes);
        self.shown.insert((seen, Shown::Crc), self.crc.clone().finalize());
    }

    fn clear(&mut self, crc: bool, verdict: bool) {
        if crc {
            self.crc = Hasher::new();
            self.shown.insert((self.t + 1, Shown::Crc), 0);
        }
        if verdict {
            self.verdict = 0;
            self.shown.insert((self.t + 1, Shown::Verdict), 0);
        }
    }

    /// A walk begins; it may begin the CRC and the verdict anew.
    async fn begin(&mut self, sink: usize, pick: u64) {
        self.set("begin_i", 1);
        self.set("sink_i", sink as u64);
        self.set("pick_i", pick);
        let section = self.value("section_i", 5);
        let (anew, clean) = (self.value("anew_i", 2) == 1, self.value("clean_i", 2) == 1);
        (self.sealed, self.inverted) = (self.value("sealed_i", 2) == 1, self.value("inverted_i", 2) == 1);
        if SINKS[sink] == "UPLOAD" {
            // Timetable, descriptors, parameters, lookup tables, taps: 4 of UPLOAD_TARGET are the weights.
            self.events.insert(self.t, Event::UploadBegins([0, 1, 2, 3, 5][section as usize]));
        }
        self.clear(anew, clean);
        self.cycle().await;
        self.pause(2, 6).await;
    }

    /// Word n of a walk, the last of a record as it counts in the CRC.
    fn walk_word(&mut self, sink: usize, pick: u64, n: usize, last: bool, word: &[u8]) {
        let (t, units) = (self.t, self.cols / 4);
        let row = self.value("walk_row_i", ROWS);
        let bits = self.random.random_range(0..12).min(4) as u32 & 3;
        self.set("walk_corrected_i", (bits & 1).into());
        self.set("walk_uncorrectable_i", (bits >> 1).into());
        self.set("walk_valid_i", 1);
        self.set("walk_done_i", last.into());
        self.verdict |= bits;
        self.shown.insert((t + 1, Shown::Verdict), self.verdict);
        let mut hashed = word.to_vec();
        if last && self.sealed {
            hashed[self.cols - 4..].fill(0);
        }
        self.hash(&hashed, t + 2);
        self.moving.insert(t + 1);
        match SINKS[sink] {
            "BANKS" => drop(self.events.insert(t + 1, Event::Load { host: false, row, word: word.to_vec() })),
            // pick: 64-bit units, the last word may be half of them.
            "UPLOAD" if (n * self.cols) < 8 * pick as usize => drop(self.events.insert(t + 1, Event::Upload(word.to_vec()))),
            "RECORD" | "TABLE" | "WORD" => {
                for (i, unit) in word.chunks_exact(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).enumerate() {
                    let (at, number) = (t + 1 + i as u64, (n * units + i) as u64);
                    self.moving.insert(at);
                    match SINKS[sink] {
                        "RECORD" => drop(self.events.insert(at, Event::Memory(number, unit))),
                        "TABLE" => drop(self.events.insert(at, Event::Entry(if self.inverted { !unit } else { unit }))),
                        _ if number == pick => drop(self.shown.insert((at + 1, Shown::Word), unit)),
                        _ => (),
                    }
                }
            }
            _ => (),
        }
    }

    async fn walk(&mut self) {
        let sink = self.random.random_range(0..SINKS.len());
        let record = ["RECORD", "CHECK"].contains(&SINKS[sink]);
        let count = if record { 64 / self.cols } else { self.random.random_range(1..12) };
        let pick = self.random.random_range(0..20);
        self.begin(sink, pick).await;
        let units = ["RECORD", "TABLE", "WORD"].contains(&SINKS[sink]);
        let pace = if units { self.cols as u64 / 4 } else { 1 } + self.random.random_range(0..2);
        for n in 0..count {
            let word = self.word("walk_word_i");
            self.walk_word(sink, pick, n, n + 1 == count, &word);
            self.cycle().await;
            self.pause(pace - 1, pace - 1).await;
        }
        *self.met.entry(SINKS[sink].into()).or_default() += 1;
    }

    /// Words of the host: of a line, one behind the other, or of a record, whose units are words 48 to 63.
    async fn host(&mut self) {
        let (units, record) = (self.cols / 4, self.random.random::<bool>());
        self.set("host_record_i", record.into());
        for _ in 0..self.random.random_range(1..6) {
            let (word, row) = (self.word("host_data_i"), self.value("host_row_i", ROWS));
            let unit = self.random.random_range(0..16 / units) * units;
            self.set("host_unit_i", unit as u64);
            self.set("host_i", 1);
            let t = self.t + 1;
            if record {
                for (i, c) in word.chunks_exact(4).enumerate() {
                    let value = u32::from_le_bytes(c.try_into().unwrap());
                    self.events.insert(t + i as u64, Event::Memory((48 + unit + i) as u64, value));
                    self.moving.insert(t + i as u64);
                }
            } else {
                self.events.insert(t, Event::Load { host: true, row, word });
                self.moving.insert(t);
            }
            self.cycle().await;
            let wait = if record { units as u64 } else { 0 };
            self.pause(wait, wait + 1).await;
        }
    }

    /// The engine shifts a word in, the lowest unit first; then it goes into the CRC, by LOAD to a row too.
    async fn shift(&mut self) {
        let mut word = vec![];
        for _ in 0..self.cols / 4 {
            let unit = self.value("data_i", 1 << 32) as u32;
            word.extend(unit.to_le_bytes());
            self.set("data_we_i", 1);
            self.cycle().await;
            self.pause(0, 2).await;
        }
        self.hash(&word, self.t + 1);
        if self.random.random() {
            let row = self.value("row_i", ROWS);
            self.set("load_i", 1);
            self.events.insert(self.t, Event::Load { host: false, row, word });
        } else {
            self.set("digest_i", 1);
        }
        self.cycle().await;
    }

    async fn engine(&mut self) {
        let (crc, verdict) = (self.random.random(), self.random.random());
        self.set("clear_crc_i", u64::from(crc));
        self.set("clear_verdict_i", u64::from(verdict));
        self.clear(crc, verdict);
        self.cycle().await;
        let entry = self.value("entry_i", 1 << 32);
        self.set("looked_i", 1);
        self.shown.insert((self.t + 1, Shown::Word), entry as u32);
        self.cycle().await;
    }
}

#[test]
fn words_go_where_they_are_meant_to_in_their_cycle_and_crc_verdict_and_word_follow() {
    for cols in [4, 8, 16] {
        let met = bench(&spec(cols), 7, move |sim, clk| async move {
            let mut b = Bench::new(sim, clk, cols);
            for _ in 0..600 {
                match b.random.random_range(0..10) {
                    0 => b.host().await,
                    1 => b.shift().await,
                    2 => b.engine().await,
                    _ => b.walk().await,
                }
                let rest = cols as u64 / 4 + 2;
                b.pause(rest, rest + 2).await;
                assert!(b.events.is_empty() && b.moving.is_empty() && b.shown.is_empty());
            }
            b.met
        });
        assert!(SINKS.iter().all(|s| met.get(*s).is_some_and(|&n| n > 20)), "{met:?}");
    }
}

#[test]
fn a_record_read_into_memory_has_the_crc_that_its_last_word_says() {
    for cols in [4, 8, 16] {
        bench(&spec(cols), 8, move |sim, clk| async move {
            let mut b = Bench::new(sim, clk, cols);
            for epoch in 0..20 {
                let words = Record { epoch, image_crc: b.random.random(), ..Record::default() }.encode();
                let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
                let sink = 1 + epoch as usize % 2;
                b.clear(true, false);
                b.set("clear_crc_i", 1);
                b.cycle().await;
                while {
                    b.begin(sink, 0).await;
                    !b.sealed
                } {}
                for (n, word) in bytes.chunks_exact(cols).enumerate() {
                    b.sim.signal("walk_word_i").set_bytes(word);
                    b.walk_word(sink, 0, n, (n + 1) * cols == bytes.len(), word);
                    b.cycle().await;
                    b.pause(cols as u64 / 4 + 1, 6).await;
                }
                assert_eq!(b.sim.signal("crc_o").get() as u32, words[15]);
            }
        });
    }
}

#[test]
fn reset_forgets_the_words_under_way_crc_and_verdict() {
    bench(&spec(16), 9, |sim, clk| async move {
        let mut b = Bench::new(sim, clk, 16);
        for n in 0..70 {
            let sink = n % SINKS.len();
            b.begin(sink, 3).await;
            let word = b.word("walk_word_i");
            b.walk_word(sink, 3, 0, false, &word);
            for after in 0..=n / SINKS.len() % 5 {
                b.set("rst_i", u64::from(after == n / SINKS.len() % 5));
                b.cycle().await;
            }
            b.set("rst_i", 0);
            let t = b.t; // the first cycle behind it
            b.events.clear();
            b.moving.clear();
            b.shown.retain(|&(at, what), _| at == t && what == Shown::Word);
            (b.crc, b.verdict) = (Hasher::new(), 0);
            b.shown.extend([((t, Shown::Crc), 0), ((t, Shown::Verdict), 0)]);
            b.pause(6, 8).await;
        }
    });
}
