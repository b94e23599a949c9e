// SPDX-License-Identifier: Apache-2.0
//! `systole script`: what a host does, for a test bench in plain Verilog.

use crate::{onnx, output, sizes, tables};
use anyhow::{Result, ensure};
use clap::Args;
use std::path::{Path, PathBuf};
use systole_backends::script;
use systole_compiler::compile;
use systole_model::tables::Given;
use systole_workloads::compare::run_of;
use systole_workloads::{digits, random};

/// Write what a host does to load and run a network, as a script that `sim/plain/systole_replay.v` plays in any Verilog simulator
#[derive(Args)]
pub struct ScriptArgs {
    /// The network: digits, digits-cnn, or a model in ONNX, on random input
    network: String,
    /// Write the script
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Runs: images of the digits, or random inputs
    #[arg(long, value_name = "N", default_value_t = 2)]
    images: usize,
    #[command(flatten)]
    tables: tables::TablesArgs,
    #[arg(long, default_value = "nano", help = sizes::help())]
    config: String,
    /// Seed of random inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Compiles, runs on the instruction-level model, writes the script.
pub fn script(args: &ScriptArgs) -> Result<bool> {
    let config = sizes::configuration(&args.config, None, None)?;
    let cnn = args.network == "digits-cnn";
    let (graph, inputs): (_, Vec<Given>) = if args.network == "digits" || cnn {
        let set = digits::load()?;
        ensure!(args.images <= set.images.len(), "--images {}: there are {}", args.images, set.images.len());
        let (graph, inputs) =
            if cnn { digits::load_cnn(&set).map(|n| (n.0, n.1))? } else { (set.network.graph()?, set.images.clone()) };
        (graph, inputs[..args.images].iter().map(Given::from).collect())
    } else {
        let path = Path::new(&args.network);
        ensure!(
            path.is_file(),
            "there is no network or file '{}'; give digits, digits-cnn, or the path of an ONNX model",
            args.network
        );
        let graph = args.tables.place(onnx::load(path)?, &config)?;
        let tensors = |n: u64| random::tensors(&graph, args.seed.wrapping_add(n));
        let inputs = (0..args.images as u64).map(|n| graph.pack(&tensors(n))).collect::<Result<_, _>>()?;
        (graph, inputs)
    };
    let compiled = compile(&graph, &config, &Default::default())?;
    let runs = inputs.iter().map(|given| run_of(&compiled.image, given)).collect();
    let (text, outputs) = script::record(&config, &compiled.image, runs)?;
    output::write_file(&args.output, text.as_bytes())?;
    output::print(&format!(
        "{}: {} lines, {} runs of {} cycles on {}",
        args.output.display(),
        output::grouped(text.lines().count() as u64),
        outputs.len(),
        output::grouped(compiled.cycles),
        config.label()
    ));
    Ok(outputs.iter().all(|o| o.cycles == compiled.cycles))
}
