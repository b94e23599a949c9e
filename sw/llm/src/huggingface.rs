// SPDX-License-Identifier: Apache-2.0
//! Hugging Face's folders: `config.json` and safetensors, whole or in shards.

use crate::folder::read;
use crate::model::finite;
use crate::{Layer, LlmError, Model, Rotary, Sizes};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Architectures that are the arithmetic of docs/language-models.md.
const ARCHITECTURES: [&str; 2] = ["LlamaForCausalLM", "MistralForCausalLM"];

/// What config.json says.
struct Config {
    kind: String,
    sizes: Sizes,
    eps: f64,
    theta: f64,
    tied: bool,
    start: usize,
    ends: Vec<usize>,
}

/// Reads the model of a folder (its tokenizer: [`crate::tokenizer::HuggingFace`]).
///
/// # Errors
/// Files that are absent, truncated or no such format; an architecture or a setting whose arithmetic the machine has not, by its
/// name; tensors that are missing, of another shape than config.json says, of another type than F32, F16 and BF16, or that no model
/// of this kind has.
pub fn read_folder(folder: &Path) -> Result<Model, LlmError> {
    let path = folder.join("config.json");
    let config = json(&path).and_then(|value| Config::new(&value)).map_err(LlmError::of(&path))?;
    let mut tensors = Tensors::read(folder, &config)?;
    let s = config.sizes;
    let (head, heads) = (s.head(), [s.heads, s.kv_heads]);
    let mut layers = vec![];
    for i in 0..s.layers {
        let mut take = |name: &str| tensors.take(&layer_tensor(i, name));
        layers.push(Layer {
            rms_att: take("input_layernorm")?,
            wq: neighbours(&take("self_attn.q_proj")?, heads[0], head, s.dim),
            wk: neighbours(&take("self_attn.k_proj")?, heads[1], head, s.dim),
            wv: take("self_attn.v_proj")?,
            wo: take("self_attn.o_proj")?,
            rms_ffn: take("post_attention_layernorm")?,
            w1: take("mlp.gate_proj")?,
            w2: take("mlp.down_proj")?,
            w3: take("mlp.up_proj")?,
        });
    }
    Ok(Model {
        kind: config.kind,
        sizes: s,
        eps: config.eps,
        embedding: tensors.take("model.embed_tokens.weight")?,
        layers,
        rms_final: tensors.take("model.norm.weight")?,
        classifier: if config.tied { None } else { Some(tensors.take("lm_head.weight")?) },
        rotary: Rotary::Theta(config.theta),
        start: config.start,
        ends: config.ends,
    })
}

fn json(path: &Path) -> Result<Value, LlmError> {
    serde_json::from_slice(&read(path)?).map_err(|e| LlmError::Format(format!("no JSON: {e}")))
}

/// Output channels (i, i + e/2) of each head become (2i, 2i + 1).
fn neighbours(w: &[f32], heads: usize, head: usize, inputs: usize) -> Vec<f32> {
    let rows = (0..heads * head).map(|n| n / head * head + n % head / 2 + n % 2 * (head / 2));
    rows.flat_map(|row| &w[row * inputs..][..inputs]).copied().collect()
}

impl Config {
    fn new(config: &Value) -> Result<Config, LlmError> {
        let present = |key: &str| config.get(key).filter(|v| !v.is_null());
        let refuse = |what, found: &Value, why| {
            let found = found.as_str().map_or_else(|| found.to_string(), String::from);
            Err(LlmError::Unsupported { what, found, why })
        };
        let size = |key| present(key).and_then(Value::as_i64).ok_or(LlmError::Key { key, kind: "whole number" });
        let number = |key, default| match present(key) {
            None => Ok(default),
            Some(v) => v.as_f64().filter(|v| *v > 0.0 && v.is_finite()).ok_or(LlmError::Key { key, kind: "number above 0" }),
        };
        let flag = |key, default| match present(key) {
            None => Ok(default),
            Some(v) => v.as_bool().ok_or(LlmError::Key { key, kind: "true or false" }),
        };

        let Some(kind) = present("architectures").and_then(|a| a.get(0)).and_then(Value::as_str) else {
            return Err(LlmError::Key { key: "architectures", kind: "list of names" });
        };
        if !ARCHITECTURES.contains(&kind) {
            return refuse("architectures", &config["architectures"][0], "LlamaForCausalLM and MistralForCausalLM are read");
        }
        let mistral = kind == "MistralForCausalLM";
        if let Some(act) = present("hidden_act").filter(|a| *a != "silu" && *a != "swish") {
            return refuse("hidden_act", act, "the gate is silu");
        }
        for key in ["attention_bias", "mlp_bias"] {
            if flag(key, false)? {
                return refuse(key, &Value::Bool(true), "products have no bias");
            }
        }
        // Of newer files the key is rope_parameters, with theta in it.
        let mut theta = number("rope_theta", 10_000.0)?;
        for key in ["rope_scaling", "rope_parameters"] {
            let Some(value) = present(key) else { continue };
            let name = value.get("rope_type").or_else(|| value.get("type"));
            if name.is_none_or(|n| n != "default") {
                return refuse(key, value, "positions turn by theta alone");
            }
            if let Some(own) = value.get("rope_theta") {
                theta = own.as_f64().filter(|v| *v > 0.0).ok_or(LlmError::Key { key: "rope_theta", kind: "number above 0" })?;
            }
        }
        if let Some(part) = present("partial_rotary_factor").filter(|v| v.as_f64() != Some(1.0)) {
            return refuse("partial_rotary_factor", part, "all channels turn");
        }
        if let Some(q) = present("quantization_config") {
            return refuse("quantization_config", q, "float weights are read, and quantised here");
        }

        let heads = size("num_attention_heads")?;
        let kv_heads = match present("num_key_value_heads") {
            None if mistral => 8,
            None => heads,
            Some(_) => size("num_key_value_heads")?,
        };
        let context = size("max_position_embeddings")?;
        let sizes = Sizes::new([
            size("hidden_size")?,
            size("intermediate_size")?,
            size("num_hidden_layers")?,
            heads,
            kv_heads,
            size("vocab_size")?,
            context,
        ])?;
        if let Some(own) = present("head_dim").filter(|v| v.as_u64() != Some(sizes.head() as u64)) {
            return refuse("head_dim", own, "a head is hidden_size / num_attention_heads wide");
        }
        if mistral {
            // A window as long as the context is none. The key's default is a window of 4096.
            let window = config.get("sliding_window").cloned().unwrap_or(Value::from(4096));
            if !window.is_null() && window.as_i64().is_none_or(|w| w < context) {
                return refuse("sliding_window", &window, "every position is attended to");
            }
        }

        let tokens = |key: &'static str| -> Result<Vec<usize>, LlmError> {
            let Some(value) = present(key) else { return Ok(vec![]) };
            let list = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
            let token = |v: &Value| v.as_u64().map(|t| t as usize).filter(|&t| t < sizes.vocab);
            list.iter().map(token).collect::<Option<_>>().ok_or(LlmError::Key { key, kind: "token of the vocabulary" })
        };
        let (starts, mut ends) = (tokens("bos_token_id")?, tokens("eos_token_id")?);
        let start = starts.first().or(ends.first()).copied().unwrap_or(0);
        ends.extend(starts);
        Ok(Config {
            kind: kind.into(),
            sizes,
            eps: number("rms_norm_eps", 1e-6)?,
            theta,
            tied: flag("tie_word_embeddings", false)?,
            start,
            ends,
        })
    }
}

fn layer_tensor(layer: usize, name: &str) -> String {
    format!("model.layers.{layer}.{name}.weight")
}

/// Tensors of a folder, those and only those that the sizes ask for.
struct Tensors {
    shapes: BTreeMap<String, Vec<usize>>,
    data: HashMap<String, Vec<f32>>,
}

impl Tensors {
    fn read(folder: &Path, config: &Config) -> Result<Tensors, LlmError> {
        let s = config.sizes;
        let (d, h, kv) = (s.dim, s.hidden, s.kv_dim());
        let mut shapes = BTreeMap::from([
            ("model.embed_tokens.weight".to_string(), vec![s.vocab, d]),
            ("model.norm.weight".to_string(), vec![d]),
            ("lm_head.weight".to_string(), vec![s.vocab, d]),
        ]);
        for i in 0..s.layers {
            for (name, shape) in [
                ("input_layernorm", vec![d]),
                ("self_attn.q_proj", vec![d, d]),
                ("self_attn.k_proj", vec![kv, d]),
                ("self_attn.v_proj", vec![kv, d]),
                ("self_attn.o_proj", vec![d, d]),
                ("post_attention_layernorm", vec![d]),
                ("mlp.gate_proj", vec![h, d]),
                ("mlp.down_proj", vec![d, h]),
                ("mlp.up_proj", vec![h, d]),
            ] {
                shapes.insert(layer_tensor(i, name), shape);
            }
        }
        let mut tensors = Tensors { shapes, data: HashMap::new() };
        for name in files(folder)? {
            let path = folder.join(&name);
            tensors.file(&read(&path)?, config.tied).map_err(LlmError::of(&path))?;
        }
        Ok(tensors)
    }

    fn file(&mut self, bytes: &[u8], tied: bool) -> Result<(), LlmError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|e| LlmError::Format(format!("no safetensors file, or a truncated one: {e}")))?;
        // By name, so that the first that is wrong is always the same.
        let views: BTreeMap<&str, TensorView> = file.iter().collect();
        for (name, view) in views {
            if name.ends_with(".rotary_emb.inv_freq") || (tied && name == "lm_head.weight") {
                continue; // what theta says, a copy of the embedding table
            }
            let Some(expected) = self.shapes.get(name) else { return Err(LlmError::Unexpected(name.into())) };
            if view.shape() != expected {
                return Err(LlmError::Shape { tensor: name.into(), expected: expected.clone(), found: view.shape().to_vec() });
            }
            let data = floats(name, &view)?;
            finite(|| name.into(), &data)?;
            self.data.insert(name.into(), data);
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Result<Vec<f32>, LlmError> {
        let missing = || LlmError::Missing { tensor: name.into(), shape: self.shapes.get(name).cloned().unwrap_or_default() };
        self.data.remove(name).ok_or_else(missing)
    }
}

/// The safetensors files of a folder.
fn files(folder: &Path) -> Result<BTreeSet<String>, LlmError> {
    let index = folder.join("model.safetensors.index.json");
    if folder.join("model.safetensors").is_file() || !index.is_file() {
        return Ok(BTreeSet::from(["model.safetensors".to_string()]));
    }
    let value = json(&index).map_err(LlmError::of(&index))?;
    let map = value.get("weight_map").and_then(Value::as_object);
    // A name of another folder is none.
    let plain = |v: &Value| v.as_str().filter(|n| !n.contains(['/', '\\']) && *n != "..").map(String::from);
    map.and_then(|m| m.values().map(plain).collect())
        .ok_or(LlmError::Key { key: "weight_map", kind: "map from tensors to files of this folder" })
        .map_err(LlmError::of(&index))
}

fn floats(name: &str, view: &TensorView) -> Result<Vec<f32>, LlmError> {
    let pairs = || view.data().chunks_exact(2).map(|b| [b[0], b[1]]);
    match view.dtype() {
        Dtype::F32 => Ok(view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        Dtype::F16 => Ok(pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect()),
        Dtype::BF16 => Ok(pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect()),
        other => Err(LlmError::Kind { tensor: name.into(), found: format!("{other:?}") }),
    }
}
