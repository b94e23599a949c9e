// SPDX-License-Identifier: Apache-2.0
//! Encoders with scales by token, by the listing of docs/encoders.md ("A run, step by step"), with the arithmetic of [`crate::f24`]:
//! independent of tiles, memories and timetables.

pub mod random;

use crate::f24::F24;
use systole_isa::f24::{SEGMENTS, Segment, functions};
use systole_isa::program::Function;
use systole_model::encoder::{Attention, Encoder, Linear, Map, Norm, Op, Then, pad};

/// Bits of the smallest number above 0: what a scale or gain is that would be 0.
const SMALLEST: u32 = 1 << 15;
/// What a score of a token that the mask leaves out has added.
const FAR: f64 = -1_048_576.0;

/// F(x): the constant as an F24.
fn constant(x: f64) -> F24 {
    systole_isa::F24::from_f64(x).into()
}

/// An exact sum of integers, as a number.
fn total(terms: impl Iterator<Item = i64>) -> F24 {
    F24::from_int(terms.sum::<i64>())
}

/// An exact sum of products of codes, as a number.
fn sum(a: impl IntoIterator<Item = i8>, b: impl IntoIterator<Item = i8>) -> F24 {
    total(a.into_iter().zip(b).map(|(a, b)| i64::from(a) * i64::from(b)))
}

fn largest(x: &[F24]) -> F24 {
    x.iter().map(|x| x.abs()).max().unwrap_or(F24::ZERO)
}

/// The codes of a map: for each token a vector of them, and the value of one.
struct Codes {
    rows: Vec<Vec<i8>>,
    back: Vec<F24>,
}

/// Codes of a map of this width. Of a Relu they are 0 or more.
fn codes(map: &[F24], width: usize, relu: bool) -> Codes {
    let mut all = Codes { rows: vec![], back: vec![] };
    for m in map.chunks_exact(width) {
        let mx = if relu { m.iter().copied().fold(F24::ZERO, F24::max) } else { largest(m) };
        let sq = mx.recip().mul(constant(127.0));
        let lowest = if relu { 0 } else { -127 };
        all.rows.push(m.iter().map(|m| m.mul(sq).code(0, lowest, 127)).collect());
        all.back.push(mx.mul(constant(1.0 / 127.0)));
    }
    all
}

/// A scale or gain; one that rounds to 0 is the smallest number.
fn scale(scale: f32) -> F24 {
    match constant(scale.into()) {
        F24::ZERO => F24::from_bits(SMALLEST),
        scale => scale,
    }
}

/// A run: the model, and the maps made so far.
struct Run<'a> {
    model: &'a Encoder,
    tables: [[Segment; SEGMENTS]; 4],
    /// T': tokens with those that fill up.
    tokens: usize,
    /// `[T']`, whether a token counts.
    mask: Vec<bool>,
    /// Of each map `[T'][width]`.
    maps: Vec<Vec<F24>>,
}

impl Run<'_> {
    fn function(&self, x: F24, kind: Function) -> F24 {
        x.function(kind, &self.tables[kind as usize])
    }

    fn codes(&self, map: Map) -> Codes {
        let relu = map > 0 && matches!(&self.model.ops[map - 1], Op::Linear(l) if l.then == Then::Relu);
        codes(&self.maps[map], self.model.width_of(map), relu)
    }

    /// Map 0: the frame's numbers, of which those of the input's width are kept.
    fn input(&self, frame: &[i8], lanes: usize) -> Vec<F24> {
        let mut x = vec![];
        for (t, row) in frame[2 * self.tokens..].chunks_exact(2 * lanes).enumerate() {
            let power = self.function(F24::from_int(frame[t]), Function::Exp2);
            let (minus_h, l) = row.split_at(lanes);
            x.extend((0..self.model.width).map(|i| F24::from_int(-128 * i32::from(minus_h[i]) + i32::from(l[i])).mul(power)));
        }
        x
    }

    fn linear(&self, l: &Linear) -> Vec<F24> {
        let from = self.codes(l.from);
        let scales: Vec<F24> = l.scales.iter().copied().map(scale).collect();
        let bias: Option<Vec<F24>> = l.bias.as_ref().map(|b| b.iter().map(|&b| constant(b.into())).collect());
        let mut out = Vec::with_capacity(self.tokens * l.outputs);
        for (t, (c, &back)) in from.rows.iter().zip(&from.back).enumerate() {
            for (n, w) in l.codes.chunks_exact(l.inputs).enumerate() {
                let y = sum(c.iter().copied(), w.iter().copied()).mul(scales[n]).mul(back);
                let biased = |y: F24| bias.as_ref().map_or(y, |b| y.add(b[n]));
                let other = |m: Map| self.maps[m][t * l.outputs + n];
                out.push(match l.then {
                    Then::Nothing => biased(y),
                    Then::Relu => biased(y).max(F24::ZERO),
                    Then::Gelu => self.function(biased(y), Function::Phi).mul(biased(y)),
                    Then::Silu => self.function(biased(y), Function::Sigmoid).mul(biased(y)),
                    Then::Times(m) => biased(y).mul(other(m)),
                    Then::Plus(m) => y.add(biased(other(m))),
                });
            }
        }
        out
    }

    fn norm(&self, norm: &Norm) -> Vec<F24> {
        let n = norm.gain.len();
        let gains: Vec<F24> = norm.gain.iter().copied().map(scale).collect();
        let mut out = Vec::with_capacity(self.tokens * n);
        for x in self.maps[norm.from].chunks_exact(n) {
            let mx = largest(x);
            let sq = mx.recip().mul(constant(127.0));
            let mut d: Vec<F24> = x.iter().map(|x| x.mul(sq)).collect();
            if norm.mean {
                let mu = total(d.iter().map(|f| f.t().into())).mul(constant(1.0 / (16.0 * n as f64)));
                d.iter_mut().for_each(|d| *d = d.add(mu.neg()));
            }
            let squares = total(d.iter().map(|d| i64::from(d.t()).pow(2)));
            let inv = mx.mul(constant(1.0 / 127.0));
            let k = inv.mul(inv).mul(constant(1.0 / (256.0 * n as f64)));
            let v = squares.mul(k).add(constant(norm.epsilon.into()));
            let a = inv.mul(v.rsqrt());
            out.extend((0..n).map(|i| d[i].mul(gains[i]).mul(a).add(constant(norm.bias[i].into()))));
        }
        out
    }

    fn attention(&self, op: &Attention) -> Vec<F24> {
        let (q, k, v) = (self.codes(op.q), self.codes(op.k), self.codes(op.v));
        let head = self.model.width_of(op.q) / op.heads;
        let vm = v.back.iter().copied().max().unwrap_or(F24::ZERO);
        let vr = vm.recip().mul(constant(127.0));
        let vn: Vec<F24> = v.back.iter().map(|vb| vb.mul(vr)).collect();
        let vk = vm.mul(constant(16.0));
        let far = |p: usize| if self.mask[p] { F24::ZERO } else { constant(FAR) };
        let mut out = vec![];
        for (qc, qb) in q.rows.iter().zip(&q.back) {
            let qs = qb.mul(constant(std::f64::consts::LOG2_E * f64::from(op.scale)));
            for (h, qc) in qc.chunks_exact(head).enumerate() {
                let at = h * op.kv_heads / op.heads * head;
                let score = |p: usize| {
                    let dot = sum(qc.iter().copied(), k.rows[p][at..at + head].iter().copied());
                    dot.mul(k.back[p]).mul(qs).add(far(p))
                };
                let z: Vec<F24> = (0..self.tokens).map(score).collect();
                let zm = z.iter().copied().max().unwrap_or(F24::ZERO);
                let power = |z: F24, kind: Function| self.function(z.add(zm.neg()), kind);
                let divisor = total(z.iter().map(|&z| power(z, Function::Exp2Code).t().into()));
                let share = |(&z, &vn): (&F24, &F24)| power(z, Function::Exp2).mul(vn).code(0, -127, 127);
                let shares: Vec<i8> = z.iter().zip(&vn).map(share).collect();
                let ro = divisor.recip().mul(vk);
                let value = |i: usize| v.rows.iter().map(move |row| row[at + i]);
                out.extend((0..head).map(|i| sum(shares.iter().copied(), value(i)).mul(ro)));
            }
        }
        out
    }
}

/// Every map of a run on `frame` on a machine of `cols` columns: `[T'][width]` of each, T' the tokens filled up to a multiple of
/// `cols`, in the order of [`Map`] (0 is the input); channels of the network only. That of a Relu has no negative numbers.
///
/// # Panics
/// Where [`Encoder::check`] fails, or the frame has not `T' * (2 + 2 * width filled up)` bytes.
pub fn maps(model: &Encoder, frame: &[i8], cols: usize) -> Vec<Vec<F24>> {
    if let Err(why) = model.check() {
        panic!("{}: {why}", model.name);
    }
    let (tokens, lanes) = (pad(model.tokens, cols), pad(model.width, cols));
    assert_eq!(frame.len(), tokens * (2 + 2 * lanes), "bytes of a frame of {tokens} tokens of {lanes} channels");
    let mask = frame[tokens..2 * tokens].iter().map(|&m| m == 1).collect();
    let mut run = Run { model, tables: functions(), tokens, mask, maps: vec![] };
    run.maps.push(run.input(frame, lanes));
    for op in &model.ops {
        let map = match op {
            Op::Linear(l) => run.linear(l),
            Op::Norm(n) => run.norm(n),
            Op::Attention(a) => run.attention(a),
            Op::Add(a, b) => run.maps[*a].iter().zip(&run.maps[*b]).map(|(a, b)| a.add(*b)).collect(),
        };
        run.maps.push(map);
    }
    run.maps
}

/// The result of a run on `frame` on a machine of `cols` columns: `[T'][D']`, tokens and the output's width filled up to multiples
/// of `cols`. All T' tokens are computed. Channels that fill up are 0: their weights, biases and gains are.
///
/// # Panics
/// As [`maps`].
pub fn run(model: &Encoder, frame: &[i8], cols: usize) -> Vec<F24> {
    let width = model.width_of(model.output);
    let map = maps(model, frame, cols).swap_remove(model.output);
    let mut out = vec![];
    for row in map.chunks_exact(width) {
        out.extend_from_slice(row);
        out.resize(out.len().next_multiple_of(cols), F24::ZERO);
    }
    out
}
