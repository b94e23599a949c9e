// SPDX-License-Identifier: Apache-2.0
//! `systole generate`, and `systole compile` of a language model.

mod writer;

use crate::rram::Woken;
use crate::{Machine, output};
use anyhow::{Result, bail, ensure};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use systole_backends::{AnyTransport, Backend, on_machine};
use systole_compiler::{CompileError, Decoder, compile_decoder};
use systole_host::Wake;
use systole_isa::Config;
use systole_llm::{Options, Quantised, Sampler, open, open_model, quantise};
use systole_workloads::energy;
use writer::{Job, Written};

/// Frequency at which times are given, in Hz.
const CLOCK: f64 = 100e6;

/// How a model is made ready for the machine.
#[derive(Args, Clone)]
pub struct Ready {
    /// Longest context, in tokens, and no more than the model has [default: as many as fit]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u64).range(1..))]
    context: Option<u64>,
    /// Tokens that the float model writes for the scales of K and V
    #[arg(long, value_name = "N", default_value_t = Options::default().calibration as u64, value_parser = clap::value_parser!(u64).range(1..))]
    calibrate: u64,
}

impl Ready {
    /// Quantised and compiled: for the context asked for, or for the longest that fits.
    pub fn compile(&self, path: &Path, model: &systole_llm::Model, config: &Config) -> Result<(Quantised, Decoder)> {
        let name = path.file_stem().map_or_else(|| "model".into(), |n| n.to_string_lossy().into_owned());
        let context = self.context.map(|c| model.sizes.context.min(c as usize));
        let quantised = quantise(model, &Options { context, calibration: self.calibrate as usize, ..Options::default() });
        Ok(longest(quantised, config, &name, context.is_none())?)
    }
}

/// A model compiled for the context that it has, or, where that may be `shortened`, for the longest that fits.
///
/// # Errors
/// What the compiler says of it.
pub fn longest(
    mut quantised: Quantised,
    config: &Config,
    name: &str,
    shortened: bool,
) -> Result<(Quantised, Decoder), CompileError> {
    let cols = config.cols as usize;
    loop {
        match compile_decoder(&quantised, config, name) {
            // Whole words of positions: nothing between them saves room.
            Err(CompileError::DoesNotFit { .. }) if shortened && quantised.sizes.context > cols => {
                quantised.shorten((quantised.sizes.context - 1) / cols * cols);
            }
            other => return Ok((quantised, other?)),
        }
    }
}

/// Let a language model write.
#[derive(Args)]
pub struct GenerateArgs {
    /// tales (a model of the project's own), llama2.c's .bin file, a folder with one and its tokenizer, or a Hugging Face folder
    model: String,
    /// What the text begins with
    #[arg(long, default_value = "", value_name = "TEXT")]
    prompt: String,
    /// Tokens to write, and no more than the context has room for [default: until the model ends, or the context]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    tokens: Option<u64>,
    /// 0: always the most probable token; 1: as the model says
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = |s: &str| output::within(s, 0.0, 100.0).map(|t| t as f32))]
    temperature: f32,
    /// Draw among the most probable tokens that have this share together
    #[arg(long, value_name = "P", default_value_t = 1.0, value_parser = |s: &str| output::within(s, 0.0, 1.0).map(|t| t as f32))]
    top_p: f32,
    /// The tokenizer, where it is not beside the model
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// The chip goes on by itself: it takes the token of the largest logit and launches the next run, until its register STOP's
    #[arg(long)]
    on_chip: bool,
    /// Run the prompt token by token, not several of its tokens at once
    #[arg(long)]
    no_prefill: bool,
    /// Generate from the image that wakes from this RRAM, without loading anything: it must be this model's (systole program)
    #[arg(long, value_name = "FILE")]
    rram: Option<PathBuf>,
    #[command(flatten)]
    ready: Ready,
    #[command(flatten)]
    machine: Machine,
}

/// Where a model that is named lies.
pub fn place(model: &str) -> PathBuf {
    if model == "tales" { systole_workloads::tales::file() } else { PathBuf::from(model) }
}

/// Writes; true when every logit and every cycle is as it should be.
pub fn generate(args: &GenerateArgs) -> Result<bool> {
    let path = place(&args.model);
    ensure!(path.exists(), "there is no language model '{}'; give tales, a .bin file of llama2.c, or a folder", args.model);
    ensure!(!args.on_chip || args.temperature == 0.0, "--on-chip takes the largest logit: leave --temperature out");
    let config = args.machine.counting(false)?;
    let (model, tokenizer) = open(&path, args.tokenizer.as_deref())?;
    let (quantised, decoder) = args.ready.compile(&path, &model, &config)?;
    let mut tokens = vec![model.start];
    tokens.extend(tokenizer.encode(&args.prompt)?);
    let room = decoder.context;
    if tokens.len() > room {
        bail!("the prompt is {} tokens, the context has room for {room} on {}", tokens.len(), config.label());
    }
    let most = args.tokens.map_or(room, |n| room.min(tokens.len() + n as usize));
    let woken = args.rram.as_ref().map(|file| Woken { file, network: &args.model, machine: &args.machine });
    let options = woken.as_ref().map_or_else(|| args.machine.options(), |w| w.options())?;
    let awake = woken.as_ref().map(|w| w.crc(&decoder.image)).transpose()?;
    let quiet = args.machine.json;
    if !quiet {
        head(args, &model, &decoder, &config, tokens.len());
    }
    let (backend, wake) = (args.machine.backend(), woken.is_some());
    let sampler = Sampler::new(args.temperature, args.top_p, args.machine.seed);
    let job = Job {
        quantised,
        decoder: decoder.clone(),
        tokenizer,
        sampler,
        tokens,
        most,
        quiet,
        on_chip: args.on_chip,
        prefill: !args.no_prefill,
    };
    let written = on_machine(backend, &config, &options, async move |driver| {
        let on_board = matches!(driver.transport(), AnyTransport::Board(_));
        if wake {
            driver.wake(Wake::Checked, &job.decoder.image).await?;
        } else if !(on_board && driver.adopt(&job.decoder.image).await.is_ok()) {
            driver.load(&job.decoder.image).await?;
        }
        job.run(driver).await
    });
    let w = woken.iter().fold(written, |r, woken| woken.explain(r))?;
    report(args, &config, &decoder, &w, awake, woken.as_ref())
}

fn head(args: &GenerateArgs, model: &systole_llm::Model, d: &Decoder, config: &Config, prompt: usize) {
    output::print(&format!(
        "{}: {}, {} parameters, int8, context {}, on {}, {}",
        args.model,
        model.kind,
        output::grouped(model.parameters()),
        d.context,
        config.label(),
        args.machine.backend().label()
    ));
    output::print(&format!(
        "  predicted         {} + {} floor(position / {}) cycles a token: {:.0} tokens a second at 100 MHz at the start, {:.0} at the end",
        d.law.cycles,
        d.law.each,
        d.law.cols,
        CLOCK / d.law.cycles as f64,
        CLOCK / d.cycles_at(d.context - 1) as f64
    ));
    let steps = match (args.no_prefill, args.on_chip) {
        (true, _) => (0..prompt).map(|p| d.step(p, 1)).collect(),
        // The chip begins to go on by itself with the prompt's last token.
        (_, true) => d.prompt(prompt - 1).into_iter().chain([d.step(prompt - 1, 1)]).collect(),
        _ => d.prompt(prompt),
    };
    let first: u64 = steps.iter().map(|s| s.cycles).sum();
    if let Some(p) = d.prefill.as_ref().filter(|_| !args.no_prefill) {
        output::print(&format!(
            "  prompt            {} tokens at once: {} + {} floor(position / {}) cycles, {:.0} tokens a second",
            p.rows,
            p.law.cycles,
            p.law.each,
            p.law.cols,
            p.rows as f64 * CLOCK / p.law.cycles as f64
        ));
    }
    if prompt == d.context {
        output::print("  first token       none: the prompt fills the context\n");
        return;
    }
    output::print(&format!(
        "  first token       after {} cycles, {:.1} us, for {prompt} of the prompt\n",
        output::grouped(first),
        first as f64 * 1e6 / CLOCK
    ));
}

fn report(
    args: &GenerateArgs,
    config: &Config,
    d: &Decoder,
    w: &Written,
    awake: Option<u32>,
    woken: Option<&Woken>,
) -> Result<bool> {
    let (predicted, measured) = (w.predicted(), w.measured());
    let runs = measured.len();
    // What no host was there to see took what was predicted: all of them together are measured.
    let took: Vec<u64> = measured.iter().zip(&predicted).map(|(m, p)| m.unwrap_or(*p)).collect();
    let unseen = measured.iter().filter(|m| m.is_none()).count();
    let cycles: u64 = took.iter().sum();
    // A board's host is slower than the chip, which waits for room then.
    let waits = w.own.as_ref().map_or(0, |own| own.cycles.saturating_sub(own.predicted));
    let as_predicted = w.as_predicted(args.machine.backend() == Backend::Board);
    let good = as_predicted && w.mismatches == 0;
    let rate = runs as f64 * CLOCK / cycles.max(1) as f64;
    let macs_of = |runs: usize| (0..runs as u64).map(|p| d.macs.0 + p * d.macs.1).sum::<u64>();
    let utilisation = macs_of(runs) as f64 / (cycles.max(1) as f64 * f64::from(config.rows * config.cols));
    let first: u64 = took.iter().take(w.prompt).sum();
    let energy = config.events.then(|| energy::of_events(&w.events, config, macs_of(w.tokens_run()), None));
    let per_token = energy.as_ref().map(|e| {
        let each = |pj: f64| pj / 1e3 / w.tokens_run().max(1) as f64;
        [each(e.total.low), each(e.total.typ), each(e.total.high)]
    });
    if args.machine.json {
        let json = json!({
            "model": args.model, "config": config.label(), "backend": args.machine.backend(), "awake": awake,
            "text": w.text, "tokens": w.tokens, "prompt_tokens": w.prompt, "end": w.end, "context": d.context,
            "cycles_predicted": predicted, "cycles_measured": measured,
            "runs": w.ran.iter().map(|r| json!({"position": r.step.pos, "tokens": r.step.rows, "cycles_predicted": r.step.cycles, "cycles_measured": r.cycles})).collect::<Vec<_>>(), "cycles_as_predicted": as_predicted,
            "law": {"cycles": d.law.cycles, "each": d.law.each, "positions": d.law.cols},
            "tokens_per_second": rate, "first_token_cycles": first, "utilisation": utilisation,
            "mismatches": w.mismatches, "logits": w.compared, "energy_nj_per_token": per_token,
        });
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(good);
    }
    let mark = |ok: bool, yes: &str, no: &str| if ok { output::good(yes) } else { output::bad(no) };
    output::print("");
    if let (Some(woken), Some(crc)) = (woken, awake) {
        woken.print(crc, 9);
    }
    output::print(&format!("  tokens            {:>9}     {} of the prompt; {}", w.tokens.len(), w.prompt, w.end));
    output::print(&format!(
        "  cycles            {:>9}     {}",
        output::grouped(cycles),
        mark(
            as_predicted,
            if unseen == 0 { "each run as predicted" } else { "as predicted: those seen, and all together" },
            "NOT as predicted"
        )
    ));
    output::print(&format!("  tokens a second   {rate:>9.0}     at 100 MHz, the prompt among them"));
    if let Some(own) = &w.own {
        let each = own.cycles as f64 / own.runs.max(1) as f64;
        let between =
            if waits == 0 { "a cycle from END to launch".into() } else { format!("{waits} cycles of waiting for the host") };
        output::print(&format!(
            "  by itself         {:>9}     runs from one start: {each:.1} cycles a token, {:.0} tokens a second, {between} among them",
            own.runs,
            CLOCK / each
        ));
    }
    if runs >= w.prompt {
        output::print(&format!("  first token       {:>9.1} us  at 100 MHz", first as f64 * 1e6 / CLOCK));
    }
    output::print(&format!("  utilisation       {:>9.2} %   of {} multipliers", 100.0 * utilisation, config.rows * config.cols));
    if let (Some([low, typ, high]), Some(e)) = (per_token, &energy) {
        let share = 100.0 * e.of_vector_unit().typ / e.total.typ.max(f64::MIN_POSITIVE);
        output::print(&format!("  energy a token    {typ:>9.0} nJ  {low:.0} to {high:.0}; {share:.0} % of it the vector unit's"));
    }
    output::print(&format!(
        "  mismatches        {:>9}     of {} logits against the token computed on tensors",
        mark(w.mismatches == 0, "0", &w.mismatches.to_string()),
        output::grouped(w.compared as u64)
    ));
    Ok(good)
}

/// Compiles a language model: cycles by length, memories, and the image where it is asked for.
pub fn compile(path: &Path, image: &Option<PathBuf>, config: &Config, ready: &Ready, json: bool) -> Result<bool> {
    let model = open_model(path)?;
    let (_, d) = ready.compile(path, &model, config)?;
    if let Some(file) = image {
        output::write_file(file, &d.image.to_bytes())?;
    }
    let array = f64::from(config.rows * config.cols);
    let lengths: Vec<usize> =
        std::iter::successors(Some(1), |l| Some(l * 2)).take_while(|&l| l < d.context).chain([d.context]).collect();
    let at = |length: usize| {
        let pos = length - 1;
        let cycles = d.cycles_at(pos);
        let law = d.law.array.0 + d.law.array.1 * (pos / d.law.cols) as u64;
        let macs = d.macs.0 + d.macs.1 * pos as u64;
        (length, cycles, law, CLOCK / cycles as f64, macs as f64 / (cycles as f64 * array))
    };
    if json {
        let table: Vec<_> = lengths
            .iter()
            .map(|&l| at(l))
            .map(|(length, cycles, law, rate, utilisation)| {
                json!({"length": length, "cycles": cycles, "array": law, "tokens_per_second": rate, "utilisation": utilisation})
            })
            .collect();
        let memory: Vec<_> = d.memory.iter().map(|m| json!({"memory": m.0, "used": m.1, "words": m.2})).collect();
        let json = json!({"name": d.image.name, "config": config.label(), "context": d.context, "law": {"cycles": d.law.cycles, "each": d.law.each, "positions": d.law.cols},
            "prefill": d.prefill.as_ref().map(|p| json!({"tokens": p.rows, "cycles": p.law.cycles, "each": p.law.each})),
            "lengths": table, "memory": memory, "rows": d.program.rows.len()});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    output::print(&format!(
        "{} on {}: {} + {} floor(position / {}) cycles a token, context {}",
        d.image.name,
        config.label(),
        d.law.cycles,
        d.law.each,
        d.law.cols,
        d.context
    ));
    match &d.prefill {
        Some(p) => output::print(&format!(
            "  a prompt: {} tokens at once in {} + {} floor(position / {}) cycles, {:.0} a token, {:.2} times as fast",
            p.rows,
            p.law.cycles,
            p.law.each,
            p.law.cols,
            p.law.cycles as f64 / p.rows as f64,
            (p.rows as u64 * d.law.cycles) as f64 / p.law.cycles as f64
        )),
        None => output::print("  a prompt: token by token; memories have no room for a program of several"),
    }
    output::print(
        "  length     cycles      array  tokens a second  utilisation   (the array's steps: the law of time; the rest is the chain of dependent steps)",
    );
    for &length in &lengths {
        let (length, cycles, law, rate, utilisation) = at(length);
        output::print(&format!(
            "  {length:>6} {:>10} {:>10} {rate:>16.0} {:>10.2} %",
            output::grouped(cycles),
            output::grouped(law),
            100.0 * utilisation
        ));
    }
    output::print("  memory                  used      words");
    for (name, used, words) in &d.memory {
        output::print(&format!("  {name:<18} {used:>9} {words:>10}"));
    }
    Ok(true)
}
