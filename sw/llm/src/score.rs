// SPDX-License-Identifier: Apache-2.0
//! How near two models are, on a text.

use crate::argmax;

/// A stretch of text for one context: `inputs[i]` at position i, behind which comes `targets[i]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The start symbol and the text without its last token.
    pub inputs: Vec<usize>,
    /// The text.
    pub targets: Vec<usize>,
}

/// Texts as windows of at most `context` positions, each behind the start symbol; `most` targets in all.
pub fn windows(texts: &[Vec<usize>], start: usize, context: usize, most: usize) -> Vec<Window> {
    let mut left = most;
    let mut windows = vec![];
    for targets in texts.iter().flat_map(|text| text.chunks(context.max(1))) {
        let targets = targets[..targets.len().min(left)].to_vec();
        left -= targets.len();
        if let Some((_, before)) = targets.split_last() {
            windows.push(Window { inputs: [&[start], before].concat(), targets: targets.clone() });
        }
    }
    windows
}

/// Sums over positions, of the machine's logits beside the float reference's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Positions.
    pub tokens: u64,
    /// Sum of -ln p of the token that came, by the machine.
    nll: f64,
    /// The same by the float reference.
    nll_float: f64,
    /// Sum of KL divergences.
    kl: f64,
    /// Positions with the same most likely token.
    same: u64,
}

/// ln p of each token.
fn log_softmax(logits: &[f32]) -> impl Fn(usize) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&v| libm::exp(f64::from(v - most))).sum();
    let log = libm::log(sum);
    move |token| f64::from(logits[token] - most) - log
}

impl Score {
    /// Adds a position: logits of both, `[vocab]` each, and the token that came.
    ///
    /// # Panics
    /// Where the logits are fewer than `target`, or of two lengths.
    pub fn add(&mut self, machine: &[f32], float: &[f32], target: usize) {
        assert_eq!(machine.len(), float.len(), "two vocabularies");
        let (q, p) = (log_softmax(machine), log_softmax(float));
        self.tokens += 1;
        self.nll -= q(target);
        self.nll_float -= p(target);
        self.kl += (0..float.len()).map(|t| libm::exp(p(t)) * (p(t) - q(t))).sum::<f64>();
        self.same += u64::from(argmax(machine) == argmax(float));
    }

    fn mean(&self, sum: f64) -> f64 {
        sum / self.tokens as f64
    }

    /// exp of the mean -ln p, by the machine. NaN without a position, as are all means.
    pub fn perplexity(&self) -> f64 {
        libm::exp(self.mean(self.nll))
    }

    /// The same by the float reference.
    pub fn perplexity_float(&self) -> f64 {
        libm::exp(self.mean(self.nll_float))
    }

    /// Mean over positions of the sum over tokens of `p ln (p / q)`, p the float reference's probability, q the machine's: natural
    /// logarithm.
    pub fn kl(&self) -> f64 {
        self.mean(self.kl)
    }

    /// Share of positions with the same most likely token, 0 to 1.
    pub fn same_top(&self) -> f64 {
        self.mean(self.same as f64)
    }
}
