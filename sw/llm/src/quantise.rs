// SPDX-License-Identifier: Apache-2.0
//! Codes and scales of a float model (docs/language-models.md, Weights).

use crate::{Float, Layer, Model, Sizes, write};
use systole_isa::F24;

/// How a model is quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Positions to make rotations for; no more than the model has. All of them without it.
    pub context: Option<usize>,
    /// Tokens of text for the scales of K and V.
    pub calibration: usize,
    /// Seed of that text.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { context: None, calibration: 2048, seed: 1 }
    }
}

/// An int8 matrix with a scale for each output channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Output channels n.
    pub outputs: usize,
    /// Input channels k.
    pub inputs: usize,
    /// Codes, `[outputs][inputs]`, -127 to 127.
    pub codes: Vec<i8>,
    /// Scales, `[outputs]`.
    pub scales: Vec<F24>,
}

impl Matrix {
    /// The codes of an output channel, `[inputs]`.
    ///
    /// # Panics
    /// For a channel that the matrix has not.
    pub fn row(&self, output: usize) -> &[i8] {
        &self.codes[output * self.inputs..][..self.inputs]
    }
}

/// Matrices of a layer: norm gains and the scales of K and V are in them.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedLayer {
    /// Queries, `[d][d]`.
    pub wq: Matrix,
    /// Keys, `[kv_dim][d]`: a product with it is in codes of K before the rotation.
    pub wk: Matrix,
    /// Values, `[kv_dim][d]`: a product with it is in codes of V.
    pub wv: Matrix,
    /// Behind attention, `[d][d]`.
    pub wo: Matrix,
    /// Gate, `[h][d]`.
    pub w1: Matrix,
    /// Back to the width, `[d][h]`.
    pub w2: Matrix,
    /// What the gate multiplies, `[h][d]`.
    pub w3: Matrix,
    /// Scale of K of each channel, `[kv_dim]`; both of a pair have the same. In the weights already.
    pub key_scales: Vec<f64>,
    /// Scale of V of each channel, `[kv_dim]`. In the weights already.
    pub value_scales: Vec<f64>,
}

/// A number as two codes, `(256 hi + lo) / 2^14`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// High code.
    pub hi: i8,
    /// Low code.
    pub lo: i8,
}

impl Rotation {
    /// The nearest; x from -1 to 1.
    fn new(x: f64) -> Rotation {
        let w = (x * 16384.0).round_ties_even() as i32;
        let lo = (w + 128).rem_euclid(256) - 128;
        Rotation { hi: ((w - lo) / 256) as i8, lo: lo as i8 }
    }
}

/// All that the compiler and the golden model take. Heads and channels are in the model's order; the pairs of a rotation are
/// neighbours (2i, 2i + 1).
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised {
    /// Sizes; the context is that of the options.
    pub sizes: Sizes,
    /// What norms add to the mean square.
    pub eps: F24,
    /// Codes of the embedding table, `[vocab][d]`.
    pub embedding: Vec<i8>,
    /// Their scales, `[d]`.
    pub embedding_scales: Vec<F24>,
    /// Layers, in their order.
    pub layers: Vec<QuantisedLayer>,
    /// Classifier, `[vocab][d]`.
    pub classifier: Matrix,
    /// Cosines, `[context][e / 2]`.
    pub cos: Vec<Rotation>,
    /// Sines, `[context][e / 2]`, of the pair: without the sign of its two channels.
    pub sin: Vec<Rotation>,
    /// The token that a text begins with.
    pub start: usize,
    /// Tokens that end a text.
    pub ends: Vec<usize>,
}

impl Quantised {
    /// The same model for a shorter context, in tokens.
    pub fn shorten(&mut self, context: usize) {
        let pairs = self.sizes.head() / 2;
        self.sizes.context = self.sizes.context.min(context);
        self.cos.truncate(self.sizes.context * pairs);
        self.sin.truncate(self.sizes.context * pairs);
    }
}

/// A scale for numbers up to `largest`.
fn scale(largest: f64) -> f64 {
    if largest == 0.0 { 1.0 / 127.0 } else { largest / 127.0 }
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).fold(0.0, f64::max)
}

fn code(x: f64) -> i8 {
    x.round_ties_even().clamp(-127.0, 127.0) as i8
}

/// A matrix of `w(n, k)`.
fn matrix(outputs: usize, inputs: usize, w: impl Fn(usize, usize) -> f64) -> Matrix {
    let (mut codes, mut scales) = (Vec::with_capacity(outputs * inputs), Vec::with_capacity(outputs));
    for n in 0..outputs {
        let row: Vec<f64> = (0..inputs).map(|k| w(n, k)).collect();
        let s = scale(largest(row.iter().copied()));
        codes.extend(row.iter().map(|w| code(w / s)));
        scales.push(F24::from_f64(s));
    }
    Matrix { outputs, inputs, codes, scales }
}

/// Scales of K and V of each layer, `[kv_dim]` each.
fn calibrate(model: &Model, options: &Options) -> Vec<[Vec<f64>; 2]> {
    let s = model.sizes;
    let mut most = vec![[vec![0f64; s.kv_dim()], vec![0f64; s.kv_dim()]]; s.layers];
    for text in write(model, options.seed, options.calibration) {
        let mut float = Float::new(model);
        let (_, before) = text.split_last().unwrap_or((&0, &[]));
        for (position, &token) in std::iter::once(&model.start).chain(before).enumerate() {
            float.step(token, position);
        }
        for (l, most) in most.iter_mut().enumerate() {
            for (most, seen) in most.iter_mut().zip([float.keys(l), float.values(l)]) {
                for row in seen.chunks_exact(s.kv_dim()) {
                    most.iter_mut().zip(row).for_each(|(m, v)| *m = m.max(f64::from(v.abs())));
                }
            }
        }
    }
    for [k, v] in &mut most {
        for pair in k.chunks_exact_mut(2) {
            pair.fill(scale(pair[0].max(pair[1])));
        }
        v.iter_mut().for_each(|v| *v = scale(*v));
    }
    most
}

fn layer(s: &Sizes, w: &Layer, [sk, sv]: [Vec<f64>; 2]) -> QuantisedLayer {
    let (d, h, kv, e) = (s.dim, s.hidden, s.kv_dim(), s.head());
    let at = |w: &[f32], inputs: usize, n: usize, k: usize| f64::from(w[n * inputs + k]);
    let (att, ffn) = (|k: usize| f64::from(w.rms_att[k]), |k: usize| f64::from(w.rms_ffn[k]));
    // The channel of K and V that a channel of the query heads meets.
    let met = |n: usize| s.kv_head(n / e) * e + n % e;
    QuantisedLayer {
        wq: matrix(d, d, |n, k| at(&w.wq, d, n, k) * att(k) * sk[met(n)]),
        wk: matrix(kv, d, |n, k| at(&w.wk, d, n, k) * att(k) / sk[n]),
        wv: matrix(kv, d, |n, k| at(&w.wv, d, n, k) * att(k) / sv[n]),
        wo: matrix(d, d, |n, k| at(&w.wo, d, n, k) * sv[met(k)]),
        w1: matrix(h, d, |n, k| at(&w.w1, d, n, k) * ffn(k)),
        w2: matrix(d, h, |n, k| at(&w.w2, h, n, k)),
        w3: matrix(h, d, |n, k| at(&w.w3, d, n, k) * ffn(k)),
        key_scales: sk,
        value_scales: sv,
    }
}

/// Quantises a model: norm gains and static scales of K and V into the weights, a scale for each output channel, rotations as two
/// codes. All in float64; the scales of K and V come from text that the float model writes.
pub fn quantise(model: &Model, options: &Options) -> Quantised {
    let mut sizes = model.sizes;
    sizes.context = options.context.unwrap_or(sizes.context).clamp(1, sizes.context);
    let s = model.sizes;
    let embedding = |token: usize, i: usize| f64::from(model.embedding[token * s.dim + i]);
    let es: Vec<f64> = (0..s.dim).map(|i| scale(largest((0..s.vocab).map(|t| embedding(t, i))))).collect();
    let scales = calibrate(model, options);
    let classifier = model.classifier();
    let turns = || (0..sizes.context).flat_map(|p| (0..s.head() / 2).map(move |i| model.rotation(p, i)));
    Quantised {
        sizes,
        eps: F24::from_f64(model.eps),
        embedding: (0..s.vocab * s.dim).map(|n| code(embedding(n / s.dim, n % s.dim) / es[n % s.dim])).collect(),
        embedding_scales: es.iter().map(|&e| F24::from_f64(e)).collect(),
        layers: model.layers.iter().zip(scales).map(|(w, scales)| layer(&s, w, scales)).collect(),
        classifier: matrix(s.vocab, s.dim, |n, k| f64::from(classifier[n * s.dim + k]) * f64::from(model.rms_final[k])),
        cos: turns().map(|t| Rotation::new(t.0)).collect(),
        sin: turns().map(|t| Rotation::new(t.1)).collect(),
        start: model.start,
        ends: model.ends.clone(),
    }
}
