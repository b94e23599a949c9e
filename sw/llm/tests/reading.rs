// SPDX-License-Identifier: Apache-2.0
//! Files as they should be, and all that can be wrong with them.

use crate::common::{
    Kind, SIZES, config_json, safetensors, sizes, tensors, tiny, tokenizer_json, words, write_bin, write_folder,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;
use systole_llm::samples::tokenizer_bin;
use systole_llm::tokenizer::{HuggingFace, Llama2c};
use systole_llm::{Float, LlmError, Model, Rotary, Sizes, open, open_model, read_llama2c, samples, write_llama2c};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Logits of three positions.
fn logits(model: &Model) -> Vec<f32> {
    let mut float = Float::new(model);
    (0..3).flat_map(|p| float.step(40 + p, p)).collect()
}

fn near(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{a} for {b}");
    }
}

/// The error's message has all the words.
fn says<T: std::fmt::Debug>(result: Result<T, LlmError>, words: &[&str]) {
    let text = result.expect_err("an error").to_string();
    for word in words {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
}

#[test]
fn a_llama2c_file_gives_back_its_model() {
    for own in [false, true] {
        let model = samples::model(sizes(), own, 5);
        let read = read_llama2c(&write_llama2c(&model)).expect("a model");
        assert_eq!((read.sizes, read.eps, read.start), (model.sizes, 1e-5, 1));
        assert_eq!((&read.layers, &read.classifier), (&model.layers, &model.classifier));
        assert_eq!(read.parameters(), model.parameters());
        assert!(matches!(&read.rotary, Rotary::Table { cos, .. } if cos.len() == 20 * 2));
        near(&logits(&read), &logits(&model), 1e-5);
    }
}

#[test]
fn the_rotations_of_a_llama2c_file_are_those_of_its_tables() {
    let mut bytes = write_llama2c(&tiny());
    // Behind the tables is nothing: the sine of position 1, pair 0 is so far from the end.
    let sines = 20 * 2 * 4;
    let at = bytes.len() - sines + 2 * 4;
    bytes[at..at + 4].copy_from_slice(&0.25f32.to_le_bytes());
    assert_eq!(read_llama2c(&bytes).expect("a model").rotation(1, 0).1, 0.25);
}

#[test]
fn parameters_are_counted_once() {
    let of = |own| Sizes::new([4, 6, 2, 2, 1, 10, 8]).expect("sizes").parameters(own);
    let layer = 4 + 16 + 8 + 8 + 16 + 4 + 3 * 24;
    assert_eq!((of(false), of(true)), (40 + 2 * layer + 4, 80 + 2 * layer + 4));
}

#[test]
fn truncated_and_foreign_llama2c_files_are_refused() {
    let whole = write_llama2c(&tiny());
    for length in [0, 3, 27, 28, 29, 1000, whole.len() - 1] {
        let error = read_llama2c(&whole[..length]).expect_err("an error");
        let LlmError::Truncated { expected, found } = error else { panic!("{error}") };
        assert_eq!(found, length as u64);
        assert_eq!(expected, if length < 28 { 28 } else { whole.len() as u64 });
    }
    says(read_llama2c(&[&whole[..], &[0]].concat()), &["sizes ask for"]);
    says(read_llama2c(&[b"24ka".as_slice(), &2i32.to_le_bytes(), &[0; 300]].concat()), &["version 2", "version 0"]);
    let mut broken = whole.clone();
    broken[28 + 40..28 + 44].copy_from_slice(&f32::NAN.to_le_bytes());
    says(read_llama2c(&broken), &["token_embedding", "element 10", "NaN"]);
}

#[test]
fn absurd_sizes_are_refused_by_name_and_nothing_is_allocated_for_them() {
    for (at, value, words) in [
        (0, -1, "dim is -1"),
        (0, i32::MAX, "dim is 2147483647"),
        (1, 0, "hidden_dim is 0"),
        (2, 1 << 30, "n_layers"),
        (3, 5, "n_heads is 5: dim, which is 16, is no multiple of it"),
        (3, 16, "n_heads is 16: a head is 1 wide"),
        (4, 3, "n_kv_heads is 3"),
        (5, i32::MIN, "vocab_size"),
        (6, 0, "seq_len is 0"),
    ] {
        let mut bytes = write_llama2c(&tiny());
        bytes[4 * at..4 * at + 4].copy_from_slice(&value.to_le_bytes());
        says(read_llama2c(&bytes), &[words]);
    }
    let large = [1 << 20, 1 << 20, 1 << 12, 1 << 10, 1 << 10, 1 << 24, 1 << 24];
    let header: Vec<u8> = large.iter().flat_map(|n: &i32| n.to_le_bytes()).collect();
    assert!(matches!(read_llama2c(&header), Err(LlmError::Truncated { found: 28, .. })));
}

#[test]
fn a_bin_file_finds_its_tokenizer() {
    let f = folder();
    let model = tiny();
    write_bin(f.path(), &model);
    for path in [f.path().to_path_buf(), f.path().join("model.bin")] {
        let (read, tokenizer) = open(&path, None).expect("a model and its tokenizer");
        assert_eq!(read.layers, model.layers);
        assert_eq!(tokenizer.decode(&tokenizer.encode("the cat").expect("tokens"), 1), "the cat");
    }
    let rename = |a: &str, b: &str| std::fs::rename(f.path().join(a), f.path().join(b)).expect("renamed");
    rename("tokenizer.bin", "tok288.bin");
    open(f.path(), None).expect("by another name");
    std::fs::write(f.path().join("tok999.bin"), b"").expect("written");
    says(open(f.path(), None), &["tok288.bin", "tok999.bin", "several"]);
    open(f.path(), Some(&f.path().join("tok288.bin"))).expect("the one given");
    says(open(f.path(), Some(&f.path().join("tok999.bin"))), &["tok999.bin", "truncated"]);
    rename("tok288.bin", "other");
    rename("tok999.bin", "another");
    says(open(f.path(), None), &["no tokenizer"]);
    open_model(f.path()).expect("a model alone");
    rename("model.bin", "model");
    says(open_model(f.path()), &["config.json", ".bin"]);
    says(open_model(&f.path().join("nothing.bin")), &["cannot read", "nothing.bin"]);
}

#[test]
fn a_tokenizer_of_another_vocabulary_is_refused() {
    let bytes = tokenizer_bin(&words());
    for (vocab, error) in [(287, "288 tokens, the model 287"), (289, "288 tokens, the model 289")] {
        says(Llama2c::new(&bytes, vocab), &[error]);
    }
    assert_eq!(Llama2c::new(&bytes, 288).expect("a tokenizer").vocab(), 288);
    says(Llama2c::new(&bytes[..bytes.len() - 1], 288), &["truncated"]);
    says(Llama2c::new(&[7, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255], 288), &["length is -1", "piece 0"]);
    // Filled up to a multiple of 64 is usual; other numbers belong to other models.
    let json = tokenizer_json();
    for vocab in [288, 320, 768] {
        HuggingFace::new(json.as_bytes(), vocab).expect("a tokenizer");
    }
    for vocab in [287, 256, 289, 832] {
        says(HuggingFace::new(json.as_bytes(), vocab), &["288 tokens", &vocab.to_string()]);
    }
    says(HuggingFace::new(b"{}", 288), &["tokenizer"]);
    says(HuggingFace::new(&json.as_bytes()[..json.len() - 1], 288), &["no JSON"]);
}

#[test]
fn folders_in_every_type_and_in_shards_give_the_same_model() {
    for own in [false, true] {
        let model = samples::model(sizes(), own, 11);
        for (kind, shards, tolerance) in [(Kind::F32, 1, 0.0), (Kind::F32, 3, 0.0), (Kind::F16, 1, 1e-3), (Kind::Bf16, 2, 1e-2)] {
            let f = folder();
            write_folder(f.path(), &model, kind, shards);
            let (read, _) = open(f.path(), None).expect("a model");
            assert_eq!((read.kind.as_str(), read.sizes, read.eps), ("LlamaForCausalLM", model.sizes, 1e-5));
            assert_eq!((read.start, &read.ends), (259, &vec![260, 259]));
            assert_eq!(read.classifier.is_some(), own);
            near(&read.layers[1].wq, &model.layers[1].wq, tolerance);
            near(&read.layers[0].w2, &model.layers[0].w2, tolerance);
            if tolerance == 0.0 {
                assert_eq!((&read.layers, &read.embedding), (&model.layers, &model.embedding));
                assert_eq!(logits(&read), logits(&model));
            }
        }
    }
}

/// A folder whose config.json says something else under a key.
fn with(key: &str, value: Value) -> Result<Model, LlmError> {
    let f = folder();
    let model = tiny();
    write_folder(f.path(), &model, Kind::F32, 1);
    let mut config = config_json(&model);
    config[key] = value;
    std::fs::write(f.path().join("config.json"), config.to_string()).expect("written");
    open_model(f.path())
}

#[test]
fn what_the_machine_does_not_compute_is_refused_by_its_name() {
    for (key, value) in [
        ("architectures", json!(["GPT2LMHeadModel"])),
        ("architectures", json!(["Qwen2ForCausalLM"])),
        ("hidden_act", json!("gelu")),
        ("attention_bias", json!(true)),
        ("mlp_bias", json!(true)),
        ("rope_scaling", json!({"type": "linear", "factor": 2.0})),
        ("rope_scaling", json!({"rope_type": "llama3", "factor": 8.0})),
        ("rope_parameters", json!({"rope_type": "yarn", "rope_theta": 10000.0})),
        ("partial_rotary_factor", json!(0.5)),
        ("head_dim", json!(8)),
        ("quantization_config", json!({"quant_method": "awq"})),
    ] {
        let word = value.get(0).or(value.get("type")).or(value.get("rope_type")).unwrap_or(&value);
        let found = word.as_str().map_or_else(|| word.to_string(), String::from);
        says(with(key, value), &["config.json", key, &found]);
    }
    for (key, value) in [
        ("hidden_size", json!("16")),
        ("vocab_size", Value::Null),
        ("rms_norm_eps", json!(-1.0)),
        ("tie_word_embeddings", json!(3)),
        ("bos_token_id", json!(288)),
        ("architectures", json!([])),
    ] {
        says(with(key, value), &["config.json", key]);
    }
    says(with("hidden_size", json!(1i64 << 40)), &["config.json", "dim is 1099511627776"]);
}

#[test]
fn settings_that_change_nothing_are_taken() {
    for (key, value) in [
        ("rope_scaling", json!({"rope_type": "default"})),
        ("rope_parameters", json!({"rope_type": "default", "rope_theta": 10000.0})),
        ("head_dim", json!(4)),
        ("attention_bias", json!(false)),
        ("eos_token_id", json!([260, 259])),
        ("partial_rotary_factor", json!(1.0)),
    ] {
        let model = with(key, value).expect(key);
        assert_eq!(logits(&model), logits(&tiny()));
    }
    let theta = with("rope_parameters", json!({"rope_type": "default", "rope_theta": 500.0})).expect("a model");
    assert_eq!(theta.rotary, Rotary::Theta(500.0));
}

#[test]
fn mistral_is_read_without_its_window() {
    let f = folder();
    let model = tiny();
    write_folder(f.path(), &model, Kind::F32, 1);
    let mistral = |window: Option<Value>| {
        let mut config = config_json(&model);
        config["architectures"] = json!(["MistralForCausalLM"]);
        if let Some(window) = window {
            config["sliding_window"] = window;
        }
        std::fs::write(f.path().join("config.json"), config.to_string()).expect("written");
        open_model(f.path())
    };
    // A window that is no shorter than the context of 20 hides nothing.
    for window in [Some(Value::Null), Some(json!(20)), None] {
        assert_eq!(logits(&mistral(window).expect("a model")), logits(&model));
    }
    says(mistral(Some(json!(19))), &["sliding_window = 19"]);
}

#[test]
fn tensors_are_missed_and_misfits_named() {
    let model = tiny();
    let write = |path: &Path, change: &dyn Fn(&mut Vec<crate::common::Tensor>)| {
        write_folder(path, &model, Kind::F32, 1);
        let mut all = tensors(&model);
        change(&mut all);
        std::fs::write(path.join("model.safetensors"), safetensors(&all.iter().collect::<Vec<_>>(), Kind::F32)).expect("written");
        open_model(path)
    };
    let f = folder();
    says(
        write(f.path(), &|all| all.retain(|t| t.name != "model.layers.1.mlp.up_proj.weight")),
        &["model.layers.1.mlp.up_proj.weight is missing", "[24, 16]"],
    );
    says(
        write(f.path(), &|all| all.iter_mut().filter(|t| t.name.contains("k_proj")).for_each(|t| t.shape = vec![4, 32])),
        &["model.layers.0.self_attn.k_proj.weight", "[4, 32]", "[8, 16]", "model.safetensors"],
    );
    let bias =
        || crate::common::Tensor { name: "model.layers.0.self_attn.q_proj.bias".into(), shape: vec![16], data: vec![0.0; 16] };
    says(write(f.path(), &|all| all.push(bias())), &["model.layers.0.self_attn.q_proj.bias", "no Llama model"]);
    says(write(f.path(), &|all| all[2].data[3] = f32::INFINITY), &["q_proj", "element 3", "inf"]);
    // A copy of the table where both are one, and frequencies that theta gives.
    write(f.path(), &|all| {
        let table = all[0].data.clone();
        all.push(crate::common::Tensor { name: "lm_head.weight".into(), shape: vec![288, 16], data: table });
        all.push(crate::common::Tensor {
            name: "model.layers.0.self_attn.rotary_emb.inv_freq".into(),
            shape: vec![2],
            data: vec![1.0; 2],
        });
    })
    .expect("a model");
}

#[test]
fn broken_folders_say_which_file() {
    let f = folder();
    let model = tiny();
    let remove = |name: &str| std::fs::remove_file(f.path().join(name)).expect("removed");
    let put = |name: &str, bytes: &[u8]| std::fs::write(f.path().join(name), bytes).expect("written");
    write_folder(f.path(), &model, Kind::F32, 1);
    let bytes = std::fs::read(f.path().join("model.safetensors")).expect("a file");
    for length in [0, 7, 8, 100, bytes.len() - 1] {
        put("model.safetensors", &bytes[..length]);
        says(open_model(f.path()), &["model.safetensors", "truncated"]);
    }
    put("model.safetensors", &[&u64::MAX.to_le_bytes()[..], b"{}"].concat());
    says(open_model(f.path()), &["model.safetensors"]);
    let wrong = String::from_utf8_lossy(&bytes[8..]).find("F32").expect("a type") + 8;
    let mut other = bytes.clone();
    other[wrong..wrong + 3].copy_from_slice(b"I32");
    put("model.safetensors", &other);
    says(open_model(f.path()), &["model.embed_tokens.weight", "I32", "BF16"]);
    remove("model.safetensors");
    says(open_model(f.path()), &["cannot read", "model.safetensors"]);
    put("config.json", b"{");
    says(open_model(f.path()), &["config.json", "no JSON"]);

    write_folder(f.path(), &model, Kind::F32, 2);
    remove("model-00002-of-00002.safetensors");
    says(open_model(f.path()), &["cannot read", "model-00002-of-00002.safetensors"]);
    for index in [json!({"weight_map": {"model.norm.weight": "../other.safetensors"}}), json!({"weight_map": 3}), json!([])] {
        put("model.safetensors.index.json", index.to_string().as_bytes());
        says(open_model(f.path()), &["model.safetensors.index.json", "weight_map"]);
    }
    remove("tokenizer.json");
    write_folder(f.path(), &model, Kind::F32, 1);
    remove("tokenizer.json");
    says(open(f.path(), None), &["cannot read", "tokenizer.json"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read_llama2c(&bytes);
        let _ = HuggingFace::new(&bytes, 288);
        if let Ok(t) = Llama2c::new(&bytes, 3) {
            let _ = t.encode("a text");
        }
    }

    #[test]
    fn no_header_makes_a_reader_panic_or_allocate(
        numbers in prop::collection::vec(prop_oneof![any::<i32>(), -2..40i32, Just(1 << 20)], 7),
        more in 0usize..4000,
    ) {
        let header: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        if let Ok(model) = read_llama2c(&[header, vec![0; more]].concat()) {
            Float::new(&model).step(0, 0);
        }
    }

    #[test]
    fn no_change_of_a_few_bytes_makes_a_reader_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let change = |mut bytes: Vec<u8>| {
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            bytes
        };
        if let Ok(model) = read_llama2c(&change(write_llama2c(&tiny()))) {
            Float::new(&model).step(0, 0);
        }
        if let Ok(t) = Llama2c::new(&change(tokenizer_bin(&words())), SIZES[5] as usize) {
            let _ = t.encode("the cat sat on a mat.");
        }
        if let Ok(t) = HuggingFace::new(&change(tokenizer_json().into_bytes()), 288) {
            let _ = t.encode("the cat sat on a mat.");
        }
        let f = folder();
        let model = tiny();
        write_folder(f.path(), &model, Kind::F32, 1);
        for name in ["config.json", "model.safetensors"] {
            let path = f.path().join(name);
            std::fs::write(&path, change(std::fs::read(&path).expect("a file"))).expect("written");
            let _ = open_model(f.path());
            write_folder(f.path(), &model, Kind::F32, 1);
        }
    }
}
