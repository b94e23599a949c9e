// SPDX-License-Identifier: Apache-2.0
//! Random networks and inputs from a seed.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use systole_model::{Dense, Network, Output, Quantised};

/// A generator for a seed.
pub fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// `n` random int8 codes.
pub fn codes(rng: &mut impl Rng, n: usize) -> Vec<i8> {
    let mut bytes = vec![0u8; n];
    rng.fill_bytes(&mut bytes);
    bytes.into_iter().map(|b| b as i8).collect()
}

/// A scale for which the outputs of a K-long sum of random codes fill int8 and reach saturation.
pub fn scale(rng: &mut impl Rng, k: usize) -> f32 {
    let spread = 74.0 * 74.0 * (k as f32).sqrt();
    60.0 / spread * rng.random_range(0.5f32..2.0)
}

/// A layer with random weights, biases and scales.
pub fn dense(rng: &mut impl Rng, k: usize, n: usize) -> Dense {
    let reach = 5000 * (k as f64).sqrt() as i32;
    Dense {
        k,
        n,
        weights: codes(rng, k * n),
        bias: (0..n).map(|_| rng.random_range(-reach..=reach)).collect(),
        output: Output::Int8(Quantised::plain((0..n).map(|_| scale(rng, k)).collect(), rng.random_range(-20i8..20))),
    }
}

/// A GEMM with random data.
pub fn gemm(seed: u64, m: usize, k: usize, n: usize, raw: bool) -> (Network, Vec<i8>) {
    let mut rng = generator(seed);
    let mut layer = dense(&mut rng, k, n);
    if raw {
        layer.output = Output::Raw32;
    }
    let network =
        Network { name: format!("gemm {m}x{k}x{n}"), m, k, zero_point: rng.random_range(-10i8..10), layers: vec![layer] };
    let input = codes(&mut rng, m * k);
    (network, input)
}
