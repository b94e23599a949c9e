// SPDX-License-Identifier: Apache-2.0
//! `systole run`.

use crate::rram::Woken;
use crate::{Machine, output};
use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use systole_compiler::{Options, compile};
use systole_verif::{check_graph, digits};

/// Run a network on its data.
#[derive(Args)]
pub struct RunArgs {
    /// The network: digits (an MLP), digits-cnn, or a model in ONNX
    network: String,
    /// The model's input, .npy or .pb; of several each, in the model's order; without one it is random (--seed)
    #[arg(long, value_name = "X.npy", conflicts_with = "batch_dir")]
    input: Vec<PathBuf>,
    /// Every .npy and .pb in a folder as input, one run behind the other
    #[arg(long, value_name = "D")]
    batch_dir: Option<PathBuf>,
    /// Write the model's output, others beside it as Y.NAME.npy; with --batch-dir a folder, which gets a .npy for each input
    #[arg(long, value_name = "Y.npy")]
    pub output: Option<PathBuf>,
    /// Write a page about the network and the run: systole report's, with what was measured
    #[arg(long, value_name = "F.html")]
    pub report: Option<PathBuf>,
    /// Run only the first images
    #[arg(long, value_name = "N")]
    images: Option<usize>,
    /// Write the image that the machine loads
    #[arg(long, value_name = "F.img")]
    image: Option<PathBuf>,
    /// Lines of RRAM that each run scrubs in windows of the timetable, as far as there is room
    #[arg(long, value_name = "LINES", default_value_t = 0)]
    pub scrub_lines: u32,
    /// Print the energy of an inference, low, typical and high
    #[arg(long)]
    pub energy: bool,
    /// Run the image that wakes from this RRAM, without loading anything: it must be this network's (systole program)
    #[arg(long, value_name = "FILE")]
    rram: Option<PathBuf>,
    /// Print a row for each layer; their cycles add up to those of the run
    #[arg(long)]
    pub layers: bool,
    #[command(flatten)]
    pub tables: crate::tables::TablesArgs,
    #[command(flatten)]
    pub dynamic: crate::encoder::DynamicArgs,
    #[command(flatten)]
    pub judge: crate::judge::JudgeArgs,
    #[command(flatten)]
    pub machine: Machine,
}

impl RunArgs {
    /// The part that the network wakes from, where there is one.
    pub fn woken(&self) -> Option<Woken<'_>> {
        self.rram.as_ref().map(|file| Woken { file, network: &self.network, machine: &self.machine })
    }

    /// The machine's options, with the part.
    ///
    /// # Errors
    /// A trace that cannot be, a part that is not there.
    pub fn options(&self) -> Result<systole_chip::Options> {
        self.woken().map_or_else(|| self.machine.options(), |w| w.options())
    }
}

/// Runs it; true when every element and every cycle agrees.
pub fn run(args: &RunArgs) -> Result<bool> {
    let cnn = args.network == "digits-cnn";
    let (options, woken) = (args.options()?, args.woken());
    if args.network != "digits" && !cnn {
        let model = Path::new(&args.network);
        if args.images.is_some() || args.image.is_some() {
            bail!(
                "--images and --image are for digits and digits-cnn; systole compile MODEL.onnx -o M.img writes a model's image"
            );
        }
        if !model.is_file() {
            bail!("there is no network or file '{}'; give digits, digits-cnn, or the path of an ONNX model", args.network);
        }
        if crate::encoder::is_one(model) {
            if args.batch_dir.is_some() {
                bail!("--batch-dir is for networks with static scales; give {} its inputs by --input", args.network);
            }
            return crate::encoder::run(model, &args.input, args);
        }
        return match (&args.input, &args.batch_dir) {
            (_, Some(folder)) => crate::onnx::run_folder(model, folder, args),
            (input, _) => crate::onnx::run(model, input, args),
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
    let energy = systole_verif::energy::of_events(&report.events, &config, graph.macs() * count as u64, None);
    let as_predicted = report.cycles_measured.iter().all(|&c| c == report.cycles_predicted);
    let good = report.mismatches == 0 && as_predicted && script == 0 && output::in_step(&report);
    if let Some(file) = &args.report {
        let measured = crate::network::measured(&report, args.machine.backend().label(), count);
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
        crate::onnx::layer_table(&compiled);
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
