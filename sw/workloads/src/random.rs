// SPDX-License-Identifier: Apache-2.0
//! Random networks and inputs from a seed.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use systole_model::graph::Graph;
use systole_model::host::HostOp;
use systole_model::onnx::{Array, Data, ElementType};
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

/// Random tensors for all inputs of a graph, in the model's order; see [`tensor`].
pub fn tensors(graph: &Graph, seed: u64) -> Vec<Array> {
    (0..graph.input.tensors().count()).map(|n| tensor(graph, n, seed)).collect()
}

/// A random tensor for input `n` of a graph: every code as likely, or for float32 what random codes stand for; where the host computes
/// in front of the machine, numbers from -1 to 1; for indices rows that each of the tables has.
///
/// # Panics
/// The graph has no such input.
pub fn tensor(graph: &Graph, n: usize, seed: u64) -> Array {
    let Some(border) = graph.input.tensors().nth(n) else { panic!("{} has no input {n}", graph.name) };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let codes = codes(&mut rng, border.shape.iter().product());
    let data = match (border.element, &border.float, &border.host) {
        (ElementType::Uint8, ..) => Data::U8(codes.iter().map(|&c| c as u8).collect()),
        (ElementType::Int64 | ElementType::Int32, ..) => {
            // All ways that the tensor goes.
            let ways = || graph.input.all().filter(|b| b.name == border.name);
            let by_index = ways().flat_map(|b| &b.index).map(|i| i.rows);
            let by_host = ways().flat_map(|b| &b.host).flat_map(|host| &host.ops).filter_map(HostOp::rows);
            let rows = by_index.chain(by_host).min().unwrap_or(8) as i64;
            let all: Vec<i64> = codes.iter().map(|_| rng.random_range(-rows..rows)).collect();
            if border.element == ElementType::Int64 { Data::I64(all) } else { Data::I32(all.iter().map(|&i| i as i32).collect()) }
        }
        (ElementType::Float32, Some(float), None) => Data::F32(float.values(&border.shape, &codes)),
        (ElementType::Float32, ..) => Data::F32(codes.iter().map(|&c| f32::from(c) / 128.0).collect()),
        _ => Data::I8(codes),
    };
    Array { shape: border.shape.clone(), data }
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
