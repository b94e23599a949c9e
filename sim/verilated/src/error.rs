// SPDX-License-Identifier: Apache-2.0
//! What can go wrong between Verilog and a running model.

use std::path::PathBuf;
use thiserror::Error;

/// Errors of building and using a model.
#[derive(Debug, Error)]
pub enum Error {
    /// A program that is needed is not there.
    #[error("{tool} was not found; install it (Debian, Ubuntu: apt install {package})")]
    ToolMissing {
        /// Its name.
        tool: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// A source file that cannot be read.
    #[error("{path}: {source}")]
    Source {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Verilator refuses the design.
    #[error("Verilator refuses {top}:\n{text}")]
    Verilog {
        /// Top module.
        top: String,
        /// What Verilator says.
        text: String,
    },
    /// A Verilator whose library is built otherwise than the binding knows.
    #[error(
        "the random generator in verilated.cpp of this Verilator ({version}) is not known; use one of the versions in the README"
    )]
    Unknown {
        /// What `verilator --version` says.
        version: String,
    },
    /// An environment variable with a value that is not understood.
    #[error("{variable}={value} is not understood; it may be {allowed}")]
    Setting {
        /// Its name.
        variable: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        allowed: &'static str,
    },
    /// The C++ compiler refuses what Verilator wrote.
    #[error("the model of {top} does not compile:\n{text}")]
    Compile {
        /// Top module.
        top: String,
        /// What the compiler says.
        text: String,
    },
    /// The cache folder cannot be used.
    #[error("model cache {path}: {source}")]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A wave or coverage file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A compiled model that cannot be loaded.
    #[error("cannot load {path}: {text}")]
    Load {
        /// The shared object.
        path: PathBuf,
        /// Why.
        text: String,
    },
    /// The design has no such port.
    #[error("{top} has no port '{name}'; it has {known}")]
    UnknownPort {
        /// Top module.
        top: String,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Verilator treats seed 0 as random.
    #[error("seed 0 means a random seed to Verilator; use 1 or more")]
    SeedZero,
    /// The model was built without it.
    #[error("the model was built without {feature}; build it with Spec::{method}")]
    NotBuiltWith {
        /// Tracing or coverage.
        feature: &'static str,
        /// The method that switches it on.
        method: &'static str,
    },
}
