// SPDX-License-Identifier: Apache-2.0
//! Random programs of the vector unit from a seed, legal in time: VECTOR and SCALAR in every form, sums of the array to
//! VECTOR and POST, a one in place of X, run-time lengths.
//!
//! A program gives X, V, S and W SRAM a content, changes it at random, and shows all of it on OUT. Every row is placed where
//! its accesses meet none of those before: half of the programs far behind them, the others as close as latencies and ports
//! allow. What it accesses in which cycle depends on POS, so a case has its runs, and its rows are placed for all of them.

mod draw;
mod effects;
mod ends;
mod place;

use anyhow::Result;
use effects::{Effects, Plan, Times};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use systole_backends::{Backend, on_machine};
use systole_host::Transport;
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{CHUNK, Post, Row, Vector, Wait};
use systole_isa::regs::{TOKENS, offset};
use systole_isa::{Config, Image, Instruction, Latency};
use systole_workloads::random;

/// One run of a case: the registers before it and its input frame.
#[derive(Debug, Clone)]
pub struct Run {
    /// Register POS.
    pub pos: u32,
    /// Registers TOK, TOK1 ..
    pub tokens: [u32; CHUNK],
    /// IN bytes.
    pub frame: Vec<u8>,
}

/// A program with the runs that it is legal for.
#[derive(Debug, Clone)]
pub struct Case {
    /// The program with its data.
    pub image: Image,
    /// The runs, in this order.
    pub runs: Vec<Run>,
}

/// What a run leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// OUT bytes.
    pub frame: Vec<u8>,
    /// Cycles from launch to DONE.
    pub cycles: u64,
    /// Register ARGMAX behind the run.
    pub argmax: u32,
    /// How often each event happened in it, by number; nothing where the machine counts none.
    pub events: Vec<u32>,
}

/// Runs cases one behind the other on one machine: what every run of each leaves.
///
/// # Errors
/// Building the model, loading, running: each says what to do.
pub fn outcomes(
    backend: Backend,
    config: &Config,
    cases: Vec<Case>,
    options: &systole_chip::Options,
) -> Result<Vec<Vec<Outcome>>> {
    on_machine(backend, config, options, async move |driver| {
        let mut all = vec![];
        for case in cases {
            driver.load(&case.image).await?;
            let mut outcomes = vec![];
            for run in case.runs {
                driver.transport().write(offset("POS"), run.pos).await?;
                for (name, tok) in TOKENS.iter().zip(run.tokens) {
                    driver.transport().write(offset(name), tok).await?;
                }
                let before = driver.events().await?;
                let output = driver.run(&run.frame).await?;
                let events = driver.events().await?.iter().zip(before).map(|(after, b)| after.wrapping_sub(b)).collect();
                let argmax = driver.transport().read(offset("ARGMAX")).await?;
                outcomes.push(Outcome { frame: output.frame, cycles: output.cycles, argmax, events });
            }
            all.push(outcomes);
        }
        Ok(all)
    })
}

/// How much of each memory a program uses, in words.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// POS and tokens are below this many times C.
    lengths: u32,
    /// Words of V that are loaded, used and shown. One of ones and S lie behind them.
    v: u32,
    /// X: C words that are the identity, and others.
    x: u32,
    w_sram: u32,
    weights: u32,
    params: u32,
    post_params: u32,
    /// OUT: what the program writes before all is shown.
    out: u32,
}

impl Sizes {
    fn of(config: &Config) -> Sizes {
        let c = config.cols;
        let sizes = |lengths: u32| Sizes {
            lengths,
            v: 12 + lengths * c,
            x: 16 + (lengths + 1) * c,
            w_sram: 3 + lengths,
            weights: 6 + lengths,
            params: 20 + lengths * c,
            post_params: 4,
            out: 40 + lengths * c,
        };
        let fits = |s: &Sizes| {
            s.v + 1 + 64 / c <= config.v_depth
                && s.x <= config.x_depth.min(config.in_depth)
                && s.w_sram <= config.w_sram_depth
                && s.weights <= config.rram_depth / 4
                && s.params < config.vec_param_depth
                && s.post_params <= config.param_depth
                && s.shown(c) <= config.out_depth
        };
        [4, 3, 2, 1].map(sizes).into_iter().find(fits).unwrap_or_else(|| sizes(1))
    }

    /// OUT words in all, by the order of the epilogue: the program's own, V, S, X, W SRAM.
    fn shown(&self, cols: u32) -> u32 {
        self.out + 4 * self.v + 4 * (64 / cols) + self.x + self.w_sram * cols
    }
}

/// Who takes the array's sums.
enum Taker {
    Vector(Vector),
    Post(Post),
}

struct Builder {
    config: Config,
    latency: Latency,
    rng: ChaCha8Rng,
    sizes: Sizes,
    plans: Vec<Plan>,
    rows: Vec<Row>,
    /// Cycles in which the sequencer is busy, and the first in which a row may come: behind the last WAIT.
    busy: BTreeSet<u64>,
    floor: u64,
    /// Where the next first step is looked for, in cycles of the timetable.
    cursor: u64,
    tight: bool,
}

/// A random program for `config`, with three runs.
///
/// # Panics
/// Where `config` has no vector unit, or more rows than columns.
pub fn program(config: &Config, seed: u64) -> Case {
    assert!(config.vec_lanes != 0 && config.rows == config.cols, "{}: no vector unit, or R is not C", config.label());
    let mut rng = random::generator(seed);
    let (sizes, c) = (Sizes::of(config), config.cols);
    let mut runs: Vec<Run> = (0..3)
        .map(|_| {
            let pos = rng.random_range(0..sizes.lengths * c);
            let tokens = std::array::from_fn(|_| rng.random_range(0..sizes.lengths * c));
            let mut frame: Vec<u8> = random::codes(&mut rng, (sizes.x * c) as usize).iter().map(|&x| x as u8).collect();
            for (n, byte) in frame[..(c * c) as usize].iter_mut().enumerate() {
                *byte = u8::from(n as u32 % c == n as u32 / c);
            }
            Run { pos, tokens, frame }
        })
        .collect();
    // The ends of the range, now and then.
    if rng.random_bool(0.5) {
        runs[0].pos = if rng.random() { 0 } else { sizes.lengths * c - 1 };
    }
    // And LENC = 0, for which a program is checked when it is loaded.
    runs[1].pos %= c;
    let plans = runs.iter().map(|r| Plan { pos: r.pos, tokens: r.tokens, ..Default::default() }).collect();
    let tight = rng.random();
    let mut b = Builder {
        config: config.clone(),
        latency: Latency::of(config),
        rng,
        sizes,
        plans,
        rows: vec![],
        busy: BTreeSet::new(),
        floor: 0,
        cursor: 30,
        tight,
    };
    b.prologue();
    let count = b.rng.random_range(12..28);
    (0..count).for_each(|_| b.instruction());
    b.epilogue();
    Case { image: b.image(), runs }
}

impl Builder {
    fn chance(&mut self, p: f64) -> bool {
        self.rng.random_bool(p)
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.rng.random_range(0..list.len())]
    }

    /// The first cycle of the timetable in which nothing is going on any more.
    fn drained(&self) -> u64 {
        self.plans.iter().map(|p| p.done.last - p.shift.min(p.done.last)).max().unwrap_or(0).max(self.floor) + 70
    }

    /// Cycle of the row whose unit has its first step in `first`, where the sequencer has time.
    fn row_at(&self, first: u64, words: u32) -> Option<u64> {
        let cycle = first.checked_sub(u64::from(words + self.latency.issue))?;
        let until = cycle + u64::from(words.max(self.latency.row_spacing));
        (cycle >= self.floor && self.busy.range(cycle..until).next().is_none()).then_some(cycle)
    }

    fn add_row(&mut self, cycle: u64, instruction: Instruction) {
        let until = cycle + u64::from(instruction.words().max(self.latency.row_spacing));
        self.busy.extend(cycle..until);
        self.rows.push(Row { cycle, instruction });
    }

    /// Stops the timetable's clock behind all rows so far.
    fn wait(&mut self, each: u32) {
        let cycle = self.busy.last().map_or(0, |last| last + 1);
        self.add_row(cycle, Instruction::Wait(Wait { each }));
        self.floor = cycle + u64::from(self.latency.row_spacing);
        for plan in &mut self.plans {
            plan.shift += u64::from(each) * u64::from(plan.pos / self.config.cols);
        }
    }

    /// Random strides of a nest with these loops, of which the outermost has run-time length where `len`.
    fn nest(&mut self, loops: &[(u32, u8)], len: bool) -> Nest {
        let strides: Vec<Stride> = loops
            .iter()
            .map(|&(count, gap)| Stride {
                count,
                gap,
                stride: std::array::from_fn(|_| self.pick(&[0, 1, 1, 1, 2, -1, 3, loops[0].0 as i32])),
            })
            .collect();
        let mut nest = Nest::from_strides(&strides);
        if let Some(last) = nest.loops.last_mut() {
            last.len = len;
        }
        nest
    }

    /// A base for address `a` so that it stays within `0 .. size` for every length.
    fn base(&mut self, nest: &Nest, a: usize, size: u32) -> Option<u32> {
        let longest = nest.at(self.sizes.lengths - 1);
        let (mut low, mut high) = (0, 0);
        for step in longest.iter() {
            (low, high) = (low.min(step.offset[a]), high.max(step.offset[a]));
        }
        let room = size as i32 - (high - low);
        if room <= 0 {
            return None;
        }
        // Often the first step has what was written last.
        let newest = self.newest(|e| &e.v_writes).filter(|&w| a >= 2 && (-low..room - low).contains(&(w as i32)));
        match newest {
            Some(word) if self.chance(0.4) => Some(word),
            _ => Some((self.rng.random_range(0..room) - low) as u32),
        }
    }

    /// One of the three places that are written last in the first run.
    fn newest(&mut self, times: fn(&Effects) -> &Times) -> Option<u32> {
        let list = times(&self.plans[0].done);
        let place = self.rng.random_range(0..3);
        list.iter().rev().nth(place).map(|(_, places)| places[0])
    }

    /// An S register to read: often one that was written lately.
    fn operand(&mut self) -> u32 {
        let newest = self.newest(|e| &e.s_writes);
        if self.chance(0.5) { newest.unwrap_or(0) } else { self.register() }
    }

    /// An S register: mostly of the first ones, so that instructions meet.
    fn register(&mut self) -> u32 {
        let from = if self.chance(0.8) { 8 } else { 64 };
        self.rng.random_range(0..from)
    }
}
