// SPDX-License-Identifier: Apache-2.0
//! Sizes of a model.

use crate::LlmError;
use serde::Serialize;

/// Sizes of a decoder of the Llama kind; d, h, L, H, G, V, T of docs/language-models.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Width d.
    pub dim: usize,
    /// Hidden width h.
    pub hidden: usize,
    /// Layers L.
    pub layers: usize,
    /// Query heads H.
    pub heads: usize,
    /// KV heads G.
    pub kv_heads: usize,
    /// Tokens V.
    pub vocab: usize,
    /// Longest context T, in tokens.
    pub context: usize,
}

/// No product of sizes below these overflows 64 bits.
const LIMITS: [(&str, usize); 7] = [
    ("dim", 1 << 20),
    ("hidden_dim", 1 << 20),
    ("n_layers", 1 << 12),
    ("n_heads", 1 << 20),
    ("n_kv_heads", 1 << 20),
    ("vocab_size", 1 << 24),
    ("seq_len", 1 << 24),
];

impl Sizes {
    /// Sizes from numbers as files have them, in llama2.c's order: dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len.
    ///
    /// # Errors
    /// [`LlmError::Size`]: one that is not from 1 to a limit; dim no multiple of heads, heads no multiple of KV heads, a head of odd
    /// width.
    pub fn new(numbers: [i64; 7]) -> Result<Sizes, LlmError> {
        let mut n = [0; 7];
        for ((&value, (what, limit)), n) in numbers.iter().zip(LIMITS).zip(&mut n) {
            match usize::try_from(value) {
                Ok(v) if (1..=limit).contains(&v) => *n = v,
                _ => return Err(LlmError::Size { what, value, why: format!("sizes are from 1 to {limit}") }),
            }
        }
        let [dim, hidden, layers, heads, kv_heads, vocab, context] = n;
        let wrong = |what, value: usize, why| Err(LlmError::Size { what, value: value as i64, why });
        if !dim.is_multiple_of(heads) {
            return wrong("n_heads", heads, format!("dim, which is {dim}, is no multiple of it"));
        }
        if !(dim / heads).is_multiple_of(2) {
            return wrong("n_heads", heads, format!("a head is {} wide; rotations take pairs", dim / heads));
        }
        if !heads.is_multiple_of(kv_heads) {
            return wrong("n_kv_heads", kv_heads, format!("n_heads, which is {heads}, is no multiple of it"));
        }
        Ok(Sizes { dim, hidden, layers, heads, kv_heads, vocab, context })
    }

    /// Width e of a head.
    pub fn head(&self) -> usize {
        self.dim / self.heads
    }

    /// Width of K and of V: KV heads times the width of a head.
    pub fn kv_dim(&self) -> usize {
        self.kv_heads * self.head()
    }

    /// The KV head that a query head reads.
    pub fn kv_head(&self, head: usize) -> usize {
        head / (self.heads / self.kv_heads)
    }

    /// Weights of a layer, norm gains included.
    pub(crate) fn layer_parameters(&self) -> u64 {
        let (d, h, kv) = (self.dim as u64, self.hidden as u64, self.kv_dim() as u64);
        2 * d * d + 2 * d * kv + 3 * d * h + 2 * d
    }

    /// Weights of the model, norm gains included; a classifier counts where it is not the embedding table.
    pub fn parameters(&self, own_classifier: bool) -> u64 {
        let table = self.vocab as u64 * self.dim as u64;
        table * (1 + u64::from(own_classifier)) + self.layers as u64 * self.layer_parameters() + self.dim as u64
    }
}
