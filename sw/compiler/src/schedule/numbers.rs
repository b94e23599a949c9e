// SPDX-License-Identifier: Apache-2.0
//! A stage of the vector unit on top of what is placed: it begins behind everything before, and what comes behind it reads its
//! results as they are there.
//!
//! Pixels go in chunks of so many as S has registers for. A chunk passes three times: its codes come in by the array and their
//! maxima or sums are taken; numbers are made of them, and sums taken; numbers become codes. While scalars of one chunk are
//! computed, the passes of its neighbours go on.

use super::{Log, PlacedNumbers, Scheduler, State};
use crate::stage::{Function, Numbers, Stage, Under};
use crate::timeline::{Second, Steps, Timeline, drain, lp, nest, pass, walk};
use std::rc::Rc;
use systole_isa::program::{Add, Function as Table, MaxOf, Mul1, Mul2, PostDest, ScalarOp, SumOf, VectorDest};
use systole_isa::{Matmul, Row, Vector};

/// Registers of S for a chunk: of its maxima or means, and of its sums; and as many for the next.
const CHUNK: usize = 16;
/// 1.5 * 2^15: a number below 2^14 that this is added to and taken from is rounded to a whole one.
const WHOLE: f64 = 49152.0;
/// Keeps exp2 below 252.7, which t still has.
const HEADROOM: f64 = -7.98;

/// Pixels that pass together, and their places.
struct Chunk {
    first: usize,
    count: usize,
    /// First word in V.
    v: usize,
    /// First registers of S.
    of_codes: u32,
    of_numbers: u32,
}

/// A stage as instructions from cycle 0 on.
struct Passes<'a> {
    t: Timeline<'a>,
    numbers: Numbers,
    words: usize,
    /// Cycles from a step to the next.
    beat: u64,
    x: usize,
    /// First word of what stands under the root, where a tensor has it.
    root: usize,
    /// First word of the results, and the codes they are.
    out: Vector,
    /// When each word of the results is written.
    written: Vec<u64>,
}

impl Scheduler<'_> {
    pub(super) fn numbers_stage(&self, state: &mut State, index: usize, numbers: &Numbers, log: Option<&mut Log>) {
        let stage = &self.staged.stages[index];
        let mut p = self.passes(stage, numbers);
        p.all(stage.pixels());
        let Passes { t, written, words, .. } = p;
        let (rows, end, array) = t.rows();
        let see = u64::from(self.lat.write_to_read);
        // All that is placed has read and written.
        let loaded = state.loads.iter().map(|l| l.to + 1).max().unwrap_or(0);
        let clear = [state.next_write, state.next_flat, state.next_post, state.rested, state.free, state.lane_free, loaded];
        let clear = clear.into_iter().max().unwrap_or(0) + see;
        // The first row's step is what must wait.
        let lead = rows.iter().map(|r| r.cycle + u64::from(r.instruction.words() + self.lat.issue)).min().unwrap_or(0);
        let base = state.rows.end().max(clear.saturating_sub(lead));
        for row in &rows {
            let placed = state.rows.place_at(base + row.cycle, u64::from(row.instruction.words()), state.tags);
            debug_assert!(placed, "nothing lies behind");
            state.tags += 1;
        }
        let array = base + array + u64::from(self.lat.w_lead);
        if let Some(log) = log {
            let rows = rows.into_iter().map(|r| Row { cycle: base + r.cycle, ..r }).collect();
            let start = clear.max(base);
            log.numbers.push(PlacedNumbers { stage: index, start, busy: (base + end).saturating_sub(start), rows });
        }
        state.free = state.free.max(array);
        state.rested = state.rested.max(array + u64::from(self.config.rram_ways));
        state.lane_free = state.lane_free.max(base + end);
        for at in [&mut state.next_end, &mut state.next_write, &mut state.next_result, &mut state.next_flat, &mut state.next_post]
        {
            *at = (*at).max(base + end);
        }
        if let Some(output) = stage.output {
            let line = self.staged.tensors[output].line;
            let ready = Rc::make_mut(&mut state.ready[output]);
            for (at, &time) in written.iter().enumerate() {
                let (pixel, word) = (at / words, at % words);
                for (word, slope) in ready[pixel / line * words + word].iter_mut().zip(self.slopes()) {
                    *word = (*word).max((base + time + see).saturating_sub(slope * (pixel % line) as u64));
                }
            }
        }
    }

    fn passes(&self, stage: &Stage, numbers: &Numbers) -> Passes<'_> {
        let region = |t: Option<usize>| t.map_or(0, |t| self.placement.regions[t].base);
        let words = stage.n_tiles / self.groups();
        let out = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            dest: if stage.post.dest == PostDest::Out { VectorDest::Out } else { VectorDest::X },
            dst_base: region(stage.output) as u32,
            zero_point: stage.post.zero_point,
            lo: stage.post.lo,
            hi: stage.post.hi,
            ..pass()
        };
        Passes {
            t: Timeline::new(self.config),
            numbers: *numbers,
            words,
            beat: u64::from(self.config.vec_beats()),
            x: region(stage.input),
            root: region(stage.operand),
            out,
            written: vec![0; stage.pixels() * words],
        }
    }
}

impl Passes<'_> {
    fn all(&mut self, pixels: usize) {
        let depth = self.t.v_depth() / (3 * self.words);
        let each = CHUNK.min(depth).max(1);
        let chunks: Vec<Chunk> = (0..pixels.div_ceil(each))
            .map(|n| Chunk {
                first: n * each,
                count: each.min(pixels - n * each),
                v: n % 3 * each * self.words,
                of_codes: (n % 2 * CHUNK) as u32,
                of_numbers: (2 * CHUNK + n % 2 * CHUNK) as u32,
            })
            .collect();
        let mut codes = chunks.iter().map(|_| 0).collect::<Vec<u64>>();
        let mut sums = codes.clone();
        // Three passes, each a chunk behind the one before.
        for n in 0..chunks.len() + 2 {
            if let Some(chunk) = chunks.get(n) {
                codes[n] = self.codes(chunk);
            }
            if let Some(chunk) = n.checked_sub(1).and_then(|n| chunks.get(n)) {
                sums[n - 1] = self.make(chunk, codes[n - 1]);
            }
            if let Some(chunk) = n.checked_sub(2).and_then(|n| chunks.get(n)) {
                self.results(chunk, sums[n - 2]);
            }
        }
    }

    /// A walk over a chunk's words: what a word and a pixel add to the addresses; reductions run over a pixel's words.
    fn walk(&self, v: Vector, chunk: &Chunk, word: [i64; 5], pixel: [i64; 5], gap: u64) -> Vector {
        let reduces = v.max != MaxOf::Off || v.sum != SumOf::Off;
        walk(v, &[(lp(self.words, gap, word), reduces), (lp(chunk.count, gap, pixel), false)])
    }

    /// When the first of a chunk's numbers in S must be there so that all are when their turn comes: `last` is when the last one is.
    fn first_of(chunk: &Chunk, last: u64) -> u64 {
        last.saturating_sub(chunk.count as u64 - 1)
    }

    /// SCALAR in place, a step a pixel.
    fn scalar(&mut self, op: ScalarOp, register: u32, b: Second, chunk: &Chunk, last: u64) -> u64 {
        self.t.scalar(op, register, b, register, chunk.count, Self::first_of(chunk, last))
    }

    /// Codes become numbers in V, with their maxima or means in S. When the last of these, or the last number, may be read.
    fn codes(&mut self, chunk: &Chunk) -> u64 {
        let (words, beat) = (self.words, self.beat);
        let m = Matmul {
            x_base: (self.x + chunk.first * words) as u32,
            hold: 1,
            first: true,
            last: true,
            nest: nest(&[lp(chunk.count * words, beat - 1, [1, 0, 0, 0, 0])]),
            ..Matmul::default()
        };
        let base = Vector {
            mul1: Mul1::Scale,
            param_base: self.numbers.first,
            dst_base: chunk.v as u32,
            dest: VectorDest::V,
            red_base: chunk.of_codes,
            ..drain()
        };
        let w = words as i64;
        let v = match self.numbers.function {
            Function::Softmax { .. } => Vector { max: MaxOf::Max, ..base },
            Function::Norm { centered, .. } => {
                Vector { add: Add::Bias, sum: if centered { SumOf::T } else { SumOf::Off }, ..base }
            }
        };
        let v = self.walk(v, chunk, [1, 1, 0, 0, 0], [w, 0, 0, 0, 1], 0);
        let steps = self.t.product(m, v.clone(), 0, 0);
        match self.numbers.function {
            Function::Softmax { .. } => {
                let maxima = self.t.max_written(steps.last());
                let scaled = self.scalar(ScalarOp::Add, chunk.of_codes, Second::Constant(HEADROOM), chunk, maxima);
                self.t.after_s(Self::first_of(chunk, scaled)).max(self.behind(&v, &steps))
            }
            Function::Norm { centered: true, .. } => {
                let sums = self.t.sum_written(&v, steps.last());
                let mean = Second::Constant(1.0 / (16.0 * self.numbers.channels as f64));
                let means = self.scalar(ScalarOp::Mul, chunk.of_codes, mean, chunk, sums);
                self.t.after_s(Self::first_of(chunk, means)).max(self.behind(&v, &steps))
            }
            Function::Norm { .. } => self.behind(&v, &steps),
        }
    }

    /// The first step of a walk over what steps of `v` write to V in the same order.
    fn behind(&self, v: &Vector, steps: &Steps) -> u64 {
        let n = steps.at.len() as u64 - 1;
        self.t
            .after_v(self.t.v_written(v, steps.last()))
            .saturating_sub(n * self.beat)
            .max(self.t.after_v(self.t.v_written(v, steps.first())))
    }

    /// Numbers of a chunk: exponentials, or distances from the mean. When the first result may be made.
    fn make(&mut self, chunk: &Chunk, ready: u64) -> u64 {
        let base = Vector {
            a_base: chunk.v as u32,
            mul1: Mul1::Scale,
            param_base: self.numbers.mask,
            s_base: chunk.of_codes,
            dst_base: chunk.v as u32,
            dest: VectorDest::V,
            red_base: chunk.of_numbers,
            ..pass()
        };
        let v = match self.numbers.function {
            Function::Softmax { .. } => Vector { add: Add::MinusScalar, function: Some(Table::Exp2), sum: SumOf::T, ..base },
            Function::Norm { centered, under, .. } => {
                let add = if centered { Add::MinusScalar } else { Add::Zero };
                let sum = if matches!(under, Under::Operand { .. }) { SumOf::Off } else { SumOf::TSquared };
                Vector { add, sum, ..base }
            }
        };
        let w = self.words as i64;
        let v = self.walk(v, chunk, [1, 1, 1, 0, 0], [w, 0, w, 0, 1], self.beat - 1);
        let steps = self.t.stream(v.clone(), ready);
        let s = chunk.of_numbers;
        let mut at = match self.numbers.function {
            Function::Norm { under: Under::Operand { first, .. }, .. } => self.roots(chunk, first),
            _ => self.t.sum_written(&v, steps.last()),
        };
        match self.numbers.function {
            Function::Softmax { levels } => {
                at = self.scalar(ScalarOp::Recip, s, Second::None, chunk, at);
                at = self.scalar(ScalarOp::Mul, s, Second::Constant(16.0 * levels), chunk, at);
            }
            Function::Norm { scale, under, .. } => {
                let squares = scale * scale / (256.0 * self.numbers.channels as f64);
                match under {
                    Under::Epsilon(epsilon) => {
                        at = self.scalar(ScalarOp::Mul, s, Second::Constant(squares), chunk, at);
                        at = self.scalar(ScalarOp::Add, s, Second::Constant(epsilon), chunk, at);
                    }
                    Under::Codes { scale, most, each } => {
                        at = self.scalar(ScalarOp::Mul, s, Second::Constant(squares / scale), chunk, at);
                        at = self.scalar(ScalarOp::Add, s, Second::Constant(WHOLE), chunk, at);
                        at = self.scalar(ScalarOp::Add, s, Second::Constant(-WHOLE), chunk, at);
                        at = self.scalar(ScalarOp::Mul, s, Second::Constant(-1.0), chunk, at);
                        at = self.scalar(ScalarOp::Max, s, Second::Constant(-most), chunk, at);
                        at = self.scalar(ScalarOp::Mul, s, Second::Constant(-each), chunk, at);
                    }
                    Under::Operand { scale, signed, epsilon, .. } => {
                        at = self.scalar(ScalarOp::Mul, s, Second::Constant(scale / 16.0), chunk, at);
                        if signed {
                            at = self.scalar(ScalarOp::Max, s, Second::Constant(0.0), chunk, at);
                        }
                        if epsilon != 0.0 {
                            at = self.scalar(ScalarOp::Add, s, Second::Constant(epsilon), chunk, at);
                        }
                    }
                }
                at = self.scalar(ScalarOp::Rsqrt, s, Second::None, chunk, at);
            }
        }
        self.t.after_s(Self::first_of(chunk, at)).max(self.behind(&v, &steps))
    }

    /// What stands under the roots of a chunk comes in by the array, a word a pixel, as sums of one number. When the last is there.
    fn roots(&mut self, chunk: &Chunk, first: u32) -> u64 {
        let m = Matmul {
            x_base: (self.root + chunk.first) as u32,
            hold: 1,
            first: true,
            last: true,
            nest: nest(&[lp(chunk.count, self.beat - 1, [1, 0, 0, 0, 0])]),
            ..Matmul::default()
        };
        let v =
            Vector { mul1: Mul1::Scale, add: Add::Bias, sum: SumOf::T, param_base: first, red_base: chunk.of_numbers, ..drain() };
        let v = walk(v, &[(lp(1, 0, [0; 5]), true), (lp(chunk.count, 0, [0, 0, 0, 0, 1]), false)]);
        let steps = self.t.product(m, v.clone(), 0, 0);
        self.t.sum_written(&v, steps.last())
    }

    /// Codes of a chunk's numbers.
    fn results(&mut self, chunk: &Chunk, ready: u64) {
        let base = Vector {
            a_base: chunk.v as u32,
            s_base: chunk.of_numbers,
            dst_base: self.out.dst_base + (chunk.first * self.words) as u32,
            ..self.out.clone()
        };
        let v = match self.numbers.function {
            Function::Softmax { .. } => Vector { param_base: self.numbers.mask, ..base },
            Function::Norm { gain, .. } => Vector { param_base: gain, add: Add::Bias, ..base },
        };
        let w = self.words as i64;
        let v = self.walk(v, chunk, [1, 1, 1, 0, 0], [w, 0, w, 0, 1], self.beat - 1);
        let steps = self.t.stream(v.clone(), ready);
        for (n, &step) in steps.at.iter().enumerate() {
            self.written[chunk.first * self.words + n] = self.t.code_written(&v, step);
        }
    }
}
