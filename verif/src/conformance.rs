// SPDX-License-Identifier: Apache-2.0
//! Cases of other tools on a backend: import, compile, run, compare with the outputs they store.

use crate::onnx_case::{Case, difference};
use crate::{Backend, Report, check_graph, gemm};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use systole_compiler::{CompileError, Options};
use systole_isa::Config;
use systole_model::graph::Graph;
use systole_model::onnx::Array;

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Every element agrees, and every run took the predicted cycles.
    Passed,
    /// Something differs, or the model is broken.
    Failed,
    /// The machine cannot run it, and says why.
    Unsupported,
}

/// The verdict on a case.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The case.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// Why, where it did not pass.
    pub reason: String,
    /// Largest difference to the stored outputs; `None` where nothing ran.
    pub max_abs_diff: Option<f64>,
    /// Predicted cycles of a run.
    pub cycles_predicted: Option<u64>,
    /// Measured cycles of a run.
    pub cycles_measured: Option<u64>,
}

/// A graph compiled for its machine.
pub struct Program {
    /// The graph.
    pub graph: Graph,
    /// Compiled, in runs where rows exceed one.
    pub split: gemm::Split,
}

impl Program {
    /// Compiles.
    ///
    /// # Errors
    /// [`CompileError`].
    pub fn new(graph: Graph, config: &Config, options: &Options) -> Result<Program, CompileError> {
        let split = gemm::split(&graph, config, options)?;
        Ok(Program { graph, split })
    }

    /// Runs that one input takes.
    pub fn runs(&self) -> usize {
        self.split.runs + usize::from(self.split.rest.is_some())
    }

    /// Runs the graph on one input tensor: the output tensor, and the comparison with the operator reference.
    ///
    /// # Errors
    /// A tensor that is not the graph's input; what [`gemm::run`] says.
    pub fn run(
        &self,
        config: &Config,
        backend: Backend,
        input: &Array,
        options: &systole_chip::Options,
    ) -> Result<(Array, Report)> {
        let codes = self.graph.input.pack(input)?;
        let report = gemm::run(&self.split, config, backend, &codes, options, |_| {})?;
        let values = report.outputs.concat();
        Ok((self.graph.output.1.unpack(&values), report))
    }

    /// Runs the graph on input after input, the next on its way while one computes: output tensors, and the comparison.
    /// `progress` is told each finished run.
    ///
    /// # Errors
    /// As [`Program::run`]; a graph that needs more than one run for an input.
    pub fn run_many(
        &self,
        config: &Config,
        backend: Backend,
        inputs: &[Array],
        options: &systole_chip::Options,
        progress: impl FnMut(usize) + 'static,
    ) -> Result<(Vec<Array>, Report)> {
        if self.runs() != 1 {
            bail!("an input needs {} runs; give inputs with fewer rows", self.runs());
        }
        let codes = inputs.iter().map(|i| self.graph.input.pack(i)).collect::<Result<Vec<_>, _>>()?;
        let report = check_graph(&self.graph, &self.split.body.1, config, backend, &codes, options, progress)?;
        Ok((report.outputs.iter().map(|values| self.graph.output.1.unpack(values)).collect(), report))
    }
}

/// Runs every data set of a case.
///
/// # Errors
/// Files that cannot be read, a simulation that cannot be built. What is wrong with the case itself is in the
/// verdict.
pub fn run_case(case: &Case, config: &Config, backend: Backend) -> Result<Verdict> {
    let verdict = |status, reason: String| Verdict {
        name: case.name.clone(),
        status,
        reason,
        max_abs_diff: None,
        cycles_predicted: None,
        cycles_measured: None,
    };
    let graph = match case.graph()? {
        Ok(graph) => graph,
        Err(e @ systole_model::onnx::ImportError::Unsupported(_)) => return Ok(verdict(Status::Unsupported, e.to_string())),
        Err(e) => return Ok(verdict(Status::Failed, e.to_string())),
    };
    let program = match Program::new(graph, config, &Options::default()) {
        Ok(program) => program,
        Err(e @ (CompileError::Unsupported(_) | CompileError::DoesNotFit { .. } | CompileError::TooManyRows { .. })) => {
            return Ok(verdict(Status::Unsupported, e.to_string()));
        }
        Err(e) => return Ok(verdict(Status::Failed, e.to_string())),
    };
    let mut result = verdict(Status::Passed, String::new());
    for (n, set) in case.sets.iter().enumerate() {
        let (Some((_, input)), Some((_, expected))) = (set.inputs.first(), set.outputs.first()) else {
            bail!("{}: data set {n} has no input or no output", case.path.display());
        };
        let (output, report) = program
            .run(config, backend, input, &systole_chip::Options::default())
            .with_context(|| format!("{}, data set {n}", case.name))?;
        let measured: u64 = report.cycles_measured.iter().sum();
        result.cycles_predicted = Some(report.cycles_predicted);
        result.cycles_measured = Some(measured);
        let diff = difference(&output, expected);
        result.max_abs_diff = match (result.max_abs_diff, diff) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => b.or(a),
        };
        let fault = if diff.is_none() {
            Some(format!(
                "the output is {} {:?}, stored is {} {:?}",
                output.element(),
                output.shape,
                expected.element(),
                expected.shape
            ))
        } else if diff != Some(0.0) {
            Some(format!("the output differs from the stored one by up to {}", diff.unwrap_or(0.0)))
        } else if report.mismatches > 0 && program.split.body.1.warnings.is_empty() {
            Some(format!("{} elements differ from the operator reference", report.mismatches))
        } else if measured != report.cycles_predicted {
            Some(format!("{} cycles predicted, {measured} measured", report.cycles_predicted))
        } else {
            None
        };
        if let Some(fault) = fault {
            result.status = Status::Failed;
            result.reason = format!("data set {n}: {fault}");
            return Ok(result);
        }
    }
    Ok(result)
}
