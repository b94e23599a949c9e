// SPDX-License-Identifier: Apache-2.0
//! From a quantised graph to a timetable with exact cycles.
//!
//! [`compile`] runs the passes, one a file: [`legalise`] (stages, constants, what fits),
//! [`tile`] (weight tiles and loop orders), [`place`] (X memory), [`band`] (rows by rows, where whole maps have no place there), [`schedule`] (the cycle of
//! everything), [`emit`] (instructions and image). [`stage`] is what they hand on. [`verify`] is the net under
//! them: it shares no code with them and derives every port use and every distance again.
//! Language models have a way of their own, [`decoder`]: one program for every position.
//! docs/compiler.md describes the passes, the cost model and the limits.
//!
//! ```
//! use systole_compiler::{compile, Options};
//! use systole_isa::Config;
//! use systole_model::{Dense, Network, Output, Quantised};
//!
//! let network = Network {
//!     name: "gemm".into(),
//!     m: 1,
//!     k: 1024,
//!     zero_point: 0,
//!     layers: vec![Dense {
//!         k: 1024,
//!         n: 1024,
//!         weights: vec![1; 1024 * 1024],
//!         bias: vec![0; 1024],
//!         output: Output::Int8(Quantised::plain(vec![0.01; 1024], 0)),
//!     }],
//! };
//! let graph = network.graph().unwrap();
//! let compiled = compile(&graph, &Config::named("base").unwrap(), &Options::default()).unwrap();
//! assert_eq!(compiled.cycles, 4139); // law of time: 4096
//! ```

#![forbid(unsafe_code)]

pub mod add;
pub mod band;
pub mod decoder;
pub mod dump;
pub mod emit;
pub mod encoder;
pub mod error;
mod laid;
pub mod legalise;
pub mod loops;
pub mod origin;
pub mod place;
pub mod product;
pub mod report;
pub mod schedule;
pub mod scrub;
pub mod stage;
pub mod tables;
pub mod tile;
mod timeline;
pub mod verify;

pub use add::{AddConstants, choose_add};
pub use decoder::{Decoder, Law, Prefill, Step, compile_decoder};
pub use dump::{Pass, dump};
pub use encoder::{EncoderProgram, compile_encoder, compile_parts};
pub use error::CompileError;
pub use origin::Origins;
pub use product::{ProductConstants, choose_product};
pub use report::{Compiled, LayerReport, MemoryUse, Options, Warning};
pub use tables::{Tables, place_tables};

use systole_isa::Config;
use systole_model::graph::Graph;

/// Compiles `graph` for the machine `config`.
///
/// # Errors
/// [`CompileError`]: an illegal configuration, layers that cannot be carried out, something that does not fit its
/// memory (with what to do), a sum or mean that is not exact where [`Options::require_exact`] is set.
/// [`CompileError::Verify`] is a fault of the compiler.
pub fn compile(graph: &Graph, config: &Config, options: &Options) -> Result<Compiled, CompileError> {
    config.check()?;
    let result = run(graph, config, options);
    let limit = match &result {
        Err(CompileError::DoesNotFit { .. } | CompileError::Isa(_)) if graph.rows().is_some_and(|m| m > 1) => {
            most_rows(graph, config)
        }
        _ => return result.map_err(|e| larger(e, graph, config)),
    };
    match (limit, graph.rows()) {
        (Ok(limit), Some(rows)) if limit < rows => Err(CompileError::TooManyRows { rows, limit, config: config.label() }),
        _ => result.map_err(|e| larger(e, graph, config)),
    }
}

/// Says which configuration has the room that is missing.
fn larger(error: CompileError, graph: &Graph, machine: &Config) -> CompileError {
    let CompileError::DoesNotFit { what, needed, limit, config, help } = error else { return error };
    let mut help = match smallest_config(graph) {
        Some(c) => format!("{help}; the smallest configuration that has room for all of it is {}", c.name),
        None => format!("{help}; no named configuration has room for all of it"),
    };
    let frame = graph.maps[0].len();
    if frame > limit && limit == (machine.in_depth * machine.cols) as usize {
        help = match frame_room(graph, machine) {
            Ok(depth) => format!("{help}; with IN_DEPTH = {depth} {config} has it too"),
            Err(most) if frame > most => format!("{help}, and no configuration can have more than {most} bytes of a frame"),
            Err(_) => help,
        };
    }
    CompileError::DoesNotFit { what, needed, limit, config, help }
}

/// IN_DEPTH with which the same machine takes the frame, if it takes the network then; else the bytes that IN can have at most.
fn frame_room(graph: &Graph, machine: &Config) -> Result<u32, usize> {
    let mut sized = machine.clone();
    loop {
        sized.in_depth *= 2;
        if sized.check().is_err() {
            return Err((sized.in_depth / 2 * sized.cols) as usize);
        }
        if (sized.in_depth * sized.cols) as usize >= graph.maps[0].len() {
            return if fits(graph, &sized).is_ok() { Ok(sized.in_depth) } else { Err(usize::MAX) };
        }
    }
}

fn run(graph: &Graph, config: &Config, options: &Options) -> Result<Compiled, CompileError> {
    let staged = legalise::legalise(graph, config)?;
    units(graph, &staged, config, options)?;
    if let Some(w) = staged.warnings.first().filter(|_| options.require_exact) {
        return Err(CompileError::Inexact(w.clone()));
    }
    let (staged, placement) = band::lay(graph, staged, config)?;
    let schedule = schedule::schedule(&staged, &placement, config);
    let compiled = emit::emit(graph, &staged, &placement, &schedule, config, options.scrub_lines)?;
    if !options.skip_verify {
        verify::verify(&compiled.program, config, &verify::Sizes::of(&compiled.image, config))?;
    }
    Ok(compiled)
}

/// Whether the machine has the units that the network asks for.
fn units(graph: &Graph, staged: &stage::Staged, config: &Config, options: &Options) -> Result<(), CompileError> {
    let label = config.label();
    let without = |what: &str, unit: &str| format!("{what}: {label} has no {unit}; take a configuration that has, or set it");
    let mut missing: Vec<String> = Vec::new();
    for stage in &staged.stages {
        let unit = match stage.post.meeting {
            Some(_) if !config.residual => "second operand in POST (RESIDUAL = 0)",
            Some(stage::Meeting::Mul(_)) if !config.product => "product of two maps in POST (PRODUCT = 0)",
            _ => continue,
        };
        let name = without(&stage.name(graph), unit);
        if !missing.contains(&name) {
            missing.push(name);
        }
    }
    if options.scrub_lines > 0 && !config.rram_ctrl {
        missing.push(without("scrubbing in runs", "RRAM (RRAM_CTRL = 0)"));
    }
    if missing.is_empty() { Ok(()) } else { Err(CompileError::Unsupported(missing)) }
}

/// Whether a graph has room in every memory.
fn fits(graph: &Graph, config: &Config) -> Result<(), CompileError> {
    let staged = legalise::legalise(graph, config)?;
    units(graph, &staged, config, &Options::default())?;
    let (staged, placement) = band::lay(graph, staged, config)?;
    let schedule = schedule::plain(&staged, &placement, config);
    emit::emit(graph, &staged, &placement, &schedule, config, 0).map(|_| ())
}

/// The most rows M with which [`compile`] takes a graph of matrices (its own number of rows does not matter): a
/// driver splits a longer batch into runs of so many rows. A graph whose rows depend on each other has one size: that.
///
/// # Errors
/// As [`compile`], where not even one row fits.
pub fn max_rows_per_run(graph: &Graph, config: &Config) -> Result<usize, CompileError> {
    config.check()?;
    match graph.rows() {
        None => fits(graph, config).map(|()| graph.maps[0].shape[0]),
        Some(_) => most_rows(graph, config),
    }
}

/// By bisection; a loop counts to 2^14.
fn most_rows(graph: &Graph, config: &Config) -> Result<usize, CompileError> {
    fits(&graph.with_rows(1), config)?;
    let [_, _, k] = graph.maps[0].shape;
    let buffer = (config.in_depth * config.cols) as usize;
    let (mut good, mut bad) = (1, (buffer / k.max(1)).min(1 << 14) + 1);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fits(&graph.with_rows(middle), config).is_ok() { good = middle } else { bad = middle }
    }
    Ok(good)
}

/// The smallest named configuration that takes a graph.
pub fn smallest_config(graph: &Graph) -> Option<Config> {
    let mut all: Vec<Config> = systole_isa::config::CONFIGS.to_vec();
    all.sort_by_key(|c| (c.rows * c.cols, c.rram_depth));
    all.into_iter().find(|c| fits(graph, c).is_ok())
}
