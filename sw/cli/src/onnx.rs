// SPDX-License-Identifier: Apache-2.0
//! `systole inspect`, `systole compile`, `systole run MODEL.onnx`, `systole conformance`.

use crate::judge::tensor;
use crate::run::RunArgs;
use crate::{Machine, generate, output, score, sizes, tables};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use systole_compiler::legalise::legalise;
use systole_compiler::{Compiled, Options, Pass, compile as compile_graph, dump};
use systole_isa::Config;
use systole_model::graph::{Border, Finish, Graph, layer_macs};
use systole_model::onnx::{Array, Constants, Data, ImportError, import_from, survey};
use systole_report::network::{kind, on_host, runs_on as place, weights};
use systole_verif::conformance::{Program, Status, run_case};
use systole_verif::{npy, onnx_case};

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
fn print_host(graph: &Graph) {
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

fn program(path: &Path, config: &Config, args: &RunArgs) -> Result<Program> {
    let scrub_lines = args.scrub_lines;
    let graph = args.tables.place(load(path)?, config)?;
    Program::new(graph, config, &Options { scrub_lines, ..Options::default() }).with_context(|| path.display().to_string())
}

fn write_tensor(path: &Path, array: &Array) -> Result<()> {
    let shape: Vec<u64> = array.shape.iter().map(|&d| d as u64).collect();
    match &array.data {
        Data::I8(v) => npy::write(path, &shape, v),
        Data::U8(v) => npy::write(path, &shape, v),
        Data::I32(v) => npy::write(path, &shape, v),
        Data::I64(v) => npy::write(path, &shape, v),
        Data::F32(v) => npy::write(path, &shape, v),
    }
}

/// The first output at `path`, others beside it with their names behind that of the file.
fn write_tensors(path: &Path, arrays: &[Array], graph: &Graph) -> Result<()> {
    let named = graph.output.1.all().map(|b| b.name.clone()).zip(arrays.iter().cloned());
    write_named(path, &named.collect::<Vec<_>>())
}

/// Tensors with their names: the first to `path`, others beside it with theirs.
///
/// # Errors
/// A file that cannot be written.
pub fn write_named(path: &Path, tensors: &[(String, Array)]) -> Result<()> {
    for (n, (output, array)) in tensors.iter().enumerate() {
        if n == 0 {
            write_tensor(path, array)?;
            continue;
        }
        let legal = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}.{}.npy", output.chars().map(legal).collect::<String>());
        write_tensor(&path.with_file_name(name), array)?;
    }
    Ok(())
}

/// CRC of the image that must wake, where a part was named; only one run of one program can come from it.
fn awake(args: &RunArgs, program: &Program) -> Result<Option<u32>> {
    let Some(woken) = args.woken() else { return Ok(None) };
    let (body, compiled) = &program.split.body;
    let runs = program.runs();
    if runs != 1 {
        let (rows, limit) = (program.graph.maps[0].shape[0], body.maps[0].shape[0]);
        bail!(
            "{}: its {rows} rows take {runs} runs on {}, of at most {limit} rows; a slot holds one program, for one run. \
             Export it with at most {limit} rows, take a larger configuration, or run it without --rram",
            woken.network,
            args.machine.config()?.label()
        );
    }
    Ok(Some(woken.crc(&compiled.image)?))
}

/// Names of files in one line.
fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A random input, of as many elements as a batch has.
fn random_tensor(graph: &Graph, input: usize, seed: u64) -> Array {
    let one = |n: usize| systole_verif::random::tensor(graph, input, seed.wrapping_add(1000 * n as u64));
    Array::joined(&(0..graph.batch).map(one).collect::<Vec<_>>()).unwrap_or_else(|| one(0))
}

/// What a batch comes to: so many runs.
fn batch_of(batch: usize, cycles: u64) -> Option<String> {
    (batch > 1).then(|| format!("  batch of {batch}: {batch} runs of {} cycles", output::grouped(cycles)))
}

/// Runs a model on one input; random where none is given.
pub fn run(model: &Path, input: &[PathBuf], args: &RunArgs) -> Result<bool> {
    let RunArgs { output: to, energy, machine, .. } = args;
    let (config, options, woken) = (machine.counting(*energy)?, args.options()?, args.woken());
    output::check_writable(to)?;
    let program = program(model, &config, args)?;
    let awake = awake(args, &program)?;
    output::check_writable(&args.report)?;
    let borders: Vec<&Border> = program.graph.input.tensors().collect();
    if !input.is_empty() && input.len() != borders.len() {
        let names: Vec<&str> = borders.iter().map(|b| b.name.as_str()).collect();
        bail!("{} has {} inputs ({}): give --input for each, in this order", model.display(), borders.len(), names.join(", "));
    }
    let mut arrays = vec![];
    for (n, border) in borders.iter().enumerate() {
        let array = match input.get(n) {
            Some(input) => tensor(input, border.element)?,
            None => random_tensor(&program.graph, n, machine.seed.wrapping_add(n as u64)),
        };
        arrays.push(array);
    }
    // Said with the files' names.
    let names = if input.is_empty() { "random input".into() } else { list(input) };
    for element in program.graph.elements(&arrays).with_context(|| names.clone())? {
        program.graph.pack(&element).with_context(|| names.clone())?;
    }
    let inexact = !program.split.body.1.warnings.is_empty();
    let judge = args.judge.read(&program.graph, &[], inexact)?;
    let bar = if machine.json { indicatif::ProgressBar::hidden() } else { output::bar(1, "building and running") };
    let ran = program.run_batch(&config, machine.backend(), &arrays, &options);
    let (results, report) = woken.iter().fold(ran, |r, w| w.explain(r))?;
    bar.finish_and_clear();
    if let Some(path) = to {
        write_tensors(path, &results, &program.graph)?;
    }
    let verdict = judge.of(std::slice::from_ref(&results));
    let [expected, labels] = verdict.json();
    let measured: u64 = report.cycles_measured.iter().sum();
    let batch = program.graph.batch;
    let macs = program.graph.macs() * batch as u64;
    let utilisation = macs as f64 / (measured.max(1) as f64 * f64::from(config.rows * config.cols));
    let spent = energy.then(|| systole_verif::energy::of_events(&report.events, &config, macs, None));
    page(args, &program, &report, &config, 1)?;
    if machine.json {
        let json = json!({"network": program.graph.name, "config": config.name, "weight_beats": config.weight_beats, "backend": machine.backend(),
            "awake": awake, "inputs": batch, "random_input": input.is_empty(), "cycles_predicted": report.cycles_predicted, "cycles_measured": measured, "macs": macs, "utilisation": utilisation,
            "mismatches": report.mismatches, "outputs": report.compared, "declared": declared(&report, &program), "layers": program.split.body.1.layers,
            "expected": expected, "labels": labels, "first_mismatch": report.first_mismatch, "lockstep": report.lockstep, "sim_cycles_per_second": report.sim_cycles_per_second,
            "events": report.events, "energy_of_all": spent, "compile_seconds": program.split.seconds, "on_host": on_host(&program.graph),
            "tables": tables::json(&program.graph)});
        output::print(&serde_json::to_string_pretty(&json)?);
    } else {
        let random = if input.is_empty() { format!(", on random input (seed {})", machine.seed) } else { String::new() };
        output::print(&format!("{} on {}{random}", program.graph.name, config.label()));
        if let (Some(woken), Some(crc)) = (&woken, awake) {
            woken.print(crc, 12);
        }
        if let Some(text) = batch_of(batch, report.cycles_predicted / batch as u64) {
            output::print(&text);
        }
        output::print(&format!("  cycles predicted  {:>12}", output::grouped(report.cycles_predicted)));
        let same =
            if measured == report.cycles_predicted { output::good("as predicted") } else { output::bad("NOT as predicted") };
        output::print(&format!("  cycles measured   {:>12}   {same}", output::grouped(measured)));
        output::print(&format!(
            "  utilisation       {:>11.1} %   {} multiplications",
            100.0 * utilisation,
            output::grouped(macs)
        ));
        let count = report.mismatches.to_string();
        let count = if report.mismatches == 0 { output::good(&count) } else { output::bad(&count) };
        output::print(&format!(
            "  outputs           {:>12}   {count} differ from the operator reference",
            output::grouped(report.compared as u64)
        ));
        verdict.print();
        print_declared(&report, &program);
        output::lockstep(&report);
        tables::lines(&program.graph).iter().for_each(|line| output::print(line));
        print_host(&program.graph);
        if args.layers {
            layer_table(&program.split.body.1);
        }
        if let Some(spent) = &spent {
            crate::energy::print(spent, batch, &config);
        }
        if let Some(first) = &report.first_mismatch {
            output::print(&format!("  first: {first}"));
        }
    }
    Ok(report.mismatches == 0 && measured == report.cycles_predicted && output::in_step(&report) && verdict.is_good())
}

/// The page of runs on `inputs` inputs, where it is asked for. It is about one run of the body; what several took is said.
fn page(args: &RunArgs, program: &Program, report: &systole_verif::Report, config: &Config, inputs: usize) -> Result<()> {
    let Some(file) = &args.report else { return Ok(()) };
    let (graph, compiled) = &program.split.body;
    let mut measured = crate::network::measured(report, args.machine.backend().label(), inputs);
    let each = program.runs() * program.graph.batch;
    if each > 1 {
        measured.by += &format!(", {each} runs, {} cycles predicted", output::grouped(report.cycles_predicted));
    }
    let runs = (inputs * each) as f64;
    let energy =
        config.events.then(|| systole_verif::energy::of_events(&report.events, config, program.graph.macs(), None).total);
    let energy = energy.map(|e| [e.low, e.typ, e.high].map(|pj| pj / 1e3 / runs));
    crate::report::of_run(file, &systole_report::Subject::Graph(graph, compiled), config, energy, measured)
}

/// What the compiler declared inexact, and what came of it in a run.
fn declared(report: &systole_verif::Report, program: &Program) -> Value {
    let notes: Vec<String> = program.split.body.1.warnings.iter().map(ToString::to_string).collect();
    json!({"differing": report.declared, "near": report.near, "layers": notes})
}

fn print_declared(report: &systole_verif::Report, program: &Program) {
    for warning in &program.split.body.1.warnings {
        output::print(&format!("  note: {warning}"));
    }
    if let Some(text) = report.declaration() {
        output::print(&format!("  note: {text}"));
    }
}

/// Runs a model on every tensor in a folder, one run behind the other.
pub fn run_folder(model: &Path, folder: &Path, args: &RunArgs) -> Result<bool> {
    let RunArgs { output: to, energy, machine, .. } = args;
    let (config, options, woken) = (machine.counting(*energy)?, args.options()?, args.woken());
    let list = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = list.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.retain(|p| p.extension().is_some_and(|e| e == "npy" || e == "pb"));
    paths.sort();
    if paths.is_empty() {
        bail!("{}: no .npy and no .pb in it", folder.display());
    }
    if let Some(to) = to {
        std::fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    }
    output::check_writable(&args.report)?;
    let program = program(model, &config, args)?;
    let awake = awake(args, &program)?;
    if program.graph.input.tensors().count() > 1 {
        bail!("{} has several inputs; --batch-dir gives one, --input each", model.display());
    }
    if program.graph.batch > 1 {
        bail!(
            "{} has a batch of {}; give the whole batch with --input, or export it with batch 1 for --batch-dir",
            model.display(),
            program.graph.batch
        );
    }
    let inputs = paths
        .iter()
        .map(|p| {
            let array = tensor(p, program.graph.input.element)?;
            let arrays = vec![array];
            program.graph.pack(&arrays).with_context(|| p.display().to_string())?; // said with the file's name
            Ok(arrays)
        })
        .collect::<Result<Vec<Vec<Array>>>>()?;
    let judge = args.judge.read(&program.graph, &paths, !program.split.body.1.warnings.is_empty())?;
    let count = inputs.len();
    let bar = if machine.json { indicatif::ProgressBar::hidden() } else { output::bar(count as u64, "building and running") };
    let told = bar.clone();
    let ran = program.run_many(&config, machine.backend(), &inputs, &options, move |_| told.inc(1));
    let (results, report) = woken.iter().fold(ran, |r, w| w.explain(r))?;
    bar.finish_and_clear();
    if let Some(to) = to {
        for (path, result) in paths.iter().zip(&results) {
            let name = path.file_stem().unwrap_or_default();
            write_tensors(&to.join(name).with_extension("npy"), result, &program.graph)?;
        }
    }
    let verdict = judge.of(&results);
    let [expected, labels] = verdict.json();
    let as_predicted = report.cycles_measured.iter().all(|&c| c == report.cycles_predicted);
    let measured = report.cycles_measured.first().copied().unwrap_or(0);
    let each = report.cycles_all as f64 / count as f64;
    let macs = program.graph.macs();
    let utilisation = macs as f64 / (measured.max(1) as f64 * f64::from(config.rows * config.cols));
    let spent = energy.then(|| systole_verif::energy::of_events(&report.events, &config, macs * count as u64, None));
    page(args, &program, &report, &config, count)?;
    if machine.json {
        let json = json!({"network": program.graph.name, "config": config.name, "weight_beats": config.weight_beats, "backend": machine.backend(),
            "awake": awake, "inputs": count, "cycles_predicted": report.cycles_predicted, "cycles_measured": measured, "cycles_as_predicted": as_predicted,
            "cycles_all": report.cycles_all, "cycles_per_input": each, "macs": macs, "utilisation": utilisation,
            "mismatches": report.mismatches, "outputs": report.compared, "declared": declared(&report, &program), "layers": program.split.body.1.layers,
            "expected": expected, "labels": labels, "first_mismatch": report.first_mismatch, "lockstep": report.lockstep, "sim_cycles_per_second": report.sim_cycles_per_second,
            "events": report.events, "energy_of_all": spent, "compile_seconds": program.split.seconds});
        output::print(&serde_json::to_string_pretty(&json)?);
    } else {
        output::print(&format!("{} on {}, {count} inputs back to back", program.graph.name, config.label()));
        if let (Some(woken), Some(crc)) = (&woken, awake) {
            woken.print(crc, 12);
        }
        let same = if as_predicted { output::good("as predicted, every one") } else { output::bad("NOT as predicted") };
        output::print(&format!("  cycles of a run   {:>12}   {same}", output::grouped(measured)));
        output::print(&format!(
            "  cycles in all     {:>12}   {each:.0} an input, {} inputs a second at 100 MHz",
            output::grouped(report.cycles_all),
            output::grouped((1e8 / each).round() as u64)
        ));
        let wrong = report.mismatches.to_string();
        let wrong = if report.mismatches == 0 { output::good(&wrong) } else { output::bad(&wrong) };
        output::print(&format!(
            "  outputs           {:>12}   {wrong} differ from the operator reference",
            output::grouped(report.compared as u64)
        ));
        verdict.print();
        print_declared(&report, &program);
        output::lockstep(&report);
        if args.layers {
            layer_table(&program.split.body.1);
        }
        if let Some(spent) = &spent {
            crate::energy::print(spent, count, &config);
        }
        if let Some(first) = &report.first_mismatch {
            output::print(&format!("  first: {first}"));
        }
    }
    Ok(report.mismatches == 0 && as_predicted && output::in_step(&report) && verdict.is_good())
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
