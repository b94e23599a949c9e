// SPDX-License-Identifier: Apache-2.0
//! The float reference: a token in float32, as llama2.c's run.c computes it.

use crate::{LlmError, Model};

/// Running sums of a product: the order of its additions.
const SUMS: usize = 8;

/// A model and the K and V of the positions that it has seen.
#[derive(Clone)]
pub struct Float<'a> {
    model: &'a Model,
    /// Of each layer, `[position][kv_dim]`, K after its rotation.
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
}

/// `w [n][k]` times `x [k]`.
fn product(w: &[f32], x: &[f32]) -> Vec<f32> {
    w.chunks_exact(x.len()).map(|row| dot(row, x)).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; SUMS];
    let ((a8, a_tail), (b8, b_tail)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    for (a, b) in a8.iter().zip(b8) {
        for i in 0..SUMS {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f32>() + tail
}

/// `x / sqrt(mean x^2 + eps)`, times the gains.
fn norm(x: &[f32], gains: &[f32], eps: f32) -> Vec<f32> {
    let r = 1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt();
    x.iter().zip(gains).map(|(x, g)| g * (r * x)).collect()
}

fn softmax(z: &mut [f32]) {
    let most = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    z.iter_mut().for_each(|z| *z = libm::expf(*z - most));
    let sum: f32 = z.iter().sum();
    z.iter_mut().for_each(|z| *z /= sum);
}

fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

impl<'a> Float<'a> {
    /// A model that has seen nothing.
    pub fn new(model: &'a Model) -> Float<'a> {
        let empty = vec![vec![]; model.sizes.layers];
        Float { model, keys: empty.clone(), values: empty }
    }

    /// Positions seen.
    pub fn positions(&self) -> usize {
        self.keys[0].len() / self.model.sizes.kv_dim()
    }

    /// K of a layer after its rotation, `[position][kv_dim]`.
    pub fn keys(&self, layer: usize) -> &[f32] {
        &self.keys[layer]
    }

    /// V of a layer, `[position][kv_dim]`.
    pub fn values(&self, layer: usize) -> &[f32] {
        &self.values[layer]
    }

    /// A token at a position: the logits of the one behind it, `[vocab]`. What was seen at this position and later is forgotten.
    ///
    /// # Panics
    /// For a token that the vocabulary has not, a position beyond the context or beyond what was seen.
    pub fn step(&mut self, token: usize, position: usize) -> Vec<f32> {
        let (model, s) = (self.model, self.model.sizes);
        let (d, e, kv) = (s.dim, s.head(), s.kv_dim());
        assert!(token < s.vocab, "token {token} of {}", s.vocab);
        assert!(position < s.context && position <= self.positions(), "position {position} behind {}", self.positions());
        let turns: Vec<(f32, f32)> = (0..e / 2)
            .map(|i| {
                let (cos, sin) = model.rotation(position, i);
                (cos as f32, sin as f32)
            })
            .collect();
        let turn = |x: &mut [f32]| {
            for head in x.chunks_exact_mut(e) {
                for (pair, &(cos, sin)) in head.chunks_exact_mut(2).zip(&turns) {
                    (pair[0], pair[1]) = (pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos);
                }
            }
        };
        let eps = model.eps as f32;
        let mut x = model.embedding[token * d..][..d].to_vec();
        for (l, layer) in model.layers.iter().enumerate() {
            let c = norm(&x, &layer.rms_att, eps);
            let (mut q, mut k) = (product(&layer.wq, &c), product(&layer.wk, &c));
            turn(&mut q);
            turn(&mut k);
            let (keys, values) = (&mut self.keys[l], &mut self.values[l]);
            keys.truncate(position * kv);
            keys.extend(k);
            values.truncate(position * kv);
            values.extend(product(&layer.wv, &c));

            let mut o = vec![0f32; d];
            for (h, (q, o)) in q.chunks_exact(e).zip(o.chunks_exact_mut(e)).enumerate() {
                let at = s.kv_head(h) * e;
                let mut p: Vec<f32> = keys.chunks_exact(kv).map(|k| dot(q, &k[at..][..e]) / (e as f32).sqrt()).collect();
                softmax(&mut p);
                for (p, v) in p.iter().zip(values.chunks_exact(kv)) {
                    o.iter_mut().zip(&v[at..][..e]).for_each(|(o, v)| *o += p * v);
                }
            }
            add(&mut x, &product(&layer.wo, &o));

            let c = norm(&x, &layer.rms_ffn, eps);
            let mut u = product(&layer.w1, &c);
            for (g, w) in u.iter_mut().zip(product(&layer.w3, &c)) {
                *g *= w / (1.0 + libm::expf(-*g));
            }
            add(&mut x, &product(&layer.w2, &u));
        }
        product(model.classifier(), &norm(&x, &model.rms_final, eps))
    }

    /// The most likely token, again and again: what follows `tokens`, which begin at position 0, `count` tokens or fewer where one
    /// ends the text or the context is full.
    ///
    /// # Errors
    /// [`LlmError::Size`], where `tokens` are none or more than the context.
    pub fn greedy(&mut self, tokens: &[usize], count: usize) -> Result<Vec<usize>, LlmError> {
        let context = self.model.sizes.context;
        if tokens.is_empty() || tokens.len() > context {
            let why = format!("a prompt has 1 to {context} tokens");
            return Err(LlmError::Size { what: "tokens", value: tokens.len() as i64, why });
        }
        let mut logits = vec![];
        for (position, &token) in tokens.iter().enumerate() {
            logits = self.step(token, position);
        }
        let mut text = vec![];
        while text.len() < count {
            let token = crate::argmax(&logits);
            if self.model.ends.contains(&token) {
                break;
            }
            text.push(token);
            if tokens.len() + text.len() > context {
                break;
            }
            logits = self.step(token, tokens.len() + text.len() - 1);
        }
        Ok(text)
    }
}
