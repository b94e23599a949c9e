// SPDX-License-Identifier: Apache-2.0
//! Compiled decoders on the instruction-level model, against the token computed on tensors: every logit, every cycle.

use std::path::Path;
use systole_compiler::{CompileError, Decoder, compile_decoder};
use systole_golden::{Machine, token};
use systole_isa::Config;
use systole_llm::{Options, Quantised, Sizes, quantise, samples};

fn quantised(sizes: [i64; 7], seed: u64) -> Quantised {
    let model = samples::model(Sizes::new(sizes).unwrap(), seed % 2 == 1, seed);
    quantise(&model, &Options { calibration: 24, seed, ..Options::default() })
}

/// Runs tokens on both, once one behind the other and once in chunks as a prompt; every logit and every cycle count is the same.
fn compare(model: &Quantised, config: &Config, tokens: &[usize]) -> Decoder {
    let d = compile_decoder(model, config, "test").unwrap_or_else(|e| panic!("{e}"));
    let mut golden = token::Decoder::new(model);
    let want: Vec<Vec<u32>> =
        tokens.iter().enumerate().map(|(pos, &tok)| golden.step(tok, pos).iter().map(|f| f.word()).collect()).collect();
    for known in [1, tokens.len()] {
        let mut machine = Machine::new(config.clone());
        machine.load_image(&d.image).unwrap_or_else(|e| panic!("{e}"));
        let mut pos = 0;
        while pos < tokens.len() {
            let step = d.step(pos, known.min(tokens.len() - pos));
            let chunk: Vec<u32> = tokens[pos..pos + step.rows].iter().map(|&t| t as u32).collect();
            machine.set_chunk(pos as u32, &chunk, step.entry);
            let run = machine.run(&[]).unwrap_or_else(|e| panic!("position {pos}, {} rows: {e}", step.rows));
            assert_eq!(run.cycles, step.cycles, "position {pos}, {} rows", step.rows);
            pos += step.rows;
            let want = &want[pos - 1];
            let got: Vec<u32> = run.frame.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
            assert_eq!(&got[..want.len()], &want[..], "logits at position {}, {} rows", pos - 1, step.rows);
            assert!(got[want.len()..].iter().all(|&w| w == 0), "places behind the vocabulary");
            let best =
                (0..want.len()).rev().max_by(|&a, &b| f32::from_bits(want[a]).total_cmp(&f32::from_bits(want[b]))).unwrap();
            assert_eq!(machine.argmax(), best as u32, "ARGMAX at position {}", pos - 1);
        }
    }
    d
}

fn base() -> Config {
    Config::named("base").unwrap()
}

#[test]
fn stories_give_the_same_logits_on_both_models() {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/models/stories260K/stories260K.bin"));
    if !file.exists() {
        eprintln!("{} is not there", file.display());
        return;
    }
    let model = systole_llm::open_model(file).unwrap();
    let q = quantise(&model, &Options::default());
    let tokens: Vec<usize> = (0..40).map(|i| if i == 0 { 1 } else { (i * 37 + 11) % 512 }).collect();
    let d = compare(&q, &base(), &tokens);
    println!("{:?}, {:?}, memory {:?}", d.law, d.prefill.map(|p| (p.rows, p.law)), d.memory);
}

#[test]
fn shapes_of_all_kinds_give_the_same_logits_on_both_models() {
    // dim, hidden, layers, heads, KV heads, vocabulary, context
    for (n, (sizes, config)) in [
        ([32, 40, 2, 4, 2, 33, 40], "base"), // heads of 8, two to a word; ragged hidden layer and vocabulary
        ([32, 16, 1, 4, 1, 16, 20], "base"), // one KV head: half of its word is empty
        ([48, 48, 1, 6, 3, 20, 20], "base"), // three KV heads: an empty place in the second word
        ([64, 32, 1, 2, 1, 24, 33], "base"), // heads of 32: two words each
        ([32, 24, 2, 2, 2, 19, 18], "base"), // heads as wide as a word, none shared
        ([16, 16, 1, 4, 4, 9, 12], "tiny,VEC_LANES=4"),
        ([16, 12, 2, 4, 2, 9, 21], "small,VEC_LANES=8"),
        ([16, 12, 2, 4, 2, 9, 21], "small,VEC_LANES=4"),
        ([32, 24, 1, 4, 2, 17, 21], "small,VEC_LANES=2"),
        ([32, 24, 1, 2, 1, 17, 12], "small,VEC_LANES=2,WEIGHT_BEATS=2"),
        ([32, 40, 1, 4, 2, 33, 40], "base,WEIGHT_BEATS=4,RRAM_WAYS=4"),
    ]
    .into_iter()
    .enumerate()
    {
        let config = Config::named(config).unwrap();
        let q = quantised(sizes, n as u64);
        let tokens: Vec<usize> = (0..sizes[6] as usize).map(|i| (i * 7 + 3) % sizes[5] as usize).collect();
        compare(&q, &config, &tokens);
    }
}

#[test]
fn what_does_not_fit_is_said_with_the_longest_context() {
    let q = quantised([32, 24, 2, 2, 2, 19, 4000], 1);
    let error = compile_decoder(&q, &base(), "long").unwrap_err();
    assert!(matches!(&error, CompileError::DoesNotFit { help, .. } if help.contains("longest context that fits")), "{error}");
    let text =
        compile_decoder(&quantised([32, 24, 1, 2, 2, 19, 16], 1), &Config::named("small").unwrap(), "x").unwrap_err().to_string();
    assert!(text.contains("VEC_LANES") && text.contains("small"), "{text}");
}
