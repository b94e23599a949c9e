// SPDX-License-Identifier: Apache-2.0
//! What to build.

use std::path::PathBuf;

/// A design and how to build it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spec {
    pub(crate) top: String,
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) include_dirs: Vec<PathBuf>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) defines: Vec<(String, String)>,
    pub(crate) arguments: Vec<String>,
    pub(crate) trace: bool,
    pub(crate) coverage: bool,
}

impl Spec {
    /// A design with this top module.
    pub fn new(top: impl Into<String>) -> Spec {
        Spec {
            top: top.into(),
            sources: vec![],
            include_dirs: vec![],
            parameters: vec![],
            defines: vec![],
            arguments: vec![],
            trace: false,
            coverage: false,
        }
    }

    /// Adds a source file (or a `.vlt` file of accepted warnings).
    pub fn source(mut self, path: impl Into<PathBuf>) -> Spec {
        self.sources.push(path.into());
        self
    }

    /// Adds source files.
    pub fn sources<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Spec {
        self.sources.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds a folder for `include files.
    pub fn include_dir(mut self, path: impl Into<PathBuf>) -> Spec {
        self.include_dirs.push(path.into());
        self
    }

    /// Sets a parameter of the top module: a number of up to 128 bits and either sign, a literal such as `256'hff`, `true`,
    /// `false`, or a string in double quotes. Anything else is refused when the model is built.
    pub fn parameter(mut self, name: impl Into<String>, value: impl ToString) -> Spec {
        self.parameters.push((name.into(), value.to_string()));
        self
    }

    /// Defines a macro.
    pub fn define(mut self, name: impl Into<String>, value: impl ToString) -> Spec {
        self.defines.push((name.into(), value.to_string()));
        self
    }

    /// Adds an argument for Verilator. Relative paths in it are seen from the working folder. Tracing and coverage are
    /// [`Spec::trace`] and [`Spec::coverage`]; `--timing`, `--prefix` and `--Mdir` are refused.
    pub fn argument(mut self, argument: impl Into<String>) -> Spec {
        self.arguments.push(argument.into());
        self
    }

    /// With FST tracing. Costs nothing until a trace is opened, then about a factor of 100.
    pub fn trace(mut self, on: bool) -> Spec {
        self.trace = on;
        self
    }

    /// With line and toggle coverage.
    pub fn coverage(mut self, on: bool) -> Spec {
        self.coverage = on;
        self
    }

    /// The top module's name.
    pub fn top(&self) -> &str {
        &self.top
    }
}
