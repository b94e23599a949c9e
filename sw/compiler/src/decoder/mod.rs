// SPDX-License-Identifier: Apache-2.0
//! From a quantised decoder to the program of a token (docs/language-models.md): one timetable for every position.
//!
//! [`shape`] says what lies where; [`timeline`] places rows; [`weights`] lays out tiles and parameters; here is the order of things.

mod shape;
mod timeline;
mod weights;

use crate::{CompileError, verify};
use shape::{Places, Shape, fits, places};
use systole_isa::image::{Dtype, Tensor};
use systole_isa::program::{Add, Function, MaxOf, Mul1, Mul2, Mul3, OneHot, Register, ScalarOp, Source, SumOf, VectorDest};
use systole_isa::{Config, F24, Image, Matmul, Program, Vector, f24};
use systole_llm::Quantised;
use timeline::{Second, Steps, Timeline, long, lp, nest, nest_of};
use weights::Weights;

/// A decoder as a program.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// What the machine loads.
    pub image: Image,
    /// The same program, to look at.
    pub program: Program,
    /// Cycles of a token at a position below C: a of `a + b floor(POS / C)`.
    pub cycles: u64,
    /// Cycles that C more positions add: b.
    pub each: u64,
    /// Columns C of the machine.
    pub cols: usize,
    /// Longest context, in tokens.
    pub context: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Steps of the array at a position below C, and what C more positions add: the law of time.
    pub array: (u64, u64),
    /// Multiplications and additions of the model itself for a token at position 0, and for each further position.
    pub macs: (u64, u64),
    /// What a machine's memories are used for, in words: `(memory, needed, there is)`.
    pub memory: Vec<(&'static str, usize, usize)>,
}

impl Decoder {
    /// Cycles of the token at position `pos`, exactly.
    pub fn cycles_at(&self, pos: usize) -> u64 {
        self.cycles + self.each * (pos / self.cols) as u64
    }
}

// S registers: single numbers, then a block of 16 for each of maxima and denominators.
const MX: u32 = 0;
const SQ: u32 = 1;
const INV: u32 = 2;
const K1: u32 = 3;
const SS: u32 = 4;
const MS: u32 = 5;
const A: u32 = 6;
const MQ: u32 = 7;
const SQQ: u32 = 8;
const QS: u32 = 9;
const MO: u32 = 10;
const SO: u32 = 11;
const IO: u32 = 12;
const MH: u32 = 13;
const SH: u32 = 14;
const B: u32 = 15;
const LARGEST: u32 = 16;
const MAXIMA: u32 = 32;
const SUMS: u32 = 48;

/// Compiles `model` for the machine `config`.
///
/// # Errors
/// [`CompileError::Decoder`] for shapes that the machine does not take, [`CompileError::DoesNotFit`] naming the memory
/// and the longest context that fits, [`CompileError::Verify`] for a fault of the compiler.
pub fn compile_decoder(model: &Quantised, config: &Config, name: &str) -> Result<Decoder, CompileError> {
    config.check()?;
    let shape = Shape::new(model, config)?;
    let places = places(&shape);
    fits(model, &shape, &places, config)?;
    let mut e = Emitter {
        model,
        s: shape,
        p: places,
        t: Timeline::new(config),
        w: Weights::new(config),
        beat: u64::from(config.weight_beats.max(config.vec_beats())),
        config,
        attention: 0,
    };
    e.token();
    e.finish(name)
}

struct Emitter<'a> {
    model: &'a Quantised,
    s: Shape,
    p: Places,
    t: Timeline<'a>,
    w: Weights,
    config: &'a Config,
    /// Cycles from a step of a pass over positions to the next: weight loads and words of the vector unit.
    beat: u64,
    /// Steps of the array over positions, for each tile of them.
    attention: u64,
}

/// A VECTOR on the array's sums, all codes symmetric.
fn drain() -> Vector {
    Vector { src: Source::Array, ..pass() }
}

/// A VECTOR on V.
fn pass() -> Vector {
    Vector { src: Source::V, lo: -127, hi: 127, lane_n: 32, ..Vector::default() }
}

/// When codes that steps of `v` write may be read, word after word, each `each` cycles: the first read.
fn after_codes(t: &Timeline, v: &Vector, steps: &Steps, each: u64) -> u64 {
    let late = steps.at.iter().enumerate().map(|(n, &p)| (t.code_written(v, p) + 1).saturating_sub(n as u64 * each));
    late.max().unwrap_or(0)
}

impl Emitter<'_> {
    fn d(&self) -> usize {
        self.s.d
    }

    /// A product of `k` words of X from `x` with `n` words of weights that lie at `w`; sums at least `least` cycles apart.
    fn matmul(&self, x: usize, k: usize, n: usize, w: usize, least: u64) -> Matmul {
        let d = u64::from(self.config.weight_beats);
        let span = (k as u64 - 1) * d + 1;
        let period = (k as u64 * d).max(least);
        Matmul {
            x_base: x as u32,
            w_base: w as u32,
            reduce: u32::from(k > 1),
            first: true,
            last: true,
            nest: nest(&[lp(k, d - 1, [1, 1, 0, 0, 0]), lp(n, period - span, [0, k as i64, 0, 0, 0])]),
            ..Matmul::default()
        }
    }

    /// The least distance of sums that the vector unit takes.
    fn least(&self) -> u64 {
        u64::from(self.config.vec_beats())
    }

    fn token(&mut self) {
        let mut x = self.embed();
        for layer in 0..self.model.layers.len() {
            x = self.attention(layer, x);
            x = self.hidden(layer, x);
        }
        self.logits(x);
    }

    /// The token's row of the table, and the position's rotations. When the largest magnitude of x is in S.
    fn embed(&mut self) -> u64 {
        let model = self.model;
        let (c, d, ew) = (self.s.c, self.d(), self.s.ew);
        let (e, half) = (model.sizes.head(), model.sizes.head() / 2);
        let one_hot = |register, w: usize, n: usize, stride: usize, least: u64| Matmul {
            w_base: w as u32,
            first: true,
            last: true,
            one_hot: Some(OneHot { register, value: 1 }),
            nest: nest(&[lp(n, least - 1, [0, stride as i64, 0, 0, 0])]),
            ..Matmul::default()
        };
        let beat = self.beat;
        let (table, stride) = self.w.table(model.sizes.vocab, d, |entry, lane| model.embedding[entry * model.sizes.dim + lane]);
        let scales = self.w.scales((0..d * c).map(|i| Some(model.embedding_scales[i])));
        let v = Vector {
            mul1: Mul1::Scale,
            param_base: scales,
            dst_base: self.p.x as u32,
            dest: VectorDest::V,
            max: MaxOf::MaxAbs,
            red_base: MX,
            reduce: 1,
            nest: nest(&[lp(d, 0, [1, 1, 0, 0, 0])]),
            ..drain()
        };
        let x = self.t.product(one_hot(Register::Tok, table, d, stride, beat), v, 0, 0);
        // cos and sin of each word, the high codes and then the low ones.
        let rotation = |entry: usize, lane: usize, low: bool| {
            let (sine, channel) = (lane / c >= ew, lane % (ew * c) % e);
            let pair = channel / 2;
            let r = if sine { model.sin[entry * half + pair] } else { model.cos[entry * half + pair] };
            let w = i32::from(r.hi) * 256 + i32::from(r.lo);
            let w = if sine && channel % 2 == 0 { -w } else { w };
            let lo = (w + 128).rem_euclid(256) - 128;
            if low { lo as i8 } else { ((w - lo) / 256) as i8 }
        };
        let mut done = 0;
        for low in [false, true] {
            let (base, stride) = self.w.table(model.sizes.context, 2 * ew, |entry, lane| rotation(entry, lane, low));
            let unit = self.w.constant(if low { 1.0 / 16384.0 } else { 1.0 / 64.0 });
            let v = Vector {
                mul1: Mul1::Scale,
                add: if low { Add::C } else { Add::Zero },
                param_base: unit,
                c_base: self.p.cos as u32,
                dst_base: self.p.cos as u32,
                dest: VectorDest::V,
                nest: nest(&[lp(2 * ew, 0, [1, 0, 0, 1, 0])]),
                ..drain()
            };
            let steps = self.t.product(one_hot(Register::Pos, base, 2 * ew, stride, beat), v.clone(), 0, self.t.after_v(done));
            done = self.t.v_written(&v, steps.last());
        }
        self.t.max_written(x.last())
    }

    /// Codes of x, at most 127, and the token's scale. `largest`: when the largest magnitude of x is in S. Gives the first
    /// read of codes at `each` cycles a word, and when the scale is in S.
    fn norm(&mut self, largest: u64, each: u64) -> (u64, u64) {
        let d = self.d();
        let width = self.model.sizes.dim as f64;
        let inverse = self.t.scalar(ScalarOp::Recip, MX, Second::None, SQ, 1, largest);
        let ready = self.t.scalar(ScalarOp::Mul, SQ, Second::Constant(127.0), SQ, 1, inverse);
        let v = Vector {
            a_base: self.p.x as u32,
            mul2: Mul2::Scalar,
            s_base: SQ,
            dst_base: self.p.codes as u32,
            dest: VectorDest::X,
            sum: SumOf::TSquared,
            red_base: SS,
            reduce: 1,
            nest: nest(&[lp(d, self.least() - 1, [1, 0, 1, 0, 0])]),
            ..pass()
        };
        let steps = self.t.stream(v.clone(), self.t.after_s(ready));
        let inv = self.t.scalar(ScalarOp::Mul, MX, Second::Constant(1.0 / 127.0), INV, 1, largest);
        let k1 = self.t.scalar(ScalarOp::Mul, INV, Second::S(INV), K1, 1, inv);
        let k2 = self.t.scalar(ScalarOp::Mul, K1, Second::Constant(1.0 / (256.0 * width)), K1, 1, k1);
        let sum = self.t.sum_written(&v, steps.last());
        let ms = self.t.scalar(ScalarOp::Mul, SS, Second::S(K1), MS, 1, sum.max(k2));
        let ms = self.t.scalar(ScalarOp::Add, MS, Second::Constant(self.model.eps.to_f64()), MS, 1, ms);
        let r = self.t.scalar(ScalarOp::Rsqrt, MS, Second::None, A, 1, ms);
        let a = self.t.scalar(ScalarOp::Mul, INV, Second::S(A), A, 1, r.max(inv));
        (after_codes(&self.t, &v, &steps, each), a)
    }

    fn attention(&mut self, layer: usize, largest: u64) -> u64 {
        let model = self.model;
        let weights = &model.layers[layer];
        let (c, d, least, beat) = (self.s.c, self.d(), self.least(), self.beat);
        let beats = u64::from(self.config.weight_beats);
        let (kv, q, ew, side, slots, tiles) = (self.s.kv, self.s.q, self.s.ew, self.s.side, self.s.slots, self.s.tiles);
        let kv_groups = kv / ew;
        let (codes, a) = self.norm(largest, beats);
        // Where K and V of this layer lie in W SRAM: for each KV word its tiles of positions.
        let k_cache = 2 * layer * kv * tiles;
        let v_cache = k_cache + kv * tiles;

        // Keys, queries, values.
        let key_row = |n: usize| self.s.kv_row(model, n);
        let key_base = self.w.matrix(&weights.wk, d, kv, &key_row, &Some);
        let key_scales = self.w.scales((0..kv * c).map(|n| Some(key_row(n).map_or(F24::ONE, |row| weights.wk.scales[row]))));
        let query_row = |n: usize| self.s.q_row(model, n);
        let by_a = |param: u32, n: usize| Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            s_base: A,
            param_base: param,
            nest: nest(&[lp(n, 0, [1, 1, 0, 0, 0])]),
            ..drain()
        };
        let after_a = self.t.after_s(a);
        let to_v = |v: Vector, dst: usize| Vector { dst_base: dst as u32, dest: VectorDest::V, ..v };
        let k = to_v(by_a(key_scales, kv), self.p.k);
        let k_steps = self.t.product(self.matmul(self.p.codes, d, kv, key_base, least), k.clone(), codes, after_a);
        let query_base = self.w.matrix(&weights.wq, d, q, &query_row, &Some);
        let query_scales = self.w.scales((0..q * c).map(|n| Some(query_row(n).map_or(F24::ONE, |row| weights.wq.scales[row]))));
        let qv = to_v(by_a(query_scales, q), self.p.q);
        let q_steps = self.t.product(self.matmul(self.p.codes, d, q, query_base, least), qv.clone(), 0, after_a);
        let value_base = self.w.matrix(&weights.wv, d, kv, &key_row, &Some);
        let value_scales = self.w.scales((0..kv * c).map(|n| Some(key_row(n).map_or(F24::ONE, |row| weights.wv.scales[row]))));
        let vv = Vector {
            dst_base: (v_cache * c) as u32,
            dest: VectorDest::WRow,
            append: true,
            nest: nest(&[lp(kv, 0, [(tiles * c) as i64, 1, 0, 0, 0])]),
            ..by_a(value_scales, kv)
        };
        let v_steps = self.t.product(self.matmul(self.p.codes, d, kv, value_base, least), vv.clone(), 0, after_a);

        // Rotations.
        let rotated = |from: usize, words: usize| Vector {
            a_base: from as u32,
            mul1: Mul1::B,
            mul2: Mul2::Partner,
            add: Add::M1,
            b_base: self.p.cos as u32,
            c_base: self.p.sin as u32,
            nest: nest(&[lp(ew, least - 1, [1, 0, 1, 1, 0]), lp(words / ew, least - 1, [ew as i64, 0, ew as i64, 0, 0])]),
            ..pass()
        };
        let rq = Vector {
            dst_base: self.p.q as u32,
            dest: VectorDest::V,
            max: MaxOf::MaxAbs,
            red_base: MQ,
            red_fixed: true,
            reduce: 0b11,
            ..rotated(self.p.q, q)
        };
        let rq_steps = self.t.stream(rq.clone(), self.t.after_v(self.t.v_written(&qv, q_steps.last())));
        let column = (tiles * c) as i64;
        let rk = Vector {
            dst_base: (k_cache * c) as u32,
            dest: VectorDest::WColumn,
            append: true,
            nest: nest(&[
                lp(ew, least - 1, [column, 0, 1, 1, 0]),
                lp(kv / ew, least - 1, [column * ew as i64, 0, ew as i64, 0, 0]),
            ]),
            ..rotated(self.p.k, kv)
        };
        let rk_steps = self.t.stream(rk.clone(), self.t.after_v(self.t.v_written(&k, k_steps.last())));

        // Codes of the queries, each head by itself among zeros.
        let mq = self.t.max_written(rq_steps.last());
        let sqq = self.t.scalar(ScalarOp::Recip, MQ, Second::None, SQQ, 1, mq);
        let sqq = self.t.scalar(ScalarOp::Mul, SQQ, Second::Constant(127.0), SQQ, 1, sqq);
        let (masks, mask_stride) = self.w.masks(side, q / ew, &|slot| {
            let (word, place) = (slot / side, slot % side);
            word / self.s.share * side + place < model.sizes.kv_heads
        });
        let qc = Vector {
            a_base: self.p.q as u32,
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            s_base: SQQ,
            param_base: masks,
            dst_base: self.p.q_codes as u32,
            dest: VectorDest::X,
            nest: nest(&[lp(side, least - 1, [1, 1, 0, 0, 0]), lp(q, least - 1, [side as i64, mask_stride, 1, 0, 0])]),
            ..pass()
        };
        let qc_steps = self.t.stream(qc.clone(), self.t.after_s(sqq).max(self.t.after_v(self.t.v_written(&rq, rq_steps.last()))));
        let iq = self.t.scalar(ScalarOp::Mul, MQ, Second::Constant(1.0 / 127.0), QS, 1, mq);
        let head = model.sizes.head() as f64;
        let qs = self.t.scalar(ScalarOp::Mul, QS, Second::Constant(std::f64::consts::LOG2_E / head.sqrt()), QS, 1, iq);

        // Scores of all positions, and the largest of each head.
        let sram_lead = u64::from(self.t.lat.w_sram_read);
        let x_lead = u64::from(self.t.lat.w_lead);
        let step_gap = beat - 1;
        // Each step loads its weights, but for heads that share a narrow KV word.
        let (per_group, words) = (slots / kv_groups, tiles as i64);
        let scores = if ew == 1 {
            Matmul {
                x_base: self.p.q_codes as u32,
                w_base: k_cache as u32,
                w_sram: true,
                hold: 1,
                first: true,
                last: true,
                nest: nest_all(&[
                    lp(per_group, step_gap, [1, 0, 0, 0, 0]),
                    lp(kv_groups, step_gap, [per_group as i64, words, 0, 0, 0]),
                    long(step_gap, [0, 1, 0, 0, 0]),
                ]),
                ..Matmul::default()
            }
        } else {
            Matmul {
                x_base: self.p.q_codes as u32,
                w_base: k_cache as u32,
                w_sram: true,
                reduce: 1,
                first: true,
                last: true,
                nest: nest_all(&[
                    lp(ew, step_gap, [1, words, 0, 0, 0]),
                    lp(per_group, step_gap, [ew as i64, 0, 0, 0, 0]),
                    lp(kv_groups, step_gap, [(per_group * ew) as i64, words * ew as i64, 0, 0, 0]),
                    long(step_gap, [0, 1, 0, 0, 0]),
                ]),
                ..Matmul::default()
            }
        };
        let score_steps = (slots * ew) as u64 * beat;
        let sv = Vector {
            mul2: Mul2::Scalar,
            s_base: QS,
            s_fixed: true,
            dst_base: self.p.scores as u32,
            dest: VectorDest::V,
            max: MaxOf::Max,
            red_base: MAXIMA,
            reduce: 0b10,
            tail: true,
            nest: nest_all(&[lp(slots, 0, [1, 0, 0, 0, 1]), long(0, [slots as i64, 0, 0, 0, 0])]),
            ..drain()
        };
        let keys = (self.t.code_written(&rk, rk_steps.last()) + 1).saturating_sub(sram_lead) + x_lead;
        let queries = after_codes(&self.t, &qc, &qc_steps, beat);
        let s_steps = self.t.product(scores, sv.clone(), queries.max(keys), self.t.after_s(qs));
        self.t.wait(score_steps);
        self.attention += (slots * ew) as u64;

        // Probabilities as codes, and their sums.
        let pv = Vector {
            a_base: self.p.scores as u32,
            add: Add::MinusScalar,
            s_base: MAXIMA,
            function: Some(Function::Exp2Code),
            lo: 0,
            dst_base: self.p.p_codes as u32,
            dest: VectorDest::X,
            sum: SumOf::Code,
            red_base: SUMS,
            reduce: 0b10,
            nest: nest_all(&[lp(slots, step_gap, [1, 0, 1, 0, 1]), long(step_gap, [slots as i64, 0, slots as i64, 0, 0])]),
            ..pass()
        };
        let maxima =
            s_steps.at.iter().enumerate().map(|(n, &p)| self.t.after_s(self.t.max_written(p)).saturating_sub(n as u64 * beat));
        let maxima = maxima.max().unwrap_or(0);
        let read = self.t.after_v(self.t.v_written(&sv, s_steps.last())).saturating_sub((slots as u64 - 1) * beat);
        let p_steps = self.t.stream(pv.clone(), maxima.max(read));

        // Their product with the values.
        let out_words = slots * ew;
        let values = Matmul {
            x_base: self.p.p_codes as u32,
            w_base: v_cache as u32,
            w_sram: true,
            hold: u32::from(ew == 1),
            reduce: if ew == 1 { 0b100 } else { 0b1000 },
            first: true,
            last: true,
            nest: if ew == 1 {
                nest_all(&[
                    lp(per_group, step_gap, [1, 0, 1, 0, 0]),
                    lp(kv_groups, step_gap, [per_group as i64, words, per_group as i64, 0, 0]),
                    long(step_gap, [slots as i64, 1, 0, 0, 0]),
                ])
            } else {
                nest_all(&[
                    lp(ew, step_gap, [0, words, 1, 0, 0]),
                    lp(per_group, step_gap, [1, 0, ew as i64, 0, 0]),
                    lp(kv_groups, step_gap, [per_group as i64, words * ew as i64, (per_group * ew) as i64, 0, 0]),
                    long(step_gap, [slots as i64, 1, 0, 0, 0]),
                ])
            },
            ..Matmul::default()
        };
        let ov = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            param_base: masks,
            s_base: SUMS,
            dst_base: self.p.o as u32,
            dest: VectorDest::V,
            max: MaxOf::MaxAbs,
            red_base: MO,
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
        let values_ready = (self.t.code_written(&vv, v_steps.last()) + 1).saturating_sub(sram_lead) + x_lead;
        // The passes walk side by side, a tile behind the other where the product takes more steps.
        let probabilities = after_codes(&self.t, &pv, &p_steps, beat * ew as u64);
        let o_steps = self.t.product_across_wait(
            values,
            ov.clone(),
            probabilities.max(values_ready),
            out_words as u64 * beat,
            (SUMS, slots, sums, ew),
        );
        self.attention += out_words as u64;

        // Back to the width, onto the residual stream.
        let mo = self.t.max_written(o_steps.last());
        let so = self.t.scalar(ScalarOp::Recip, MO, Second::None, SO, 1, mo);
        let so = self.t.scalar(ScalarOp::Mul, SO, Second::Constant(127.0), SO, 1, so);
        // Empty places of o were never written: they do not count.
        let taken = |n: usize| self.s.q_row(model, n).map(|_| F24::ONE);
        let whole = (0..q * c).all(|n| taken(n).is_some());
        let chosen = (!whole).then(|| self.w.scales((0..q * c).map(taken)));
        let (oc, oc_steps) = self.codes(self.p.o, q, SO, self.p.o_codes, so, self.t.v_written(&ov, o_steps.last()), chosen);
        let io = self.t.scalar(ScalarOp::Mul, MO, Second::Constant(1.0 / 127.0), IO, 1, mo);
        let out_base = self.w.matrix(&weights.wo, q, d, &Some, &|k| self.s.q_row(model, k));
        let out_scales = self.w.scales((0..d * c).map(|n| Some(weights.wo.scales[n])));
        let ready = after_codes(&self.t, &oc, &oc_steps, beats);
        self.onto_stream(self.p.o_codes, q, out_base, out_scales, IO, ready, io)
    }

    /// Codes of `words` words of V times S[scale]; of all lanes, or those that parameter words from `chosen` on say.
    #[allow(clippy::too_many_arguments)]
    fn codes(
        &mut self,
        from: usize,
        words: usize,
        scale: u32,
        to: usize,
        scale_ready: u64,
        v_written: u64,
        chosen: Option<u32>,
    ) -> (Vector, Steps) {
        let v = Vector {
            a_base: from as u32,
            mul1: if chosen.is_some() { Mul1::Scale } else { Mul1::One },
            param_base: chosen.unwrap_or(0),
            mul2: Mul2::Scalar,
            s_base: scale,
            dst_base: to as u32,
            dest: VectorDest::X,
            nest: nest(&[lp(words, self.least() - 1, [1, i64::from(chosen.is_some()), 1, 0, 0])]),
            ..pass()
        };
        let steps = self.t.stream(v.clone(), self.t.after_s(scale_ready).max(self.t.after_v(v_written)));
        (v, steps)
    }

    /// A product that is added to the residual stream; when its largest magnitude is in S.
    #[allow(clippy::too_many_arguments)]
    fn onto_stream(&mut self, x: usize, k: usize, w: usize, scales: u32, s: u32, x_ready: u64, s_ready: u64) -> u64 {
        let d = self.d();
        let v = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            add: Add::C,
            param_base: scales,
            s_base: s,
            c_base: self.p.x as u32,
            dst_base: self.p.x as u32,
            dest: VectorDest::V,
            max: MaxOf::MaxAbs,
            red_base: MX,
            reduce: 1,
            nest: nest(&[lp(d, 0, [1, 1, 0, 1, 0])]),
            ..drain()
        };
        let steps = self.t.product(self.matmul(x, k, d, w, self.least()), v, x_ready, self.t.after_s(s_ready));
        self.t.max_written(steps.last())
    }

    fn hidden(&mut self, layer: usize, largest: u64) -> u64 {
        let model = self.model;
        let weights = &model.layers[layer];
        let (c, d, h, least) = (self.s.c, self.d(), self.s.h, self.least());
        let beats = u64::from(self.config.weight_beats);
        let (codes, a) = self.norm(largest, beats);
        let row = |n: usize| (n < model.sizes.hidden).then_some(n);
        let gate_base = self.w.matrix(&weights.w1, d, h, &row, &Some);
        let gate_scales = self.w.scales((0..h * c).map(|n| Some(row(n).map_or(F24::ONE, |n| weights.w1.scales[n]))));
        let gate = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            param_base: gate_scales,
            s_base: A,
            function: Some(Function::Sigmoid),
            mul3: Mul3::S,
            dst_base: self.p.g as u32,
            dest: VectorDest::V,
            nest: nest(&[lp(h, 0, [1, 1, 0, 0, 0])]),
            ..drain()
        };
        let g_steps = self.t.product(self.matmul(self.p.codes, d, h, gate_base, least), gate.clone(), codes, self.t.after_s(a));
        let up_base = self.w.matrix(&weights.w3, d, h, &row, &Some);
        let up_scales = self.w.scales((0..h * c).map(|n| Some(row(n).map_or(F24::ONE, |n| weights.w3.scales[n]))));
        let up = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::C,
            param_base: up_scales,
            c_base: self.p.g as u32,
            dst_base: self.p.u as u32,
            dest: VectorDest::V,
            max: MaxOf::MaxAbs,
            red_base: MH,
            reduce: 1,
            nest: nest(&[lp(h, 0, [1, 1, 0, 1, 0])]),
            ..drain()
        };
        let period = (d as u64 * beats).max(least);
        let late = g_steps
            .at
            .iter()
            .enumerate()
            .map(|(n, &p)| self.t.after_v(self.t.v_written(&gate, p)).saturating_sub(n as u64 * period));
        let gates = late.max().unwrap_or(0);
        let u_steps = self.t.product(self.matmul(self.p.codes, d, h, up_base, least), up.clone(), 0, gates);
        let mh = self.t.max_written(u_steps.last());
        let sh = self.t.scalar(ScalarOp::Recip, MH, Second::None, SH, 1, mh);
        let sh = self.t.scalar(ScalarOp::Mul, SH, Second::Constant(127.0), SH, 1, sh);
        let (uc, uc_steps) = self.codes(self.p.u, h, SH, self.p.u_codes, sh, self.t.v_written(&up, u_steps.last()), None);
        let ih = self.t.scalar(ScalarOp::Mul, MH, Second::Constant(1.0 / 127.0), B, 1, mh);
        let b = self.t.scalar(ScalarOp::Mul, B, Second::S(A), B, 1, ih);
        let down_base = self.w.matrix(&weights.w2, h, d, &Some, &row);
        let down_scales = self.w.scales((0..d * c).map(|n| Some(weights.w2.scales[n])));
        let ready = after_codes(&self.t, &uc, &uc_steps, beats);
        self.onto_stream(self.p.u_codes, h, down_base, down_scales, B, ready, b)
    }

    fn logits(&mut self, largest: u64) {
        let model = self.model;
        let (c, d, vocab) = (self.s.c, self.d(), self.s.vocab);
        let beats = u64::from(self.config.weight_beats);
        let (codes, a) = self.norm(largest, beats);
        let row = |n: usize| (n < model.sizes.vocab).then_some(n);
        let base = self.w.matrix(&model.classifier, d, vocab, &row, &Some);
        let scales = self.w.scales((0..vocab * c).map(|n| row(n).map(|n| model.classifier.scales[n])));
        let v = Vector {
            mul1: Mul1::Scale,
            mul2: Mul2::Scalar,
            param_base: scales,
            s_base: A,
            dest: VectorDest::OutFloat,
            max: MaxOf::ArgMax,
            red_base: LARGEST,
            reduce: 1,
            nest: nest(&[lp(vocab, 0, [4, 1, 0, 0, 0])]),
            ..drain()
        };
        let least = self.least().max(4);
        self.t.product(self.matmul(self.p.codes, d, vocab, base, least), v, codes, self.t.after_s(a));
    }

    fn finish(self, name: &str) -> Result<Decoder, CompileError> {
        let (s, config, model) = (&self.s, self.config, self.model);
        let array = self.t.array;
        let program = Program { rows: self.t.finish() };
        let (timetable, descriptors) = program.encode()?;
        let out_bytes = (s.vocab * s.c * 4) as u32;
        let mut vector: Vec<u64> = f24::functions().iter().flatten().map(|&f| f24::encode_segment(f)).collect();
        let params = self.w.params.len() / s.c;
        vector.extend(&self.w.params);
        let z = &model.sizes;
        let e = z.head();
        let layer = 2 * z.dim * z.dim + 2 * z.dim * z.kv_heads * e + 3 * z.dim * z.hidden;
        let macs = ((z.layers * layer + z.vocab * z.dim) as u64, 2 * (z.layers * z.dim) as u64);
        let mut output = Tensor::dense(1, (s.vocab * s.c) as u32, Dtype::Int32);
        output.tile = s.c as u32;
        output.tile_pitch = 4 * s.c as u32;
        let image = Image {
            fingerprint: systole_isa::fingerprint(),
            config_id: config.image_id(),
            weight_beats: config.weight_beats,
            in_bytes: 0,
            out_bytes,
            timetable,
            descriptors,
            params: vec![],
            luts: vec![[0; 256]; config.lut_count as usize],
            weights: self.w.tiles,
            taps: vec![],
            vector,
            input: Tensor::dense(0, 0, Dtype::Int8),
            output,
            macs: macs.0,
            name: name.to_string(),
        };
        let tile = s.c * s.c;
        let memory = vec![
            ("RRAM", image.weights.len() / tile, config.rram_depth as usize),
            ("W SRAM", 2 * z.layers * s.kv * s.tiles, config.w_sram_depth as usize),
            ("V", self.p.v_words, config.v_depth as usize),
            ("X", self.p.x_words, config.x_depth as usize),
            ("vector parameters", params, config.vec_param_depth as usize),
            ("timetable", image.timetable.len(), config.timetable_depth as usize),
            ("descriptors", image.descriptors.len(), config.desc_depth as usize),
        ];
        image.check_machine(config)?;
        let sizes = verify::Sizes { positions: z.context as u32, ..verify::Sizes::of(&image, config) };
        verify::verify(&program, config, &sizes)?;
        Ok(Decoder {
            cycles: program.cycles(),
            each: program.each(),
            cols: s.c,
            context: z.context,
            vocab: z.vocab,
            array: (array, self.attention),
            macs,
            memory,
            image,
            program,
        })
    }
}

/// A nest that keeps loops of one iteration: bits of `reduce` and `hold` count them.
fn nest_all(loops: &[(usize, u64, [i64; 5], bool)]) -> systole_isa::Nest {
    nest_of(loops, true)
}
