// SPDX-License-Identifier: Apache-2.0
//! `systole serve`.

use crate::{BackendName, Machine, generate, onnx, output, score, sizes};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use systole_isa::ecc::Ecc;
use systole_serve::{Kind, Served, Server, Setup, Terms};
use systole_workloads::digits;
use tokio::signal::unix::{SignalKind, signal};

/// Serve a model over HTTP.
#[derive(Args)]
pub struct ServeArgs {
    /// digits, digits-cnn, a model in ONNX; tales, llama2.c's .bin file, a folder with a language model
    model: String,
    /// Its name in requests [default: that of the file]
    #[arg(long)]
    name: Option<String>,
    /// The host's address; 0.0.0.0 for all of them
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port of HTTP; 0 for one that is free
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// What runs the program; the serial port of a board is --board-port here
    #[arg(long, value_enum, default_value = "rtl")]
    backend: BackendName,
    #[arg(long, default_value = "base", help = sizes::help())]
    config: String,
    /// Cycles that a weight bank needs for one word: 1, 2 or 4 [default: 1]
    #[arg(long, value_name = "D")]
    weight_beats: Option<u32>,
    /// Code of RRAM words: secded or dected [default: secded]
    #[arg(long, value_name = "CODE")]
    ecc: Option<Ecc>,
    /// Serial port of the board
    #[arg(long, value_name = "PORT", default_value = "/dev/ttyUSB0")]
    board_port: String,
    /// Bits a second on the board's port, as its bitstream was made
    #[arg(long, value_name = "BITS", default_value_t = systole_isa::board::BAUD)]
    baud: u32,
    /// The machine's clock
    #[arg(long, value_name = "MHZ", default_value_t = 100.0, value_parser = |s: &str| output::within(s, 0.001, 1e6))]
    mhz: f64,
    /// Microseconds of the host for one of the machine's clock [default: what its simulation keeps up with, twice]
    #[arg(long, value_name = "N", value_parser = |s: &str| output::within(s, 1.0, 1e9))]
    pace: Option<f64>,
    /// Requests that may wait and run at a time
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..1 << 20))]
    queue: u64,
    /// Deadline of requests that name none, in microseconds of the machine's clock [default: 100 times the longest request]
    #[arg(long, value_name = "US", value_parser = |s: &str| output::within(s, 0.001, 1e15))]
    deadline: Option<f64>,
    /// The tokenizer, where it is not beside the language model
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    #[command(flatten)]
    ready: generate::Ready,
    #[command(flatten)]
    tables: crate::tables::TablesArgs,
}

impl ServeArgs {
    fn machine(&self) -> Machine {
        Machine {
            config: self.config.clone(),
            weight_beats: self.weight_beats,
            ecc: self.ecc,
            backend: self.backend,
            port: self.board_port.clone(),
            baud: self.baud,
            netlist: None,
            lockstep: false,
            trace: None,
            trace_window: None,
            seed: 1,
            json: false,
        }
    }

    fn served(&self, config: &systole_isa::Config) -> Result<Served> {
        let file = generate::place(&self.model);
        let stem = || Path::new(&self.model).file_stem().map_or_else(|| "model".into(), |n| n.to_string_lossy().into_owned());
        let name = self.name.clone().unwrap_or_else(stem);
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        ensure!(
            !name.is_empty() && name.chars().all(legal),
            "--name '{name}': letters, digits, - _ . only, for it stands in paths"
        );
        if self.model == "digits" || self.model == "digits-cnn" {
            let set = digits::load()?;
            let graph = if self.model == "digits" { set.network.graph()? } else { digits::load_cnn(&set)?.0 };
            return Served::network(&name, graph, config);
        }
        if !file.exists() {
            bail!("there is no network or file '{}'; give digits, digits-cnn, tales, or the path of a model", self.model);
        }
        if !score::is_language_model(&file) {
            return Served::network(&name, self.tables.place(onnx::load(&file)?, config)?, config);
        }
        let (model, tokenizer) = systole_llm::open(&file, self.tokenizer.as_deref())?;
        let (quantised, decoder) = self.ready.compile(&file, &model, config)?;
        Ok(Served::language(&name, quantised, decoder, tokenizer, config))
    }
}

/// Serves until a signal ends it; true when whatever was admitted was answered, and in time.
pub fn serve(args: &ServeArgs) -> Result<bool> {
    let machine = args.machine();
    let config = machine.config()?;
    let served = args.served(&config)?;
    let setup = Setup {
        backend: machine.backend(),
        options: machine.options()?,
        pace: args.pace,
        troubles: None,
        log: Arc::new(|line| eprintln!("systole: {line}")),
    };
    let address =
        if args.host.contains(':') { format!("[{}]:{}", args.host, args.port) } else { format!("{}:{}", args.host, args.port) };
    let terms = Terms { address, mhz: args.mhz, queue: args.queue as usize, deadline_us: args.deadline };
    let (name, ask) = (served.name.clone(), if matches!(served.kind, Kind::Network(_)) { "infer" } else { "generate_stream" });
    let (longest, label) = (served.longest(), config.label());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(async {
        let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
        let server = Server::start(served, setup, &terms).await?;
        let [terminate, interrupt] = &mut signals;
        tokio::select! {
            ready = server.ready() => {
                ready?;
                let rate = server.look().1.rate;
                output::print(&format!("{name} on {label}, {}", machine.backend().label()));
                output::print(&format!("  longest request   {:>9} cycles, {} us at {} MHz", output::grouped(longest), rate.micros(longest), rate.mhz));
                output::print(&format!("  pace              {:>9} us of the host for one of the machine's clock", rate.pace));
                output::print(&format!("  deadline          {:>9} us of the machine's clock, where a request names none", (1000.0 * server.deadline_us()).round() / 1000.0));
                output::print(&format!("  POST http://{}/v2/models/{name}/{ask}", server.address));
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            }
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        output::print("  going down: what is admitted is answered, nothing else is admitted; another signal ends it at once");
        tokio::select! {
            ended = server.stop() => {
                let (c, _) = ended.context("the server")?;
                let refused: u64 = c.refused.iter().sum();
                output::print(&format!(
                    "  {} admitted, {} answered, {} late, {refused} refused, {} malformed, {} vanished, {} abandoned, {} failed",
                    c.admitted, c.answered, c.late, c.malformed, c.vanished, c.abandoned, c.failed
                ));
                Ok(c.late == 0 && c.failed == 0)
            }
            _ = terminate.recv() => bail!("ended before everything was answered"),
            _ = interrupt.recv() => bail!("ended before everything was answered"),
        }
    });
    runtime.shutdown_background(); // nobody waits for a machine that hangs
    result
}
