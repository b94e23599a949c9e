// SPDX-License-Identifier: Apache-2.0
//! The program `systole`: run workloads on the chip in simulation and look at programs.

mod board;
mod doctor;
mod encoder;
mod energy;
mod explore;
mod fault;
mod gemm;
mod generate;
mod judge;
mod model;
mod network;
mod onnx;
mod output;
mod report;
mod rows;
mod rram;
mod run;
mod run_args;
mod score;
mod script;
mod serve;
mod show;
mod sizes;
mod tables;
mod tensors;
mod verify;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use systole_host::Port;
use systole_isa::Config;
use systole_isa::ecc::Ecc;

/// Systole: an INT8 inference chip that knows before it runs the cycle at which it will finish.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Multiply int8 matrices, random or your own, and check every element
    Gemm(gemm::GemmArgs),
    /// Run a network on its data
    Run(run_args::RunArgs),
    /// Print the layers of an ONNX model, and what cannot run; the sizes of a language model
    Inspect(onnx::InspectArgs),
    /// Let a language model write, and know the cycles of each token before
    Generate(generate::GenerateArgs),
    /// Serve a model over HTTP (inference protocol v2), each answer's time known before (docs/serving.md)
    Serve(serve::ServeArgs),
    /// How near the machine's arithmetic is to a float language model
    Score(score::ScoreArgs),
    /// Compile an ONNX model to an image
    Compile(onnx::CompileArgs),
    /// Run stored ONNX cases and compare with their stored outputs
    Conformance(onnx::ConformanceArgs),
    /// Write an image into RRAM and make it the one that wakes
    Program(rram::ProgramArgs),
    /// Switch the chip on and wake the newest image in its RRAM
    Wake(rram::WakeArgs),
    /// Look at the RRAM of a chip, scrub it, age it, break it
    Rram(rram::RramArgs),
    /// Break the RRAM on purpose and count what comes of it
    Fault(fault::FaultArgs),
    /// How many writes a memory survives, with and without wear levelling
    Lifetime(fault::LifetimeArgs),
    /// Many parts, many years: error rates with and without scrubbing
    Retention(fault::RetentionArgs),
    /// Energy of a matrix product over M and over the RRAM's energy
    Energy(energy::EnergyArgs),
    /// Cycles of a network over the area of machines
    Explore(explore::ExploreArgs),
    /// Write a page about a network on a machine: cycles by layer, roofline, timetable, memories (docs/report.md)
    Report(report::ReportArgs),
    Script(script::ScriptArgs),
    /// Print the program in an image
    Disasm(show::DisasmArgs),
    /// Print a configuration: sizes, latencies, L; without a name, all of them
    Config(show::ConfigArgs),
    /// Write the timetable of an image or a network as a trace for Perfetto or chrome://tracing
    Timeline(show::TimelineArgs),
    /// A board behind a serial port: look what is wrong with it, or simulate one
    Board(board::BoardArgs),
    /// Run the test suite of a checkout: parts, seeds, JUnit, repeats, Slurm (docs/running-the-suite.md)
    Verify(verify::VerifyArgs),
    /// Check the tools that Systole uses
    Doctor(doctor::DoctorArgs),
}

/// What runs the program.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackendName {
    /// The Verilog, compiled by Verilator
    Rtl,
    /// The instruction-level model: same results and cycles, much faster
    Model,
    /// A board behind a serial line (docs/board.md): --port, --baud
    Board,
}

/// Which machine, and what runs it.
#[derive(Args, Clone)]
struct Machine {
    #[arg(long, default_value = "base", help = sizes::help())]
    config: String,
    /// Cycles that a weight bank needs for one word: 1, 2 or 4 [default: 1]
    #[arg(long, value_name = "D")]
    weight_beats: Option<u32>,
    /// Code of RRAM words: secded or dected [default: secded]
    #[arg(long, value_name = "CODE")]
    ecc: Option<Ecc>,
    /// What runs the program
    #[arg(long, value_enum, default_value = "rtl")]
    backend: BackendName,
    /// Serial port of the board
    #[arg(long, value_name = "PORT", default_value = "/dev/ttyUSB0")]
    port: String,
    /// Bits a second on the board's port, as its bitstream was made
    #[arg(long, value_name = "BITS", default_value_t = systole_isa::board::BAUD)]
    baud: u32,
    /// Simulate the netlist in this folder (scripts/netlist.sh) in place of the RTL
    #[arg(long, value_name = "DIR")]
    netlist: Option<PathBuf>,
    /// Compare each word that the RTL writes to X, W SRAM and OUT with the instruction-level model's, in its cycle
    #[arg(long)]
    lockstep: bool,
    /// Record a wave of the RTL to this FST file (slow)
    #[arg(long, value_name = "F.fst")]
    trace: Option<PathBuf>,
    /// Cycles of the wave: run:480..560 from the launch of the first run, 1000:2000 from reset, TO left out: to the end [default: run:0..]
    #[arg(long, value_name = "WINDOW", requires = "trace")]
    trace_window: Option<String>,
    /// Seed of random data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

impl Machine {
    fn config(&self) -> anyhow::Result<Config> {
        sizes::configuration(&self.config, self.weight_beats, self.ecc)
    }

    /// The configuration, which has to have RRAM.
    fn with_rram(&self) -> anyhow::Result<Config> {
        let config = self.config()?;
        anyhow::ensure!(config.rram_ctrl, "{} has no RRAM (RRAM_CTRL = 0): images are loaded", config.label());
        Ok(config)
    }

    /// The configuration, which has to count events where energy is asked for.
    fn counting(&self, energy: bool) -> anyhow::Result<Config> {
        let config = self.config()?;
        anyhow::ensure!(config.events || !energy, "{} counts no events (EVENTS = 0): leave --energy out", config.label());
        Ok(config)
    }

    fn backend(&self) -> systole_backends::Backend {
        match self.backend {
            BackendName::Rtl => systole_backends::Backend::Rtl,
            BackendName::Model => systole_backends::Backend::Model,
            BackendName::Board => systole_backends::Backend::Board,
        }
    }

    fn port(&self) -> Port {
        Port { path: self.port.clone(), baud: self.baud }
    }

    fn options(&self) -> anyhow::Result<systole_chip::Options> {
        anyhow::ensure!(
            self.netlist.is_none() || self.backend == BackendName::Rtl,
            "--netlist is simulated: use it with --backend rtl"
        );
        let netlist = self.netlist.clone();
        anyhow::ensure!(
            !self.lockstep || self.backend == BackendName::Rtl && netlist.is_none(),
            "--lockstep looks into the RTL: use it with --backend rtl, without --netlist"
        );
        let writes = self.lockstep.then(systole_chip::Writes::default);
        let Some(path) = &self.trace else {
            return Ok(systole_chip::Options { seed: self.seed, port: Some(self.port()), netlist, writes, ..Default::default() });
        };
        anyhow::ensure!(self.backend == BackendName::Rtl, "--trace records the RTL; use it with --backend rtl");
        let window = self.trace_window.as_deref().unwrap_or("run:0..");
        let (from, to, origin) = cycles(window).ok_or_else(|| {
            anyhow::anyhow!("--trace-window {window}: not FROM..TO or FROM:TO with FROM below TO, as 1000:2000 from reset or run:480..560 from the launch")
        })?;
        let window = harness::TraceWindow { path: path.clone(), from, to, origin, depth: 0 };
        Ok(systole_chip::Options { seed: self.seed, trace: Some(window), netlist, writes, ..Default::default() })
    }
}

/// First cycle, first one behind, and where they are counted from: `480..560`, `480:560`, `run:480..560`, `run:480..`.
fn cycles(window: &str) -> Option<(u64, u64, harness::Origin)> {
    let (origin, rest) = match window.strip_prefix("run:") {
        Some(rest) => (systole_chip::from_launch(), rest),
        None => (harness::Origin::Start, window),
    };
    let (from, to) = rest.split_once("..").or_else(|| rest.split_once(':'))?;
    let from = from.trim().parse().ok()?;
    let to = if to.trim().is_empty() { u64::MAX } else { to.trim().parse().ok()? };
    (from < to).then_some((from, to, origin))
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Gemm(args) => gemm::gemm(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Inspect(args) => onnx::inspect(&args),
        Verb::Generate(args) => generate::generate(&args),
        Verb::Serve(args) => serve::serve(&args),
        Verb::Score(args) => score::score(&args),
        Verb::Compile(args) => onnx::compile(&args),
        Verb::Conformance(args) => onnx::conformance(&args),
        Verb::Program(args) => rram::program(&args),
        Verb::Wake(args) => rram::wake(&args),
        Verb::Rram(args) => rram::rram(&args),
        Verb::Fault(args) => fault::fault(&args),
        Verb::Lifetime(args) => fault::lifetime(&args),
        Verb::Retention(args) => fault::retention(&args),
        Verb::Energy(args) => energy::energy(&args),
        Verb::Explore(args) => explore::explore(&args),
        Verb::Report(args) => report::report(&args),
        Verb::Script(args) => script::script(&args),
        Verb::Disasm(args) => show::disasm(&args),
        Verb::Config(args) => show::config(&args),
        Verb::Timeline(args) => show::timeline(&args),
        Verb::Board(args) => board::board(&args),
        Verb::Verify(args) => verify::verify(&args),
        Verb::Doctor(args) => doctor::doctor(&args),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("systole: error: {error:#}");
            ExitCode::from(2)
        }
    }
}
