// SPDX-License-Identifier: Apache-2.0
//! From a quantised network to a timetable with exact cycles.
//!
//! [`compile`] runs the passes, one a file: [`legalise`] (stages, constants, what fits),
//! [`tile`] (weight tiles and loop orders), [`place`] (X memory), [`schedule`] (the cycle of
//! everything), [`emit`] (instructions and image). [`verify`] is the net under them: it shares
//! no code with them and derives every port use and every distance again.
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
//! let compiled = compile(&network, &Config::named("base").unwrap(), &Options::default()).unwrap();
//! assert_eq!(compiled.cycles, 4136); // law of time: 4096
//! ```

#![forbid(unsafe_code)]

pub mod add;
pub mod emit;
pub mod error;
pub mod legalise;
pub mod lower;
pub mod place;
pub mod report;
pub mod schedule;
pub mod tile;
pub mod verify;

pub use add::{AddConstants, choose_add};
pub use error::CompileError;
pub use lower::{Lowered, lower};
pub use report::{Compiled, LayerReport, MemoryUse, Options, Warning};

use systole_isa::Config;
use systole_model::Network;

/// Compiles `network` for the machine `config`.
///
/// # Errors
/// [`CompileError`]: an unsound network or configuration, something that does not fit its
/// memory (with what to do), an inexact add where [`Options::require_exact`] is set.
/// [`CompileError::Verify`] is a fault of the compiler.
pub fn compile(network: &Network, config: &Config, options: &Options) -> Result<Compiled, CompileError> {
    config.check()?;
    let graph = legalise::legalise(network, config)?;
    if let Some(w) = graph.warnings.first().filter(|_| options.require_exact) {
        return Err(CompileError::InexactAdd { layer: w.layer, codes: w.differing_codes });
    }
    let limit = place::max_rows(&graph, config)?;
    if network.m > limit {
        return Err(CompileError::TooManyRows { rows: network.m, limit, config: config.label() });
    }
    let placement = place::place(&graph, config, network.m)?;
    let schedule = schedule::schedule(&graph, &placement, config);
    let compiled = emit::emit(network, &graph, &placement, &schedule, config)?;
    if !options.skip_verify {
        verify::verify(&compiled.program, config, &verify::Sizes::of(&compiled.image, config))?;
    }
    Ok(compiled)
}

/// The most rows M with which [`compile`] takes `network` (its own `m` does not matter): a
/// driver splits a longer batch into runs of so many rows.
///
/// # Errors
/// As [`compile`], where not even one row fits.
pub fn max_rows_per_run(network: &Network, config: &Config) -> Result<usize, CompileError> {
    config.check()?;
    let graph = legalise::legalise(network, config)?;
    place::max_rows(&graph, config)
}
