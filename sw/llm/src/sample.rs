// SPDX-License-Identifier: Apache-2.0
//! A token from logits.

use crate::{Float, Model};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The largest logit's token, of equal ones the first; 0 where there are none.
pub fn argmax(logits: &[f32]) -> usize {
    let mut best = 0;
    for (i, v) in logits.iter().enumerate() {
        if *v > logits[best] {
            best = i;
        }
    }
    best
}

/// Draws tokens. The same seed draws the same from the same logits, on every machine.
#[derive(Debug, Clone)]
pub struct Sampler {
    temperature: f32,
    top_p: f32,
    rng: ChaCha8Rng,
}

impl Sampler {
    /// Temperature 0 takes the most likely token. `top_p` below 1 leaves, of the tokens by their probability, only the first whose sum
    /// reaches it; 0 and below are as 1, as in llama2.c.
    pub fn new(temperature: f32, top_p: f32, seed: u64) -> Sampler {
        Sampler { temperature, top_p, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// A token from the logits, `[vocab]`.
    pub fn sample(&mut self, logits: &[f32]) -> usize {
        if self.temperature <= 0.0 || logits.is_empty() {
            return argmax(logits);
        }
        let temperature = f64::from(self.temperature);
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |v: f32| libm::exp(f64::from(v - most) / temperature);
        let mut tokens: Vec<(usize, f64)> = logits.iter().map(|&v| weight(v)).enumerate().collect();
        let mut sum: f64 = tokens.iter().map(|t| t.1).sum();
        if self.top_p > 0.0 && self.top_p < 1.0 {
            tokens.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: equal ones in the order of tokens
            let goal = f64::from(self.top_p) * sum;
            sum = 0.0;
            let enough = tokens.iter().position(|t| {
                sum += t.1;
                sum >= goal
            });
            tokens.truncate(enough.map_or(tokens.len(), |last| last + 1));
        }
        let mut left = self.rng.random::<f64>() * sum;
        for &(token, weight) in &tokens {
            left -= weight;
            if left < 0.0 {
                return token;
            }
        }
        tokens[tokens.len() - 1].0
    }
}

/// Text that the float model itself writes: temperature 1 from a seed. Each text begins behind the start symbol, which is not part of
/// it, and goes on to a token that ends it or to the context's last position; `tokens` in all.
pub fn write(model: &Model, seed: u64, tokens: usize) -> Vec<Vec<usize>> {
    let mut sampler = Sampler::new(1.0, 1.0, seed);
    let mut texts = vec![];
    let mut left = tokens;
    while left > 0 {
        let mut float = Float::new(model);
        let (mut text, mut token) = (vec![], model.start);
        for position in 0..left.min(model.sizes.context) {
            token = sampler.sample(&float.step(token, position));
            text.push(token);
            if model.ends.contains(&token) {
                break;
            }
        }
        left -= text.len();
        texts.push(text);
    }
    texts
}
