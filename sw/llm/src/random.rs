// SPDX-License-Identifier: Apache-2.0
//! Random models for tests: any sizes, a seed.

use crate::{Layer, Model, Rotary, Sizes};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A model whose activations keep their size from layer to layer; gains about 1, rotations by 10,000, epsilon 1e-5, texts begin with
/// token 1 and end with 1 or 2.
pub fn model(sizes: Sizes, own_classifier: bool, seed: u64) -> Model {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tensor = |n: usize, middle: f32, reach: f32| -> Vec<f32> {
        (0..n).map(|_| middle + reach * rng.random_range(-1.0f32..1.0)).collect()
    };
    let (d, h, kv) = (sizes.dim, sizes.hidden, sizes.kv_dim());
    // Uniform numbers up to sqrt(3 / inputs) keep the variance of what they multiply.
    let (by_d, by_h) = ((3.0 / d as f32).sqrt(), (3.0 / h as f32).sqrt());
    let embedding = tensor(sizes.vocab * d, 0.0, 1.0);
    let layers = (0..sizes.layers)
        .map(|_| Layer {
            rms_att: tensor(d, 1.0, 0.5),
            wq: tensor(d * d, 0.0, by_d),
            wk: tensor(kv * d, 0.0, by_d),
            wv: tensor(kv * d, 0.0, by_d),
            wo: tensor(d * d, 0.0, by_d),
            rms_ffn: tensor(d, 1.0, 0.5),
            w1: tensor(h * d, 0.0, by_d),
            w2: tensor(d * h, 0.0, by_h),
            w3: tensor(h * d, 0.0, by_d),
        })
        .collect();
    let rms_final = tensor(d, 1.0, 0.5);
    let classifier = own_classifier.then(|| tensor(sizes.vocab * d, 0.0, by_d));
    Model {
        kind: "random".into(),
        sizes,
        eps: 1e-5,
        embedding,
        layers,
        rms_final,
        classifier,
        rotary: Rotary::Theta(10_000.0),
        start: 1.min(sizes.vocab - 1),
        ends: vec![1, 2],
    }
}
