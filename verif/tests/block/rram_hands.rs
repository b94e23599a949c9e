// SPDX-License-Identifier: Apache-2.0
//! What the program of the RRAM engine reaches by number: inputs one cycle later, outputs, verbs; nothing else moves.

use crate::common::{bench, block, side_by_side};
use harness::verilated::Spec;
use harness::{Clock, Signal, Sim, Stream};
use rand::RngExt;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use systole_isa::ecc::Ecc;
use systole_isa::rram::{Layout, RECORD_MAGIC, RECORDS};
use systole_isa::rram_engine::{INPUTS, OUTPUTS, STATUS_AT, VERBS};
use systole_isa::{Config, fingerprint};

/// Low unless a cycle says otherwise.
const PULSES: &str = "idle take ended slot_set relock keyless begin clear_verdict clear_crc data_we digest load looked enter program \
    forget used_we turned place_set frame_we error";
/// Registers that reset clears.
const CLEARED: [&str; 5] = ["ready", "run_slot", "newest", "seen", "live"];
/// Code of the request that a line of the stream is complete: no command, and nobody is told that it has ended.
const CLOSE: u64 = 5;
static FINGERPRINT: LazyLock<u32> = LazyLock::new(fingerprint);

type Ports = BTreeMap<&'static str, u64>;

/// Square and twice as high, both codes, each number of beats.
fn machines() -> Vec<Config> {
    [("tiny", 1, Ecc::Secded), ("small", 2, Ecc::DecTed), ("wide", 4, Ecc::Secded), ("base", 1, Ecc::DecTed)]
        .map(|(name, weight_beats, ecc)| Config { weight_beats, ecc, ..Config::named(name).unwrap_or_else(|e| panic!("{e}")) })
        .to_vec()
}

fn spec(config: &Config) -> Spec {
    let used = ["ROWS", "COLS", "RRAM_DEPTH"];
    let spec = block("systole_rram_hands").parameter("MACHINE", config.machine());
    let values = config.parameters().into_iter().filter(|(name, ..)| used.contains(name));
    values.fold(spec, |spec, (name, value, _)| spec.parameter(name, value))
}

/// The block, and what is expected of it in the cycle at hand.
struct Bench {
    clk: Clock,
    random: Stream,
    config: Config,
    layout: Layout,
    inputs: BTreeMap<&'static str, Signal>,
    outputs: BTreeMap<&'static str, Signal>,
    /// Inputs that this cycle decides; the others are random, or 0 where they would mean something.
    pins: Ports,
    /// Pulses, and what goes with them.
    pulses: Ports,
    /// Registers, as far as something was put, now and after this cycle.
    shown: Ports,
    next: Ports,
    /// What in_o answers, where that is known.
    answer: Option<u32>,
    status: [Option<u64>; 8],
    request: Option<u64>,
    failed: Option<u64>,
    cycles: u32,
    keyless: bool,
    met: BTreeMap<String, u32>,
}

impl Bench {
    async fn new(sim: Sim, clk: Clock, config: Config) -> Bench {
        let inputs = "rst in_addr out_we out_addr out start verb waiting bounded request request_word lines slot unlocked locked \
            quiet entry verdict crc word entered program_done program_failed used want place place_line place_raw place_last stop stale \
            status_addr";
        let others = "in done data enter_data in_slot booted waking status line count mode pick at row move used_slot ready run_slot \
            newest seen live live_record";
        let outputs = others.split_whitespace().chain(PULSES.split_whitespace());
        let (answer, request, failed, cycles, keyless) = Default::default();
        let (pins, pulses, shown, next, status, met) = Default::default();
        let mut b = Bench {
            inputs: inputs.split_whitespace().map(|n| (n, sim.signal(&format!("{n}_i")))).collect(),
            outputs: outputs.map(|n| (n, sim.signal(&format!("{n}_o")))).collect(),
            random: sim.random("hands"),
            layout: Layout::of(&config),
            clk,
            config,
            pins,
            pulses,
            shown,
            next,
            answer,
            status,
            request,
            failed,
            cycles,
            keyless,
            met,
        };
        // Only what reset clears is known before something is put.
        b.inputs["rst"].set(1);
        b.clk.rising_edge().await;
        b.cleared();
        b.shown.append(&mut b.next);
        b.reset().await;
        b
    }

    fn cleared(&mut self) {
        self.next.extend(CLEARED.map(|port| (port, 0)));
        self.next.extend([("booted", 0), ("waking", 1)]);
    }

    /// What `get` answers where that is known: from the inputs of this cycle, or the machine's own.
    fn get(&self, number: u64) -> Option<u32> {
        let (layout, pin) = (&self.layout, |name: &str| self.pins[name] as u32);
        let words = layout.line_bytes / 4;
        Some(match INPUTS.get(number as usize).copied().unwrap_or("none") {
            "none" => 0,
            "REQUEST" => self.request? as u32,
            name @ ("SLOT" | "UNLOCKED" | "LOCKED" | "CRC" | "WORD" | "STOP") => pin(&name.to_lowercase()),
            "VERDICT" => pin("verdict") + 4 * self.failed? as u32,
            // As in a record's flags: a turn is due in 1, the hot class in 3:2, spares used from 8 on.
            "USED" => {
                let slot = *self.shown.get("used_slot")? as u32;
                let (used, want) = (pin("used") >> (16 * slot) & 0xffff, pin("want") >> (3 * slot) & 7);
                (want & 1) << 1 | (want >> 1) << 2 | used << 8
            }
            "BUDGET" => pin("lines"),
            "SCRUB_AT" => pin("place"),
            "PLACE" => pin("place_line") | pin("place_raw") << 19 | pin("place_last") << 31,
            "CYCLES" => self.cycles,
            "MAGIC" => RECORD_MAGIC,
            "HALF" => layout.half,
            "SLOT_LINES" => layout.slot_lines,
            "TABLE_LINES" => layout.table_lines,
            "RECORD_LINES" => layout.record_lines,
            "RECORDS_AT" => layout.record(0),
            "LAST_RECORD" => layout.record(RECORDS - 1),
            "LINE_WORDS_1" => words - 1,
            "LINE_LOG2" => words.ilog2(),
            "LINE_UNITS_1" => words / 2 - 1,
            "UNITS_LOG2" => (words / 2).ilog2(),
            "MAX_LINES" => layout.usable(),
            "MACHINE" => self.config.machine(),
            "FINGERPRINT" => *FINGERPRINT,
            "ROWS" => self.config.rows,
            "COL_WORDS" => self.config.cols / 4,
            name => panic!("{name} is not described"),
        })
    }

    fn saw(&mut self, what: impl Into<String>) {
        *self.met.entry(what.into()).or_default() += 1;
    }

    fn in_slot(&self, at: u64) -> bool {
        at as u32 % self.layout.half < self.layout.slot_lines
    }

    /// What the block shows in this cycle is compared; then the next one.
    async fn cycle(&mut self) {
        for (&name, signal) in &self.inputs {
            let low = ["rst", "out_we", "start", "waiting", "entered", "program_done"].contains(&name);
            let free = if low { 0 } else { self.random.random::<u64>() >> (64 - signal.width()) };
            let free = if name == "stale" { u64::from(self.random.chance(0.1)) } else { free };
            let value = *self.pins.entry(name).or_insert(free);
            signal.set(value);
        }
        // READY that is put in the same cycle counts.
        if self.pins["stale"] == 1 {
            self.next.entry("ready").or_insert(0);
        }
        self.clk.rising_edge().await;
        let out = |name: &str| self.outputs[name].get();
        let at = fmt::from_fn(|f| write!(f, "cycle {}: {:?}", self.clk.cycle(), self.pins));
        for name in PULSES.split_whitespace() {
            assert_eq!(out(name), self.pulses.get(name).copied().unwrap_or(0), "{name}_o, {at}");
        }
        let beside = self.pulses.iter().filter(|(n, _)| ["done", "data", "enter_data"].contains(n));
        for (name, &value) in self.shown.iter().chain(beside) {
            assert_eq!(out(name), value, "{name}_o, {at}");
        }
        if let Some(&line) = self.shown.get("at") {
            assert_eq!(out("in_slot"), u64::from(self.in_slot(line)), "in_slot_o, entry {line}, {at}");
        }
        if let Some(value) = self.status[self.pins["status_addr"] as usize] {
            assert_eq!(out("status"), value, "status_o, {at}");
        }
        if let Some(answer) = self.answer {
            assert_eq!(out("in") as u32, answer, "in_o, {at}");
        }
        let number = self.pins["in_addr"];
        self.answer = self.get(number);
        if self.answer.is_some() {
            self.saw(format!("get {number}"));
        }
        let anew = self.pins["rst"] == 1 || self.pulses.contains_key("take");
        self.cycles = if anew { 0 } else { self.cycles + 1 };
        if self.pulses.contains_key("take") {
            self.request = Some(self.pins["request_word"]);
        }
        if self.pins["program_done"] == 1 {
            self.failed = Some(self.pins["program_failed"]);
        }
        self.shown.append(&mut self.next);
        self.pins.clear();
        self.pulses.clear();
    }

    /// Cycles between what the engine does: one behind `put`, two behind a verb, and more; a walk may write entries.
    async fn gap(&mut self, least: u32) {
        let more = self.random.random_range(0..6u32).saturating_sub(3);
        for _ in 0..least + more {
            self.entered();
            self.cycle().await;
        }
    }

    fn entered(&mut self) {
        if self.random.chance(0.2) {
            self.pins.insert("entered", 1);
            self.step_at();
        }
    }

    fn step_at(&mut self) {
        let next = self.shown.get("at").map(|at| (at + 1) % u64::from(self.config.rram_depth));
        self.next.extend(next.map(|at| ("at", at)));
    }

    async fn reset(&mut self) {
        for _ in 0..self.random.random_range(1..4) {
            self.pins.insert("rst", 1);
            self.cleared();
            self.cycle().await;
        }
    }

    /// Port of a register, and its bits.
    fn register(&self, name: &str) -> Option<(&'static str, u32)> {
        let line = self.config.rram_depth.ilog2();
        Some(match name {
            "LINE" => ("line", line),
            "COUNT" => ("count", line + 1),
            "WALK" => ("mode", 16),
            "PICK" => ("pick", 16),
            "AT" => ("at", line),
            "ROW" => ("row", self.config.rows.ilog2()),
            "MOVE" => ("move", 1),
            "USED_SLOT" => ("used_slot", 1),
            "READY" => ("ready", 1),
            "RUN_SLOT" => ("run_slot", 1),
            "NEWEST" => ("newest", 2),
            "SEEN" => ("seen", 2),
            "LIVE" => ("live", line + 1),
            "LIVE_RECORD" => ("live_record", line),
            _ => return None,
        })
    }

    async fn put(&mut self, number: usize, value: u32) {
        let (name, wide) = (OUTPUTS.get(number).copied().unwrap_or("none"), u64::from(value));
        self.pins.extend([("out_we", 1), ("out_addr", number as u64), ("out", wide)]);
        self.next.extend(self.register(name).map(|(port, bits)| (port, wide & ((1 << bits) - 1))));
        let pulses: &[(&str, u64)] = match name {
            "CLEAR" => &[("clear_verdict", wide & 1), ("clear_crc", wide >> 1 & 1)],
            "DATA" => &[("data_we", 1), ("data", wide)],
            "ENTRY" => &[("enter", 1), ("enter_data", wide)],
            "USED" => &[("used_we", 1)],
            "TURNED" => &[("turned", 1)],
            "ERROR" => &[("error", wide & 0xff)],
            "SLOT" => &[("slot_set", 1)],
            "SCRUB_AT" => &[("place_set", 1)],
            "IN_BYTES" => &[("frame_we", 1)],
            "OUT_BYTES" => &[("frame_we", 2)],
            _ => &[],
        };
        self.pulses.extend(pulses.iter().copied());
        match name {
            "ENTRY" => self.step_at(),
            "MOVE" => self.keyless = value & 2 != 0,
            _ => (),
        }
        self.cycle().await;
        if (STATUS_AT..OUTPUTS.len()).contains(&number) {
            self.status[number % 8] = Some(wide);
        }
        self.saw(format!("put {number}"));
        self.gap(1).await;
    }

    /// A verb up to its end; or, where it is stopped, so many cycles of it, and a reset.
    async fn verb(&mut self, number: usize, stop: Option<u64>) {
        let name = VERBS.get(number).copied().unwrap_or("none");
        let bounded = self.random.chance(if name == "TAKE" { 0.1 } else { 0.8 });
        let stop = if name == "TAKE" && bounded { Some(20) } else { stop };
        let (mut begun, mut done, mut t) = (None, false, 0);
        while !done {
            self.pins.extend([
                ("start", u64::from(t == 0)),
                ("waiting", 1),
                ("verb", number as u64),
                ("bounded", bounded.into()),
            ]);
            let (quiet, request) = (u64::from(self.random.chance(0.3)), u64::from(self.random.chance(0.1)));
            // A walk is on from the cycle behind its begin on.
            let quiet = if begun.is_some_and(|b| t == b + 1) { 0 } else { quiet };
            self.pins.extend([("quiet", quiet), ("request", request)]);
            let at = self.shown.get("at").copied().unwrap_or(0);
            // One that has nothing to wait for is over in the cycle behind its start.
            done = t >= 1;
            match name {
                "TAKE" if t == 0 => {
                    let ended = self.request.is_none_or(|r| r & 7 != CLOSE) || self.shown["booted"] == 0;
                    self.pulses.insert("ended", ended.into());
                    self.next.extend([("booted", 1), ("waking", 0)]);
                }
                "TAKE" => {
                    done = request == 1 && !bounded;
                    self.pulses.insert("idle", (!bounded).into());
                    if done {
                        // Code 0 is no request's.
                        let word = self.random.random::<u32>() & !7 | self.random.random_range(1..8);
                        self.pins.insert("request_word", word.into());
                        self.pulses.insert("take", 1);
                        self.next.insert("waking", [1, 2].contains(&(word & 7)).into());
                        self.saw(format!("request {}", word & 7));
                    }
                }
                "WALK" | "BEGIN" if t >= 1 && begun.is_none() => {
                    done = quiet == 1 && name == "BEGIN";
                    self.pulses.insert("begin", quiet);
                    begun = (quiet == 1).then_some(t);
                }
                "WALK" | "DONE" => {
                    done &= quiet == 1;
                    self.entered();
                }
                "PROGRAM" => {
                    self.pulses.insert("keyless", self.keyless.into());
                    self.pulses.insert("program", (t == 4).into());
                    done = t > 4 && self.random.chance(0.1);
                    self.pins.insert("program_done", done.into());
                }
                "LOOK" => {
                    done = t == 5;
                    self.pulses.insert("looked", 1);
                }
                "IDENTITY" if t >= 1 => {
                    self.pulses.extend([("enter", 1), ("enter_data", at)]);
                    self.step_at();
                    done = at as u32 % self.layout.half == self.layout.half - 1;
                }
                "COPY" => {
                    let units = u64::from(self.config.cols / 4);
                    done = t == 5 * units + 1;
                    if t >= 1 && t % 5 == 0 {
                        let entry = self.random.random::<u32>();
                        self.pins.insert("entry", entry.into());
                        let (inverted, there) = (self.shown["mode"] >> 13 & 1 == 1, self.in_slot(at));
                        let data = if there { entry } else { 0 };
                        self.pulses.extend([("data_we", 1), ("data", (if inverted { !data } else { data }).into())]);
                        self.step_at();
                        self.saw(format!("copied, inverted {inverted}, in the slot {there}"));
                    }
                    self.pulses.insert("load", done.into());
                }
                _ => {
                    let pulses = [("LOAD", "load"), ("DIGEST", "digest"), ("FORGET", "forget"), ("RELOCK", "relock")];
                    let pulse = pulses.iter().find(|(verb, _)| t == 0 && *verb == name);
                    self.pulses.extend(pulse.map(|&(_, port)| (port, 1)));
                }
            }
            if t >= 1 {
                // The engine does not look in the cycle of the start.
                self.pulses.insert("done", done.into());
            }
            self.cycle().await;
            // The word of a copy that has all its entries goes to its row by itself.
            if !done && stop.is_some_and(|s| t >= s) && !(name == "COPY" && t % 5 == 0) {
                self.saw(format!("stopped {name}"));
                return self.reset().await;
            }
            t += 1;
        }
        self.saw(format!("do {number}"));
        self.gap(2).await;
    }

    /// A value to put: for AT often near the end of what the slot or the half has.
    fn value(&mut self, number: usize) -> u32 {
        let near = [self.layout.slot_lines, self.layout.half, 2 * self.layout.half][self.random.random_range(0..3)];
        match OUTPUTS.get(number) {
            Some(&"AT") => {
                (near + self.layout.half * self.random.random_range(0..2)).wrapping_sub(self.random.random_range(0..24))
            }
            _ => self.random.random(),
        }
    }
}

#[test]
fn gets_puts_and_verbs_in_any_order_do_what_they_say_in_their_cycles_and_nothing_else() {
    side_by_side(machines(), |config| {
        let label = config.label();
        let met = bench(&spec(&config), 5, move |sim, clk| async move {
            let mut b = Bench::new(sim, clk, config).await;
            // All outputs, then any; numbers that none has do nothing.
            for n in 0..2000 {
                let number = if n < OUTPUTS.len() { n } else { b.random.random_range(0..32) };
                let value = b.value(number);
                b.put(number, value).await;
                while n >= OUTPUTS.len() && b.random.chance(0.5) {
                    let number = b.random.random_range(0..16);
                    let stop = b.random.chance(0.15).then(|| b.random.random_range(0..12));
                    b.verb(number, stop).await;
                }
                if b.random.chance(0.01) {
                    b.reset().await;
                }
            }
            // A half from its first entry on.
            for half in [0, b.layout.half] {
                b.put(5, half).await;
                b.verb(10, None).await;
            }
            b.met
        });
        let all = (0..32).flat_map(|n| [format!("get {n}"), format!("put {n}")]).chain((0..16).map(|n| format!("do {n}")));
        let copied = [(false, false), (false, true), (true, false), (true, true)];
        let copied = copied.map(|(inverted, there)| format!("copied, inverted {inverted}, in the slot {there}"));
        let stopped = ["COPY", "WALK", "PROGRAM", "TAKE"].map(|verb| format!("stopped {verb}"));
        for what in all.chain(copied).chain(stopped).chain((1..8).map(|n| format!("request {n}"))) {
            assert!(met.get(&what).is_some_and(|&n| n >= 3), "{label}: {what} too seldom: {met:?}");
        }
    });
}
