// SPDX-License-Identifier: Apache-2.0
//! `systole run`: which network, and the digits.

use crate::run_args::RunArgs;
use crate::{encoder, model, onnx, output};
use anyhow::{Result, bail};
use serde_json::json;
use std::path::Path;
use systole_compiler::{Options, compile};
use systole_workloads::{check_graph, digits};

/// Runs it; true when every element and every cycle agrees.
pub fn run(args: &RunArgs) -> Result<bool> {
    let cnn = args.network == "digits-cnn";
    let (options, woken) = (args.options()?, args.woken());
    if args.network != "digits" && !cnn {
        let file = Path::new(&args.network);
        if args.images.is_some() || args.image.is_some() {
            bail!(
                "--images and --image are for digits and digits-cnn; systole compile MODEL.onnx -o M.img writes a model's image"
            );
        }
        if !file.is_file() {
            bail!("there is no network or file '{}'; give digits, digits-cnn, or the path of an ONNX model", args.network);
        }
        if encoder::is_one(file) {
            if args.batch_dir.is_some() {
                bail!("--batch-dir is for networks with static scales; give {} its inputs by --input", args.network);
            }
            return encoder::run(file, &args.input, args);
        }
        return match (&args.input, &args.batch_dir) {
            (_, Some(folder)) => model::run_folder(file, folder, args),
            (input, _) => model::run(file, input, args),
        };
    }
    if !args.input.is_empty() || args.output.is_some() || args.batch_dir.is_some() || args.judge.is_given() {
        bail!(
            "--input, --batch-dir, --output, --expect and --labels are for ONNX models; {} has its own images and labels",
            args.network
        );
    }
    let config = args.machine.counting(args.energy)?;
    output::check_writable(&args.image)?;
    output::check_writable(&args.report)?;
    let set = digits::load()?;
    let (graph, inputs, logits) =
        if cnn { digits::load_cnn(&set)? } else { (set.network.graph()?, set.images.clone(), set.logits.clone()) };
    let compiled = compile(&graph, &config, &Options { scrub_lines: args.scrub_lines, ..Options::default() })?;
    let awake = woken.as_ref().map(|w| w.crc(&compiled.image)).transpose()?;
    if let Some(path) = &args.image {
        output::write_file(path, &compiled.image.to_bytes())?;
    }
    let count = args.images.unwrap_or(set.images.len());
    if count == 0 || count > set.images.len() {
        bail!("--images {count}: there are 1 to {}", set.images.len());
    }
    let quiet = args.machine.json;
    let bar = if quiet { indicatif::ProgressBar::hidden() } else { output::bar(count as u64, "building and running") };
    let told = bar.clone();
    let backend = args.machine.backend();
    let report = check_graph(&graph, &compiled, &config, backend, &inputs[..count], &options, move |_| told.inc(1));
    let report = woken.iter().fold(report, |r, w| w.explain(r))?;
    bar.finish_and_clear();

    // A third opinion: the logits that the training script computed.
    let answers: Vec<u8> = report.outputs.iter().map(|o| digits::answer(o)).collect();
    let script = report.outputs.iter().zip(&logits).filter(|(o, l)| !o.iter().zip(*l).all(|(&a, &b)| a == i32::from(b))).count();
    let right = answers.iter().zip(&set.labels).filter(|(a, l)| a == l).count();
    let accuracy = right as f64 / count as f64;
    let cycles: u64 = report.cycles_measured.iter().sum();
    let utilisation = graph.macs() as f64 / (compiled.cycles as f64 * f64::from(config.rows * config.cols));
    let measured = report.cycles_measured.first().copied().unwrap_or(0);
    let energy = systole_workloads::energy::of_events(&report.events, &config, graph.macs() * count as u64, None);
    let as_predicted = report.cycles_measured.iter().all(|&c| c == report.cycles_predicted);
    let good = report.mismatches == 0 && as_predicted && script == 0 && output::in_step(&report);
    if let Some(file) = &args.report {
        let mut measured = crate::network::measured(&report, args.machine.backend().label(), count);
        measured.judged = vec![systole_report::Judged::accuracy(right, count)];
        let each = config.events.then_some([energy.total.low, energy.total.typ, energy.total.high]);
        let each = each.map(|e| e.map(|pj| pj / 1e3 / count as f64));
        crate::report::of_run(file, &systole_report::Subject::Graph(&graph, &compiled), &config, each, measured)?;
    }
    if quiet {
        let json = json!({
            "network": args.network, "config": config.name, "weight_beats": config.weight_beats, "backend": backend,
            "awake": awake, "images": count, "accuracy": accuracy,
            "cycles_predicted": report.cycles_predicted, "cycles_measured": measured, "cycles_as_predicted": as_predicted,
            "macs": graph.macs(), "utilisation": utilisation, "outputs": report.compared,
            "mismatches": report.mismatches, "first_mismatch": report.first_mismatch, "lockstep": report.lockstep, "script_mismatches": script,
            "events": report.events, "energy_of_all": if args.energy { serde_json::to_value(&energy)? } else { serde_json::Value::Null },
            "layers": compiled.layers, "sim_cycles_per_second": report.sim_cycles_per_second,
        });
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(good);
    }
    show_images(&set, &answers);
    let mark = |ok: bool, yes: &str, no: &str| if ok { output::good(yes) } else { output::bad(no) };
    let what = backend.label();
    let kind = if cnn { "three convolutions, a pool and a matrix product" } else { "a 64-32-10 network" };
    output::print(&format!("{}: {kind} on {} held-out images, {}, {what}", args.network, count, config.label()));
    if let (Some(woken), Some(crc)) = (&woken, awake) {
        woken.print(crc, 9);
    }
    output::print(&format!("  accuracy          {:>9.2} %   {right} of {count}", 100.0 * accuracy));
    output::print(&format!("  cycles predicted  {:>9}     per image, before it ran", report.cycles_predicted));
    output::print(&format!(
        "  cycles measured   {:>9}     {}",
        measured,
        mark(as_predicted, "the same for every image", "NOT as predicted")
    ));
    output::print(&format!("  time per image    {:>9.2} us  at 100 MHz", measured as f64 / 100.0));
    output::print(&format!(
        "  utilisation       {:>9.2} %   of {} multipliers ({} multiplications an image)",
        100.0 * utilisation,
        config.rows * config.cols,
        graph.macs()
    ));
    output::print(&format!(
        "  mismatches        {:>9}     of {} outputs against the operator reference",
        mark(report.mismatches == 0, "0", &report.mismatches.to_string()),
        report.compared
    ));
    output::print(&format!(
        "  simulated         {:>9}     cycles, {} a second",
        output::grouped(cycles),
        output::grouped(report.sim_cycles_per_second as u64)
    ));
    output::lockstep(&report);
    if args.layers {
        onnx::layer_table(&compiled);
    }
    if args.energy {
        crate::energy::print(&energy, count, &config);
    }
    if let Some(first) = &report.first_mismatch {
        output::print(&format!("  first: {first}"));
    }
    for warning in &compiled.warnings {
        output::print(&format!("  note: {warning}"));
    }
    Ok(good)
}

/// A few images with the machine's answer: the first ones, and the first it gets wrong.
fn show_images(set: &digits::Digits, answers: &[u8]) {
    let wrong = answers.iter().zip(&set.labels).position(|(a, l)| a != l);
    let mut shown: Vec<usize> = (0..answers.len().min(4)).collect();
    shown.extend(wrong.filter(|w| *w >= 4));
    let pictures: Vec<Vec<String>> = shown.iter().map(|&i| set.picture(i)).collect();
    for line in 0..8 {
        let text: Vec<&str> = pictures.iter().map(|p| p[line].as_str()).collect();
        output::print(&format!("  {}", text.join("   ")));
    }
    let answers: Vec<String> = shown
        .iter()
        .map(|&i| {
            let (a, l) = (answers[i], set.labels[i]);
            let text = format!("{:<16}", if a == l { format!("says {a}") } else { format!("says {a}, is {l}") });
            if a == l { output::good(&text) } else { output::bad(&text) }
        })
        .collect();
    output::print(&format!("  {}\n", answers.join("   ")));
}
