// SPDX-License-Identifier: Apache-2.0
//! Why a network was not compiled.

use crate::report::Warning;
use crate::verify::VerifyError;
use systole_isa::IsaError;
use thiserror::Error;

/// Each says what, where, the limit, the actual value and what to do.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CompileError {
    /// An illegal configuration, or a program that the encoding does not take.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// Something does not fit its memory, whatever the number of rows.
    #[error("{what}: needs {needed}, configuration {config} has {limit}; {help}")]
    DoesNotFit {
        /// What does not fit, and its unit.
        what: String,
        /// How much it needs.
        needed: usize,
        /// How much there is.
        limit: usize,
        /// The configuration.
        config: String,
        /// What to do about it.
        help: String,
    },
    /// More rows than a run takes.
    #[error(
        "{rows} rows in one run, configuration {config} takes at most {limit} of this network; split the batch into runs of {limit} rows or use a larger configuration"
    )]
    TooManyRows {
        /// Rows of the network.
        rows: usize,
        /// Rows that fit.
        limit: usize,
        /// The configuration.
        config: String,
    },
    /// A sum or a mean has no exact constants.
    #[error("{0}; choose other scales, or compile without require_exact")]
    Inexact(Warning),
    /// Layers of a graph that the compiler cannot carry over, all of them.
    #[error("{} of the graph cannot be compiled:\n{}", if .0.len() == 1 { "1 layer".into() } else { format!("{} layers", .0.len()) }, .0.iter().map(|l| format!("  {l}")).collect::<Vec<_>>().join("\n"))]
    Unsupported(Vec<String>),
    /// A language model of a shape, or a machine, that the decoder's compiler does not take: which, and what it takes.
    #[error("this language model does not run there: {0}")]
    Decoder(String),
    /// An encoder of a shape, or a machine, that the encoders' compiler does not take: which, and what it takes.
    #[error("this encoder does not run there: {0}")]
    Encoder(String),
    /// The checker refused the schedule: a fault of the compiler.
    #[error("the compiler made a program that breaks the machine's rules; please report it: {0}")]
    Verify(#[from] VerifyError),
}
