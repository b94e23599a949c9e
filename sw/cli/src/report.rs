// SPDX-License-Identifier: Apache-2.0
//! `systole report`, and the page of `systole run --report`.

use crate::network::{self, NetworkArgs};
use crate::{output, sizes};
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use systole_isa::Config;
use systole_report::{Measured, Run, Subject};

/// Write a page about a network on a machine.
#[derive(Args)]
pub struct ReportArgs {
    /// digits, digits-cnn, tales, a model in ONNX, or a language model's file or folder
    network: String,
    /// The page: HTML, with everything in it
    #[arg(short, long, value_name = "F.html")]
    output: PathBuf,
    #[arg(long, default_value = "base", help = sizes::help())]
    config: String,
    /// Cycles that a weight bank needs for one word: 1, 2 or 4 [default: 1]
    #[arg(long, value_name = "D")]
    weight_beats: Option<u32>,
    /// Clock in MHz
    #[arg(long, default_value_t = 100.0, value_parser = |s: &str| output::within(s, 1e-3, 1e5))]
    mhz: f64,
    /// Leave out the other configurations, for each of which the network is compiled
    #[arg(long)]
    alone: bool,
    #[command(flatten)]
    with: NetworkArgs,
}

/// Compiles and writes.
pub fn report(args: &ReportArgs) -> Result<bool> {
    let config = sizes::configuration(&args.config, args.weight_beats, None)?;
    systole_files::check(&args.output)?;
    let network = args.with.open(&args.network, &config)?;
    let machines = if args.alone { vec![] } else { args.with.machines(&network, &config) };
    let run = Run {
        energy: network.energy(&config)?,
        config,
        mhz: args.mhz,
        measured: None,
        machines,
        command: network::command(),
        notes: vec![],
    };
    write(&args.output, &network.subject(), run)
}

fn write(path: &Path, subject: &Subject, run: Run) -> Result<bool> {
    let html = network::html(subject, run)?;
    output::write_file(path, html.as_bytes())?;
    eprintln!("systole: {}: {} bytes, open it in a browser", path.display(), output::grouped(html.len() as u64));
    Ok(true)
}

/// The page of a run, with what was measured.
///
/// # Errors
/// A file that cannot be written.
pub fn of_run(path: &Path, subject: &Subject, config: &Config, energy: Option<[f64; 3]>, measured: Measured) -> Result<()> {
    let run = Run {
        config: config.clone(),
        mhz: 100.0,
        energy,
        measured: Some(measured),
        machines: network::machines_of(subject, config),
        command: network::command(),
        notes: vec![],
    };
    write(path, subject, run).map(drop)
}
