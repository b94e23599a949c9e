// SPDX-License-Identifier: Apache-2.0
//! What can go wrong between Verilog and a running model.

use std::path::PathBuf;
use thiserror::Error;

/// Errors of building and using a model.
#[derive(Error)]
pub enum Error {
    /// A program that is needed is not there.
    #[error("{tool} was not found; install it (Debian, Ubuntu: apt install {package})")]
    ToolMissing {
        /// Its name.
        tool: String,
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
    /// A parameter's value that is no Verilog literal.
    #[error(
        "{top}: parameter {name}: '{value}' is no value; use a number of up to 128 bits, a literal such as 256'hff, true, false, \
         or a string in double quotes"
    )]
    Parameter {
        /// Top module.
        top: String,
        /// The parameter.
        name: String,
        /// The value given.
        value: String,
    },
    /// A design that Verilator takes and the binding does not.
    #[error("{top} cannot be used: {what}; {advice}")]
    Unsupported {
        /// Top module.
        top: String,
        /// What is against it.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// A port that the design has and the binding cannot use.
    #[error("port '{name}' of {top} {why}")]
    UnsupportedPort {
        /// Top module.
        top: String,
        /// The port.
        name: String,
        /// What is against it, and what to do.
        why: &'static str,
    },
    /// There is no folder for compiled models.
    #[error("there is no folder for compiled models: set VERILATED_CACHE, XDG_CACHE_HOME or HOME")]
    NoCache,
    /// Others can write to the folder of compiled models, and so make this program run their code.
    #[error(
        "model cache {path}: user {user} must own it and no other may write there (owner {owner}, mode {mode:o}); remove it, or \
         chmod 700, or set VERILATED_CACHE to another folder"
    )]
    SharedCache {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permissions.
        mode: u32,
        /// This process's user.
        user: u32,
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

/// As it is displayed: `unwrap` shows it as it is meant to be read.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
