// SPDX-License-Identifier: Apache-2.0
//! `systole score`, and `systole inspect` of a language model.

use crate::output;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use systole_golden::token::Decoder;
use systole_llm::{Float, Model, Options, Score, open, open_model, quantise, windows, write};

/// Seed of the text that is scored, where none is given: another than that of the text for the scales of K and V.
const TEXT_SEED: u64 = 1 << 32;
/// Tokens of that text, without --tokens.
const TEXT_TOKENS: usize = 4096;

/// How near the machine's arithmetic is to the float model, on a text.
#[derive(Args)]
pub struct ScoreArgs {
    /// tales (a model of the project's own), llama2.c's .bin file, a folder with one and its tokenizer, or a Hugging Face folder
    model: PathBuf,
    /// The text; lines are texts of their own where the tokenizer has no token for their end. Without one the float model writes it
    #[arg(value_name = "TEXT-FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// The text itself
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// The tokenizer, where it is not beside the model
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Score no more tokens [default: all of the text; 4096 of one that the model writes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    tokens: Option<u64>,
    /// Positions of a window, and no more than the model has [default: as many]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u64).range(1..))]
    context: Option<u64>,
    /// Tokens that the float model writes for the scales of K and V
    #[arg(long, value_name = "N", default_value_t = Options::default().calibration as u64, value_parser = clap::value_parser!(u64).range(1..))]
    calibrate: u64,
    /// Seed of what the float model writes
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Every window on both models.
fn measure(args: &ScoreArgs, model: &Model, texts: &[Vec<usize>], most: usize) -> Score {
    let context = args.context.map(|c| c as usize);
    let quantised = quantise(model, &Options { context, calibration: args.calibrate as usize, seed: args.seed });
    let windows = windows(texts, model.start, quantised.sizes.context, most);
    let bar = output::bar(windows.iter().map(|w| w.inputs.len() as u64).sum(), "tokens");
    let mut score = Score::default();
    for window in windows {
        let (mut float, mut machine) = (Float::new(model), Decoder::new(&quantised));
        for (position, (&input, &target)) in window.inputs.iter().zip(&window.targets).enumerate() {
            let logits: Vec<f32> = machine.step(input, position).iter().map(|l| f32::from_bits(l.word())).collect();
            score.add(&logits, &float.step(input, position), target);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    score
}

/// Perplexity of both arithmetics, and how far the machine's is from the float reference.
pub fn score(args: &ScoreArgs) -> Result<bool> {
    let (model, tokenizer) = open(&crate::generate::place(&args.model.to_string_lossy()), args.tokenizer.as_deref())?;
    let text = match (&args.file, &args.text) {
        (Some(path), _) => Some(std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?),
        (None, text) => text.clone(),
    };
    let given = text.is_some();
    let most = args.tokens.map_or(if given { usize::MAX } else { TEXT_TOKENS }, |n| n as usize);
    let texts = match text {
        Some(text) => tokenizer.texts(&text, model.ends.first().copied())?,
        None => write(&model, TEXT_SEED.wrapping_add(args.seed), most),
    };
    ensure!(!texts.is_empty(), "the text is empty");
    let score = measure(args, &model, &texts, most);
    if args.json {
        let json = json!({"perplexity": score.perplexity(), "perplexity_fp32": score.perplexity_float(), "tokens": score.tokens,
            "same_top": score.same_top(), "kl": score.kl()});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    let of = match &args.file {
        Some(path) => format!("of {}", path.display()),
        None if given => "of the text".into(),
        None => format!("that the float model wrote (temperature 1, seed {})", TEXT_SEED.wrapping_add(args.seed)),
    };
    let context = args.context.map_or(model.sizes.context, |c| model.sizes.context.min(c as usize));
    output::print(&format!("{} tokens {of}, in windows of {context}", output::grouped(score.tokens)));
    let more = 100.0 * (score.perplexity() / score.perplexity_float() - 1.0);
    output::print(&format!("  perplexity       {:.4}  {more:+.2} %", score.perplexity()));
    output::print(&format!("  perplexity fp32  {:.4}", score.perplexity_float()));
    output::print(&format!("  same top token   {:.2} %", 100.0 * score.same_top()));
    output::print(&format!("  KL               {:.5}", score.kl()));
    Ok(true)
}

/// Is it a language model, by its name? An ONNX model is a file of another name.
pub fn is_language_model(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|e| e == "bin")
}

/// Sizes and parameters.
pub fn inspect(path: &Path, json: bool) -> Result<bool> {
    let model = open_model(path)?;
    let s = model.sizes;
    let classifier = if model.classifier.is_some() { "own" } else { "the embedding table" };
    if json {
        let json = json!({"kind": model.kind, "sizes": s, "head": s.head(), "parameters": model.parameters(),
            "own_classifier": model.classifier.is_some(), "eps": model.eps});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    output::print(&format!("{}: a language model, {}", path.display(), model.kind));
    for (what, value) in [
        ("width", s.dim.to_string()),
        ("hidden width", s.hidden.to_string()),
        ("layers", s.layers.to_string()),
        ("query heads", format!("{}, {} wide", s.heads, s.head())),
        ("KV heads", s.kv_heads.to_string()),
        ("vocabulary", s.vocab.to_string()),
        ("context", s.context.to_string()),
        ("classifier", classifier.to_string()),
        ("parameters", output::grouped(model.parameters())),
    ] {
        output::print(&format!("  {what:<14}{value}"));
    }
    Ok(true)
}
