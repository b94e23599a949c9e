// SPDX-License-Identifier: Apache-2.0
//! Options of `systole run`, whatever the network is.

use crate::Machine;
use crate::rram::Woken;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

/// Run a network on its data.
#[derive(Args)]
pub struct RunArgs {
    /// The network: digits (an MLP), digits-cnn, or a model in ONNX
    pub network: String,
    /// The model's input, .npy or .pb; of several each, in the model's order; without one it is random (--seed)
    #[arg(long, value_name = "X.npy", conflicts_with = "batch_dir")]
    pub input: Vec<PathBuf>,
    /// Every .npy and .pb in a folder as input, one run behind the other
    #[arg(long, value_name = "D")]
    pub batch_dir: Option<PathBuf>,
    /// Write the model's output, others beside it as Y.NAME.npy; with --batch-dir a folder, which gets a .npy for each input
    #[arg(long, value_name = "Y.npy")]
    pub output: Option<PathBuf>,
    /// Write a page about the network and the run: systole report's, with what was measured
    #[arg(long, value_name = "F.html")]
    pub report: Option<PathBuf>,
    /// Run only the first images
    #[arg(long, value_name = "N")]
    pub images: Option<usize>,
    /// Write the image that the machine loads
    #[arg(long, value_name = "F.img")]
    pub image: Option<PathBuf>,
    /// Lines of RRAM that each run scrubs in windows of the timetable, as far as there is room
    #[arg(long, value_name = "LINES", default_value_t = 0)]
    pub scrub_lines: u32,
    /// Print the energy of an inference, low, typical and high
    #[arg(long)]
    pub energy: bool,
    /// Run the image that wakes from this RRAM, without loading anything: it must be this network's (systole program)
    #[arg(long, value_name = "FILE")]
    pub rram: Option<PathBuf>,
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
