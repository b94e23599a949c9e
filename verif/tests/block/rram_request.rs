// SPDX-License-Identifier: Apache-2.0
//! What is asked of the RRAM engine: lines of the stream, commands, scrubs after runs.

use crate::common::{bench, block};
use harness::verilated::Spec;
use harness::{Clock, Signal, Sim};
use rand::RngExt;
use std::collections::BTreeMap;
use systole_isa::regs::ERRORS;

const ROWS: u64 = 8;
const DEPTH: u64 = 256;
const CLOSE: u32 = 5;
const BUDGET: u32 = 6;

fn spec() -> Spec {
    block("systole_rram_request").parameter("ROWS", ROWS).parameter("RRAM_DEPTH", DEPTH)
}

fn error(name: &str) -> u32 {
    ERRORS.iter().find(|e| e.name == name).unwrap().bit
}

macro_rules! ports {
    ($name:ident: $($field:ident)*) => {
        #[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
        struct $name { $($field: u32),* }
        impl $name {
            fn all(&mut self) -> Vec<(&'static str, &mut u32)> {
                vec![$((stringify!($field), &mut self.$field)),*]
            }
        }
    };
}
ports!(In: rst command_we slot_we budget_we wdata slot_set slot_data unlocked newest found run_on run_wait run_done idle stopped
    take s_valid s_record s_index moving);
ports!(Out: slot budget valid request lines busy s_ready word line error);

struct Block {
    clk: Clock,
    inputs: Vec<Signal>,
    outputs: Vec<Signal>,
}

impl Block {
    fn new(sim: &Sim, clk: Clock) -> Block {
        let inputs = In::default().all().iter().map(|(n, _)| sim.signal(&format!("{n}_i"))).collect();
        let outputs = Out::default().all().iter().map(|(n, _)| sim.signal(&format!("{n}_o"))).collect();
        Block { clk, inputs, outputs }
    }

    /// A cycle, and what stood in it.
    async fn cycle(&self, mut v: In) -> Out {
        self.inputs.iter().zip(v.all()).for_each(|(s, (_, x))| s.set((*x).into()));
        self.clk.rising_edge().await;
        let mut out = Out::default();
        self.outputs.iter().zip(out.all()).for_each(|(s, (_, x))| *x = s.get() as u32);
        out
    }
}

/// Unlocked, nothing committed, the engine waits.
fn quiet() -> In {
    In { unlocked: 1, idle: 1, ..In::default() }
}

fn word(line: u64, row: u64) -> In {
    In { s_valid: 1, s_index: (line * ROWS + row) as u32, ..quiet() }
}

fn command(code: u32) -> In {
    In { command_we: 1, wdata: code, ..quiet() }
}

#[test]
fn a_line_is_complete_when_full_when_another_one_waits_and_after_32_cycles_without_a_word() {
    bench(&spec(), 1, |sim, clk| async move {
        let b = Block::new(&sim, clk);
        let close = |line: u32| (1, line << 16 | CLOSE);
        for line in [0, 5, 100] {
            // Full: its last row came; the word behind it waits.
            for row in 0..ROWS {
                let o = b.cycle(word(line, row)).await;
                assert_eq!((o.s_ready, o.word, o.valid), (1, 1, 0), "row {row}");
            }
            let o = b.cycle(In { moving: 1, ..word(line, 3) }).await;
            assert_eq!((o.s_ready, o.valid, o.busy), (0, 0, 1), "not before its words have arrived");
            for _ in 0..3 {
                let o = b.cycle(word(line, 3)).await;
                assert_eq!((o.s_ready, o.word, o.valid, o.request), (0, 0, 1, close(line as u32).1), "until it is taken");
            }
            b.cycle(In { take: 1, ..word(line, 3) }).await;
            // Another one waits.
            let o = b.cycle(word(line, 3)).await;
            assert_eq!((o.s_ready, o.word, o.valid, o.busy), (1, 1, 0, 0));
            let o = b.cycle(In { take: 1, ..word(line + 1, 4) }).await;
            assert_eq!((o.s_ready, o.line, (o.valid, o.request)), (0, line as u32, close(line as u32)));
            let o = b.cycle(word(line + 1, 4)).await;
            assert_eq!((o.s_ready, o.word, o.valid), (1, 1, 0));
            // 31 cycles without a word, a word, and 32.
            for _ in 0..31 {
                assert_eq!(b.cycle(quiet()).await.valid, 0);
            }
            assert_eq!(b.cycle(word(line + 1, 1)).await.word, 1);
            for _ in 0..32 {
                assert_eq!(b.cycle(quiet()).await.valid, 0);
            }
            let o = b.cycle(In { take: 1, ..quiet() }).await;
            assert_eq!((o.valid, o.request), close(line as u32 + 1));
            assert_eq!(b.cycle(quiet()).await.busy, 0);
        }
    });
}

#[test]
fn a_command_is_asked_for_once_and_unknown_ones_do_nothing() {
    bench(&spec(), 2, |sim, clk| async move {
        let b = Block::new(&sim, clk);
        for code in 0..8 {
            let o = b.cycle(command(code)).await;
            assert_eq!((o.error, o.valid), (0, 0));
            let o = b.cycle(command(1)).await;
            assert_eq!((o.error, o.valid, o.busy), (error("RRAM_BUSY"), 1, 1), "one was there");
            let known = (1..=4).contains(&code);
            assert!(o.request & 7 == if known { code } else { 7 }, "command {code}: request {}", o.request & 7);
            b.cycle(In { take: 1, ..quiet() }).await;
            assert_eq!(b.cycle(quiet()).await.busy, 0);
            for v in [In { run_on: 1, ..command(1) }, In { run_wait: 1, ..command(1) }, In { idle: 0, ..command(1) }] {
                assert_eq!(b.cycle(v).await.error, error("RRAM_BUSY"));
            }
            assert_eq!(b.cycle(quiet()).await.busy, 0);
        }
    });
}

#[derive(Default)]
struct Model {
    slot: u32,
    budget: u32,
    open: Option<u32>,
    full: bool,
    still: u32, // cycles in a row in which the engine waited and no word came
    pending: Option<u32>,
    scrub: bool,
    lines: u32,
}

impl Model {
    /// The line of the word that waits: the slot says which half comes first.
    fn line(&self, v: &In) -> u32 {
        (v.s_index / ROWS as u32 + self.slot * DEPTH as u32 / 2) % DEPTH as u32
    }

    /// What stands in a cycle, and whether a word of a line, not refused, is taken in it.
    fn see(&self, v: &In) -> (Out, bool) {
        let line = self.line(v);
        let half = 2 + line / (DEPTH as u32 / 2);
        let refused = match (v.s_record, v.unlocked) {
            (1, _) => None,
            (_, 0) => Some("RRAM_LOCKED"),
            _ => (v.newest == half).then_some("RRAM_SLOT"),
        };
        let waits = v.s_valid == 1;
        let of_line = v.s_record == 0 && refused.is_none();
        let other = self.open.is_some_and(|open| open != line);
        let complete = self.open.is_some() && (self.full || waits && of_line && other || self.still == 32);
        let taken = waits && v.stopped == 0 && v.idle == 1 && !complete && if of_line { !other } else { v.moving == 0 };
        // First a line that is complete, then words, then a command, then a scrub.
        let quiet = v.idle == 1 && !waits && self.open.is_none() && v.run_on + v.run_wait + v.moving == 0;
        let request = match (complete, self.pending) {
            (true, _) => (v.moving == 0).then(|| self.open.unwrap() << 16 | CLOSE),
            (_, Some(code)) => quiet.then_some(if (1..=4).contains(&code) { code } else { 7 }),
            _ => (quiet && self.scrub && v.newest & 2 != 0).then_some(BUDGET),
        };
        let busy = (v.command_we == 1 && !self.acceptable(v)).then_some("RRAM_BUSY");
        let out = Out {
            slot: self.slot,
            budget: self.budget,
            valid: request.is_some().into(),
            request: request.unwrap_or(0),
            lines: if request == Some(BUDGET) { self.lines } else { 0 },
            busy: (self.open.is_some() || self.pending.is_some()).into(),
            s_ready: (taken || waits && v.stopped == 1).into(),
            word: (taken && refused.is_none()).into(),
            line: self.open.unwrap_or(0),
            error: refused.filter(|_| taken).or(busy).map_or(0, error),
        };
        (out, taken && of_line)
    }

    fn acceptable(&self, v: &In) -> bool {
        v.idle == 1 && v.run_on == 0 && v.run_wait == 0 && self.pending.is_none()
    }

    fn step(&mut self, v: &In) {
        if v.rst == 1 {
            *self = Model { lines: self.lines, ..Model::default() };
            return;
        }
        let (out, of_line) = self.see(v);
        let (accepted, budget) = (v.command_we == 1 && self.acceptable(v), self.budget);
        self.still = if v.idle == 0 || self.open.is_none() || out.s_ready == 1 { 0 } else { (self.still + 1).min(32) };
        if v.take == 1 {
            match out.request & 7 {
                CLOSE => (self.open, self.full) = (None, false),
                // The scrub that waits comes behind a command.
                _ => self.scrub &= self.pending.take().is_some(),
            }
        }
        if of_line {
            (self.open, self.full) = (Some(self.line(v)), u64::from(v.s_index) % ROWS == ROWS - 1);
        }
        if accepted {
            self.pending = Some(v.wdata & 7);
        }
        if v.run_done == 1 {
            self.scrub |= budget != 0 || v.found == 1;
            self.lines = budget.max(1);
        }
        if v.slot_we + v.slot_set > 0 {
            self.slot = if v.slot_we == 1 { v.wdata & 1 } else { v.slot_data };
        }
        if v.budget_we == 1 {
            self.budget = v.wdata;
        }
    }
}

#[test]
fn words_commands_runs_and_scrubs_in_any_order_are_taken_refused_and_asked_for_in_their_cycles() {
    let seen = bench(&spec(), 3, |sim, clk| async move {
        let b = Block::new(&sim, clk);
        let mut random = sim.random("requests");
        let (mut m, mut seen) = (Model::default(), BTreeMap::<String, u32>::new());
        let mut v = quiet();
        let (mut engine, mut words, mut run, mut gap) = (0u32, 0u32, 0u32, false);
        for t in 0..60_000u32 {
            // Reset, and the engine that stops, now and then.
            v.rst = u32::from(t % 2000 == 0);
            v.stopped = u32::from(t % 2000 > 1900);
            v.unlocked ^= u32::from(random.chance(0.01));
            if random.chance(0.01) {
                (v.newest, v.found) = (random.random_range(0..4), random.random_range(0..2));
            }
            // The stream: a word stands until it is taken; words of lines mostly in order, and pauses.
            if v.s_valid == 0 {
                gap = if gap { !random.chance(0.03) } else { random.chance(0.03) };
                v.s_valid = u32::from(!gap && random.chance(0.7));
                v.s_record = u32::from(random.chance(0.05));
                v.s_index = if random.chance(0.05) { random.random() } else { v.s_index.wrapping_add(1) };
                // The words of a record leave the word register before a line's may come.
                if v.s_record == 0 && words > 0 {
                    v.s_valid = 0;
                }
            }
            v.moving = u32::from(words > 0 || random.chance(0.02));
            words = words.saturating_sub(1);
            // A write of a register.
            let write = random.random_range(0..30);
            (v.command_we, v.slot_we, v.budget_we) = ((write == 0).into(), (write == 1).into(), (write == 2).into());
            v.wdata = if write == 2 { [0, 1, random.random()][random.random_range(0..3)] } else { random.random_range(0..8) };
            v.slot_set = u32::from(write != 1 && random.chance(0.01));
            v.slot_data = random.random_range(0..2);
            // Runs, and the engine, which works after what it took.
            run = if run == 0 && random.chance(0.01) { random.random_range(2..40) } else { run.saturating_sub(1) };
            v.run_on = u32::from(run > 0);
            v.run_done = u32::from(run == 1 || run == 0 && random.chance(0.01));
            v.run_wait = u32::from(random.chance(0.03));
            engine = if random.chance(0.005) { 3 } else { engine.saturating_sub(1) };
            v.idle = u32::from(engine == 0 && v.stopped == 0);
            let (want, of_line) = m.see(&v);
            v.take = u32::from(want.valid == 1 && random.chance(0.5));
            let mut got = b.cycle(v).await;
            if v.rst == 0 {
                // Where nothing is asked or open, nobody looks.
                if want.valid == 0 {
                    (got.request, got.lines) = (0, 0);
                } else {
                    got.request &= if want.request & 7 == CLOSE { u32::MAX } else { 7 };
                    got.lines = if want.request & 7 == BUDGET { got.lines } else { 0 };
                }
                got.line = if m.open.is_some() { got.line } else { 0 };
                assert_eq!(got, want, "cycle {t}: {v:?}");
                let mut count = |what: String| *seen.entry(what).or_default() += 1;
                if v.take == 1 {
                    engine = random.random_range(1..12);
                    count(format!("request {}", want.request & 7));
                }
                if want.error != 0 {
                    count(format!("error {}", want.error));
                }
                if m.still == 32 && v.take == 1 {
                    count("still".into());
                }
                if v.stopped == 1 && want.s_ready == 1 {
                    count("dropped".into());
                }
            }
            words = words.max(if of_line {
                1
            } else if want.word == 1 {
                3
            } else {
                0
            });
            m.step(&v);
            if want.s_ready == 1 {
                v.s_valid = 0;
            }
        }
        seen
    });
    let names = (1..=7).map(|n| format!("request {n}")).chain((6..=8).map(|n| format!("error {n}")));
    for name in names.chain(["still".into(), "dropped".into()]) {
        assert!(seen.get(&name).is_some_and(|&n| n >= 20), "{name} too seldom: {seen:?}");
    }
}
