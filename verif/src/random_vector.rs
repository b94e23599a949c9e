// SPDX-License-Identifier: Apache-2.0
//! Random programs of the vector unit from a seed, legal in time: VECTOR and SCALAR in every form, sums of the array to
//! VECTOR and POST, a one in place of X, run-time lengths.
//!
//! A program gives X, V, S and W SRAM a content, changes it at random, and shows all of it on OUT. Every row is placed where
//! its accesses meet none of those before: half of the programs far behind them, the others as close as latencies and ports
//! allow. What it accesses in which cycle depends on POS, so a case has its runs, and its rows are placed for all of them.

use anyhow::Result;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use systole_backends::{Backend, on_machine};
use systole_host::Transport;
use systole_isa::f24::{F24, encode_param, encode_segment, functions};
use systole_isa::image::{Dtype, Tensor};
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{
    Add, CHUNK, Function, MaxOf, Mul1, Mul2, Mul3, OneHot, Post, PostDest, Program, Register, Row, Scalar, ScalarOp, Source,
    SumOf, Vector, VectorDest, Wait,
};
use systole_isa::regs::{TOKENS, offset};
use systole_isa::requant::Param;
use systole_isa::{Config, Image, Instruction, Latency, Load, Matmul, Store, fingerprint};
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

/// Accesses by cycle.
type Times = BTreeMap<u64, Vec<u32>>;

/// What an instruction does to the ports and memories, in cycles after launch.
#[derive(Debug, Default)]
struct Effects {
    /// VECTOR steps at the last multiplier.
    multiplier: Times,
    v_reads: Times,
    v_writes: Times,
    s_reads: Times,
    s_writes: Times,
    /// S registers (or sums, by number) that belong to a reduction between two cycles.
    maxima: Vec<(u32, u64, u64)>,
    sums: Vec<(u32, u64, u64)>,
    /// Results of POST and VECTOR, and of POST alone: its groups are as far apart as its takes.
    results: Times,
    posts: Times,
    x_reads: Times,
    x_writes: Times,
    w_reads: Times,
    w_writes: Times,
    last: u64,
}

impl Effects {
    fn access(times: &mut Times, last: &mut u64, cycle: u64, place: u32) {
        times.entry(cycle).or_default().push(place);
        *last = (*last).max(cycle);
    }
}

/// One of the runs, as far as the program goes.
#[derive(Debug, Default)]
struct Plan {
    pos: u32,
    tokens: [u32; CHUNK],
    /// Cycles by which the timetable's clock is late.
    shift: u64,
    /// Last steps of the units, the array's last take, its last weight load.
    vector: u64,
    scalar: u64,
    matmul: u64,
    take: u64,
    load: u64,
    done: Effects,
}

/// Whether an access of `reads` is in the `span` cycles that end with one of `writes` to the same place.
fn meets(reads: &Times, writes: &Times, span: u64) -> bool {
    let common = |a: &[u32], b: &[u32]| a.iter().any(|p| b.contains(p));
    if span == 0 {
        false
    } else if reads.len() < writes.len() {
        reads.iter().any(|(&r, places)| writes.range(r..r + span).any(|(_, w)| common(places, w)))
    } else {
        writes.iter().any(|(&w, places)| reads.range((w + 1).saturating_sub(span)..=w).any(|(_, r)| common(places, r)))
    }
}

impl Plan {
    /// Whether effects meet neither each other nor those before.
    fn fits(&self, e: &Effects, rows: u64, apart: u64, groups: u64) -> bool {
        let done = &self.done;
        let spaced = |own: &Times, before: &Times, apart: u64| {
            own.iter().all(|(&c, places)| {
                places.len() == 1
                    && own.range(c + 1..c + apart).next().is_none()
                    && before.range((c + 1).saturating_sub(apart)..c + apart).next().is_none()
            })
        };
        let owned = |list: &[(u32, u64, u64)], before: &[(u32, u64, u64)]| {
            let apart = |a: &(u32, u64, u64), b: &(u32, u64, u64)| a.0 != b.0 || a.2 < b.1 || b.2 < a.1;
            list.iter().all(|a| before.iter().all(|b| apart(a, b)))
        };
        let untouched = |maxima: &[(u32, u64, u64)], writes: &Times| {
            maxima.iter().all(|&(reg, from, to)| writes.range(from..=to).all(|(_, regs)| !regs.contains(&reg)))
        };
        let pairs = |reads: fn(&Effects) -> &Times, writes: fn(&Effects) -> &Times, span: u64| {
            meets(reads(e), writes(e), span) || meets(reads(e), writes(done), span) || meets(reads(done), writes(e), span)
        };
        spaced(&e.multiplier, &done.multiplier, apart)
            && spaced(&e.results, &done.results, 1)
            && spaced(&e.posts, &done.posts, groups)
            && spaced(&e.v_writes, &done.v_writes, 1)
            && spaced(&e.s_writes, &done.s_writes, 1)
            && owned(&e.maxima, &done.maxima)
            && owned(&e.sums, &done.sums)
            && untouched(&e.maxima, &done.s_writes)
            && untouched(&done.maxima, &e.s_writes)
            && !pairs(|e| &e.v_reads, |e| &e.v_writes, 1)
            && !pairs(|e| &e.s_reads, |e| &e.s_writes, apart - 1)
            && !pairs(|e| &e.x_reads, |e| &e.x_writes, rows)
            && !pairs(|e| &e.w_reads, |e| &e.w_writes, rows)
    }

    fn add(&mut self, e: Effects) {
        let done = &mut self.done;
        done.maxima.extend(e.maxima);
        done.sums.extend(e.sums);
        for (all, new) in [
            (&mut done.multiplier, e.multiplier),
            (&mut done.results, e.results),
            (&mut done.posts, e.posts),
            (&mut done.v_reads, e.v_reads),
            (&mut done.v_writes, e.v_writes),
            (&mut done.s_reads, e.s_reads),
            (&mut done.s_writes, e.s_writes),
            (&mut done.x_reads, e.x_reads),
            (&mut done.x_writes, e.x_writes),
            (&mut done.w_reads, e.w_reads),
            (&mut done.w_writes, e.w_writes),
        ] {
            new.into_iter().for_each(|(cycle, places)| all.entry(cycle).or_default().extend(places));
        }
        done.last = done.last.max(e.last);
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

    /// Loops `(count, gap)` with gaps of at least `gap`.
    fn loops(&mut self, most: usize, steps: u32, gap: u8) -> Vec<(u32, u8)> {
        let mut left = steps;
        (0..self.rng.random_range(1..=most))
            .map(|_| {
                let count = self.rng.random_range(1..=left.clamp(1, 6));
                left /= count;
                (count, gap + self.pick(&[0, 0, 0, 1, 2, 7]))
            })
            .collect()
    }

    fn float(&mut self) -> F24 {
        let exponent = match self.rng.random_range(0..20) {
            0 => return F24::ZERO,
            1 => self.rng.random_range(1..255),
            2..5 => self.rng.random_range(110..140),
            _ => self.rng.random_range(123..129),
        };
        let fraction = self.rng.random::<u32>() & if self.chance(0.3) { 0x6000 } else { 0x7fff };
        F24::from_bits((self.rng.random::<u32>() & 1) << 23 | exponent << 15 | fraction)
    }

    /// A VECTOR with these loops, legal but for its place in time.
    fn vector(&mut self, src: Source, loops: &[(u32, u8)], len: bool, dest: VectorDest) -> Vector {
        let (c, sizes) = (self.config.cols, self.sizes);
        loop {
            let nest = self.nest(loops, len);
            let append = self.chance(0.25);
            let further = if append { sizes.lengths * c } else { 0 };
            let (first, room) = match dest {
                VectorDest::None => (0, 1 << 15),
                VectorDest::V => (0, sizes.v),
                VectorDest::X => (c, sizes.x - c), // not the identity
                VectorDest::WColumn | VectorDest::WRow => (0, sizes.w_sram * c),
                VectorDest::Out => (0, sizes.out),
                VectorDest::OutFloat => (0, sizes.out - 3),
            };
            let bases =
                [(0, room - further), (1, sizes.params), (2, sizes.v), (3, sizes.v)].map(|(a, size)| self.base(&nest, a, size));
            let [Some(dst), Some(param_base), Some(a_base), Some(b_base)] = bases else { continue };
            let Some(c_base) = self.base(&nest, 3, sizes.v) else { continue };
            let (lane_lo, lane_n) = if self.chance(0.75) {
                (0, self.pick(&[c, 32]))
            } else {
                let lo = self.rng.random_range(0..c);
                (lo, self.rng.random_range(1..=c - lo))
            };
            let (lo, hi) = match self.rng.random_range(0..4) {
                0 => (-127, 127),
                1 => {
                    let (a, b) = (self.rng.random::<i8>(), self.rng.random::<i8>());
                    (a.min(b), a.max(b))
                }
                _ => (-128, 127),
            };
            let reductions = self.pick(&[(0, 0), (0, 0), (1, 0), (1, 0), (0, 1), (0, 1), (1, 1)]);
            let all = (1 << loops.len()) - 1;
            let v = Vector {
                a_base,
                b_base,
                c_base,
                dst_base: first + dst,
                param_base,
                s_base: self.operand(),
                red_base: self.register(),
                zero_point: self.pick(&[0, 0, 3, -20]),
                lo,
                hi,
                append,
                tail: self.chance(0.25),
                tail_row: self.pick(&[0, 0, 0, 1, 3, 4, 5, 6, 7]),
                red_fixed: self.chance(0.3),
                s_fixed: self.chance(0.3),
                reduce: if self.chance(0.5) { all } else { self.rng.random_range(0..=all) },
                lane_lo,
                lane_n,
                src,
                // Mostly sums: of many products little is left but the largest number and 0.
                mul1: self.pick(&[Mul1::One, Mul1::One, Mul1::One, Mul1::Scale, Mul1::Scale, Mul1::B, Mul1::A]),
                mul2: self.pick(&[Mul2::One, Mul2::One, Mul2::Scalar, Mul2::C, Mul2::Partner]),
                add: self.pick(Add::ALL),
                function: if self.chance(0.3) { Some(self.pick(Function::ALL)) } else { None },
                mul3: self.pick(&[Mul3::One, Mul3::One, Mul3::One, Mul3::One, Mul3::S, Mul3::B, Mul3::Scalar]),
                dest,
                max: if reductions.0 == 1 { self.pick(&MaxOf::ALL[1..]) } else { MaxOf::Off },
                sum: if reductions.1 == 1 { self.pick(&SumOf::ALL[1..]) } else { SumOf::Off },
                nest,
            };
            if self.reductions_are_whole(&v) {
                return v;
            }
        }
    }

    /// Whether each reduction stays with its register, where it is for itself; and both kinds meet only where no step goes on.
    fn reductions_are_whole(&self, v: &Vector) -> bool {
        let all = (1 << v.nest.loops.len()) - 1;
        if v.max != MaxOf::Off && v.sum != SumOf::Off && v.reduce != 0 && v.reduce != all {
            return false;
        }
        if v.max == MaxOf::ArgMax && (v.reduce + 1) & v.reduce != 0 {
            return false; // not of the inner loops: several are under way
        }
        [0, 1, self.sizes.lengths - 1].iter().all(|&lenc| {
            let mut open = BTreeMap::new();
            v.nest.at(lenc).iter().all(|step| {
                let red = reduction(v, step.offset[4]);
                let starts = u32::from(step.at_first) & v.reduce == v.reduce;
                let legal = if starts { !open.contains_key(&(red % 16)) } else { open.get(&(red % 16)) == Some(&red) };
                if u32::from(step.at_last) & v.reduce == v.reduce {
                    open.remove(&(red % 16));
                } else {
                    open.insert(red % 16, red);
                }
                legal
            })
        })
    }

    /// What a VECTOR does whose steps are in these cycles.
    fn vector_effects(&self, plan: &Plan, v: &Vector, cycles: &[u64], e: &mut Effects) {
        let l = &self.latency;
        let late = if v.function.is_some() { u64::from(l.vec_fn) } else { 0 };
        let further = if v.append { plan.pos } else { 0 };
        let mut maxima = BTreeMap::new();
        let mut sums = BTreeMap::new();
        let nest = v.nest.at(plan.pos / self.config.cols);
        for (step, &p) in nest.iter().zip(cycles) {
            let at = |base: u32, a: usize| base.wrapping_add_signed(step.offset[a]);
            Effects::access(&mut e.multiplier, &mut e.last, p + late, 0);
            let read = p + u64::from(l.vec_read);
            let operands = [
                (v.src == Source::V, at(v.a_base, 2)),
                (v.mul1 == Mul1::B || v.mul3 == Mul3::B, at(v.b_base, 3)),
                (matches!(v.mul2, Mul2::C | Mul2::Partner) || v.add == Add::C, at(v.c_base, 3)),
            ];
            for (_, word) in operands.into_iter().filter(|o| o.0) {
                Effects::access(&mut e.v_reads, &mut e.last, read, word);
            }
            if v.mul2 == Mul2::Scalar || v.add == Add::MinusScalar || v.mul3 == Mul3::Scalar {
                let s = if v.s_fixed { v.s_base } else { at(v.s_base, 4) % 64 };
                Effects::access(&mut e.s_reads, &mut e.last, p + u64::from(l.vec_scalar), s);
            }
            let red = reduction(v, step.offset[4]);
            let (starts, ends) =
                (u32::from(step.at_first) & v.reduce == v.reduce, u32::from(step.at_last) & v.reduce == v.reduce);
            if v.max != MaxOf::Off {
                let write = p + u64::from(l.vec_max);
                let first = write + 1 - u64::from(l.vec_distance);
                (first..=write).for_each(|c| Effects::access(&mut e.s_writes, &mut e.last, c, red));
                let from = if starts { first } else { maxima.get(&red).copied().unwrap_or(first) };
                maxima.insert(red, from);
                if ends {
                    e.maxima.push((red, from, write));
                }
            }
            if v.sum != SumOf::Off {
                let write = p + late + u64::from(l.vec_sum);
                let from = if starts { write } else { sums.get(&red).copied().unwrap_or(write) };
                sums.insert(red, from);
                if ends {
                    Effects::access(&mut e.s_writes, &mut e.last, write, red);
                    e.sums.push((red % 16, from, write));
                }
            }
            let dst = at(v.dst_base, 0) + further;
            let code = p + late + u64::from(l.vec_code);
            match v.dest {
                VectorDest::None => {}
                VectorDest::V => Effects::access(&mut e.v_writes, &mut e.last, p + late + u64::from(l.vec_write), dst),
                VectorDest::OutFloat => (code..code + 4).for_each(|c| Effects::access(&mut e.results, &mut e.last, c, 0)),
                VectorDest::X => Effects::access(&mut e.x_writes, &mut e.last, code, dst),
                VectorDest::WColumn | VectorDest::WRow => {
                    Effects::access(&mut e.w_writes, &mut e.last, code, dst / self.config.cols);
                }
                VectorDest::Out => {}
            }
            if !matches!(v.dest, VectorDest::None | VectorDest::V | VectorDest::OutFloat) {
                Effects::access(&mut e.results, &mut e.last, code, 0);
            }
            e.last = e.last.max(code + 4);
        }
    }

    /// What a POST does that takes vectors in these cycles.
    fn post_effects(&self, plan: &Plan, post: &Post, takes: &[u64], e: &mut Effects) {
        let nest = post.nest.at(plan.pos / self.config.cols);
        for (step, take) in nest.iter().zip(takes) {
            let write = take + u64::from(self.latency.take_to_write(post.lut.is_some(), false));
            let dst = post.dst_base.wrapping_add_signed(step.offset[0]);
            match post.dest {
                PostDest::X => Effects::access(&mut e.x_writes, &mut e.last, write, dst),
                PostDest::WColumn | PostDest::WRow => {
                    Effects::access(&mut e.w_writes, &mut e.last, write, dst / self.config.cols);
                }
                PostDest::Out | PostDest::OutRaw32 => {}
            }
            let words = if post.dest == PostDest::OutRaw32 { 4 } else { 1 };
            (write..write + words).for_each(|c| Effects::access(&mut e.results, &mut e.last, c, 0));
            Effects::access(&mut e.posts, &mut e.last, write, 0);
        }
    }

    /// What a SCALAR does from its first step on.
    fn scalar_effects(&self, plan: &Plan, i: &Scalar, first: u64, e: &mut Effects) {
        let l = &self.latency;
        let cycles = match i.op {
            ScalarOp::Mul | ScalarOp::Max => l.scalar_mul,
            ScalarOp::Add => l.scalar_add,
            ScalarOp::Recip | ScalarOp::Rsqrt => l.scalar_recip,
        };
        for step in i.nest.at(plan.pos / self.config.cols).iter() {
            let at = |base: u32, a: usize| base.wrapping_add_signed(step.offset[a]) % 64;
            Effects::access(&mut e.s_writes, &mut e.last, first + step.time + u64::from(cycles), at(i.dst_base, 0));
            for operand in [at(i.a_base, 1), at(i.b_base, 2)] {
                Effects::access(&mut e.s_reads, &mut e.last, first + step.time + u64::from(l.scalar_read), operand);
            }
        }
    }

    /// What a MATMUL does from its first step on, but for its sums; their takes.
    fn matmul_effects(&self, plan: &Plan, m: &Matmul, first: u64, e: &mut Effects) -> Vec<u64> {
        let l = &self.latency;
        let mut takes = vec![];
        let entry = |hot: OneHot| match hot.register {
            Register::Pos => plan.pos + u32::from(hot.row),
            Register::Tok => plan.tokens[usize::from(hot.row)],
        };
        let further = m.one_hot.map_or(0, |hot| entry(hot) / self.config.rows);
        for step in m.nest.at(plan.pos / self.config.cols).iter() {
            let t = first + step.time + u64::from(l.w_lead);
            if m.one_hot.is_none() {
                Effects::access(&mut e.x_reads, &mut e.last, t, m.x_base.wrapping_add_signed(step.offset[0]));
            }
            if m.w_sram && step.stepped.unwrap_or(99) as u32 >= m.hold {
                let word = m.w_base.wrapping_add_signed(step.offset[1]) + further;
                Effects::access(&mut e.w_reads, &mut e.last, t, word);
            }
            if u32::from(step.at_last) & m.reduce == m.reduce {
                takes.push(t + u64::from(l.post_take));
            }
        }
        e.last = e.last.max(takes.last().copied().unwrap_or(0));
        takes
    }

    fn fits(&self, plan: &Plan, e: &Effects) -> bool {
        plan.fits(e, self.config.rows.into(), self.latency.vec_distance.into(), self.latency.post_distance.into())
    }

    /// Where to look for the next first step: near what was written last where rows are close, far behind all else.
    fn look(&mut self, reads: &[(&'static str, u32)]) -> u64 {
        if !self.tight {
            return self.drained() + self.rng.random_range(0..9);
        }
        let plan = &self.plans[0];
        let last = |times: &Times| times.last_key_value().map(|(&c, _)| c.saturating_sub(plan.shift));
        let targets: Vec<u64> = reads
            .iter()
            .filter_map(|&(what, latency)| {
                let write = if what == "V" { last(&plan.done.v_writes) } else { last(&plan.done.s_writes) };
                write?.checked_sub(latency.into())
            })
            .collect();
        if !targets.is_empty() && self.chance(0.6) {
            let target = self.pick(&targets);
            return (target + self.rng.random_range(0..4)).saturating_sub(1).max(self.cursor);
        }
        self.cursor + self.rng.random_range(0..12)
    }

    /// Places a VECTOR with source V; `false` where it meets itself everywhere.
    fn place_vector(&mut self, v: Vector) -> bool {
        let from = self.look(&[("V", self.latency.vec_read), ("S", self.latency.vec_scalar)]);
        let words = Instruction::Vector(v.clone()).words();
        let apart = u64::from(self.latency.vec_distance);
        for first in from..from + 600 {
            let Some(row) = self.row_at(first, words) else { continue };
            let effects = |plan: &Plan| -> Option<(u64, Effects)> {
                let start = first + plan.shift;
                let nest = v.nest.at(plan.pos / self.config.cols);
                let cycles: Vec<u64> = nest.iter().map(|s| start + s.time).collect();
                if plan.vector != 0 && start < plan.vector + apart {
                    return None;
                }
                let mut e = Effects::default();
                self.vector_effects(plan, &v, &cycles, &mut e);
                self.fits(plan, &e).then(|| (start + nest.span(), e))
            };
            let Some(all) = self.plans.iter().map(effects).collect::<Option<Vec<_>>>() else { continue };
            for (plan, (last, e)) in self.plans.iter_mut().zip(all) {
                plan.vector = last;
                plan.add(e);
            }
            self.add_row(row, Instruction::Vector(v));
            self.cursor = first;
            return true;
        }
        false
    }

    fn place_scalar(&mut self, i: Scalar) -> bool {
        let from = self.look(&[("S", self.latency.scalar_read)]);
        let words = Instruction::Scalar(i.clone()).words();
        for first in from..from + 600 {
            let Some(row) = self.row_at(first, words) else { continue };
            let effects = |plan: &Plan| -> Option<(u64, Effects)> {
                let start = first + plan.shift;
                if plan.scalar != 0 && start <= plan.scalar {
                    return None;
                }
                let mut e = Effects::default();
                self.scalar_effects(plan, &i, start, &mut e);
                self.fits(plan, &e).then(|| (start + i.nest.at(plan.pos / self.config.cols).span(), e))
            };
            let Some(all) = self.plans.iter().map(effects).collect::<Option<Vec<_>>>() else { continue };
            for (plan, (last, e)) in self.plans.iter_mut().zip(all) {
                plan.scalar = last;
                plan.add(e);
            }
            self.add_row(row, Instruction::Scalar(i));
            self.cursor = first;
            return true;
        }
        false
    }

    /// Cycles between two weight loads that are always enough, whichever ways and beats they take.
    fn load_distance(&self) -> u64 {
        u64::from(self.config.weight_beats + self.config.rram_ways - 1)
    }

    /// Places a MATMUL with the unit that takes its sums.
    fn place_matmul(&mut self, m: Matmul, taker: &Taker) -> bool {
        let from = self.look(&[("V", self.latency.vec_read)]);
        let from = if self.tight { from.saturating_sub(u64::from(self.latency.post_take) / 2) } else { from };
        let c = self.config.cols;
        let loads = self.load_distance();
        let matmul = Instruction::Matmul(m.clone());
        let other = match taker {
            Taker::Vector(v) => Instruction::Vector(v.clone()),
            Taker::Post(p) => Instruction::Post(p.clone()),
        };
        let apart = u64::from(self.latency.vec_distance.max(self.latency.post_distance));
        let lead = u64::from(self.latency.w_lead + self.latency.post_take);
        for first in from..from + 600 {
            let Some(row) = self.row_at(first, matmul.words()) else { continue };
            let effects = |plan: &Plan| -> Option<(Vec<u64>, Effects)> {
                let start = first + plan.shift;
                if plan.load != 0 && start < plan.load + loads || plan.matmul != 0 && start <= plan.matmul {
                    return None;
                }
                let mut e = Effects::default();
                let takes = self.matmul_effects(plan, &m, start, &mut e);
                if plan.take != 0 && *takes.first()? < plan.take + apart {
                    return None;
                }
                match taker {
                    Taker::Vector(_) if plan.vector != 0 && takes[0] < plan.vector + apart => return None,
                    Taker::Vector(v) => self.vector_effects(plan, v, &takes, &mut e),
                    Taker::Post(p) => self.post_effects(plan, p, &takes, &mut e),
                }
                self.fits(plan, &e).then_some((takes, e))
            };
            let Some(all) = self.plans.iter().map(effects).collect::<Option<Vec<_>>>() else { continue };
            // The taker is armed behind the last take, and the last step of its unit, and not behind its own first take.
            let (mut low, mut high) = (0, u64::MAX);
            for (plan, (takes, _)) in self.plans.iter().zip(&all) {
                let unit = if matches!(taker, Taker::Vector(_)) { plan.vector } else { 0 };
                low = low.max((plan.take.max(unit) + 1).saturating_sub(plan.shift));
                high = high.min(takes[0] - plan.shift);
            }
            let low = low.max(high.saturating_sub(lead + 30));
            let own = row..row + u64::from(matmul.words().max(self.latency.row_spacing));
            let armed = (low..=high).rev().find_map(|armed| {
                let at = self.row_at(armed, other.words())?;
                let busy = at..at + u64::from(other.words().max(self.latency.row_spacing));
                (busy.end <= own.start || own.end <= busy.start).then_some(at)
            });
            let Some(at) = armed else { continue };
            for (plan, (takes, e)) in self.plans.iter_mut().zip(all) {
                let start = first + plan.shift;
                let nest = m.nest.at(plan.pos / c);
                plan.matmul = start + nest.span();
                plan.load =
                    nest.iter().filter(|s| s.stepped.unwrap_or(99) as u32 >= m.hold).map(|s| start + s.time).last().unwrap_or(0);
                plan.take = takes.last().copied().unwrap_or(0);
                if matches!(taker, Taker::Vector(_)) {
                    plan.vector = plan.take;
                }
                plan.add(e);
            }
            self.add_row(row, matmul);
            self.add_row(at, other);
            self.cursor = first;
            return true;
        }
        false
    }

    /// One more of the program's instructions; sometimes with run-time length, and a WAIT behind it.
    fn instruction(&mut self) {
        let len = self.chance(0.2);
        let (placed, each) = match self.rng.random_range(0..10) {
            0..5 => {
                let dest = self.dest();
                let distance = self.latency.vec_distance.max(if dest == VectorDest::OutFloat { 4 } else { 1 });
                let loops = self.loops(4, 24, distance as u8 - 1);
                let v = self.vector(Source::V, &loops, len, dest);
                let each = v.nest.at(1).span() - v.nest.at(0).span();
                (self.place_vector(v), each)
            }
            5..7 => {
                let loops = self.loops(2, 6, 0);
                let i = Scalar {
                    op: self.pick(ScalarOp::ALL),
                    a_base: self.operand(),
                    b_base: self.operand(),
                    dst_base: self.register(),
                    imm: if self.chance(0.3) { Some(self.float()) } else { None },
                    nest: self.nest(&loops, len),
                };
                let each = i.nest.at(1).span() - i.nest.at(0).span();
                (self.place_scalar(i), each)
            }
            _ => {
                let (m, taker) = self.product(len);
                let each = m.nest.at(1).span() - m.nest.at(0).span();
                (self.place_matmul(m, &taker), each)
            }
        };
        if placed && (len && self.chance(0.85) || self.chance(0.05)) {
            let more = if self.chance(0.7) { 0 } else { self.rng.random_range(0..20) };
            self.wait((each as u32 + more).min(0xffff));
        }
    }

    fn dest(&mut self) -> VectorDest {
        use VectorDest::{None, Out, OutFloat, V, WColumn, WRow, X};
        self.pick(&[V, V, V, V, V, V, X, X, WColumn, WColumn, WRow, Out, OutFloat, None])
    }

    /// A MATMUL and who takes its sums.
    fn product(&mut self, len: bool) -> (Matmul, Taker) {
        let sizes = self.sizes;
        // Loops of POST have no run-time length.
        let post = self.chance(0.35) && !len;
        let dest = self.dest();
        let post_dest =
            self.pick(&[PostDest::X, PostDest::X, PostDest::WColumn, PostDest::WRow, PostDest::Out, PostDest::OutRaw32]);
        let wide = if post { post_dest == PostDest::OutRaw32 } else { dest == VectorDest::OutFloat };
        let distance = self.latency.vec_distance.max(self.latency.post_distance).max(if wide { 4 } else { 1 });
        let loads = self.load_distance() as u8;
        // Vectors in one or two loops; a sum over words in a loop inside them; each step loads, or those of outer loops.
        let vectors = self.loops(2, 16, distance as u8 - 1);
        let terms = self.pick(&[0, 0, 2, 3]);
        let mut loops = vectors.clone();
        if terms != 0 {
            loops.insert(0, (terms, self.pick(&[0, 0, 1])));
        }
        let hold = self.rng.random_range(0..=loops.len());
        for (n, l) in loops.iter_mut().enumerate() {
            l.1 = if n >= hold { l.1.max(loads - 1) } else { l.1 };
        }
        let one_hot = self.chance(0.35).then(|| OneHot {
            register: self.pick(&[Register::Pos, Register::Tok]),
            row: self.rng.random_range(0..8),
            value: self.rng.random(),
        });
        let w_sram = self.chance(0.35);
        let words = if w_sram { sizes.w_sram } else { sizes.weights };
        let m = loop {
            // Loops inside `hold` share a word; they are the sum's or the vectors', and the accumulator stays.
            let choice = |rng: &mut ChaCha8Rng| [0, 1, 1, 2, -1, 3][rng.random_range(0..6)];
            // With a one in place of X the X address stays.
            let stride = |rng: &mut ChaCha8Rng, held| {
                [if one_hot.is_some() { 0 } else { choice(rng) }, if held { 0 } else { choice(rng) }, 0, 0, 0]
            };
            let strides =
                loops.iter().enumerate().map(|(n, &(count, gap))| Stride { count, gap, stride: stride(&mut self.rng, n < hold) });
            let mut nest = Nest::from_strides(&strides.collect::<Vec<_>>());
            nest.loops.last_mut().expect("a loop").len = len;
            // The last entry is the position of the last row behind the last POS.
            let entries = (sizes.lengths * self.config.cols + CHUNK as u32 - 2) / self.config.rows;
            let room = words - if one_hot.is_some() { entries } else { 0 };
            let (Some(x_base), Some(w_base)) = (self.base(&nest, 0, sizes.x), self.base(&nest, 1, room)) else { continue };
            break Matmul {
                x_base: if one_hot.is_some() { 0 } else { x_base },
                w_base,
                acc_base: self.rng.random_range(0..4),
                w_sram,
                w_zero: if !self.config.weight_zero { 0 } else { self.pick(&[0, 0, -128, -1, 7, 127]) },
                hold: hold as u32,
                reduce: u32::from(terms != 0),
                first: true,
                last: true,
                pad: None,
                one_hot,
                nest,
            };
        };
        // As many steps in another form: where there are two loops they may become one.
        let shape: Vec<(u32, u8)> = if vectors.len() == 2 && !len && self.chance(0.3) {
            vec![(vectors[0].0 * vectors[1].0, 0)]
        } else {
            vectors.iter().map(|v| (v.0, 0)).collect()
        };
        if !post {
            return (m, Taker::Vector(self.vector(Source::Array, &shape, len, dest)));
        }
        let room = match post_dest {
            PostDest::X => sizes.x - self.config.cols,
            PostDest::WColumn | PostDest::WRow => sizes.w_sram * self.config.cols,
            PostDest::Out => sizes.out,
            PostDest::OutRaw32 => sizes.out - 3,
        };
        loop {
            let nest = self.nest(&shape, len);
            let (Some(dst), Some(param_base)) = (self.base(&nest, 0, room), self.base(&nest, 1, sizes.post_params)) else {
                continue;
            };
            let lut =
                (post_dest != PostDest::OutRaw32 && self.chance(0.3)).then(|| self.rng.random_range(0..self.config.lut_count));
            let dst_base = dst + if post_dest == PostDest::X { self.config.cols } else { 0 };
            let zero_point = self.rng.random_range(-9..9);
            return (
                m,
                Taker::Post(Post {
                    dst_base,
                    param_base,
                    dest: post_dest,
                    zero_point,
                    lo: -128,
                    hi: 127,
                    lut,
                    residual: None,
                    nest,
                }),
            );
        }
    }

    /// A row behind everything, with no care for ports.
    fn alone(&mut self, instruction: Instruction) {
        let first = self.drained().max(self.floor + 20);
        let row = first - u64::from(instruction.words() + self.latency.issue);
        let span = instruction.nest().map_or(0, Nest::span);
        self.add_row(row, instruction);
        for plan in &mut self.plans {
            plan.done.last = first + plan.shift + span + 8;
        }
        self.cursor = first + span;
    }

    fn must(&mut self, placed: bool) {
        assert!(placed, "there is always room behind everything");
    }

    fn prologue(&mut self) {
        let (sizes, c, tight) = (self.sizes, self.config.cols, self.tight);
        self.tight = false;
        let strides = |loops: &[(u32, u8, [i32; 5])]| {
            Nest::from_strides(&loops.iter().map(|&(count, gap, stride)| Stride { count, gap, stride }).collect::<Vec<_>>())
        };
        let load = Load { mask: u32::MAX, nest: strides(&[(sizes.x, 0, [1, c as i32, 0, 0, 0])]), ..Default::default() };
        self.alone(Instruction::Load(load));
        // OUT: words of X, as far as nothing else comes.
        for first in (0..sizes.out).step_by(sizes.x as usize) {
            let nest = strides(&[(sizes.x.min(sizes.out - first), 0, [1, 1, 0, 0, 0])]);
            self.alone(Instruction::Store(Store { dst_base: first, src_base: 0, nest }));
        }
        // V: sums of the array, scaled, with a bias.
        let gap = self.latency.vec_distance.max(self.latency.post_distance) as u8 - 1;
        let rest = sizes.x - c;
        let (rounds, each) = (sizes.v.div_ceil(rest), sizes.v.min(rest));
        let words: Vec<(u32, u32)> = (0..rounds).map(|n| (n * each, each.min(sizes.v - n * each))).collect();
        let plain = Vector { lo: -128, hi: 127, lane_n: 32, ..Default::default() };
        for (first, count) in words {
            let m = Matmul {
                x_base: c,
                w_base: self.rng.random_range(0..6),
                hold: 1,
                first: true,
                last: true,
                nest: strides(&[(count, gap, [1, 0, 0, 0, 0])]),
                ..Default::default()
            };
            let v = Vector {
                dst_base: first,
                param_base: first,
                mul1: Mul1::Scale,
                add: Add::Bias,
                dest: VectorDest::V,
                nest: strides(&[(count, 0, [1, 1, 0, 0, 0])]),
                ..plain.clone()
            };
            let placed = self.place_matmul(m, &Taker::Vector(v));
            self.must(placed);
        }
        // S: numbers of V, each the largest of one lane.
        let own = Vector { src: Source::V, ..plain };
        for half in 0..4 {
            let lane_lo = self.rng.random_range(0..c);
            let nest = strides(&[(16, gap, [0, 0, 1, 0, 1])]);
            let a_base = self.rng.random_range(0..=sizes.v - 16);
            let v = Vector { a_base, red_base: 16 * half, lane_lo, lane_n: 1, max: MaxOf::Max, nest, ..own.clone() };
            let placed = self.place_vector(v);
            self.must(placed);
        }
        // W SRAM: codes of V, row by row.
        let nest = strides(&[(c, gap, [1, 0, 1, 0, 0]), (sizes.w_sram, gap, [c as i32, 0, 1, 0, 0])]);
        let a_base = self.rng.random_range(0..sizes.v + 1 - c - sizes.w_sram);
        let placed = self.place_vector(Vector { a_base, dest: VectorDest::WRow, nest, ..own });
        self.must(placed);
        self.tight = tight;
        self.cursor = self.drained();
    }

    /// Shows V, S, X and W SRAM on OUT.
    fn epilogue(&mut self) {
        let (sizes, c) = (self.sizes, self.config.cols);
        let gap = self.latency.vec_distance.max(self.latency.post_distance) as u8 - 1;
        self.tight = false;
        let nest = |count: u32, gap: u8, stride: [i32; 5]| Nest::from_strides(&[Stride { count, gap, stride }]);
        let plain = Vector { src: Source::V, lo: -128, hi: 127, lane_n: 32, ..Default::default() };
        let show = |a_base, count, dst_base| Vector {
            a_base,
            dst_base,
            dest: VectorDest::OutFloat,
            nest: nest(count, gap.max(3), [4, 0, 1, 0, 0]),
            ..plain.clone()
        };
        let mut out = sizes.out;
        let mut all = vec![show(0, sizes.v, out)];
        out += 4 * sizes.v;
        // Ones: sums that are 0, with a bias. Then S times them: register i + C j in lane i of the j-th word behind them.
        let nothing = Matmul {
            one_hot: Some(OneHot { register: Register::Pos, row: 0, value: 0 }),
            hold: 1,
            first: true,
            last: true,
            nest: nest(1, 0, [0; 5]),
            ..Default::default()
        };
        let ones = Vector {
            dst_base: sizes.v,
            param_base: sizes.params,
            src: Source::Array,
            add: Add::Bias,
            dest: VectorDest::V,
            nest: nest(1, 0, [0; 5]),
            ..plain.clone()
        };
        let placed = self.place_matmul(nothing, &Taker::Vector(ones));
        self.must(placed);
        for lane in 0..c {
            all.push(Vector {
                a_base: sizes.v,
                dst_base: sizes.v + 1,
                s_base: lane,
                mul2: Mul2::Scalar,
                lane_lo: lane,
                lane_n: 1,
                dest: VectorDest::V,
                nest: nest(64 / c, gap, [1, 0, 0, 0, c as i32]),
                ..plain.clone()
            });
        }
        all.push(show(sizes.v + 1, 64 / c, out));
        out += 4 * (64 / c);
        for v in all {
            let placed = self.place_vector(v);
            self.must(placed);
        }
        self.alone(Instruction::Store(Store { dst_base: out, src_base: 0, nest: nest(sizes.x, 0, [1, 1, 0, 0, 0]) }));
        out += sizes.x;
        // W SRAM times the identity.
        let stride = |count, gap, stride| Stride { count, gap, stride };
        let gap = gap.max(self.load_distance() as u8);
        let m = Matmul {
            w_sram: true,
            hold: 1,
            first: true,
            last: true,
            nest: Nest::from_strides(&[stride(c, gap, [1, 0, 0, 0, 0]), stride(sizes.w_sram, gap, [0, 1, 0, 0, 0])]),
            ..Default::default()
        };
        let nest = nest(sizes.w_sram * c, 0, [1, 0, 0, 0, 0]);
        let post = Post { dst_base: out, dest: PostDest::Out, lo: -128, hi: 127, nest, ..Default::default() };
        let placed = self.place_matmul(m, &Taker::Post(post));
        self.must(placed);
        let end = self.drained() + 10;
        self.add_row(end, Instruction::End);
    }

    fn image(&mut self) -> Image {
        let (config, sizes, c) = (self.config.clone(), self.sizes, self.config.cols);
        self.rows.sort_by_key(|r| r.cycle);
        let program = Program { rows: std::mem::take(&mut self.rows) };
        let (timetable, descriptors) = program.encode().expect("every field is in its range");
        let mut vector: Vec<u64> = functions().iter().flatten().map(|&s| encode_segment(s)).collect();
        // The first ones load V from sums of products, which are large: small scales, and no lane is left out. Of the others some are.
        for lane in 0..sizes.params * c {
            let scale = match self.float() {
                _ if lane < sizes.v * c => F24::from_bits(self.rng.random_range(108u32 << 15..120 << 15)),
                _ if lane >= sizes.v * c && self.chance(0.4) => F24::ZERO,
                scale => scale,
            };
            vector.push(encode_param(scale, self.float()));
        }
        vector.extend((0..c).map(|_| encode_param(F24::ZERO, F24::ONE)));
        let mut params = vec![Param { bias: 0, q: 1 << 23, shift: 23 }; c as usize];
        for _ in c..sizes.post_params * c {
            let rng = &mut self.rng;
            params.push(Param {
                bias: rng.random_range(-9000..9000),
                q: rng.random_range(1 << 23..1 << 24),
                shift: rng.random_range(28..34),
            });
        }
        let luts = (0..config.lut_count).map(|_| std::array::from_fn(|_| self.rng.random())).collect();
        let weights = random::codes(&mut self.rng, (sizes.weights * c * c) as usize);
        let (in_bytes, out_bytes) = (sizes.x * c, sizes.shown(c) * c);
        Image {
            fingerprint: fingerprint(),
            config_id: config.image_id(),
            weight_beats: config.weight_beats,
            in_bytes,
            out_bytes,
            timetable,
            descriptors,
            params,
            luts,
            weights,
            taps: vec![],
            vector,
            input: Tensor::dense(1, in_bytes, Dtype::Int8),
            output: Tensor::dense(1, out_bytes, Dtype::Int8),
            macs: 0,
            name: "random vectors".into(),
            tables: vec![],
            before: None,
        }
    }
}

/// S register that a step's reduction goes to, by what the scalar address has gained.
fn reduction(v: &Vector, gained: i32) -> u32 {
    v.red_base.wrapping_add_signed(if v.red_fixed { 0 } else { gained }) % 64
}
