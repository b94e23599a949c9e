// SPDX-License-Identifier: Apache-2.0
//! A token of a language model by the listing of docs/language-models.md, step by step, with the arithmetic of [`crate::f24`]:
//! independent of tiles, memories and timetables.

use crate::f24::F24;
use systole_isa::f24::{SEGMENTS, Segment, functions};
use systole_isa::program::Function;
use systole_llm::{Matrix, Quantised, Rotation};

/// A quantised model and the codes of K and V of the positions that it has seen.
pub struct Decoder<'a> {
    model: &'a Quantised,
    tables: [[Segment; SEGMENTS]; 4],
    /// Of each layer, `[position][kv_dim]`.
    keys: Vec<Vec<i8>>,
    values: Vec<Vec<i8>>,
}

/// F(x): the constant as an F24.
fn constant(x: f64) -> F24 {
    systole_isa::F24::from_f64(x).into()
}

fn code(f: F24) -> i8 {
    f.code(0, -127, 127)
}

/// An exact sum of products, as a number.
fn sum(a: impl IntoIterator<Item = i8>, b: impl IntoIterator<Item = i8>) -> F24 {
    F24::from_int(a.into_iter().zip(b).map(|(a, b)| i32::from(a) * i32::from(b)).sum::<i32>())
}

/// A vector of codes times a matrix, times the scales of its channels.
fn product(codes: &[i8], w: &Matrix) -> Vec<F24> {
    let channel = |n: usize| sum(codes.iter().copied(), w.row(n).iter().copied()).mul(w.scales[n].into());
    (0..w.outputs).map(channel).collect()
}

fn largest(x: &[F24]) -> F24 {
    x.iter().map(|x| x.abs()).max().unwrap_or(F24::ZERO)
}

/// Codes of x with its largest magnitude as 127, and the value of a code.
fn codes(x: &[F24], mx: F24) -> (Vec<i8>, F24) {
    let scale = mx.recip().mul(constant(127.0));
    (x.iter().map(|x| code(x.mul(scale))).collect(), mx.mul(constant(1.0 / 127.0)))
}

impl<'a> Decoder<'a> {
    /// A model that has seen nothing.
    pub fn new(model: &'a Quantised) -> Decoder<'a> {
        let empty = vec![vec![]; model.layers.len()];
        Decoder { model, tables: functions(), keys: empty.clone(), values: empty }
    }

    /// Positions seen.
    pub fn positions(&self) -> usize {
        self.keys[0].len() / self.model.sizes.kv_dim()
    }

    /// Codes of K of a layer, `[position][kv_dim]`.
    pub fn keys(&self, layer: usize) -> &[i8] {
        &self.keys[layer]
    }

    /// Codes of V of a layer, `[position][kv_dim]`.
    pub fn values(&self, layer: usize) -> &[i8] {
        &self.values[layer]
    }

    fn function(&self, x: F24, kind: Function) -> F24 {
        x.function(kind, &self.tables[kind as usize])
    }

    /// `cos[i]` and `sin[i]` of the channels of a head, the sine with the sign of its place in the pair.
    fn rotations(&self, position: usize) -> (Vec<F24>, Vec<F24>) {
        let e = self.model.sizes.head();
        let number = |r: Rotation| {
            let high = F24::from_int(r.hi).mul(constant(1.0 / 64.0));
            F24::from_int(r.lo).mul(constant(1.0 / 16384.0)).add(high)
        };
        let at = |table: &[Rotation], i: usize| number(table[position * (e / 2) + i / 2]);
        let cos = (0..e).map(|i| at(&self.model.cos, i)).collect();
        let sin = (0..e).map(|i| at(&self.model.sin, i)).enumerate();
        (cos, sin.map(|(i, s)| if i % 2 == 0 { s.neg() } else { s }).collect())
    }

    /// The norm of x: its codes, and a, the value of one.
    fn norm(&self, x: &[F24]) -> (Vec<i8>, F24) {
        let mx = largest(x);
        let scale = mx.recip().mul(constant(127.0));
        let f: Vec<F24> = x.iter().map(|x| x.mul(scale)).collect();
        let ss = F24::from_int(f.iter().map(|f| i64::from(f.t()).pow(2)).sum::<i64>());
        let inv = mx.mul(constant(1.0 / 127.0));
        let k2 = inv.mul(inv).mul(constant(1.0 / (256.0 * x.len() as f64)));
        let r = ss.mul(k2).add(self.model.eps.into()).rsqrt();
        (f.into_iter().map(code).collect(), inv.mul(r))
    }

    /// A token at a position: the logits of the one behind it, `[vocab]`. What was seen at this position and later is forgotten.
    ///
    /// # Panics
    /// For a token that the vocabulary has not, a position beyond the context or beyond what was seen.
    pub fn step(&mut self, token: usize, position: usize) -> Vec<F24> {
        let (model, s) = (self.model, self.model.sizes);
        let (d, e, kv) = (s.dim, s.head(), s.kv_dim());
        assert!(token < s.vocab, "token {token} of {}", s.vocab);
        assert!(position < s.context && position <= self.positions(), "position {position} behind {}", self.positions());
        let row = &model.embedding[token * d..][..d];
        let mut x: Vec<F24> = row.iter().zip(&model.embedding_scales).map(|(&c, &es)| F24::from_int(c).mul(es.into())).collect();
        let (cos, sin) = self.rotations(position);
        let turn = |x: &[F24]| -> Vec<F24> { (0..x.len()).map(|i| x[i].mul(cos[i % e]).add(x[i ^ 1].mul(sin[i % e]))).collect() };
        let times = |x: Vec<F24>, scale: F24| -> Vec<F24> { x.into_iter().map(|x| x.mul(scale)).collect() };
        for (l, layer) in model.layers.iter().enumerate() {
            let (c, a) = self.norm(&x);
            let q = turn(&times(product(&c, &layer.wq), a));
            let k = turn(&times(product(&c, &layer.wk), a));
            let v = times(product(&c, &layer.wv), a);
            for (codes, new) in [(&mut self.keys[l], k), (&mut self.values[l], v)] {
                codes.truncate(position * kv);
                codes.extend(new.into_iter().map(code));
            }
            let (qc, iq) = codes(&q, largest(&q));
            let qs = iq.mul(constant(std::f64::consts::LOG2_E / (e as f64).sqrt()));

            let mut o = vec![];
            for (h, q) in qc.chunks_exact(e).enumerate() {
                let at = s.kv_head(h) * e;
                let key = |p: usize| self.keys[l][p * kv + at..][..e].iter().copied();
                let z: Vec<F24> = (0..=position).map(|p| sum(q.iter().copied(), key(p)).mul(qs)).collect();
                let zm = z.iter().copied().max().unwrap_or(F24::ZERO);
                let share = |z: F24| code(self.function(z.add(zm.neg()), Function::Exp2Code));
                let p: Vec<i8> = z.into_iter().map(share).collect();
                let den = F24::from_int(p.iter().map(|&p| i64::from(p)).sum::<i64>());
                let rd = den.recip();
                let value = |i: usize| self.values[l][at + i..].iter().copied().step_by(kv);
                o.extend((0..e).map(|i| sum(p.iter().copied(), value(i)).mul(rd)));
            }
            let (oc, io) = codes(&o, largest(&o));
            x = times(product(&oc, &layer.wo), io).into_iter().zip(x).map(|(y, x)| y.add(x)).collect();

            let (c, a) = self.norm(&x);
            let gate = times(product(&c, &layer.w1), a).into_iter().map(|g| self.function(g, Function::Sigmoid).mul(g));
            let u: Vec<F24> = product(&c, &layer.w3).into_iter().zip(gate).map(|(u, g)| u.mul(g)).collect();
            let (uc, ih) = codes(&u, largest(&u));
            x = times(product(&uc, &layer.w2), ih.mul(a)).into_iter().zip(x).map(|(y, x)| y.add(x)).collect();
        }
        let (c, a) = self.norm(&x);
        times(product(&c, &model.classifier), a)
    }
}
