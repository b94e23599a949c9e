// SPDX-License-Identifier: Apache-2.0
//! llama2.c's `.bin` files, version 0 (`legacy_export` of its export.py, `memory_map_weights` of its run.c).

use crate::model::finite;
use crate::{Layer, LlmError, Model, Rotary, Sizes};

/// First word of the versions 1 and 2.
const MAGIC: u32 = 0x616b_3432;
const HEADER: usize = 28;

/// Tensors of the layers, in the file's order.
const FIELDS: [(&str, fn(&mut Layer) -> &mut Vec<f32>); 9] = [
    ("rms_att", |l| &mut l.rms_att),
    ("wq", |l| &mut l.wq),
    ("wk", |l| &mut l.wk),
    ("wv", |l| &mut l.wv),
    ("wo", |l| &mut l.wo),
    ("rms_ffn", |l| &mut l.rms_ffn),
    ("w1", |l| &mut l.w1),
    ("w2", |l| &mut l.w2),
    ("w3", |l| &mut l.w3),
];

/// Reads a file of version 0: seven int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len), then float32
/// tensors, each for all layers: token_embedding, rms_att, wq, wk, wv, wo, rms_ffn, w1, w2, w3, rms_final, freq_cis_real,
/// freq_cis_imag, and, where vocab_size is negative, wcls. All little-endian. The norms' epsilon is 1e-5, texts begin with token 1 and
/// end before the next 1 or 2, as run.c has it.
///
/// # Errors
/// Another version, absurd sizes, a file that is shorter or longer than its sizes say, weights that are no numbers.
pub fn read_llama2c(bytes: &[u8]) -> Result<Model, LlmError> {
    let word = |i: usize| bytes.get(4 * i..4 * i + 4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    if word(0).is_some_and(|w| w as u32 == MAGIC) {
        return Err(LlmError::Version(word(1).unwrap_or(0) as u32));
    }
    let mut numbers = [0i64; 7];
    for (i, n) in numbers.iter_mut().enumerate() {
        let Some(word) = word(i) else {
            return Err(LlmError::Truncated { expected: HEADER as u64, found: bytes.len() as u64 });
        };
        *n = i64::from(word);
    }
    let own = numbers[5] < 0;
    numbers[5] = numbers[5].abs();
    let sizes = Sizes::new(numbers)?;
    let rotations = sizes.context as u64 * (sizes.head() as u64 / 2);
    let expected = HEADER as u64 + 4 * (sizes.parameters(own) + 2 * rotations);
    let found = bytes.len() as u64;
    if found < expected {
        return Err(LlmError::Truncated { expected, found });
    }
    if found > expected {
        return Err(LlmError::Long { expected, found });
    }

    // From here on every tensor is in the file.
    let mut rest = &bytes[HEADER..];
    let mut take = |name: &dyn Fn() -> String, n: usize| -> Result<Vec<f32>, LlmError> {
        let (now, then) = rest.split_at(4 * n);
        rest = then;
        let data: Vec<f32> = now.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        finite(name, &data)?;
        Ok(data)
    };
    let (d, h, kv) = (sizes.dim, sizes.hidden, sizes.kv_dim());
    let embedding = take(&|| "token_embedding".into(), sizes.vocab * d)?;
    let mut layers = vec![Layer::default(); sizes.layers];
    for ((name, field), n) in FIELDS.into_iter().zip([d, d * d, kv * d, kv * d, d * d, d, h * d, d * h, h * d]) {
        for (i, layer) in layers.iter_mut().enumerate() {
            *field(layer) = take(&|| format!("{name} of layer {i}"), n)?;
        }
    }
    let rms_final = take(&|| "rms_final".into(), d)?;
    let pairs = rotations as usize;
    let cos = take(&|| "freq_cis_real".into(), pairs)?;
    let sin = take(&|| "freq_cis_imag".into(), pairs)?;
    let classifier = if own { Some(take(&|| "wcls".into(), sizes.vocab * d)?) } else { None };
    Ok(Model {
        kind: "llama2.c".into(),
        sizes,
        eps: 1e-5,
        embedding,
        layers,
        rms_final,
        classifier,
        rotary: Rotary::Table { cos, sin },
        start: 1.min(sizes.vocab - 1),
        ends: vec![1, 2],
    })
}

/// A file of version 0 with the model; what it has no place for (epsilon, start and ends of texts) is lost.
pub fn write_llama2c(model: &Model) -> Vec<u8> {
    let s = model.sizes;
    let vocab = s.vocab as i32 * if model.classifier.is_some() { -1 } else { 1 };
    let numbers = [s.dim as i32, s.hidden as i32, s.layers as i32, s.heads as i32, s.kv_heads as i32, vocab, s.context as i32];
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let mut put = |data: &[f32]| bytes.extend(data.iter().flat_map(|v| v.to_le_bytes()));
    put(&model.embedding);
    let mut layers = model.layers.clone();
    for (_, field) in FIELDS {
        layers.iter_mut().for_each(|layer| put(field(layer)));
    }
    put(&model.rms_final);
    let turns = || (0..s.context).flat_map(|p| (0..s.head() / 2).map(move |i| model.rotation(p, i)));
    put(&turns().map(|t| t.0 as f32).collect::<Vec<_>>());
    put(&turns().map(|t| t.1 as f32).collect::<Vec<_>>());
    if let Some(classifier) = &model.classifier {
        put(classifier);
    }
    bytes
}
