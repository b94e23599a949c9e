// SPDX-License-Identifier: Apache-2.0
//! Rows of a timetable, placed as early as operands, units and ports allow.
//!
//! Times are those at LENC = 0. Behind a WAIT all times are later by the same amount, so distances between rows on its two
//! sides only grow, and between loops that run with LENC they stay.

use std::collections::{BTreeMap, BTreeSet};
use systole_isa::program::{MaxOf, ScalarOp, Source, SumOf, VectorDest};
use systole_isa::{Config, F24, Instruction, Latency, Load, Loop, Matmul, Nest, Row, Scalar, Vector, Wait};

/// When steps happen: the first one, and the cycle of each from it.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    /// Cycle of each step, in order.
    pub at: Vec<u64>,
}

impl Steps {
    pub fn first(&self) -> u64 {
        self.at[0]
    }

    pub fn last(&self) -> u64 {
        self.at[self.at.len() - 1]
    }
}

#[derive(Clone)]
pub(crate) struct Timeline<'a> {
    pub lat: Latency,
    config: &'a Config,
    rows: Vec<Row>,
    /// Rows by cycle, with their words.
    issued: BTreeMap<u64, u32>,
    /// Rows come from here on: behind the last WAIT.
    barrier: u64,
    matmul_free: u64,
    vector_free: u64,
    scalar_steps: BTreeSet<u64>,
    /// Cycles in which S is written.
    s_writes: BTreeSet<u64>,
    /// Cycles in which an f stands.
    results: BTreeSet<u64>,
    /// Cycles until which OUT is written, exclusive.
    out_end: u64,
    /// Last cycle in which anything happens.
    end: u64,
    way: BTreeMap<u32, u64>,
    /// What rows that come now are for: a number of the caller's.
    pub part: usize,
    /// By cycle of the row, what it is for.
    parts: BTreeMap<u64, usize>,
    /// Steps of the array.
    pub array: u64,
}

/// Second operand of a SCALAR.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Second<R = u32> {
    /// A register of S.
    S(R),
    /// A register of S that all steps read.
    Fixed(R),
    /// A constant, rounded to F24.
    Constant(f64),
    /// The operation has none.
    None,
}

/// A loop: count, gap, strides, and whether it runs LENC more times.
pub(crate) type Loops = (usize, u64, [i64; 5], bool);

/// A loop by count, gap and strides.
pub(crate) fn lp(count: usize, gap: u64, stride: [i64; 5]) -> Loops {
    (count, gap, stride, false)
}

/// The same, with LENC more iterations.
pub(crate) fn long(gap: u64, stride: [i64; 5]) -> Loops {
    (1, gap, stride, true)
}

/// A nest of loops by strides; loops of one iteration are left out, but for one.
pub(crate) fn nest(loops: &[Loops]) -> Nest {
    nest_of(loops, false)
}

/// The same; `all`: loops of one iteration stay, where bits count loops.
pub(crate) fn nest_of(loops: &[Loops], all: bool) -> Nest {
    let mut back = [0i64; 5];
    let mut out = Vec::new();
    for (n, &(count, gap, stride, len)) in loops.iter().enumerate() {
        let only = out.is_empty() && n + 1 == loops.len();
        if count == 1 && !all && !len && !only {
            continue;
        }
        let d = std::array::from_fn(|a| (stride[a] - back[a]) as i32);
        for (b, s) in back.iter_mut().zip(stride) {
            *b += (count as i64 - 1) * s;
        }
        out.push(Loop { count: count as u32, gap: gap as u8, d, len });
    }
    Nest { loops: out }
}

/// A VECTOR on the array's sums, all codes symmetric.
pub(crate) fn drain() -> Vector {
    Vector { src: Source::Array, ..pass() }
}

/// A VECTOR on V.
pub(crate) fn pass() -> Vector {
    Vector { src: Source::V, lo: -127, hi: 127, lane_n: 32, ..Vector::default() }
}

/// Nest and reduction of a VECTOR: loops, and whether a reduction runs over each.
pub(crate) fn walk(v: Vector, loops: &[(Loops, bool)]) -> Vector {
    let only: Vec<Loops> = loops.iter().map(|l| l.0).collect();
    // Loops of one iteration are left out, and so are their bits.
    let kept = loops.iter().filter(|(l, _)| l.0 > 1 || loops.len() == 1);
    let reduce = kept.enumerate().fold(0, |mask, (n, (_, over))| mask | u32::from(*over) << n);
    Vector { nest: nest(&only), reduce, ..v }
}

impl<'a> Timeline<'a> {
    pub fn new(config: &'a Config) -> Timeline<'a> {
        Timeline {
            lat: Latency::of(config),
            config,
            rows: vec![],
            issued: BTreeMap::new(),
            barrier: 0,
            matmul_free: 0,
            vector_free: 0,
            scalar_steps: BTreeSet::new(),
            s_writes: BTreeSet::new(),
            results: BTreeSet::new(),
            out_end: 0,
            end: 0,
            way: BTreeMap::new(),
            part: 0,
            parts: BTreeMap::new(),
            array: 0,
        }
    }

    /// Words of V.
    pub fn v_depth(&self) -> usize {
        self.config.v_depth as usize
    }

    /// The earliest first step at or after `earliest` for which a row of `words` has room.
    fn room(&self, words: u32, earliest: u64) -> u64 {
        let lead = u64::from(words + self.lat.issue);
        let spacing = |words: u32| u64::from(words.max(self.lat.row_spacing));
        let mut cycle = earliest.max(self.barrier + lead) - lead;
        loop {
            if let Some((&c, &w)) = self.issued.range(..=cycle).next_back()
                && cycle < c + spacing(w)
            {
                cycle = c + spacing(w);
                continue;
            }
            match self.issued.range(cycle + 1..).next() {
                Some((&c, &w)) if cycle + spacing(words) > c => cycle = c + spacing(w),
                _ => return cycle + lead,
            }
        }
    }

    fn issue(&mut self, instruction: Instruction, first: u64) {
        let words = instruction.words();
        let cycle = first - u64::from(words + self.lat.issue);
        self.issued.insert(cycle, words);
        self.parts.insert(cycle, self.part);
        self.rows.push(Row { cycle, instruction });
    }

    /// When f of a step of `v` in `cycle` stands.
    fn result_time(&self, v: &Vector, cycle: u64) -> u64 {
        cycle + u64::from(self.lat.vec_write) + if v.function.is_some() { u64::from(self.lat.vec_fn) } else { 0 }
    }

    /// When V is written, of a step in `cycle`.
    pub fn v_written(&self, v: &Vector, cycle: u64) -> u64 {
        self.result_time(v, cycle)
    }

    /// When the code is written, of a step in `cycle`.
    pub fn code_written(&self, v: &Vector, cycle: u64) -> u64 {
        cycle + u64::from(self.lat.vec_code) + if v.function.is_some() { u64::from(self.lat.vec_fn) } else { 0 }
    }

    /// When the maximum of a reduction with its last step in `cycle` is in S.
    pub fn max_written(&self, cycle: u64) -> u64 {
        cycle + u64::from(self.lat.vec_max)
    }

    /// When the sum of a reduction with its last step in `cycle` is in S.
    pub fn sum_written(&self, v: &Vector, cycle: u64) -> u64 {
        cycle + u64::from(self.lat.vec_sum) + if v.function.is_some() { u64::from(self.lat.vec_fn) } else { 0 }
    }

    /// First step for which what was written to V in `written` can be read.
    pub fn after_v(&self, written: u64) -> u64 {
        (written + u64::from(self.lat.write_to_read)).saturating_sub(u64::from(self.lat.vec_read))
    }

    /// First step for which what was written to S in `written` can be read.
    pub fn after_s(&self, written: u64) -> u64 {
        (written + u64::from(self.lat.write_to_read)).saturating_sub(u64::from(self.lat.vec_scalar))
    }

    /// What the steps of `v` occupy: their results, and the writes of S.
    fn marks(&self, v: &Vector, steps: &Steps) -> (Vec<u64>, Vec<u64>) {
        let beats = u64::from(self.config.vec_beats());
        let results = steps.at.iter().flat_map(|&p| (0..beats).map(move |g| p + g)).map(|p| self.result_time(v, p)).collect();
        let mut writes = Vec::new();
        if v.max != MaxOf::Off {
            writes.extend(steps.at.iter().flat_map(|&p| (0..beats).map(move |g| self.max_written(p) - g)));
        }
        // Sums are written when they end.
        if v.sum != SumOf::Off {
            let ends = v.nest.iter().zip(&steps.at).filter(|(s, _)| u32::from(s.at_last) & v.reduce == v.reduce);
            writes.extend(ends.map(|(_, &p)| self.sum_written(v, p)));
        }
        (results, writes)
    }

    /// Whether steps meet others at the last multiplier or at S.
    fn free(&self, v: &Vector, steps: &Steps) -> bool {
        let (results, writes) = self.marks(v, steps);
        results.iter().all(|r| !self.results.contains(r)) && writes.iter().all(|w| !self.s_writes.contains(w))
    }

    fn mark(&mut self, v: &Vector, steps: &Steps) {
        let (results, writes) = self.marks(v, steps);
        self.results.extend(results);
        self.s_writes.extend(writes);
        let last = steps.last();
        self.end = self.end.max(self.code_written(v, last) + 4).max(self.sum_written(v, last));
        if v.dest == VectorDest::OutFloat {
            self.out_end = self.out_end.max(self.code_written(v, last) + 4);
        } else if v.dest == VectorDest::Out {
            self.out_end = self.out_end.max(self.code_written(v, last) + 1);
        }
    }

    fn times(nest: &Nest, first: u64) -> Steps {
        Steps { at: nest.iter().map(|s| first + s.time).collect() }
    }

    /// A product of `rows` rows of `k` words of X from `x` on with `n` words of weights that lie at `w`; sums at least `least`
    /// cycles apart. Sums of a word of outputs come row by row.
    ///
    /// Weights are read for each row again, or held over the rows, whichever takes fewer cycles.
    pub fn matmul(&self, x: usize, rows: usize, k: usize, n: usize, w: usize, least: u64) -> Matmul {
        let d = u64::from(self.config.weight_beats);
        let (words, ways) = (k as u64, u64::from(self.config.rram_ways));
        let m = Matmul { x_base: x as u32, w_base: w as u32, first: true, last: true, ..Matmul::default() };
        let span = (words - 1) * d + 1;
        let period = (words * d).max(least);
        // Jumping back to a row's first word: its way must have rested.
        let back = (words * d + (ways - words * d % ways) % ways).max(least);
        let (held, reload) = (rows as u64 * least.max(1), (rows as u64 - 1) * back + period);
        let held_tile = held.max(d);
        if rows == 1 || reload <= words * held_tile {
            let nest = nest(&[
                lp(k, d - 1, [1, 1, 0, 0, 0]),
                lp(rows, back - span, [k as i64, 0, 0, 0, 0]),
                lp(n, period - span, [0, k as i64, 0, 0, 0]),
            ]);
            return Matmul { reduce: u32::from(k > 1), nest, ..m };
        }
        let gap = held_tile - (held - least.max(1)) - 1;
        Matmul {
            hold: 1,
            reduce: u32::from(k > 1) << 1,
            nest: nest(&[
                lp(rows, least.max(1) - 1, [k as i64, 0, 1, 0, 0]),
                lp(k, gap, [1, 1, 0, 0, 0]),
                lp(n, gap, [0, k as i64, 0, 0, 0]),
            ]),
            ..m
        }
    }

    /// A LOAD, alone on its unit. Its first step.
    pub fn load(&mut self, load: Load) -> u64 {
        let words = Instruction::Load(load.clone()).words();
        let first = self.room(words, 0);
        self.end = self.end.max(first + load.nest.span() + u64::from(self.lat.load_write));
        self.issue(Instruction::Load(load), first);
        first
    }

    /// A VECTOR on words of V, first step at `earliest` or later.
    pub fn stream(&mut self, v: Vector, earliest: u64) -> Steps {
        debug_assert_eq!(v.src, Source::V);
        let words = Instruction::Vector(v.clone()).words();
        let mut first = earliest.max(self.vector_free);
        loop {
            first = self.room(words, first);
            let steps = Self::times(&v.nest, first);
            if self.free(&v, &steps) {
                self.mark(&v, &steps);
                // A result of 32 bits takes four cycles.
                let least = if v.dest == VectorDest::OutFloat { 4 } else { 0 };
                self.vector_free = steps.last() + u64::from(self.config.vec_beats()).max(least);
                self.issue(Instruction::Vector(v), first);
                return steps;
            }
            first += 1;
        }
    }

    /// A product and the VECTOR that takes its sums: X may be read from `x_ready` on, sums taken from `earliest` on.
    pub fn product(&mut self, m: Matmul, v: Vector, x_ready: u64, earliest: u64) -> Steps {
        debug_assert_eq!(v.src, Source::Array);
        let lead = u64::from(self.lat.w_lead);
        let to_take = lead + u64::from(self.lat.post_take);
        let (vector_words, matmul_words) = (Instruction::Vector(v.clone()).words(), Instruction::Matmul(m.clone()).words());
        let armed = self.room(vector_words, self.vector_free);
        // Its row, so that the product's finds its place beside it.
        self.issue(Instruction::Vector(v.clone()), armed);
        let ends: Vec<u64> =
            m.nest.iter().filter(|s| u32::from(s.at_last) & m.reduce == m.reduce).map(|s| s.time + to_take).collect();
        let loads: Vec<(u64, u32)> = m
            .nest
            .iter()
            .filter(|s| s.stepped.is_none_or(|l| l as u32 >= m.hold))
            .map(|s| (s.time, (m.w_base as i32 + s.offset[1]) as u32))
            .collect();
        let mut first = self.matmul_free.max(x_ready.saturating_sub(lead));
        first = first.max((earliest.max(armed)).saturating_sub(ends[0]));
        let ways = self.config.rram_ways;
        loop {
            first = self.room(matmul_words, first);
            let steps = Steps { at: ends.iter().map(|e| first + e).collect() };
            // Ways of RRAM rest; which entry a one-hot product reads is not known.
            let rests = m.w_sram
                || loads.iter().take(2 * ways as usize).all(|(t, w)| {
                    let rest = u64::from(ways) + u64::from(self.config.weight_beats) - 1;
                    let any = m.one_hot.is_some();
                    self.way.iter().all(|(way, at)| (!any && *way != w % ways) || first + t >= at + rest)
                });
            if rests && self.free(&v, &steps) {
                for (t, w) in &loads {
                    if m.one_hot.is_some() {
                        (0..ways).for_each(|way| _ = self.way.insert(way, first + t));
                    } else if !m.w_sram {
                        self.way.insert(w % ways, first + t);
                    }
                }
                self.mark(&v, &steps);
                self.array += m.nest.steps();
                self.matmul_free = first + m.nest.span() + u64::from(self.config.weight_beats);
                self.vector_free = steps.last() + u64::from(self.config.vec_beats());
                self.issue(Instruction::Matmul(m), first);
                return steps;
            }
            first += 1;
        }
    }

    /// A product over positions whose sums come behind a WAIT of `each` for each unit of LENC. S[dst ..] are first made the
    /// reciprocals of S[sums ..], which are written in `summed`; sum n of the product is taken with S[dst + n / share].
    pub fn product_across_wait(
        &mut self,
        m: Matmul,
        v: Vector,
        x_ready: u64,
        each: u64,
        (sums, count, summed, share): (u32, usize, u64, usize),
    ) -> Steps {
        let lead = u64::from(self.lat.w_lead);
        let to_take = lead + u64::from(self.lat.post_take);
        let (vector_words, matmul_words) = (Instruction::Vector(v.clone()).words(), Instruction::Matmul(m.clone()).words());
        let ends: Vec<u64> =
            m.nest.iter().filter(|s| u32::from(s.at_last) & m.reduce == m.reduce).map(|s| s.time + to_take).collect();
        let mut first = self.matmul_free.max(x_ready.saturating_sub(lead));
        loop {
            let mut t = self.clone();
            first = t.room(matmul_words, first);
            t.issue(Instruction::Matmul(m.clone()), first);
            t.wait(each);
            let written = t.scalar(ScalarOp::Recip, sums, Second::None, sums, count, summed);
            let armed = t.room(vector_words, t.vector_free);
            let steps = Steps { at: ends.iter().map(|e| first + e).collect() };
            let inverse = |n: usize| written - (count - 1 - n / share) as u64;
            let ready = steps.at.iter().enumerate().all(|(n, &p)| p >= t.after_s(inverse(n)));
            if ready && armed <= steps.first() && t.free(&v, &steps) {
                t.issue(Instruction::Vector(v.clone()), armed);
                t.mark(&v, &steps);
                t.array += m.nest.steps();
                t.matmul_free = first + m.nest.span() + u64::from(t.config.weight_beats);
                t.vector_free = steps.last() + u64::from(t.config.vec_beats());
                *self = t;
                return steps;
            }
            first += 1;
        }
    }

    /// A SCALAR on `count` numbers behind each other; operands are in S since `ready`. The cycle of the last write.
    pub fn scalar(&mut self, op: ScalarOp, a: u32, b: Second, dst: u32, count: usize, ready: u64) -> u64 {
        let imm = if let Second::Constant(c) = b { Some(F24::from_f64(c)) } else { None };
        let register = if let Second::S(r) | Second::Fixed(r) = b { r } else { 0 };
        let s = Scalar {
            op,
            a_base: a,
            b_base: register,
            dst_base: dst,
            imm,
            nest: nest(&[lp(count, 0, [1, 1, i64::from(matches!(b, Second::S(_))), 0, 0])]),
        };
        let latency = u64::from(match op {
            ScalarOp::Mul | ScalarOp::Max => self.lat.scalar_mul,
            ScalarOp::Add => self.lat.scalar_add,
            ScalarOp::Recip | ScalarOp::Rsqrt => self.lat.scalar_recip,
        });
        let words = Instruction::Scalar(s.clone()).words();
        let mut first = (ready + u64::from(self.lat.write_to_read)).saturating_sub(u64::from(self.lat.scalar_read));
        loop {
            first = self.room(words, first);
            let steps = first..first + count as u64;
            let clear = |p: u64| !self.scalar_steps.contains(&p) && !self.s_writes.contains(&(p + latency));
            if steps.clone().all(clear) {
                self.scalar_steps.extend(steps.clone());
                self.s_writes.extend(steps.map(|p| p + latency));
                self.issue(Instruction::Scalar(s), first);
                let written = first + count as u64 - 1 + latency;
                self.end = self.end.max(written);
                return written;
            }
            first += 1;
        }
    }

    /// Rows behind this come `each` cycles later for each unit of LENC.
    pub fn wait(&mut self, each: u64) {
        let spacing = u64::from(self.lat.row_spacing);
        let cycle = self.issued.last_key_value().map_or(0, |(&c, &w)| c + u64::from(w.max(self.lat.row_spacing)));
        self.issued.insert(cycle, 0);
        self.rows.push(Row { cycle, instruction: Instruction::Wait(Wait { each: each as u32 }) });
        self.barrier = cycle + spacing;
    }

    /// The rows in order, the cycle behind the last effect, and the step from which the array is free.
    pub fn rows(mut self) -> (Vec<Row>, u64, u64) {
        self.rows.sort_by_key(|r| r.cycle);
        (self.rows, self.end + 1, self.matmul_free)
    }

    /// The rows in order, with END behind the last effect; and by cycle what each is for.
    pub fn finish(mut self) -> (Vec<Row>, BTreeMap<u64, usize>) {
        self.rows.sort_by_key(|r| r.cycle);
        let last = self.rows.last().map_or(0, |r| r.cycle + u64::from(r.instruction.words().max(self.lat.row_spacing)));
        let cycle = self.room(0, last + u64::from(self.lat.issue)) - u64::from(self.lat.issue);
        let cycle = cycle.max(self.out_end).max(self.end + 1);
        self.rows.push(Row { cycle, instruction: Instruction::End });
        (self.rows, self.parts)
    }
}
