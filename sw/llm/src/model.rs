// SPDX-License-Identifier: Apache-2.0
//! A float model as read.

use crate::{LlmError, Sizes};

/// Weights of a layer. Matrices are row by row, `[outputs][inputs]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layer {
    /// Gains of the norm in front of attention, `[d]`.
    pub rms_att: Vec<f32>,
    /// `[d][d]`; the pairs of a rotation are neighbours (2i, 2i + 1).
    pub wq: Vec<f32>,
    /// `[kv_dim][d]`; pairs as in wq.
    pub wk: Vec<f32>,
    /// `[kv_dim][d]`.
    pub wv: Vec<f32>,
    /// `[d][d]`.
    pub wo: Vec<f32>,
    /// Gains of the norm in front of the hidden layer, `[d]`.
    pub rms_ffn: Vec<f32>,
    /// The gate, `[h][d]`.
    pub w1: Vec<f32>,
    /// Back to the width, `[d][h]`.
    pub w2: Vec<f32>,
    /// What the gate multiplies, `[h][d]`.
    pub w3: Vec<f32>,
}

/// Where the rotations of positions come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Rotary {
    /// Tables of the file, `[context][e / 2]` each.
    Table {
        /// Cosines.
        cos: Vec<f32>,
        /// Sines.
        sin: Vec<f32>,
    },
    /// Pair i turns by `theta^(-2 i / e)` a position.
    Theta(f64),
}

/// A float model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What its file calls the kind: `llama2.c`, `LlamaForCausalLM`.
    pub kind: String,
    /// Sizes.
    pub sizes: Sizes,
    /// What norms add to the mean square.
    pub eps: f64,
    /// Embedding table, `[vocab][d]`.
    pub embedding: Vec<f32>,
    /// Layers, in their order.
    pub layers: Vec<Layer>,
    /// Gains of the last norm, `[d]`.
    pub rms_final: Vec<f32>,
    /// The classifier, `[vocab][d]`; the embedding table where there is none.
    pub classifier: Option<Vec<f32>>,
    /// Rotations.
    pub rotary: Rotary,
    /// The token that a text begins with.
    pub start: usize,
    /// Tokens that end a text.
    pub ends: Vec<usize>,
}

impl Model {
    /// The classifier, its own or the embedding table, `[vocab][d]`.
    pub fn classifier(&self) -> &[f32] {
        self.classifier.as_ref().unwrap_or(&self.embedding)
    }

    /// Number of weights.
    pub fn parameters(&self) -> u64 {
        self.sizes.parameters(self.classifier.is_some())
    }

    /// `(cos, sin)` by which pair i of a head turns at a position.
    ///
    /// # Panics
    /// Where a table of the file is shorter: position and pair are within the sizes.
    pub fn rotation(&self, position: usize, pair: usize) -> (f64, f64) {
        let head = self.sizes.head();
        match &self.rotary {
            Rotary::Table { cos, sin } => {
                let at = position * (head / 2) + pair;
                (f64::from(cos[at]), f64::from(sin[at]))
            }
            Rotary::Theta(theta) => {
                let angle = position as f64 * libm::pow(*theta, -2.0 * pair as f64 / head as f64);
                (libm::cos(angle), libm::sin(angle))
            }
        }
    }
}

/// Weights have to be numbers.
pub(crate) fn finite(tensor: impl FnOnce() -> String, data: &[f32]) -> Result<(), LlmError> {
    match data.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(LlmError::NotFinite { tensor: tensor(), index, value: data[index] }),
    }
}
