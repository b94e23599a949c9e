// SPDX-License-Identifier: Apache-2.0
//! Where a decoder's weights and parameters lie: tiles in order of use, shared by all its programs.

use super::shape::Shape;
use crate::laid::Weights;
use systole_isa::{Config, F24};
use systole_llm::{Matrix, Quantised};

/// A matrix: the first word of its tiles, and of its scales.
#[derive(Debug, Clone, Copy)]
pub(super) struct Laid {
    pub base: usize,
    pub scales: u32,
}

/// A table to be picked from by a one-hot vector: its first word, how far the tiles of the next word of an entry lie, and its
/// scales.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub base: usize,
    pub stride: usize,
    pub scales: u32,
}

/// What a layer has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer {
    pub wk: Laid,
    pub wq: Laid,
    pub wv: Laid,
    pub wo: Laid,
    pub w1: Laid,
    pub w3: Laid,
    pub w2: Laid,
}

/// All of a decoder.
pub(super) struct Lay {
    pub embedding: Table,
    /// Rotations: the high codes, and the low ones.
    pub rotations: [Table; 2],
    pub layers: Vec<Layer>,
    pub classifier: Laid,
    /// Parameter words that choose the lanes of each head in a word, and how far those of the next word lie.
    pub masks: (u32, i64),
    /// Parameter words of the lanes of o that are written, where some are not.
    pub chosen: Option<u32>,
    pub weights: Weights,
}

impl Lay {
    pub fn new(model: &Quantised, s: &Shape, config: &Config) -> Lay {
        let mut w = Weights::new(config);
        let z = &model.sizes;
        let (c, d) = (s.c, s.d);
        let (base, stride) = w.table(z.vocab, d, |entry, lane| model.embedding[entry * z.dim + lane]);
        let scales = w.scales((0..d * c).map(|i| Some(model.embedding_scales[i])));
        let embedding = Table { base, stride, scales };
        let rotations = [false, true].map(|low| {
            let (base, stride) = w.table(z.context, 2 * s.ew, |entry, lane| rotation(model, s, entry, lane, low));
            let scales = w.constant(if low { 1.0 / 16384.0 } else { 1.0 / 64.0 });
            Table { base, stride, scales }
        });
        let (masks, mask_stride) = w.masks(s.side, s.q / s.ew, &|slot| {
            let (word, place) = (slot / s.side, slot % s.side);
            word / s.share * s.side + place < z.kv_heads
        });
        // Empty places of o were never written: they do not count.
        let taken = |n: usize| s.q_row(model, n).map(|_| F24::ONE);
        let whole = (0..s.q * c).all(|n| taken(n).is_some());
        let chosen = (!whole).then(|| w.scales((0..s.q * c).map(taken)));
        let mut lay = Lay {
            embedding,
            rotations,
            layers: vec![],
            classifier: Laid { base: 0, scales: 0 },
            masks: (masks, mask_stride),
            chosen,
            weights: w,
        };
        for layer in &model.layers {
            let key = |n: usize| s.kv_row(model, n);
            let query = |n: usize| s.q_row(model, n);
            let hidden = |n: usize| (n < z.hidden).then_some(n);
            let wk = lay.matrix(&layer.wk, (d, s.kv), &key, &Some);
            let wq = lay.matrix(&layer.wq, (d, s.q), &query, &Some);
            let wv = lay.matrix(&layer.wv, (d, s.kv), &key, &Some);
            let wo = lay.matrix(&layer.wo, (s.q, d), &Some, &query);
            let w1 = lay.matrix(&layer.w1, (d, s.h), &hidden, &Some);
            let w3 = lay.matrix(&layer.w3, (d, s.h), &hidden, &Some);
            let w2 = lay.matrix(&layer.w2, (s.h, d), &Some, &hidden);
            lay.layers.push(Layer { wk, wq, wv, wo, w1, w3, w2 });
        }
        let token = |n: usize| (n < z.vocab).then_some(n);
        // Lanes beyond the vocabulary do not count among the logits: their scale is 0.
        let base = lay.weights.matrix(&model.classifier, d, s.vocab, &token, &Some);
        let scales = lay.weights.scales((0..s.vocab * c).map(|n| token(n).map(|n| model.classifier.scales[n])));
        lay.classifier = Laid { base, scales };
        lay
    }

    /// A matrix of `k` by `n` words; channels that are none have the scale 1.
    fn matrix(
        &mut self,
        m: &Matrix,
        (k, n): (usize, usize),
        row: &dyn Fn(usize) -> Option<usize>,
        column: &dyn Fn(usize) -> Option<usize>,
    ) -> Laid {
        let base = self.weights.matrix(m, k, n, row, column);
        let lanes = n * self.weights.lanes();
        let scales = self.weights.scales((0..lanes).map(|n| Some(row(n).map_or(F24::ONE, |row| m.scales[row]))));
        Laid { base, scales }
    }
}

/// Channel `lane` of the rotation of position `entry`: cosines in the words of a head, then as many of sines, with the sign
/// that the pair's first channel takes.
fn rotation(model: &Quantised, s: &Shape, entry: usize, lane: usize, low: bool) -> i8 {
    let (c, e) = (s.c, model.sizes.head());
    let half = e / 2;
    let (sine, channel) = (lane / c >= s.ew, lane % (s.ew * c) % e);
    let pair = channel / 2;
    let r = if sine { model.sin[entry * half + pair] } else { model.cos[entry * half + pair] };
    let w = i32::from(r.hi) * 256 + i32::from(r.lo);
    let w = if sine && channel % 2 == 0 { -w } else { w };
    let lo = (w + 128).rem_euclid(256) - 128;
    if low { lo as i8 } else { ((w - lo) / 256) as i8 }
}
