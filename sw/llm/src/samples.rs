// SPDX-License-Identifier: Apache-2.0
//! What tests take: random models of any sizes, a tokenizer, and the place of a third-party model.

use crate::{Layer, Model, Rotary, Sizes};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};

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

/// Pieces and scores of a llama2.c tokenizer: `<unk>`, start and end symbol, 256 bytes, then `more` with scores that fall from 0.
pub fn pieces(more: &[&str]) -> Vec<(String, f32)> {
    let mut all: Vec<(String, f32)> = ["<unk>", "\n<s>\n", "\n</s>\n"].map(|s| (s.to_string(), 0.0)).to_vec();
    all.extend((0..256).map(|b| (format!("<0x{b:02X}>"), 0.0)));
    all.extend(more.iter().enumerate().map(|(i, p)| (p.to_string(), -(i as f32))));
    all
}

/// Pieces as a `tokenizer.bin`.
pub fn tokenizer_bin(pieces: &[(String, f32)]) -> Vec<u8> {
    let longest = pieces.iter().map(|p| p.0.len()).max().unwrap_or(0) as i32;
    let mut bytes = longest.to_le_bytes().to_vec();
    for (piece, score) in pieces {
        bytes.extend(score.to_le_bytes());
        bytes.extend((piece.len() as i32).to_le_bytes());
        bytes.extend(piece.as_bytes());
    }
    bytes
}

/// The folder of stories260K, a third-party model that tests use where it is: `SYSTOLE_STORIES`, or `shared/models/stories260K` beside
/// one of the folders above this one. Says so where it is not.
pub fn stories() -> Option<PathBuf> {
    let own = std::env::var_os("SYSTOLE_STORIES").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|a| a.join("shared/models/stories260K"));
    let found = own.into_iter().chain(above).find(|f| f.join("stories260K.bin").exists());
    if found.is_none() {
        eprintln!("stories260K is not here: set SYSTOLE_STORIES to its folder to run this test");
    }
    found
}
