// SPDX-License-Identifier: Apache-2.0
//! Models as files, made here.
#![allow(dead_code)] // each test takes its part

use std::path::Path;
use systole_llm::samples::{self, pieces, tokenizer_bin};
use systole_llm::{Model, Sizes, write_llama2c};

/// dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len.
pub const SIZES: [i64; 7] = [16, 24, 2, 4, 2, 288, 20];

pub fn sizes() -> Sizes {
    Sizes::new(SIZES).expect("sizes of a model")
}

pub fn tiny() -> Model {
    samples::model(sizes(), false, 7)
}

/// The 29 pieces that fill the vocabulary of [`SIZES`]: merges first, then characters.
pub fn words() -> Vec<(String, f32)> {
    pieces(&[
        " t", "he", " the", "ca", "cat", " cat", " a", "at", " s", " sat", " on", "on", // merges, best first
        " ", "a", "b", "c", "d", "e", "h", "i", "m", "n", "o", "r", "s", "t", "u", ".", "é",
    ])
}

/// `model.bin` and `tokenizer.bin`.
pub fn write_bin(folder: &Path, model: &Model) {
    std::fs::write(folder.join("model.bin"), write_llama2c(model)).expect("written");
    std::fs::write(folder.join("tokenizer.bin"), tokenizer_bin(&words())).expect("written");
}

/// Types of tensors in a safetensors file.
#[derive(Clone, Copy)]
pub enum Kind {
    F32,
    F16,
    Bf16,
}

/// A tensor of a Hugging Face folder.
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// Rows (2i, 2i + 1) of each head become (i, i + e/2): the layout that Hugging Face's files have.
fn halves(w: &[f32], head: usize, inputs: usize) -> Vec<f32> {
    let rows = w.len() / inputs;
    let from = |n: usize| n / head * head + if n % head < head / 2 { 2 * (n % head) } else { 2 * (n % head - head / 2) + 1 };
    (0..rows).flat_map(|n| w[from(n) * inputs..][..inputs].to_vec()).collect()
}

pub fn tensors(model: &Model) -> Vec<Tensor> {
    let s = model.sizes;
    let (d, h, kv, e) = (s.dim, s.hidden, s.kv_dim(), s.head());
    let mut all = vec![];
    let mut put = |name: String, shape: &[usize], data: Vec<f32>| all.push(Tensor { name, shape: shape.to_vec(), data });
    put("model.embed_tokens.weight".into(), &[s.vocab, d], model.embedding.clone());
    for (i, l) in model.layers.iter().enumerate() {
        let name = |n: &str| format!("model.layers.{i}.{n}.weight");
        put(name("input_layernorm"), &[d], l.rms_att.clone());
        put(name("self_attn.q_proj"), &[d, d], halves(&l.wq, e, d));
        put(name("self_attn.k_proj"), &[kv, d], halves(&l.wk, e, d));
        put(name("self_attn.v_proj"), &[kv, d], l.wv.clone());
        put(name("self_attn.o_proj"), &[d, d], l.wo.clone());
        put(name("post_attention_layernorm"), &[d], l.rms_ffn.clone());
        put(name("mlp.gate_proj"), &[h, d], l.w1.clone());
        put(name("mlp.up_proj"), &[h, d], l.w3.clone());
        put(name("mlp.down_proj"), &[d, h], l.w2.clone());
    }
    put("model.norm.weight".into(), &[d], model.rms_final.clone());
    if let Some(c) = &model.classifier {
        put("lm_head.weight".into(), &[s.vocab, d], c.clone());
    }
    all
}

/// A safetensors file: u64 length, JSON, data.
pub fn safetensors(tensors: &[&Tensor], kind: Kind) -> Vec<u8> {
    let (mut header, mut data) = (vec![], vec![]);
    for t in tensors {
        let begin = data.len();
        for v in &t.data {
            match kind {
                Kind::F32 => data.extend(v.to_le_bytes()),
                Kind::F16 => data.extend(half::f16::from_f32(*v).to_le_bytes()),
                Kind::Bf16 => data.extend(half::bf16::from_f32(*v).to_le_bytes()),
            }
        }
        let dtype = ["F32", "F16", "BF16"][kind as usize];
        header.push(format!(
            r#""{}":{{"dtype":"{dtype}","shape":{:?},"data_offsets":[{begin},{}]}}"#,
            t.name,
            t.shape,
            data.len()
        ));
    }
    let header = format!("{{{}}}", header.join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

/// A byte-level tokenizer of 288 tokens: 256 bytes as GPT-2 writes them, merges, start and end.
pub fn tokenizer_json() -> String {
    // GPT-2's alphabet: printable bytes stand for themselves, the others for code points from 256 on.
    let plain = |b: u32| (33..127).contains(&b) || (161..173).contains(&b) || (174..256).contains(&b);
    let mut next = 256;
    let mut letters = vec![];
    for b in 0..256u32 {
        let c = if plain(b) {
            b
        } else {
            next += 1;
            next - 1
        };
        letters.push(char::from_u32(c).expect("a letter").to_string());
    }
    let space = letters[32].clone();
    let merges = [(space.clone(), "t".to_string()), ("h".into(), "e".into()), (format!("{space}t"), "he".into())];
    let mut pieces = letters;
    pieces.extend(merges.iter().map(|(a, b)| format!("{a}{b}")));
    pieces.extend(["<s>".to_string(), "</s>".into()]);
    pieces.extend((pieces.len()..288).map(|i| format!("<fill{i}>")));
    let quoted = |s: &str| serde_json::Value::from(s).to_string();
    let vocab: Vec<String> = pieces.iter().enumerate().map(|(i, p)| format!("{}:{i}", quoted(p))).collect();
    let merges: Vec<String> = merges.iter().map(|(a, b)| format!("[{},{}]", quoted(a), quoted(b))).collect();
    format!(
        r#"{{"version":"1.0","truncation":null,"padding":null,
"added_tokens":[{{"id":259,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}},
{{"id":260,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}}],
"normalizer":null,"pre_tokenizer":{{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}},
"post_processor":null,"decoder":{{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}},
"model":{{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,
"fuse_unk":false,"byte_fallback":false,"vocab":{{{}}},"merges":[{}]}}}}"#,
        vocab.join(","),
        merges.join(",")
    )
}

pub fn config_json(model: &Model) -> serde_json::Value {
    let s = model.sizes;
    serde_json::json!({
        "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": s.dim, "intermediate_size": s.hidden,
        "num_hidden_layers": s.layers, "num_attention_heads": s.heads, "num_key_value_heads": s.kv_heads, "vocab_size": s.vocab,
        "max_position_embeddings": s.context, "rms_norm_eps": model.eps, "rope_theta": 10000.0, "bos_token_id": 259,
        "eos_token_id": 260, "tie_word_embeddings": model.classifier.is_none(), "rope_scaling": null, "torch_dtype": "float32"
    })
}

/// A Hugging Face folder in `shards` files.
pub fn write_folder(folder: &Path, model: &Model, kind: Kind, shards: usize) {
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("written");
    put("config.json", config_json(model).to_string().as_bytes());
    put("tokenizer.json", tokenizer_json().as_bytes());
    let all = tensors(model);
    if shards == 1 {
        put("model.safetensors", &safetensors(&all.iter().collect::<Vec<_>>(), kind));
        return;
    }
    let mut map = serde_json::Map::new();
    for shard in 0..shards {
        let name = format!("model-{:05}-of-{shards:05}.safetensors", shard + 1);
        let part: Vec<&Tensor> = all.iter().skip(shard).step_by(shards).collect();
        map.extend(part.iter().map(|t| (t.name.clone(), name.clone().into())));
        put(&name, &safetensors(&part, kind));
    }
    put("model.safetensors.index.json", serde_json::json!({ "weight_map": map }).to_string().as_bytes());
}
