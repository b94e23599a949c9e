// SPDX-License-Identifier: Apache-2.0
//! The verbs that take language models: score, inspect.

use serde_json::Value;
use std::process::{Command, Output};
use systole_llm::samples::{self, pieces, tokenizer_bin};
use systole_llm::{Sizes, write_llama2c};

fn systole(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().expect("the program starts")
}

fn text(args: &[&str]) -> String {
    let out = systole(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&text(&[args, &["--json"]].concat())).expect("JSON and nothing else")
}

/// A message on stderr that has all the words, status 2.
fn refused(args: &[&str], words: &[&str]) {
    let out = systole(args);
    let text = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
    assert!(out.stdout.is_empty() && !text.contains("panicked"), "{args:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{args:?}: no '{word}' in: {text}");
    }
}

/// A folder with `model.bin` and `tokenizer.bin`: width 16, 24, two layers, 4 heads, 2 KV heads, 265 tokens, context 20.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let model = samples::model(Sizes::new([16, 24, 2, 4, 2, 265, 20]).expect("sizes"), false, 7);
    let put = |name: &str, bytes: Vec<u8>| std::fs::write(folder.path().join(name), bytes).expect("written");
    put("model.bin", write_llama2c(&model));
    put("tokenizer.bin", tokenizer_bin(&pieces(&[" a", "he", " ", "a", "h", "e"])));
    put("text.txt", b"a cat\nand another one, and a third".to_vec());
    folder
}

#[test]
fn a_tiny_model_is_scored_on_a_file_a_text_and_its_own() {
    let f = folder();
    let at = |name: &str| f.path().join(name).to_str().expect("UTF-8").to_string();
    let (model, file) = (at("model.bin"), at("text.txt"));
    let on_file = json(&["score", &model, &file]);
    // " a" once is one token, as is the first of the text; all else is bytes.
    let bytes = "a cat\nand another one, and a third";
    let merged = bytes.matches(" a").count() + bytes.matches("he").count();
    assert_eq!(on_file["tokens"].as_u64(), Some((bytes.len() - merged) as u64));
    let keys: Vec<&str> = on_file.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["kl", "perplexity", "perplexity_fp32", "same_top", "tokens"]);
    let number = |v: &Value, key: &str| v[key].as_f64().expect(key);
    assert!((number(&on_file, "perplexity") / number(&on_file, "perplexity_fp32") - 1.0).abs() < 0.1, "{on_file}");
    assert!(number(&on_file, "kl") > 0.0 && number(&on_file, "kl") < 0.05, "{on_file}");
    assert!((0.5..=1.0).contains(&number(&on_file, "same_top")), "{on_file}");
    assert_eq!(json(&["score", &at(""), "--text", bytes]), on_file);

    let few = json(&["score", &model, &file, "--tokens", "7", "--context", "5"]);
    assert_eq!(few["tokens"], 7);
    let own = json(&["score", &model, "--tokens", "50"]);
    assert_eq!(own["tokens"], 50);
    assert_eq!(json(&["score", &model, "--tokens", "50"]), own);
    assert_ne!(json(&["score", &model, "--tokens", "50", "--seed", "2"]), own);
    let said = text(&["score", &model, "--tokens", "50"]);
    assert!(said.contains("50 tokens that the float model wrote") && said.contains("seed"), "{said}");
    let said = text(&["score", &model, &file]);
    assert!(said.contains("text.txt, in windows of 20") && said.contains("perplexity fp32"), "{said}");
}

#[test]
fn models_and_texts_that_cannot_be_scored_are_refused() {
    let f = folder();
    let at = |name: &str| f.path().join(name).to_str().expect("UTF-8").to_string();
    refused(&["score", &at("model.bin"), &at("none.txt")], &["cannot read", "none.txt"]);
    refused(&["score", &at("model.bin"), "--text", ""], &["the text is empty"]);
    refused(&["score", &at("none.bin")], &["cannot read", "none.bin"]);
    refused(&["score", &at("model.bin"), &at("text.txt"), "--text", "a"], &["cannot be used with"]);
    refused(&["score", &at("model.bin"), "--tokens", "0"], &["--tokens"]);
    refused(&["score", &at("model.bin"), "--tokenizer", &at("text.txt")], &["text.txt"]);
    std::fs::write(f.path().join("tokenizer.bin"), tokenizer_bin(&pieces(&[]))).expect("written");
    refused(&["score", &at("model.bin")], &["tokenizer.bin", "259 tokens, the model 265"]);
    std::fs::write(f.path().join("model.bin"), b"short").expect("written");
    refused(&["score", &at("model.bin")], &["model.bin", "truncated"]);
    refused(&["inspect", &at("model.bin")], &["model.bin", "truncated"]);
}

#[test]
fn a_language_model_is_inspected() {
    let f = folder();
    let path = f.path().to_str().expect("UTF-8");
    let v = json(&["inspect", path]);
    assert_eq!((v["sizes"]["dim"].as_u64(), v["sizes"]["kv_heads"].as_u64(), v["head"].as_u64()), (Some(16), Some(2), Some(4)));
    let layer = 2 * 16 * 16 + 2 * 8 * 16 + 3 * 16 * 24 + 2 * 16;
    assert_eq!(v["parameters"].as_u64(), Some(265 * 16 + 2 * layer + 16));
    let said = text(&["inspect", &format!("{path}/model.bin")]);
    assert!(said.contains("a language model, llama2.c") && said.contains("4, 4 wide") && said.contains("8,160"), "{said}");
}

#[test]
fn stories260k_is_scored() {
    let Some(folder) = samples::stories() else { return };
    let folder = folder.to_str().expect("UTF-8");
    let v = json(&["score", folder, "--tokens", "600"]);
    assert!(v["kl"].as_f64().expect("a number") < 0.015, "{v}");
    assert!(v["same_top"].as_f64().expect("a number") > 0.93, "{v}");
    assert_eq!(json(&["inspect", folder])["parameters"], 260_032);
}

#[test]
fn tales_are_generated_with_the_cycles_known_before() {
    let v = json(&["generate", "tales", "--prompt", "Once there was", "--tokens", "40", "--backend", "model"]);
    let (predicted, measured) = (v["cycles_predicted"].as_array().unwrap(), v["cycles_measured"].as_array().unwrap());
    assert_eq!((predicted, v["cycles_as_predicted"].as_bool()), (measured, Some(true)));
    assert_eq!(v["mismatches"], 0);
    // All tokens are run but the last.
    let (tokens, prompt) = (v["tokens"].as_array().unwrap().len(), v["prompt_tokens"].as_u64().unwrap() as usize);
    assert_eq!((measured.len(), tokens), (tokens - 1, prompt + 40));
    assert!(v["text"].as_str().unwrap().starts_with("Once there was a "), "{}", v["text"]);
    // a + b floor(position / 16)
    let (a, b) = (v["law"]["cycles"].as_u64().unwrap(), v["law"]["each"].as_u64().unwrap());
    for (position, cycles) in measured.iter().enumerate() {
        assert_eq!(cycles.as_u64().unwrap(), a + b * (position as u64 / 16));
    }
    // By itself the chip writes the same in the same cycles; so it does where the text ends by itself; so is the text of another machine.
    for tokens in ["40", "128"] {
        let args = ["generate", "tales", "--prompt", "Once there was", "--tokens", tokens, "--backend", "model"];
        let (host, chip) = (json(&args), json(&[&args[..], &["--on-chip"]].concat()));
        for field in [
            "text",
            "tokens",
            "end",
            "mismatches",
            "logits",
            "cycles_predicted",
            "cycles_measured",
            "energy_nj_per_token",
            "utilisation",
        ] {
            assert_eq!(chip[field], host[field], "{field} of {tokens} tokens");
        }
        assert_eq!(chip["cycles_as_predicted"], true);
        let fields = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(&chip), fields(&host));
    }
    let said = text(&["generate", "tales", "--prompt", "Once there was", "--tokens", "40", "--backend", "model", "--on-chip"]);
    assert!(said.contains("40     runs from one start") && said.contains("a cycle from END to launch"), "{said}");
    // It takes energy, more the further the text goes.
    let energy = v["energy_nj_per_token"].as_array().unwrap().iter().map(|e| e.as_f64().unwrap()).collect::<Vec<_>>();
    assert!(0.0 < energy[0] && energy[0] < energy[1] && energy[1] < energy[2], "{energy:?}");
    for more in [&["--on-chip"][..], &["--config", "small,VEC_LANES=4"]] {
        let args = [&["generate", "tales", "--prompt", "Once there was", "--tokens", "40", "--backend", "model"], more].concat();
        let other = json(&args);
        assert_eq!((&other["text"], &other["mismatches"]), (&v["text"], &v["mismatches"]));
    }
    // By chance, from a seed.
    let draw = |seed| json(&["generate", "tales", "--temperature", "1", "--backend", "model", "--seed", seed])["text"].clone();
    assert_eq!(draw("5"), draw("5"));
    assert_ne!(draw("5"), draw("6"));
}

#[test]
fn what_a_language_model_does_not_take_is_said() {
    let long = "She lived near the hill. ".repeat(60);
    for (args, words) in [
        (&["generate", "tales", "--prompt", &long, "--backend", "model"][..], &["the prompt is", "room for 128"][..]),
        (&["generate", "nothing.bin"], &["no language model", "tales"]),
        (&["generate", "tales", "--config", "small"], &["VEC_LANES"]),
        (&["generate", "tales", "--on-chip", "--temperature", "1"], &["--on-chip"]),
        (&["generate", "tales", "--config", "tiny,VEC_LANES=4", "--backend", "model"], &["words", "has"]),
        (&["generate", "tales", "--config", "base,W_SRAM_DEPTH=32", "--context", "128"], &["KV cache", "64", "--context 64"]),
    ] {
        refused(args, words);
    }
    // Without a context that was asked for, the longest that fits.
    let v = json(&["compile", "tales", "--config", "base,W_SRAM_DEPTH=32"]);
    assert_eq!(v["context"], 64);
}

#[test]
fn a_language_model_wakes_from_rram_and_generates_without_a_load() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (image, part) = (at("tales.img"), at("chip.rram"));
    let config = ["--config", "base"];
    assert!(systole(&[&["compile", "tales", "-o", &image][..], &config].concat()).status.success());
    let out = systole(&[&["program", &image, "--rram", &part, "--backend", "model"][..], &config].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let woken = [&["generate", "tales", "--tokens", "20", "--backend", "model"][..], &config].concat();
    let loaded = json(&woken);
    let v = json(&[&woken[..], &["--rram", &part]].concat());
    assert_eq!((&v["text"], &v["mismatches"]), (&loaded["text"], &loaded["mismatches"]));
    assert!(v["awake"].is_u64());
}

#[test]
fn a_prompt_in_chunks_gives_the_text_of_one_token_by_token_in_less_time() {
    let prompt = "once upon a time there was a";
    let run = |more: &[&str]| {
        let args =
            ["generate", "tales", "--backend", "model", "--tokens", "6", "--config", "small,VEC_LANES=4", "--prompt", prompt];
        json(&[&args, more].concat())
    };
    let cycles =
        |v: &Value, key: &str| -> u64 { v[key].as_array().expect(key).iter().map(|c| c.as_u64().expect("cycles")).sum() };
    let (chunks, alone, own) = (run(&[]), run(&["--no-prefill"]), run(&["--on-chip"]));
    for v in [&chunks, &alone, &own] {
        assert_eq!((&v["text"], &v["tokens"], &v["mismatches"]), (&alone["text"], &alone["tokens"], &0.into()));
        assert_eq!(
            (v["cycles_as_predicted"].as_bool(), cycles(v, "cycles_predicted")),
            (Some(true), cycles(v, "cycles_measured"))
        );
        // A number for each token that ran, which is all but the last; runs beside them.
        let tokens = v["tokens"].as_array().expect("tokens").len();
        assert_eq!(v["cycles_measured"].as_array().expect("cycles").len(), tokens - 1);
        let runs = v["runs"].as_array().expect("runs");
        let sum = |key: &str| runs.iter().map(|r| r[key].as_u64().expect(key)).sum::<u64>();
        assert_eq!((sum("tokens"), sum("cycles_measured")), (tokens as u64 - 1, cycles(v, "cycles_measured")));
    }
    let rows = |v: &Value| v["runs"].as_array().expect("runs").iter().map(|r| r["tokens"].as_u64().expect("tokens")).max();
    assert_eq!([&chunks, &alone, &own].map(rows), [Some(4), Some(1), Some(4)]);
    let first = |v: &Value| v["first_token_cycles"].as_u64().expect("cycles");
    assert!(10 * first(&chunks) < 7 * first(&alone), "{} and {} cycles", first(&chunks), first(&alone));
}

#[test]
fn a_prompt_that_fills_the_context_has_no_first_token() {
    let run = |prompt: &str, context: &str, more: &[&str]| {
        let args = ["generate", "tales", "--backend", "model", "--prompt", prompt, "--context", context];
        text(&[&args, more].concat())
    };
    for (prompt, context) in [("", "1"), ("Sam ", "4")] {
        for more in [&[][..], &["--no-prefill"], &["--on-chip"]] {
            let said = run(prompt, context, more);
            assert!(said.contains("first token       none: the prompt fills the context") && !said.contains("NaN"), "{said}");
            assert_eq!(said.matches("first token").count(), 1, "{said}");
        }
    }
}
