// SPDX-License-Identifier: Apache-2.0
//! `systole run MODEL.onnx`: one input, or a folder of them.

use crate::judge::{Verdict, tensor};
use crate::run_args::RunArgs;
use crate::tensors::write_tensors;
use crate::{onnx, output, tables};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use systole_compiler::Options;
use systole_isa::Config;
use systole_model::graph::{Border, Graph};
use systole_model::onnx::Array;
use systole_report::network::on_host;
use systole_workloads::conformance::Program;
use systole_workloads::energy::Energy;

fn program(path: &Path, config: &Config, args: &RunArgs) -> Result<Program> {
    let scrub_lines = args.scrub_lines;
    let graph = args.tables.place(onnx::load(path)?, config)?;
    Program::new(graph, config, &Options { scrub_lines, ..Options::default() }).with_context(|| path.display().to_string())
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
    let one = |n: usize| systole_workloads::random::tensor(graph, input, seed.wrapping_add(1000 * n as u64));
    Array::joined(&(0..graph.batch).map(one).collect::<Vec<_>>()).unwrap_or_else(|| one(0))
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
    let spent = energy.then(|| systole_workloads::energy::of_events(&report.events, &config, macs, None));
    page(args, &program, (&report, &verdict), &config, 1)?;
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
        if let Some(text) = onnx::batch_of(batch, report.cycles_predicted / batch as u64) {
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
        print_outputs(&report);
        verdict.print();
        print_declared(&report, &program);
        output::lockstep(&report);
        tables::lines(&program.graph).iter().for_each(|line| output::print(line));
        onnx::print_host(&program.graph);
        print_end(args, &program, &report, spent.as_ref().map(|s| (s, batch)), &config);
    }
    Ok(report.mismatches == 0 && measured == report.cycles_predicted && output::in_step(&report) && verdict.is_good())
}

/// The page of runs on `inputs` inputs, where it is asked for. It is about one run of the body; what several took is said.
fn page(
    args: &RunArgs,
    program: &Program,
    (report, verdict): (&systole_workloads::Report, &Verdict),
    config: &Config,
    inputs: usize,
) -> Result<()> {
    let Some(file) = &args.report else { return Ok(()) };
    let (graph, compiled) = &program.split.body;
    let mut measured = crate::network::measured(report, args.machine.backend().label(), inputs);
    measured.judged = verdict.judged();
    let each = program.runs() * program.graph.batch;
    if each > 1 {
        measured.by += &format!(", {each} runs, {} cycles predicted", output::grouped(report.cycles_predicted));
    }
    let runs = (inputs * each) as f64;
    let energy =
        config.events.then(|| systole_workloads::energy::of_events(&report.events, config, program.graph.macs(), None).total);
    let energy = energy.map(|e| [e.low, e.typ, e.high].map(|pj| pj / 1e3 / runs));
    crate::report::of_run(file, &systole_report::Subject::Graph(graph, compiled), config, energy, measured)
}

/// What the compiler declared inexact, and what came of it in a run.
fn declared(report: &systole_workloads::Report, program: &Program) -> Value {
    let notes: Vec<String> = program.split.body.1.warnings.iter().map(ToString::to_string).collect();
    json!({"differing": report.declared, "near": report.near, "layers": notes})
}

fn print_declared(report: &systole_workloads::Report, program: &Program) {
    for warning in &program.split.body.1.warnings {
        output::print(&format!("  note: {warning}"));
    }
    if let Some(text) = report.declaration() {
        output::print(&format!("  note: {text}"));
    }
}

fn print_outputs(report: &systole_workloads::Report) {
    let count = report.mismatches.to_string();
    let count = if report.mismatches == 0 { output::good(&count) } else { output::bad(&count) };
    let compared = output::grouped(report.compared as u64);
    output::print(&format!("  outputs           {compared:>12}   {count} differ from the operator reference"));
}

/// What was asked for besides, `spent` with how many inferences, and the first element that differs.
fn print_end(
    args: &RunArgs,
    program: &Program,
    report: &systole_workloads::Report,
    spent: Option<(&Energy, usize)>,
    config: &Config,
) {
    if args.layers {
        onnx::layer_table(&program.split.body.1);
    }
    if let Some((spent, inferences)) = spent {
        crate::energy::print(spent, inferences, config);
    }
    if let Some(first) = &report.first_mismatch {
        output::print(&format!("  first: {first}"));
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
    let spent = energy.then(|| systole_workloads::energy::of_events(&report.events, &config, macs * count as u64, None));
    page(args, &program, (&report, &verdict), &config, count)?;
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
        print_outputs(&report);
        verdict.print();
        print_declared(&report, &program);
        output::lockstep(&report);
        print_end(args, &program, &report, spent.as_ref().map(|s| (s, count)), &config);
    }
    Ok(report.mismatches == 0 && as_predicted && output::in_step(&report) && verdict.is_good())
}
