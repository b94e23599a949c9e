// SPDX-License-Identifier: Apache-2.0
//! Networks whose activations have scales by token (docs/encoders.md): `systole run`, `compile` and `inspect` of such a file.

use crate::judge::tensor;
use crate::run_args::RunArgs;
use crate::{Machine, output};
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use systole_compiler::{EncoderProgram, compile_parts};
use systole_isa::Config;
use systole_model::encoder::import::{
    Imported, Kind, Options, dimension_names, import_from, input_names, looks_dynamic, open_dimensions,
};
use systole_model::encoder::{Encoder, Op};
use systole_model::onnx::{Array, Data, ElementType};
use systole_report::Subject;
use systole_workloads::encoder::{Apart, Outcome, apart, sizes};

/// Scales of activations that a file does not have.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dynamic {
    /// Each token has its own, found in the run
    Token,
    /// One for all tokens of a tensor, as ONNX Runtime has it: not on this machine
    Tensor,
}

/// What a network without scales of activations is read with.
#[derive(Args, Clone)]
pub struct DynamicArgs {
    /// Size of a dimension that the file leaves open, by its name, or as INPUT:NUMBER; sizes of --input's tensors need none
    #[arg(long, value_name = "NAME=N")]
    size: Vec<String>,
    /// Whose scales activations get where the file has none
    #[arg(long, value_enum, default_value = "token")]
    dynamic: Dynamic,
}

impl DynamicArgs {
    fn sizes(&self) -> Result<BTreeMap<String, usize>> {
        ensure!(
            self.dynamic == Dynamic::Token,
            "--dynamic tensor: a scale for all tokens is known only when the last token is, and this machine goes on before that; \
             --dynamic token is at least as exact (docs/encoders.md)"
        );
        let parse = |text: &String| {
            let (name, n) = text.split_once('=')?;
            Some((name.to_string(), n.parse().ok().filter(|n| (1..=MOST).contains(n))?))
        };
        let of = self
            .size
            .iter()
            .map(|t| parse(t).with_context(|| format!("--size {t}: not NAME=N, as sequence_length=32, with N from 1 to {MOST}")));
        of.collect()
    }
}

/// No dimension is longer.
const MOST: usize = 1 << 16;

/// Whether a file is such a network.
pub fn is_one(path: &Path) -> bool {
    path.is_file() && std::fs::read(path).is_ok_and(|bytes| looks_dynamic(&bytes))
}

/// A network, and the parts in which a machine takes it.
struct Loaded {
    imported: Imported,
    parts: Vec<(Encoder, EncoderProgram)>,
    seconds: f64,
}

fn read(path: &Path, sizes: BTreeMap<String, usize>) -> Result<Imported> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (inputs, names) = (input_names(&bytes), dimension_names(&bytes));
    for name in sizes.keys() {
        let of_input = name.rsplit_once(':').is_some_and(|(i, _)| inputs.iter().any(|n| n == i));
        ensure!(
            of_input || names.contains(name),
            "--size {name}: {} has no open dimension of that name, but {}",
            path.display(),
            if names.is_empty() { "none with a name".into() } else { names.join(", ") }
        );
    }
    let imported = import_from(&bytes, path.parent(), &Options { sizes }).map_err(|e| {
        // Where it is the sizes that are missing.
        let open = if e.to_string().contains("is open") { open_dimensions(&bytes).unwrap_or_default() } else { vec![] };
        let help = match open.as_slice() {
            [] => String::new(),
            names => format!("\n  dimensions that the file leaves open: {}; give each as --size NAME=N", names.join(", ")),
        };
        anyhow::anyhow!("{}: {e}{help}", path.display())
    })?;
    for note in &imported.notes {
        eprintln!("systole: note: {}: {note}", path.display());
    }
    Ok(imported)
}

fn load(path: &Path, sizes: BTreeMap<String, usize>, config: &Config) -> Result<Loaded> {
    let imported = read(path, sizes)?;
    let begin = std::time::Instant::now();
    let parts = compile_parts(&imported.encoder, config).with_context(|| path.display().to_string())?;
    Ok(Loaded { imported, parts, seconds: begin.elapsed().as_secs_f64() })
}

/// A network that is not run, and the parts in which a machine takes it.
///
/// # Errors
/// A file that cannot be read, open dimensions without --size, what the compiler says.
pub fn parts(path: &Path, args: &DynamicArgs, config: &Config) -> Result<(Encoder, Vec<(Encoder, EncoderProgram)>)> {
    let l = load(path, args.sizes()?, config)?;
    Ok((l.imported.encoder, l.parts))
}

fn cycles(parts: &[(Encoder, EncoderProgram)]) -> u64 {
    parts.iter().map(|p| p.1.cycles).sum()
}

fn utilisation(parts: &[(Encoder, EncoderProgram)], config: &Config) -> f64 {
    let macs: u64 = parts.iter().map(|p| p.1.macs).sum();
    macs as f64 / (cycles(parts) as f64 * f64::from(config.rows * config.cols))
}

fn say_parts(parts: &[(Encoder, EncoderProgram)]) {
    if parts.len() == 1 {
        return;
    }
    let each: Vec<String> = parts.iter().map(|p| output::grouped(p.1.cycles)).collect();
    output::print(&format!(
        "  parts             {:>12}   it has no room at once (weights, parameters or rows of the timetable): each part is loaded before it runs, in {} cycles, \
         which are those of weights that are there; loading is in none of them",
        parts.len(),
        each.join(", ")
    ));
}

/// `systole inspect`.
pub fn inspect(path: &Path, args: &DynamicArgs, as_json: bool) -> Result<bool> {
    let imported = read(path, args.sizes()?)?;
    let e = &imported.encoder;
    let kind = |op: &Op| match op {
        Op::Linear(l) => format!("product {} x {}, then {:?}", l.inputs, l.outputs, l.then),
        Op::Norm(n) if n.mean => format!("layer norm of map {}", n.from),
        Op::Norm(n) => format!("RMS norm of map {}", n.from),
        Op::Attention(a) => format!("attention of maps {}, {}, {}; {} heads", a.q, a.k, a.v, a.heads),
        Op::Add(a, b) => format!("sum of maps {a} and {b}"),
    };
    let name = |op: &Op| match op {
        Op::Linear(l) => l.name.clone(),
        Op::Norm(n) => n.name.clone(),
        Op::Attention(a) => a.name.clone(),
        Op::Add(..) => String::new(),
    };
    if as_json {
        let maps = e
            .ops
            .iter()
            .enumerate()
            .map(|(n, op)| json!({"map": n + 1, "name": name(op), "kind": kind(op), "width": e.width_of(n + 1)}));
        let maps: Vec<_> = maps.collect();
        let json = json!({"name": e.name, "scales": "by token", "tokens": e.tokens, "width": e.width, "macs": e.macs(), "maps": maps,
            "outputs": imported.outputs});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    output::print(&format!(
        "{}: scales by token; {} tokens of {} channels, {} multiplications",
        e.name,
        e.tokens,
        e.width,
        output::grouped(e.macs())
    ));
    output::print("  map  width  operator");
    for (n, op) in e.ops.iter().enumerate() {
        output::print(&format!("  {:>3}  {:>5}  {:<52}  {}", n + 1, e.width_of(n + 1), kind(op), name(op)));
    }
    Ok(true)
}

/// `systole compile`.
pub fn compile(path: &Path, image: &Option<PathBuf>, config: &Config, args: &DynamicArgs, as_json: bool) -> Result<bool> {
    let l = load(path, args.sizes()?, config)?;
    if let Some(file) = image {
        ensure!(
            l.parts.len() == 1,
            "{}: it has no room at once and runs in {} parts; an image holds one",
            path.display(),
            l.parts.len()
        );
        output::write_file(file, &l.parts[0].1.image.to_bytes())?;
    }
    let (cycles, utilisation) = (cycles(&l.parts), utilisation(&l.parts, config));
    if as_json {
        let parts = l
            .parts
            .iter()
            .map(|(_, p)| json!({"cycles": p.cycles, "macs": p.macs, "array": p.array, "chunk": p.chunk, "memory": p.memory}));
        let parts: Vec<_> = parts.collect();
        let json = json!({"name": l.imported.encoder.name, "config": config.name, "tokens": l.imported.encoder.tokens, "cycles": cycles,
            "utilisation": utilisation, "parts": parts, "compile_seconds": l.seconds});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    output::print(&format!(
        "{} on {}: {} tokens in {} cycles, {:.1} us at 100 MHz, {:.1} % of the array's rate, compiled in {:.2} s",
        l.imported.encoder.name,
        config.label(),
        l.imported.encoder.tokens,
        output::grouped(cycles),
        cycles as f64 / 100.0,
        100.0 * utilisation,
        l.seconds
    ));
    say_parts(&l.parts);
    for (n, (_, p)) in l.parts.iter().enumerate() {
        let use_of: Vec<String> = p.memory.iter().map(|(name, used, all)| format!("{name} {used} of {all}")).collect();
        output::print(&format!(
            "  part {}: {} tokens at once, {} such chunks in turn; {}",
            n + 1,
            p.chunk.0,
            p.chunk.1,
            use_of.join(", ")
        ));
    }
    Ok(true)
}

/// A random input: tokens that count, numbers near 0, small integers.
fn random(imported: &Imported, seed: u64) -> Vec<Array> {
    let mut rng = systole_workloads::random::generator(seed);
    let draw = |shape: &Vec<usize>, name: &str, kind: Kind, rng: &mut _| {
        let n: usize = shape.iter().product();
        let codes = systole_workloads::random::codes(rng, n);
        let data = match kind {
            Kind::F32 => Data::F32(codes.iter().map(|&c| f32::from(c) / 64.0).collect()),
            _ if name.contains("mask") => Data::I64(vec![1; n]),
            _ if name.contains("type") || name.contains("segment") => Data::I64(vec![0; n]),
            // Small: few tables have less than eight rows.
            _ => Data::I64(codes.iter().map(|&c| i64::from(c & 7)).collect()),
        };
        Array { shape: shape.clone(), data }
    };
    imported.inputs.iter().map(|i| draw(&i.shape, &i.name, i.kind, &mut rng)).collect()
}

/// `systole run`.
pub fn run(path: &Path, input: &[PathBuf], args: &RunArgs) -> Result<bool> {
    let machine: &Machine = &args.machine;
    if args.energy || args.layers || args.woken().is_some() || args.scrub_lines > 0 {
        bail!("--energy, --layers, --rram and --scrub-lines are for networks with static scales; {} has none", path.display());
    }
    let (config, options) = (machine.counting(false)?, args.options()?);
    output::check_writable(&args.output)?;
    output::check_writable(&args.report)?;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let names = input_names(&bytes);
    ensure!(
        input.is_empty() || input.len() == names.len(),
        "{} has {} inputs ({}): give --input for each, in this order",
        path.display(),
        names.len(),
        names.join(", ")
    );
    let any = |path: &PathBuf| {
        let kinds = [ElementType::Int64, ElementType::Float32, ElementType::Int32, ElementType::Uint8, ElementType::Int8];
        let mut tried = kinds.into_iter().map(|k| tensor(path, k));
        let first = tried.next();
        tried.find_map(Result::ok).map(Ok).or(first).unwrap_or_else(|| bail!("{}: cannot be read", path.display()))
    };
    let given: Vec<Array> = input.iter().map(|p| tensor(p, ElementType::Int64).or_else(|_| any(p))).collect::<Result<_>>()?;
    let mut open = sizes(&bytes, &given);
    open.extend(args.dynamic.sizes()?);
    let l = load(path, open, &config)?;
    let arrays = if given.is_empty() { random(&l.imported, machine.seed) } else { given };
    let named: Vec<(&str, Array)> = l.imported.inputs.iter().map(|i| i.name.as_str()).zip(arrays).collect();
    let prepared = l.imported.prepare(&named)?;
    let bar = if machine.json { indicatif::ProgressBar::hidden() } else { output::bar(1, "building and running") };
    let ran = systole_workloads::encoder::run(&l.parts, &prepared.x, &prepared.mask, &config, machine.backend(), &options)?;
    bar.finish_and_clear();
    let outputs = l.imported.finish(&prepared, &ran.result)?;
    let float: Vec<f32> = ran.float.iter().map(|&f| f as f32).collect();
    let floats = l.imported.finish(&prepared, &float)?;
    if let Some(file) = &args.output {
        crate::tensors::write_named(file, &outputs)?;
    }
    let expected = args.judge.read_plain(outputs.len())?;
    if let Some(file) = &args.report {
        let measured = systole_report::Measured {
            by: machine.backend().label().into(),
            cycles: ran.cycles_measured.iter().sum(),
            as_predicted: ran.cycles_measured == ran.cycles_predicted,
            inputs: 1,
            compared: ran.compared,
            mismatches: ran.mismatches,
            with: "the golden model",
            judged: outputs.iter().zip(&expected).map(|(a, b)| judged(&a.0, apart(&a.1, b, &prepared.mask))).collect(),
        };
        let subject = Subject::Encoder(&l.imported.encoder, l.parts.iter().map(|p| &p.1).collect());
        crate::report::of_run(file, &subject, &config, None, measured)?;
    }
    report(&l, &config, machine, &ran, &prepared.mask, &outputs, &floats, &expected)
}

/// An output beside the tensor that was given, for the page.
fn judged(name: &str, apart: Option<Apart>) -> systole_report::Judged {
    let (value, note) = match &apart {
        Some(apart) => (format!("{:.5}", apart.cosine), format!("cosine of {name} and the tensor given; {apart}")),
        None => ("none".into(), format!("{name} has another shape than the tensor given")),
    };
    systole_report::Judged { label: "expected", value, unit: "", note, good: Some(apart.is_some_and(|a| a.is_near())) }
}

#[allow(clippy::too_many_arguments)]
fn report(
    l: &Loaded,
    config: &Config,
    machine: &Machine,
    ran: &Outcome,
    mask: &[bool],
    outputs: &[(String, Array)],
    floats: &[(String, Array)],
    expected: &[Array],
) -> Result<bool> {
    let of_tokens = ran.cosines(mask);
    let measured: u64 = ran.cycles_measured.iter().sum();
    let predicted = cycles(&l.parts);
    let utilisation = utilisation(&l.parts, config);
    let near: Vec<Option<Apart>> = outputs.iter().zip(floats).map(|(a, b)| apart(&a.1, &b.1, mask)).collect();
    let judged: Vec<Option<Apart>> = outputs.iter().zip(expected).map(|(a, b)| apart(&a.1, b, mask)).collect();
    let close = |j: &Option<Apart>| j.is_some_and(|j| j.is_near());
    let good = ran.is_good() && judged.iter().all(close);
    if machine.json {
        let list = outputs
            .iter()
            .zip(&near)
            .enumerate()
            .map(|(n, ((name, a), j))| json!({"name": name, "shape": a.shape, "to_float": j, "expected": judged.get(n)}));
        let list: Vec<_> = list.collect();
        let json = json!({"network": l.imported.encoder.name, "config": config.name, "backend": machine.backend(), "class": "model-level",
            "tokens": mask.len(), "parts": l.parts.len(), "cycles_predicted": ran.cycles_predicted, "cycles_measured": ran.cycles_measured,
            "utilisation": utilisation, "compared": ran.compared, "mismatches": ran.mismatches, "cosine_of_tokens": of_tokens.map(|(mean, least)| json!({"mean": mean, "least": least})),
            "outputs": list});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(good);
    }
    output::print(&format!("{} on {}, {} tokens", l.imported.encoder.name, config.label(), mask.len()));
    output::print(&format!("  cycles predicted  {:>12}", output::grouped(predicted)));
    let same =
        if ran.cycles_measured == ran.cycles_predicted { output::good("as predicted") } else { output::bad("NOT as predicted") };
    output::print(&format!("  cycles measured   {:>12}   {same}", output::grouped(measured)));
    say_parts(&l.parts);
    output::print(&format!(
        "  utilisation       {:>11.1} %   {} multiplications",
        100.0 * utilisation,
        output::grouped(l.imported.encoder.macs())
    ));
    let count = ran.mismatches.to_string();
    let count = if ran.mismatches == 0 { output::good(&count) } else { output::bad(&count) };
    output::print(&format!(
        "  numbers           {:>12}   {count} differ from the golden model",
        output::grouped(ran.compared as u64)
    ));
    if let Some((part, token, channel, found, want)) = ran.first_mismatch {
        output::print(&format!("  first: part {}, token {token}, channel {channel}: {found} for {want}", part + 1));
    }
    let tokens = of_tokens.map_or("no token counts".into(), |(mean, least)| {
        format!("cosine of the tokens to the network in float, with its int8 weights: {mean:.5}, {least:.5} at least")
    });
    output::print(&format!("  class              model-level   {tokens}"));
    for (n, ((name, a), j)) in outputs.iter().zip(&near).enumerate() {
        let of = |j: Option<Apart>| j.map_or("of another shape".into(), |j| j.to_string());
        let given = judged.get(n).map(|j| format!("; to the tensor given {}", of(*j))).unwrap_or_default();
        output::print(&format!("  output            {name} {:?}: to float {}{given}", a.shape, of(*j)));
    }
    Ok(good)
}
