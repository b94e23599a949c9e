// SPDX-License-Identifier: Apache-2.0
//! `systole inspect`, `systole compile`, `systole conformance`.

use crate::{Machine, generate, output, score, sizes, tables};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use systole_compiler::legalise::legalise;
use systole_compiler::{Compiled, Options, Pass, compile as compile_graph, dump};
use systole_isa::Config;
use systole_model::graph::{Border, Finish, Graph, layer_macs};
use systole_model::onnx::{Constants, ImportError, import_from, survey};
use systole_report::network::{kind, on_host, runs_on as place, weights};
use systole_workloads::conformance::{Status, run_case};
use systole_workloads::onnx_case;

/// Print the layers of a model.
#[derive(Args)]
pub struct InspectArgs {
    /// The model: ONNX, llama2.c's .bin, or a folder with a language model
    model: PathBuf,
    #[command(flatten)]
    dynamic: crate::encoder::DynamicArgs,
    #[command(flatten)]
    tables: tables::TablesArgs,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Compile a model to an image.
#[derive(Args)]
pub struct CompileArgs {
    /// The model, ONNX; or a language model: tales, llama2.c's .bin file, a folder
    model: PathBuf,
    #[command(flatten)]
    ready: generate::Ready,
    #[command(flatten)]
    dynamic: crate::encoder::DynamicArgs,
    #[command(flatten)]
    tables: tables::TablesArgs,
    /// Write the image
    #[arg(short, long, value_name = "M.img")]
    output: Option<PathBuf>,
    /// Print what a pass decided: legalise, tile, place, schedule or emit
    #[arg(long, value_name = "PASS", value_parser = ["legalise", "tile", "place", "schedule", "emit"], conflicts_with = "json")]
    dump: Vec<String>,
    /// A sum or pool without exact constants is an error
    #[arg(long)]
    require_exact: bool,
    /// Lines of RRAM that each run scrubs in windows of the timetable, as far as there is room
    #[arg(long, value_name = "LINES", default_value_t = 0)]
    scrub_lines: u32,
    #[arg(long, default_value = "base", help = sizes::help())]
    config: String,
    /// Cycles that a weight bank needs for one word: 1, 2 or 4 [default: 1]
    #[arg(long, value_name = "D")]
    weight_beats: Option<u32>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Run stored cases and compare with their stored outputs.
#[derive(Args)]
pub struct ConformanceArgs {
    /// A folder of cases in the layout of ONNX's backend tests
    folder: PathBuf,
    #[command(flatten)]
    machine: Machine,
}

/// Reads a model; tensors may lie in files beside it. What was taken for granted goes to the standard error.
pub fn load(path: &Path) -> Result<Graph> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if systole_model::encoder::import::looks_dynamic(&bytes) {
        bail!(
            "{}: its activations have no scales: a network of tokens whose run finds them (docs/encoders.md). run, inspect, compile and \
             conformance take it; here quantise it statically (docs/quantising.md)",
            path.display()
        );
    }
    let imported = import_from(&bytes, path.parent(), &Constants::new()).with_context(|| path.display().to_string())?;
    for note in &imported.notes {
        eprintln!("systole: note: {}: {note}", path.display());
    }
    Ok(imported.graph)
}

/// How much of a model that does not run would: of its nodes, and of the multiplications in convolutions and matrix products.
fn share(path: &Path) -> Result<String> {
    let survey = survey(&std::fs::read(path)?, path.parent(), &Constants::new())?;
    let nodes = survey.unsupported.iter().filter(|u| u.op != "output").count();
    let percent = 100.0 * survey.running as f64 / survey.macs.max(1) as f64;
    let mut text = format!(
        "{} of {} nodes would run, with {} of {} multiplications ({percent:.1} %)",
        survey.nodes - nodes.min(survey.nodes),
        survey.nodes,
        output::grouped(survey.running),
        output::grouped(survey.macs)
    );
    if survey.unknown > 0 {
        text += &format!("; {} products of unknown shapes are not counted", survey.unknown);
    }
    let notes = survey.notes.iter().map(|note| format!("\n  note: {note}")).collect::<String>();
    Ok(text + &notes)
}

/// Says so, for it is in none of the cycles.
pub fn print_host(graph: &Graph) {
    for (ops, place) in on_host(graph).iter().zip(["before the machine", "behind the machine"]) {
        if !ops.is_empty() {
            output::print(&format!("  on the host, {place} and in none of the cycles: {}", ops.join(", ")));
        }
    }
}

/// Layers, shapes, multiplications, weights, and what runs them.
pub fn inspect(args: &InspectArgs) -> Result<bool> {
    let model = generate::place(&args.model.to_string_lossy());
    if score::is_language_model(&model) {
        return score::inspect(&model, args.json);
    }
    if crate::encoder::is_one(&args.model) {
        return crate::encoder::inspect(&args.model, &args.dynamic, args.json);
    }
    let graph = load(&args.model).map_err(|e| match e.downcast_ref::<ImportError>() {
        Some(ImportError::Unsupported(_) | ImportError::NotQuantised(_)) => match share(&args.model) {
            Ok(share) => anyhow!("{e:#}\n  {share}"),
            Err(_) => e,
        },
        _ => e,
    })?;
    let base = Config::named("base")?;
    let graph = args.tables.place(graph, &base)?;
    let compiles = legalise(&graph, &base);
    let reason = compiles.as_ref().err().map(ToString::to_string);
    if args.json {
        let layers: Vec<Value> = graph
            .layers
            .iter()
            .zip(&graph.maps[1..])
            .enumerate()
            .map(|(i, (l, m))| {
                json!({"runs_on": place(compiles.as_ref().ok(), i), "name": l.name, "kind": kind(l, &graph.maps), "inputs": l.inputs(), "shape": m.shape,
                    "macs": layer_macs(l, m), "weights": weights(l), "int32": l.finish == Finish::Raw32})
            })
            .collect();
        let of = |b: &Border| json!({"name": b.name, "shape": b.shape, "type": b.element.to_string()});
        let json = json!({"name": graph.name, "batch": graph.batch, "input": of(&graph.input), "output": of(&graph.output.1),
            "inputs": graph.input.tensors().map(of).collect::<Vec<_>>(), "outputs": graph.output.1.all().map(of).collect::<Vec<_>>(),
            "macs": graph.macs(), "weights": graph.layers.iter().map(weights).sum::<usize>(), "layers": layers, "unsupported": reason, "on_host": on_host(&graph), "tables": tables::json(&graph)});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    let of = |b: &Border| format!("{} {:?} {}", b.name, b.shape, b.element);
    let list = |b: &Border| b.all().map(of).collect::<Vec<_>>().join(", ");
    output::print(&format!("{}: {} to {}", graph.name, list(&graph.input), list(&graph.output.1)));
    output::print(
        "  map  layer                             kind                              [h, w, c]              macs    weights  reads     runs on (base)",
    );
    for (i, (l, m)) in graph.layers.iter().zip(&graph.maps[1..]).enumerate() {
        let [h, w, c] = m.shape;
        output::print(&format!(
            "  {:>3}  {:<32}  {:<32}  {:<15} {:>11} {:>10}  {:<8}  {}",
            i + 1,
            clip(&l.name, 32),
            kind(l, &graph.maps),
            format!("[{h}, {w}, {c}]"),
            output::grouped(layer_macs(l, m)),
            output::grouped(weights(l) as u64),
            format!("{:?}", l.inputs()),
            place(compiles.as_ref().ok(), i)
        ));
    }
    output::print(&format!(
        "  {} multiplications, {} weights",
        output::grouped(graph.macs()),
        output::grouped(graph.layers.iter().map(weights).sum::<usize>() as u64)
    ));
    if graph.batch > 1 {
        output::print(&format!("  batch of {0}: {0} runs, one behind the other; shapes are those of one", graph.batch));
    }
    tables::lines(&graph).iter().for_each(|line| output::print(line));
    print_host(&graph);
    match reason {
        None => output::print("  every layer runs on the machine"),
        Some(reason) => output::print(&format!("  {reason}")),
    }
    Ok(true)
}

fn clip(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width { name.to_string() } else { format!("..{}", name.chars().skip(count + 2 - width).collect::<String>()) }
}

/// A row for each layer, and what the last results take to leave behind it: together the cycles of the run.
pub fn layer_table(compiled: &Compiled) {
    output::print(
        "  layer                               kind            pixels     tiles    cycles   waiting    used  why not all of it",
    );
    for l in &compiled.layers {
        output::print(&format!(
            "  {:<34}  {:<14} {:>7} {:>9} {:>9} {:>9}  {:>5.1} %  {}",
            clip(&l.name, 34),
            clip(l.kind, 14),
            output::grouped(l.m as u64),
            format!("{} x {}", l.k_tiles, l.n_tiles),
            output::grouped(l.cycles),
            output::grouped(l.bubble),
            100.0 * l.utilisation,
            l.why
        ));
    }
    let layers: u64 = compiled.layers.iter().map(|l| l.cycles).sum();
    let line = |what: &str, cycles: u64| {
        output::print(&format!("  {what:<34}  {:<14} {:>7} {:>9} {:>9}", "", "", "", output::grouped(cycles)))
    };
    line("until the last result has left", compiled.cycles - layers);
    line("all", compiled.cycles);
}

/// Compiles, perhaps to an image.
pub fn compile(args: &CompileArgs) -> Result<bool> {
    let config = sizes::configuration(&args.config, args.weight_beats, None)?;
    output::check_writable(&args.output)?;
    let model = generate::place(&args.model.to_string_lossy());
    if score::is_language_model(&model) {
        return generate::compile(&model, &args.output, &config, &args.ready, args.json);
    }
    if crate::encoder::is_one(&args.model) {
        if !args.dump.is_empty() || args.scrub_lines > 0 || args.require_exact {
            bail!(
                "--dump, --scrub-lines and --require-exact are for networks with static scales; {} has none",
                args.model.display()
            );
        }
        return crate::encoder::compile(&args.model, &args.output, &config, &args.dynamic, args.json);
    }
    let graph = args.tables.place(load(&args.model)?, &config)?;
    let context = || args.model.display().to_string();
    let begin = std::time::Instant::now();
    let options = Options { require_exact: args.require_exact, scrub_lines: args.scrub_lines, ..Options::default() };
    let compiled = compile_graph(&graph, &config, &options).with_context(context)?;
    let seconds = begin.elapsed().as_secs_f64();
    if let Some(path) = &args.output {
        output::write_file(path, &compiled.image.to_bytes())?;
    }
    if args.json {
        let json = json!({"name": graph.name, "config": config.name, "weight_beats": config.weight_beats, "cycles": compiled.cycles, "batch": graph.batch,
            "law": compiled.law, "macs": graph.macs(), "utilisation": compiled.utilisation, "layers": compiled.layers,
            "memory": compiled.memory, "scrub_lines": compiled.scrub_lines, "tables": tables::json(&graph), "warnings": compiled.warnings, "compile_seconds": seconds});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    for pass in Pass::ALL.into_iter().filter(|p| args.dump.iter().any(|d| d == p.name())) {
        output::print(&format!("== {}", pass.name()));
        output::print(dump(&graph, &config, pass).with_context(context)?.trim_end());
    }
    if !args.dump.is_empty() {
        return Ok(true);
    }
    output::print(&format!(
        "{} on {}: {} cycles, {:.1} us at 100 MHz, {:.1} % of the array's rate, compiled in {seconds:.2} s",
        graph.name,
        config.label(),
        output::grouped(compiled.cycles),
        compiled.cycles as f64 / 100.0,
        100.0 * compiled.utilisation,
    ));
    if let Some(text) = batch_of(graph.batch, compiled.cycles) {
        output::print(&text);
    }
    layer_table(&compiled);
    for m in &compiled.memory {
        let share = 100.0 * m.used as f64 / m.size.max(1) as f64;
        output::print(&format!(
            "  {:<10} {:>8} of {:>8} words   {share:>5.1} %",
            m.memory,
            output::grouped(m.used as u64),
            output::grouped(m.size as u64)
        ));
    }
    if args.scrub_lines > 0 {
        output::print(&format!("  SCRUB rows look at {} of {} lines in each run", compiled.scrub_lines, args.scrub_lines));
    }
    tables::lines(&graph).iter().for_each(|line| output::print(line));
    for warning in &compiled.warnings {
        output::print(&format!("  note: {warning}"));
    }
    Ok(true)
}

/// What a batch comes to: so many runs.
pub fn batch_of(batch: usize, cycles: u64) -> Option<String> {
    (batch > 1).then(|| format!("  batch of {batch}: {batch} runs of {} cycles", output::grouped(cycles)))
}

/// Runs every case in a folder; true when none failed.
pub fn conformance(args: &ConformanceArgs) -> Result<bool> {
    let (config, options) = (args.machine.config()?, args.machine.options()?);
    let cases = onnx_case::cases(&args.folder)?;
    if cases.is_empty() {
        bail!("{}: no folder in it has a model.onnx", args.folder.display());
    }
    let bar = if args.machine.json { indicatif::ProgressBar::hidden() } else { output::bar(cases.len() as u64, "cases") };
    let mut verdicts = vec![];
    for case in &cases {
        verdicts.push(run_case(case, &config, args.machine.backend(), &options)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let count = |s: Status| verdicts.iter().filter(|v| v.status == s).count();
    let (passed, failed, unsupported) = (count(Status::Passed), count(Status::Failed), count(Status::Unsupported));
    let (declared, unstored) = (count(Status::Declared), count(Status::Unstored));
    if args.machine.json {
        let json = json!({"config": config.name, "backend": args.machine.backend(), "passed": passed, "declared": declared, "unstored": unstored, "failed": failed,
            "unsupported": unsupported, "cases": verdicts});
        output::print(&serde_json::to_string_pretty(&json)?);
    } else {
        for v in &verdicts {
            let (word, detail) = match v.status {
                Status::Passed => {
                    let cycles = format!("{} cycles", output::grouped(v.cycles_measured.unwrap_or(0)));
                    let note = match v.declared_layers {
                        0 => String::new(),
                        n => format!(", no element differs; declared layers: {n}"),
                    };
                    (output::good("passed     "), cycles + &note)
                }
                Status::Declared => ("declared   ".to_string(), v.reason.clone()),
                Status::Unstored => ("unstored   ".to_string(), v.reason.clone()),
                Status::Failed => (output::bad("FAILED     "), v.reason.clone()),
                Status::Unsupported => ("unsupported".to_string(), v.reason.replace('\n', " ")),
            };
            output::print(&format!("{word}  {:<40} {detail}", v.name));
        }
        let most = verdicts.iter().filter_map(|v| v.max_abs_diff).fold(0.0, f64::max);
        let without = if unstored > 0 { format!(" {unstored} without stored outputs,") } else { String::new() };
        output::print(&format!(
            "{passed} passed, {declared} with declared differences,{without} {failed} failed, {unsupported} unsupported; largest difference to the stored outputs {most}"
        ));
    }
    Ok(failed == 0)
}
