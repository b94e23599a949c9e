// SPDX-License-Identifier: Apache-2.0
//! A network by its name, compiled, whatever kind it is of: what verbs that look at it have in common.

use crate::{encoder, generate, onnx, score, tables};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::path::Path;
use systole_compiler::{Compiled, Decoder, EncoderProgram, Options, compile, compile_parts};
use systole_isa::Config;
use systole_llm::Quantised;
use systole_model::encoder::Encoder;
use systole_model::graph::Graph;
use systole_report::machines::{Machine, compare, reason};
use systole_report::{Measured, Page, Run, Subject};
use systole_workloads::digits;
use systole_workloads::energy::of_events;

/// What a network is read with.
#[derive(Args)]
pub struct NetworkArgs {
    #[command(flatten)]
    ready: generate::Ready,
    #[command(flatten)]
    dynamic: encoder::DynamicArgs,
    #[command(flatten)]
    tables: tables::TablesArgs,
}

/// A network on a machine.
pub enum Network {
    /// With static scales; as it was before the machine took rows of its tables, and as it is compiled.
    Graph(Box<Graph>, Box<(Graph, Compiled)>),
    /// A language model: quantised, and compiled.
    Decoder(Box<(Quantised, Decoder)>),
    /// With scales by token: whole, and compiled in parts.
    Encoder(Box<Encoder>, Vec<(Encoder, EncoderProgram)>),
}

impl NetworkArgs {
    /// Compiles what `name` says: digits, digits-cnn, tales, a model in ONNX, a language model.
    ///
    /// # Errors
    /// A file that is not there or cannot be read; what the compiler says of it.
    pub fn open(&self, name: &str, config: &Config) -> Result<Network> {
        let path = generate::place(name);
        let graph = match name {
            "digits" => digits::load()?.network.graph()?,
            "digits-cnn" => digits::load_cnn(&digits::load()?)?.0,
            _ if score::is_language_model(&path) => {
                let model = systole_llm::open_model(&path)?;
                let context = || path.display().to_string();
                return Ok(Network::Decoder(Box::new(self.ready.compile(&path, &model, config).with_context(context)?)));
            }
            _ => {
                ensure!(
                    path.is_file(),
                    "there is no network or file '{name}'; give digits, digits-cnn, tales, a model in ONNX, or a language model's file or folder"
                );
                if encoder::is_one(&path) {
                    let (whole, parts) = encoder::parts(&path, &self.dynamic, config)?;
                    return Ok(Network::Encoder(Box::new(whole), parts));
                }
                onnx::load(&path)?
            }
        };
        let placed = self.tables.place(graph.clone(), config)?;
        let compiled = compile(&placed, config, &Options::default()).with_context(|| name.to_string())?;
        Ok(Network::Graph(Box::new(graph), Box::new((placed, compiled))))
    }

    /// The network on every named configuration.
    pub fn machines(&self, network: &Network, config: &Config) -> Vec<Machine> {
        compare((config, network.outcome(config)), |c| match network {
            Network::Graph(graph, _) => {
                let placed = self.tables.place((**graph).clone(), c).map_err(|e| reason(&e.root_cause().to_string()))?;
                on_graph(&placed, c)
            }
            Network::Decoder(d) => {
                let compiled = generate::longest(d.0.clone(), c, &d.1.image.name, true).map_err(|e| reason(&e.to_string()))?;
                Ok(decoder_outcome(&compiled.1, c))
            }
            Network::Encoder(whole, _) => on_encoder(whole, c),
        })
    }
}

fn on_graph(graph: &Graph, config: &Config) -> Result<(u64, f64), String> {
    let compiled = compile(graph, config, &Options::default()).map_err(|e| reason(&e.to_string()))?;
    Ok((compiled.cycles, compiled.utilisation))
}

fn on_encoder(model: &Encoder, config: &Config) -> Result<(u64, f64), String> {
    let parts = compile_parts(model, config).map_err(|e| reason(&e.to_string()))?;
    Ok(encoder_outcome(&parts, config))
}

/// What a run was about on every named configuration.
pub fn machines_of(subject: &Subject, config: &Config) -> Vec<Machine> {
    match subject {
        Subject::Graph(graph, c) => compare((config, (c.cycles, c.utilisation)), |c| on_graph(graph, c)),
        Subject::Decoder(_) => vec![],
        Subject::Encoder(model, parts) => {
            let (macs, cycles) = (parts.iter().map(|p| p.macs).sum(), parts.iter().map(|p| p.cycles).sum());
            compare((config, used(macs, cycles, config)), |c| on_encoder(model, c))
        }
    }
}

/// Cycles and the share of the array's multiplications in them.
fn used(macs: u64, cycles: u64, config: &Config) -> (u64, f64) {
    (cycles, macs as f64 / (cycles.max(1) as f64 * f64::from(config.rows * config.cols)))
}

fn decoder_outcome(d: &Decoder, config: &Config) -> (u64, f64) {
    used(d.macs.0, d.law.cycles, config)
}

fn encoder_outcome(parts: &[(Encoder, EncoderProgram)], config: &Config) -> (u64, f64) {
    used(parts.iter().map(|p| p.1.macs).sum(), parts.iter().map(|p| p.1.cycles).sum(), config)
}

impl Network {
    /// What a page is about.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Network::Graph(_, c) => Subject::Graph(&c.0, &c.1),
            Network::Decoder(d) => Subject::Decoder(&d.1),
            Network::Encoder(whole, parts) => Subject::Encoder(whole, parts.iter().map(|p| &p.1).collect()),
        }
    }

    /// Cycles and utilisation; of a language model those of the first token.
    fn outcome(&self, config: &Config) -> (u64, f64) {
        match self {
            Network::Graph(_, c) => (c.1.cycles, c.1.utilisation),
            Network::Decoder(d) => decoder_outcome(&d.1, config),
            Network::Encoder(_, parts) => encoder_outcome(parts, config),
        }
    }

    /// Energy of a run in nJ, low, typical and high: events are counted by the instruction-level model on a frame of zeros, for how
    /// many there are is a matter of the timetable. `None` where the machine counts none.
    ///
    /// # Errors
    /// What the model says of a program that is none.
    pub fn energy(&self, config: &Config) -> Result<Option<[f64; 3]>> {
        if !config.events {
            return Ok(None);
        }
        let run = |image: &systole_isa::Image, macs: u64| {
            let mut machine = systole_golden::Machine::new(config.clone());
            machine.load_image(image)?;
            machine.set_registers(0, 0);
            let run = machine.run(&vec![0; image.in_bytes as usize])?;
            let e = of_events(&run.events, config, macs, None).total;
            anyhow::Ok([e.low, e.typ, e.high].map(|pj| pj / 1e3))
        };
        let sum = |a: [f64; 3], b: [f64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        Ok(Some(match self {
            Network::Graph(_, c) => run(&c.1.image, c.0.macs())?,
            Network::Decoder(d) => run(&d.1.image, d.1.macs.0)?,
            Network::Encoder(_, parts) => {
                parts.iter().map(|(_, p)| run(&p.image, p.macs)).try_fold([0.0; 3], |t, e| anyhow::Ok(sum(t, e?)))?
            }
        }))
    }
}

/// The page about a subject, as HTML.
///
/// # Errors
/// A timetable that cannot be expanded, which none of the compiler's is.
pub fn html(subject: &Subject, run: Run) -> Result<String> {
    Ok(Page::new(subject, run)?.html()?)
}

/// What runs of a graph gave, for the page.
pub fn measured(report: &systole_workloads::Report, by: &str, inputs: usize) -> Measured {
    let same = report.cycles_measured.iter().all(|c| Some(c) == report.cycles_measured.first());
    let cycles = if same { report.cycles_measured.first().copied().unwrap_or(0) } else { report.cycles_measured.iter().sum() };
    Measured {
        by: by.into(),
        cycles,
        as_predicted: report.cycles_measured.iter().all(|&c| c == report.cycles_predicted),
        inputs,
        compared: report.compared,
        mismatches: report.mismatches,
        with: "the operator reference",
        judged: vec![],
    }
}

/// The command line as one types it to have the page again: names of files in place of paths, and one name for the page itself,
/// which is the same wherever it is written.
pub fn command() -> String {
    let mut words = vec!["systole".to_string()];
    let mut args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        let path = Path::new(&arg);
        match path.file_name() {
            _ if ["-o", "--output", "--report"].contains(&&*arg) => {
                args.next();
                words.extend([arg, "report.html".into()]);
            }
            _ if arg.starts_with("--output=") || arg.starts_with("--report=") => words.push(arg[..9].to_string() + "report.html"),
            Some(name) if path.is_absolute() => words.push(name.to_string_lossy().into_owned()),
            _ => words.push(arg),
        }
    }
    words.join(" ")
}
