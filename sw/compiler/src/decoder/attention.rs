// SPDX-License-Identifier: Apache-2.0
//! Attention: keys, queries and values of all rows of a chunk, then row by row over the positions before each.

use super::emit::{Emitter, S, Written};
use super::lay::Layer;
use super::shape::buffers;
use crate::timeline::{self, Second, Steps, drain, long, lp, nest_of, walk};
use systole_isa::program::{Add, Function, MaxOf, Mul1, Mul2, ScalarOp, SumOf, VectorDest};
use systole_isa::{Matmul, Nest, Vector};

/// What the rows of a layer's attention have in common.
struct Pass {
    /// Words of W SRAM at which K and V of the layer begin.
    k_cache: usize,
    v_cache: usize,
    /// When the codes of queries may be read.
    queries: Written,
    /// First reads of X for which keys, and values, are in W SRAM.
    keys: u64,
    values: u64,
    /// When what scores are times is in S.
    scale: u64,
}

/// Scores of a row, not yet probabilities.
struct Scores {
    v: Vector,
    steps: Steps,
}

/// A product of words of X from `x` on with a cache that begins at `w` in W SRAM; its loops are the caller's.
fn over_cache(x: u32, w: usize) -> Matmul {
    Matmul { x_base: x, w_base: w as u32, w_sram: true, first: true, last: true, ..Matmul::default() }
}

/// A nest that keeps loops of one iteration: bits of `reduce` and `hold` count them.
fn nest_all(loops: &[crate::timeline::Loops]) -> Nest {
    nest_of(loops, true)
}

impl Emitter<'_> {
    /// When the largest magnitudes of the residual stream behind it are in S.
    pub fn attention(&mut self, layer: usize, l: &Layer, largest: u64) -> u64 {
        let pass = self.positions(layer, l, largest);
        let mut o = (0, 0);
        let ahead = self.sets() - 1;
        let mut scores = std::collections::VecDeque::new();
        for row in self.first..self.rows {
            // Scores of the next row before the probabilities of this one: neither waits for the other.
            while row + scores.len() < (row + ahead + 1).min(self.rows) {
                let next = row + scores.len();
                let of = self.scores(&pass, next);
                scores.push_back(of);
            }
            let Some(of) = scores.pop_front() else { continue };
            o = self.values(&pass, row, &of);
        }
        // Back to the width, onto the residual stream.
        let (largest, written) = o;
        let (code, back) = self.scales(largest, 1.0 / 127.0);
        let ready = self.t.after_s(code).max(self.t.after_v(written));
        let codes = self.codes(self.p.o, self.s.q, self.p.o_codes, ready, self.l.chosen);
        self.onto_stream(self.p.o_codes, self.s.q, l.wo, &codes, back)
    }

    /// Keys and values into their caches; codes of the queries, each head by itself among zeros.
    fn positions(&mut self, layer: usize, l: &Layer, largest: u64) -> Pass {
        let (c, d) = (self.s.c, self.s.d);
        let (kv, q, ew, side, tiles) = (self.s.kv, self.s.q, self.s.ew, self.s.side, self.s.tiles);
        let gap = self.least() - 1;
        let (codes, a) = self.norm(largest);
        let after_a = self.t.after_s(a);
        // For each KV word its tiles of positions.
        let k_cache = 2 * layer * kv * tiles;
        let v_cache = k_cache + kv * tiles;

        let by_a = |e: &Self, param: u32| Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            s_base: e.reg(S::Norm),
            param_base: param,
            ..drain()
        };
        let to_v = |e: &Self, v: Vector, dst: usize, n: usize| {
            let v = Vector { dst_base: e.at(dst, n) as u32, dest: VectorDest::V, ..v };
            e.sums(v, [n as i64, 0, 0, 0, 1], n, [1, 1, 0, 0, 0])
        };
        let k = to_v(self, by_a(self, l.wk.scales), self.p.k, kv);
        let vv = Vector { dst_base: (v_cache * c) as u32, dest: VectorDest::WRow, append: true, ..by_a(self, l.wv.scales) };
        let vv = self.sums(vv, [1, 0, 0, 0, 1], kv, [(tiles * c) as i64, 1, 0, 0, 0]);
        let k_steps = self.product(self.p.codes, d, kv, l.wk.base, k.clone(), &codes, after_a);
        // Behind the last layer's keys and values only the last row is asked for.
        let asked = if layer + 1 == self.l.layers.len() { self.rows - 1 } else { 0 };
        let (qv, q_steps) = self.from(asked, |e| {
            let qv = to_v(e, by_a(e, l.wq.scales), e.p.q, q);
            let steps = e.product(e.p.codes, d, q, l.wq.base, qv.clone(), &Written::new(), after_a);
            (qv, steps)
        });
        let v_steps = self.product(self.p.codes, d, kv, l.wv.base, vv.clone(), &Written::new(), after_a);

        // Rotations: words of a head, heads, rows.
        let rotated = |e: &Self, from: usize, words: usize| Vector {
            a_base: e.at(from, words) as u32,
            mul1: Mul1::B,
            mul2: Mul2::Partner,
            add: Add::M1,
            b_base: e.at(e.p.rotations, 2 * ew) as u32,
            c_base: (e.at(e.p.rotations, 2 * ew) + ew) as u32,
            ..timeline::pass()
        };
        let turns = 2 * ew as i64;
        let queries = |e: &mut Self| {
            let rq = Vector {
                dst_base: e.at(e.p.q, q) as u32,
                dest: VectorDest::V,
                max: MaxOf::MaxAbs,
                red_base: e.reg(S::Largest),
                ..rotated(e, e.p.q, q)
            };
            let rq = walk(
                rq,
                &[
                    (lp(ew, gap, [1, 0, 1, 1, 0]), true),
                    (lp(q / ew, gap, [ew as i64, 0, ew as i64, 0, 0]), true),
                    (lp(e.count(), gap, [q as i64, 0, q as i64, turns, 1]), false),
                ],
            );
            let steps = e.t.stream(rq.clone(), e.t.after_v(e.t.v_written(&qv, q_steps.last())));
            (rq, steps)
        };
        let (rq, rq_steps) = self.from(asked, queries);
        let column = (tiles * c) as i64;
        let rk =
            Vector { dst_base: (k_cache * c) as u32, dest: VectorDest::WColumn, append: true, ..rotated(self, self.p.k, kv) };
        let rk = walk(
            rk,
            &[
                (lp(ew, gap, [column, 0, 1, 1, 0]), false),
                (lp(kv / ew, gap, [column * ew as i64, 0, ew as i64, 0, 0]), false),
                (lp(self.count(), gap, [1, 0, kv as i64, turns, 0]), false),
            ],
        );
        let rk_steps = self.t.stream(rk.clone(), self.t.after_v(self.t.v_written(&k, k_steps.last())));
        self.first = asked;

        let mq = self.t.max_written(rq_steps.last());
        let (code, back) = self.scales(mq, 1.0 / 127.0);
        let (masks, mask_stride) = self.l.masks;
        let qc = Vector {
            a_base: self.at(self.p.q, q) as u32,
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            s_base: self.reg(S::Code),
            param_base: masks,
            dst_base: self.at(self.p.q_codes, side * q) as u32,
            dest: VectorDest::X,
            ..timeline::pass()
        };
        let qc = walk(
            qc,
            &[
                (lp(side, gap, [1, 1, 0, 0, 0]), false),
                (lp(q, gap, [side as i64, mask_stride, 1, 0, 0]), false),
                (lp(self.count(), gap, [(side * q) as i64, 0, q as i64, 0, 1]), false),
            ],
        );
        let ready = self.t.after_s(code).max(self.t.after_v(self.t.v_written(&rq, rq_steps.last())));
        let qc_steps = self.t.stream(qc.clone(), ready);
        let head = self.model.sizes.head() as f64;
        let scale = Second::Constant(std::f64::consts::LOG2_E / head.sqrt());
        let scale = self.scalar(ScalarOp::Mul, S::Back, scale, S::Back, back);
        // In W SRAM: when the first row reads it, the word is there.
        let in_cache = |v: &Vector, steps: &Steps| {
            let (read, lead) = (u64::from(self.t.lat.w_sram_read), u64::from(self.t.lat.w_lead));
            (self.t.code_written(v, steps.last()) + 1).saturating_sub(read) + lead
        };
        Pass {
            k_cache,
            v_cache,
            queries: self.written(&qc, &qc_steps),
            keys: in_cache(&rk, &rk_steps),
            values: in_cache(&vv, &v_steps),
            scale,
        }
    }

    /// First register of S of the maxima, and behind them the sums, of a row's heads.
    fn set(&self, row: usize) -> u32 {
        (4 * self.rows + row % self.sets() * self.s.slots) as u32
    }

    /// Words that a row's scores, and probabilities, lie behind the first ones.
    fn buffer(&self, row: usize) -> usize {
        row % buffers(self.rows) * self.s.slots * self.s.tiles
    }

    /// Scores of all positions, and the largest of each head.
    fn scores(&mut self, pass: &Pass, row: usize) -> Scores {
        let (ew, slots) = (self.s.ew, self.s.slots);
        let groups = self.s.kv / ew;
        let step_gap = self.beat - 1;
        // Each step loads its weights, but for heads that share a narrow KV word.
        let (per_group, words) = (slots / groups, self.s.tiles as i64);
        let m = over_cache((self.p.q_codes + row * slots * ew) as u32, pass.k_cache);
        let m = if ew == 1 {
            Matmul {
                hold: 1,
                nest: nest_all(&[
                    lp(per_group, step_gap, [1, 0, 0, 0, 0]),
                    lp(groups, step_gap, [per_group as i64, words, 0, 0, 0]),
                    long(step_gap, [0, 1, 0, 0, 0]),
                ]),
                ..m
            }
        } else {
            Matmul {
                reduce: 1,
                nest: nest_all(&[
                    lp(ew, step_gap, [1, words, 0, 0, 0]),
                    lp(per_group, step_gap, [ew as i64, 0, 0, 0, 0]),
                    lp(groups, step_gap, [(per_group * ew) as i64, words * ew as i64, 0, 0, 0]),
                    long(step_gap, [0, 1, 0, 0, 0]),
                ]),
                ..m
            }
        };
        let v = Vector {
            mul2: Mul2::Scalar,
            s_base: self.reg(S::Back) + (row - self.first) as u32,
            s_fixed: true,
            dst_base: (self.p.scores + self.buffer(row)) as u32,
            dest: VectorDest::V,
            max: MaxOf::Max,
            red_base: self.set(row),
            reduce: 0b10,
            tail: true,
            tail_row: row as u8,
            nest: nest_all(&[lp(slots, 0, [1, 0, 0, 0, 1]), long(0, [slots as i64, 0, 0, 0, 0])]),
            ..drain()
        };
        let queries = self.reads(&m, &pass.queries);
        let steps = self.t.product(m, v.clone(), queries.max(pass.keys), self.t.after_s(pass.scale));
        self.t.wait((slots * ew) as u64 * self.beat);
        self.attention += (slots * ew) as u64;
        Scores { v, steps }
    }

    /// Probabilities as codes, and their product with the values. When the largest magnitude is in S, and the last word in V.
    fn values(&mut self, pass: &Pass, row: usize, scores: &Scores) -> (u64, u64) {
        let (q, ew, side, slots, beat) = (self.s.q, self.s.ew, self.s.side, self.s.slots, self.beat);
        let groups = self.s.kv / ew;
        let (per_group, words, step_gap) = (slots / groups, self.s.tiles as i64, beat - 1);
        let set = self.set(row);
        let pv = Vector {
            a_base: scores.v.dst_base,
            add: Add::MinusScalar,
            s_base: set,
            function: Some(Function::Exp2Code),
            lo: 0,
            dst_base: (self.p.p_codes + self.buffer(row)) as u32,
            dest: VectorDest::X,
            // A head's sum takes the place of its maximum, which its last step has read.
            sum: SumOf::Code,
            red_base: set,
            reduce: 0b10,
            nest: nest_all(&[lp(slots, step_gap, [1, 0, 1, 0, 1]), long(step_gap, [slots as i64, 0, slots as i64, 0, 0])]),
            ..timeline::pass()
        };
        let maxima = scores.steps.at.iter().enumerate();
        let maxima = maxima.map(|(n, &p)| self.t.after_s(self.t.max_written(p)).saturating_sub(n as u64 * beat)).max();
        let last = self.t.v_written(&scores.v, scores.steps.last());
        let read = self.t.after_v(last).saturating_sub((slots as u64 - 1) * beat);
        let p_steps = self.t.stream(pv.clone(), maxima.unwrap_or(0).max(read));

        let m = over_cache(pv.dst_base, pass.v_cache);
        let m = if ew == 1 {
            Matmul {
                hold: 1,
                reduce: 0b100,
                nest: nest_all(&[
                    lp(per_group, step_gap, [1, 0, 1, 0, 0]),
                    lp(groups, step_gap, [per_group as i64, words, per_group as i64, 0, 0]),
                    long(step_gap, [slots as i64, 1, 0, 0, 0]),
                ]),
                ..m
            }
        } else {
            Matmul {
                reduce: 0b1000,
                nest: nest_all(&[
                    lp(ew, step_gap, [0, words, 1, 0, 0]),
                    lp(per_group, step_gap, [1, 0, ew as i64, 0, 0]),
                    lp(groups, step_gap, [per_group as i64, words * ew as i64, (per_group * ew) as i64, 0, 0]),
                    long(step_gap, [slots as i64, 1, 0, 0, 0]),
                ]),
                ..m
            }
        };
        let (masks, mask_stride) = self.l.masks;
        let ov = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            param_base: masks,
            s_base: set,
            dst_base: (self.p.o + row * q) as u32,
            dest: VectorDest::V,
            max: MaxOf::MaxAbs,
            red_base: self.reg(S::Largest) + (row - self.first) as u32,
            red_fixed: true,
            reduce: 0b11,
            nest: if ew == 1 {
                nest_all(&[lp(side, 0, [0, 1, 0, 0, 1]), lp(q, 0, [1, mask_stride, 0, 0, side as i64])])
            } else {
                nest_all(&[lp(ew, 0, [1, 0, 0, 0, 0]), lp(slots, 0, [ew as i64, 0, 0, 0, 1])])
            },
            ..drain()
        };
        let sums = self.t.sum_written(&pv, p_steps.last());
        // The passes walk side by side, a tile behind the other where the product takes more steps.
        let probabilities = self.reads(&m, &self.written(&pv, &p_steps));
        let steps = (slots * ew) as u64;
        let ready = probabilities.max(pass.values);
        let o_steps = self.t.product_across_wait(m, ov.clone(), ready, steps * beat, (set, slots, sums, ew));
        self.attention += steps;
        (self.t.max_written(o_steps.last()), self.t.v_written(&ov, o_steps.last()))
    }
}
