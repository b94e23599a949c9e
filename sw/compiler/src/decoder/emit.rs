// SPDX-License-Identifier: Apache-2.0
//! The rows of a program for `rows` tokens at once, in the order of language-models.md: embedding, layers, logits.
//!
//! All rows of a chunk share an instruction: its loop over rows is inside that over output words where sums are drained, and
//! outside where V is walked. Attention goes row by row (`attention.rs`).

use super::lay::{Laid, Lay, Layer, Table};
use super::shape::{Places, Shape};
use crate::timeline::{Second, Steps, Timeline, drain, lp, nest, pass, walk};
use std::collections::BTreeMap;
use systole_isa::program::{Add, Function, MaxOf, Mul1, Mul2, Mul3, OneHot, Register, ScalarOp, SumOf, VectorDest};
use systole_isa::{Config, Matmul, Vector};
use systole_llm::Quantised;

/// A single number of S, one for each row of the chunk.
#[derive(Clone, Copy)]
pub(super) enum S {
    /// The largest magnitude of what comes next to become codes; behind a norm's codes the sum of squares, and their mean.
    Largest,
    /// What makes codes of numbers: 127 / largest.
    Code,
    /// What makes numbers of codes.
    Back,
    /// The norm's scale, which sums of its codes are times.
    Norm,
}

pub(super) struct Emitter<'a> {
    pub model: &'a Quantised,
    pub s: &'a Shape,
    pub p: Places,
    pub l: &'a Lay,
    pub t: Timeline<'a>,
    pub config: &'a Config,
    /// Rows of the chunk.
    pub rows: usize,
    /// First row that is worked on: 0, but behind the last layer's keys and values, for only the last row has logits.
    pub first: usize,
    /// Cycles from a step of a pass over positions to the next: weight loads and words of the vector unit.
    pub beat: u64,
    /// Steps of the array over positions, for each tile of them.
    pub attention: u64,
}

/// When codes may be read in X, by word.
pub(super) type Written = BTreeMap<i64, u64>;

impl<'a> Emitter<'a> {
    pub fn new(model: &'a Quantised, s: &'a Shape, p: Places, l: &'a Lay, config: &'a Config, rows: usize) -> Emitter<'a> {
        let beat = u64::from(config.weight_beats.max(config.vec_beats()));
        Emitter { model, s, p, l, t: Timeline::new(config), config, rows, first: 0, beat, attention: 0 }
    }

    /// The register of S that `what` of the first row is in; that of the r-th behind it is r further on.
    pub fn reg(&self, what: S) -> u32 {
        what as u32 * self.rows as u32 + self.first as u32
    }

    /// Rows that are worked on.
    pub fn count(&self) -> usize {
        self.rows - self.first
    }

    /// What `work` gives, which is done on the rows from `first` on only.
    pub fn from<T>(&mut self, first: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.first, first);
        let done = work(self);
        self.first = before;
        done
    }

    /// Where the first row's words lie, of rows of `words` words from `place` on.
    pub fn at(&self, place: usize, words: usize) -> usize {
        place + self.first * words
    }

    /// Registers of S behind those: for the maxima and sums of a row's heads, as many sets of them as there is room for, two at
    /// most.
    pub fn sets(&self) -> usize {
        ((64 - 4 * self.rows) / self.s.slots).min(super::shape::buffers(self.rows))
    }

    /// The least distance of sums that the vector unit takes.
    pub fn least(&self) -> u64 {
        u64::from(self.config.vec_beats())
    }

    /// Sums of a product of all rows: loops over rows and `n` words, with what a row and a word add to the addresses. A maximum
    /// is taken over the words of each row.
    pub fn sums(&self, v: Vector, row: [i64; 5], n: usize, word: [i64; 5]) -> Vector {
        let over = v.max != MaxOf::Off;
        walk(v, &[(lp(self.count(), 0, row), false), (lp(n, 0, word), over)])
    }

    /// A walk over V: `n` words of each row, with what a word and a row add to the addresses. Reductions run over a row's words.
    pub fn words(&self, v: Vector, n: usize, word: [i64; 5], row: [i64; 5]) -> Vector {
        let (gap, over) = (self.least() - 1, v.max != MaxOf::Off || v.sum != SumOf::Off);
        walk(v, &[(lp(n, gap, word), over), (lp(self.count(), gap, row), false)])
    }

    /// A SCALAR for each row.
    pub fn scalar(&mut self, op: ScalarOp, a: S, b: Second<S>, dst: S, ready: u64) -> u64 {
        let b = match b {
            Second::S(b) => Second::S(self.reg(b)),
            Second::Fixed(b) => Second::Fixed(self.reg(b)),
            Second::Constant(c) => Second::Constant(c),
            Second::None => Second::None,
        };
        self.t.scalar(op, self.reg(a), b, self.reg(dst), self.count(), ready)
    }

    /// When codes that steps of `v` write may be read.
    pub fn written(&self, v: &Vector, steps: &Steps) -> Written {
        let at = |offset: i32| i64::from(v.dst_base) + i64::from(offset);
        v.nest.iter().zip(&steps.at).map(|(s, &p)| (at(s.offset[0]), self.t.code_written(v, p) + 1)).collect()
    }

    /// When the first word of X may be read by `m`, so that each is there when its turn comes.
    pub fn reads(&self, m: &Matmul, written: &Written) -> u64 {
        let at = |offset: i32| i64::from(m.x_base) + i64::from(offset);
        let ready = m.nest.iter().map(|s| written.get(&at(s.offset[0])).map_or(0, |w| w.saturating_sub(s.time)));
        ready.max().unwrap_or(0)
    }

    /// A product of all rows of codes, `k` words each, and what takes its sums.
    #[allow(clippy::too_many_arguments)]
    pub fn product(&mut self, x: usize, k: usize, n: usize, w: usize, v: Vector, codes: &Written, earliest: u64) -> Steps {
        let m = self.t.matmul(self.at(x, k), self.count(), k, n, w, self.least());
        let ready = self.reads(&m, codes);
        self.t.product(m, v, ready, earliest)
    }

    pub fn all(&mut self) {
        let mut x = self.embed();
        for layer in 0..self.l.layers.len() {
            let laid = self.l.layers[layer];
            self.t.part = 1 + 2 * layer;
            x = self.attention(layer, &laid, x);
            self.t.part += 1;
            x = self.hidden(&laid, x);
        }
        self.t.part += 1;
        self.logits(x);
    }

    /// Names of what rows are for, as [`Emitter::all`] counts them.
    pub fn parts(&self) -> Vec<String> {
        let of = |n: usize| [format!("layer {n}, attention"), format!("layer {n}, feed-forward")];
        let layers = (1..=self.l.layers.len()).flat_map(of);
        ["embedding".to_string()].into_iter().chain(layers).chain(["logits".to_string()]).collect()
    }

    /// Rows of a table, chosen by the register of each row of the chunk.
    fn picked(&self, register: Register, row: usize, table: &Table, n: usize) -> Matmul {
        Matmul {
            w_base: table.base as u32,
            first: true,
            last: true,
            one_hot: Some(OneHot { register, row: row as u8, value: 1 }),
            nest: nest(&[lp(n, self.beat - 1, [0, table.stride as i64, 0, 0, 0])]),
            ..Matmul::default()
        }
    }

    /// The tokens' rows of the table, and the positions' rotations. When the largest magnitudes of x are in S.
    fn embed(&mut self) -> u64 {
        let (d, ew) = (self.s.d, self.s.ew);
        let mut largest = 0;
        for row in 0..self.rows {
            let table = self.l.embedding;
            let v = Vector {
                mul1: Mul1::Scale,
                param_base: table.scales,
                dst_base: (self.p.x + row * d) as u32,
                dest: VectorDest::V,
                max: MaxOf::MaxAbs,
                red_base: self.reg(S::Largest) + row as u32,
                ..drain()
            };
            let v = walk(v, &[(lp(d, 0, [1, 1, 0, 0, 0]), true)]);
            let x = self.t.product(self.picked(Register::Tok, row, &table, d), v, 0, 0);
            largest = self.t.max_written(x.last());
        }
        // cos and sin of each word, the high codes and then the low ones.
        for row in 0..self.rows {
            let mut done = 0;
            for (low, table) in self.l.rotations.into_iter().enumerate() {
                let at = (self.p.rotations + row * 2 * ew) as u32;
                let v = Vector {
                    mul1: Mul1::Scale,
                    add: if low == 1 { Add::C } else { Add::Zero },
                    param_base: table.scales,
                    c_base: at,
                    dst_base: at,
                    dest: VectorDest::V,
                    ..drain()
                };
                let v = walk(v, &[(lp(2 * ew, 0, [1, 0, 0, 1, 0]), false)]);
                let m = self.picked(Register::Pos, row, &table, 2 * ew);
                let steps = self.t.product(m, v.clone(), 0, self.t.after_v(done));
                done = self.t.v_written(&v, steps.last());
            }
        }
        largest
    }

    /// Codes of x, at most 127, and each token's scale. `largest`: when the largest magnitudes of x are in S. Gives when the codes
    /// may be read, and when the scales are in S.
    pub fn norm(&mut self, largest: u64) -> (Written, u64) {
        let d = self.s.d;
        let inverse = self.scalar(ScalarOp::Recip, S::Largest, Second::None, S::Code, largest);
        let ready = self.scalar(ScalarOp::Mul, S::Code, Second::Constant(127.0), S::Code, inverse);
        let inv = self.scalar(ScalarOp::Mul, S::Largest, Second::Constant(1.0 / 127.0), S::Back, largest);
        let v = Vector {
            a_base: self.at(self.p.x, d) as u32,
            mul2: Mul2::Scalar,
            s_base: self.reg(S::Code),
            dst_base: self.at(self.p.codes, d) as u32,
            dest: VectorDest::X,
            sum: SumOf::TSquared,
            red_base: self.reg(S::Largest),
            ..pass()
        };
        let v = self.words(v, d, [1, 0, 1, 0, 0], [d as i64, 0, d as i64, 0, 1]);
        // The sum of squares takes the place of the largest magnitude, which must have been read.
        let earliest = self.t.after_s(ready).max((inv + 1).saturating_sub(u64::from(self.t.lat.vec_sum)));
        let steps = self.t.stream(v.clone(), earliest);
        let width = self.model.sizes.dim as f64;
        let k1 = self.scalar(ScalarOp::Mul, S::Back, Second::S(S::Back), S::Norm, inv);
        let k2 = self.scalar(ScalarOp::Mul, S::Norm, Second::Constant(1.0 / (256.0 * width)), S::Norm, k1);
        let sum = self.t.sum_written(&v, steps.last());
        let ms = self.scalar(ScalarOp::Mul, S::Largest, Second::S(S::Norm), S::Largest, sum.max(k2));
        let ms = self.scalar(ScalarOp::Add, S::Largest, Second::Constant(self.model.eps.to_f64()), S::Largest, ms);
        let r = self.scalar(ScalarOp::Rsqrt, S::Largest, Second::None, S::Norm, ms);
        let a = self.scalar(ScalarOp::Mul, S::Back, Second::S(S::Norm), S::Norm, r.max(inv));
        (self.written(&v, &steps), a)
    }

    /// What makes codes of numbers whose largest magnitudes are in S since `largest`, and what makes numbers of the codes. When
    /// each is in S.
    pub fn scales(&mut self, largest: u64, back: f64) -> (u64, u64) {
        let code = self.scalar(ScalarOp::Recip, S::Largest, Second::None, S::Code, largest);
        let code = self.scalar(ScalarOp::Mul, S::Code, Second::Constant(127.0), S::Code, code);
        let number = self.scalar(ScalarOp::Mul, S::Largest, Second::Constant(back), S::Back, largest);
        (code, number)
    }

    /// Codes of `n` words of V of each row, times its scale; of all lanes, or those that parameter words from `chosen` on say.
    pub fn codes(&mut self, from: usize, n: usize, to: usize, earliest: u64, chosen: Option<u32>) -> Written {
        let v = Vector {
            a_base: self.at(from, n) as u32,
            mul1: if chosen.is_some() { Mul1::Scale } else { Mul1::One },
            param_base: chosen.unwrap_or(0),
            mul2: Mul2::Scalar,
            s_base: self.reg(S::Code),
            dst_base: self.at(to, n) as u32,
            dest: VectorDest::X,
            ..pass()
        };
        let v = self.words(v, n, [1, i64::from(chosen.is_some()), 1, 0, 0], [n as i64, 0, n as i64, 0, 1]);
        let steps = self.t.stream(v.clone(), earliest);
        self.written(&v, &steps)
    }

    /// A product that is added to the residual stream, times the scale `Back`, in S since `ready`; when the largest magnitudes
    /// are in S.
    pub fn onto_stream(&mut self, x: usize, k: usize, w: Laid, codes: &Written, ready: u64) -> u64 {
        let d = self.s.d;
        let v = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            add: Add::C,
            param_base: w.scales,
            s_base: self.reg(S::Back),
            c_base: self.at(self.p.x, d) as u32,
            dst_base: self.at(self.p.x, d) as u32,
            dest: VectorDest::V,
            max: MaxOf::MaxAbs,
            red_base: self.reg(S::Largest),
            ..drain()
        };
        let v = self.sums(v, [d as i64, 0, 0, d as i64, 1], d, [1, 1, 0, 1, 0]);
        let steps = self.product(x, k, d, w.base, v, codes, self.t.after_s(ready));
        self.t.max_written(steps.last())
    }

    fn hidden(&mut self, l: &Layer, largest: u64) -> u64 {
        let (d, h) = (self.s.d, self.s.h);
        let (codes, a) = self.norm(largest);
        let gate = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            param_base: l.w1.scales,
            s_base: self.reg(S::Norm),
            function: Some(Function::Sigmoid),
            mul3: Mul3::S,
            dst_base: self.at(self.p.g, h) as u32,
            dest: VectorDest::V,
            ..drain()
        };
        let gate = self.sums(gate, [h as i64, 0, 0, 0, 1], h, [1, 1, 0, 0, 0]);
        let g = self.product(self.p.codes, d, h, l.w1.base, gate.clone(), &codes, self.t.after_s(a));
        let up = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::C,
            param_base: l.w3.scales,
            c_base: self.at(self.p.g, h) as u32,
            dst_base: self.at(self.p.u, h) as u32,
            dest: VectorDest::V,
            max: MaxOf::MaxAbs,
            red_base: self.reg(S::Largest),
            ..drain()
        };
        let up = self.sums(up, [h as i64, 0, 0, h as i64, 1], h, [1, 1, 0, 1, 0]);
        // The same steps as the gate's: each finds its word of it.
        let ready = |&p: &u64| self.t.after_v(self.t.v_written(&gate, p)).saturating_sub(p - g.first());
        let gates = g.at.iter().map(ready).max().unwrap_or(0);
        let u = self.product(self.p.codes, d, h, l.w3.base, up.clone(), &Written::new(), gates);
        let mh = self.t.max_written(u.last());
        let (code, back) = self.scales(mh, 1.0 / 127.0);
        let back = self.scalar(ScalarOp::Mul, S::Back, Second::S(S::Norm), S::Back, back);
        let ready = self.t.after_s(code).max(self.t.after_v(self.t.v_written(&up, u.last())));
        let codes = self.codes(self.p.u, h, self.p.u_codes, ready, None);
        self.onto_stream(self.p.u_codes, h, l.w2, &codes, back)
    }

    /// Those of the last row.
    fn logits(&mut self, largest: u64) {
        let (d, vocab) = (self.s.d, self.s.vocab);
        let (codes, a) = self.norm(largest);
        let v = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            param_base: self.l.classifier.scales,
            s_base: self.reg(S::Norm),
            dest: VectorDest::OutFloat,
            max: MaxOf::ArgMax,
            red_base: self.reg(S::Code),
            ..drain()
        };
        let v = walk(v, &[(lp(vocab, 0, [4, 1, 0, 0, 0]), true)]);
        let m = self.t.matmul(self.at(self.p.codes, d), 1, d, vocab, self.l.classifier.base, self.least().max(4));
        let ready = self.reads(&m, &codes);
        self.t.product(m, v, ready, self.t.after_s(a));
    }
}
