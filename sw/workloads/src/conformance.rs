// SPDX-License-Identifier: Apache-2.0
//! Cases of other tools on a backend: import, compile, run, compare with the outputs they store.

use crate::onnx_case::{Case, DataSet, Fault, difference, differing, differing_where};
use crate::{Report, check_graph, gemm};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use systole_backends::Backend;
use systole_compiler::{CompileError, Options, Tables, place_tables};
use systole_isa::Config;
use systole_model::graph::{Border, Graph};
use systole_model::host::Host;
use systole_model::onnx::{Array, ElementType};

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Every element agrees, and every run took the predicted cycles.
    Passed,
    /// Elements differ from the stored ones just as the compiler declared; every run took the predicted cycles.
    Declared,
    /// Nothing is stored to compare with: on two random inputs every element is the operator reference's, in the predicted cycles.
    Unstored,
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
    /// Why, where it did not pass; what was declared.
    pub reason: String,
    /// Elements that differ from the stored outputs, in all data sets.
    pub differing: usize,
    /// Elements compared.
    pub compared: usize,
    /// Layers that the compiler declared inexact.
    pub declared_layers: usize,
    /// Largest difference to the stored outputs; `None` where nothing ran.
    pub max_abs_diff: Option<f64>,
    /// Predicted cycles of a run.
    pub cycles_predicted: Option<u64>,
    /// Measured cycles of a run.
    pub cycles_measured: Option<u64>,
}

impl Verdict {
    /// A verdict on a case of which nothing has run.
    pub fn new(case: &Case, status: Status, reason: String) -> Verdict {
        Verdict {
            name: case.name.clone(),
            status,
            reason,
            differing: 0,
            compared: 0,
            declared_layers: 0,
            max_abs_diff: None,
            cycles_predicted: None,
            cycles_measured: None,
        }
    }
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

    /// Runs the graph on its input tensors: the output tensors, and the comparison with the operator reference.
    ///
    /// # Errors
    /// Tensors that are not the graph's inputs; what [`gemm::run`] says.
    pub fn run(
        &self,
        config: &Config,
        backend: Backend,
        inputs: &[Array],
        options: &systole_chip::Options,
    ) -> Result<(Vec<Array>, Report)> {
        let codes = self.graph.pack(inputs)?;
        let report = gemm::run(&self.split, config, backend, &codes, options, |_| {})?;
        let values = report.outputs.concat();
        Ok((self.graph.unpack(&values), report))
    }

    /// Runs the graph on each element of the model's batch, the next on its way while one computes: the output tensors as the model
    /// has them, and the comparison. Predicted cycles are those of all runs.
    ///
    /// # Errors
    /// As [`Program::run`]; a graph that needs more than one run for an element of a batch.
    pub fn run_batch(
        &self,
        config: &Config,
        backend: Backend,
        inputs: &[Array],
        options: &systole_chip::Options,
    ) -> Result<(Vec<Array>, Report)> {
        if self.graph.batch == 1 {
            return self.run(config, backend, inputs, options);
        }
        let (elements, mut report) = self.run_many(config, backend, &self.graph.elements(inputs)?, options, |_| {})?;
        let output = |n: usize| Array::joined(&elements.iter().map(|e| e[n].clone()).collect::<Vec<_>>());
        let outputs = (0..elements[0].len()).map(output).collect::<Option<Vec<Array>>>();
        report.cycles_predicted *= self.graph.batch as u64;
        Ok((outputs.context("outputs of the batch differ in shape")?, report))
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
        inputs: &[Vec<Array>],
        options: &systole_chip::Options,
        progress: impl FnMut(usize) + 'static,
    ) -> Result<(Vec<Vec<Array>>, Report)> {
        if self.runs() != 1 {
            bail!("an input needs {} runs; give inputs with fewer rows", self.runs());
        }
        let codes = inputs.iter().map(|i| self.graph.pack(i)).collect::<Result<Vec<_>, _>>()?;
        let report = check_graph(&self.graph, &self.split.body.1, config, backend, &codes, options, progress)?;
        Ok((report.outputs.iter().map(|values| self.graph.unpack(values)).collect(), report))
    }
}

/// Two random inputs on the backend, against the operator reference.
fn unstored(
    program: &Program,
    config: &Config,
    backend: Backend,
    machine: &systole_chip::Options,
    mut verdict: Verdict,
) -> Result<Verdict> {
    for seed in [1, 2] {
        let inputs = crate::random::tensors(&program.graph, seed);
        let (_, report) = program.run(config, backend, &inputs, machine).with_context(|| verdict.name.clone())?;
        let measured: u64 = report.cycles_measured.iter().sum();
        verdict.cycles_predicted = Some(report.cycles_predicted);
        verdict.cycles_measured = Some(measured);
        if report.mismatches > 0 || measured != report.cycles_predicted {
            verdict.status = Status::Failed;
        }
        verdict.reason = format!(
            "there is no test_data_set_0; on random input {} elements differ from the operator reference, {measured} cycles of {} predicted",
            report.mismatches, report.cycles_predicted
        );
    }
    Ok(verdict)
}

/// Runs every data set of a case.
///
/// # Errors
/// A model that cannot be read, a simulation that cannot be built. What is wrong with the case itself is in the
/// verdict.
pub fn run_case(case: &Case, config: &Config, backend: Backend, machine: &systole_chip::Options) -> Result<Verdict> {
    let verdict = |status, reason: String| Verdict::new(case, status, reason);
    match &case.fault {
        Some(Fault::Unsupported(reason)) => return Ok(verdict(Status::Unsupported, reason.clone())),
        Some(Fault::Broken(reason)) => return Ok(verdict(Status::Failed, reason.clone())),
        None => {}
    }
    let file = case.path.join("model.onnx");
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    if systole_model::encoder::import::looks_dynamic(&bytes) {
        return crate::encoder::run_case(case, &bytes, config, backend, machine);
    }
    let graph = match case.graph()? {
        Ok(graph) => graph,
        Err(e) if e.is_unsupported() => return Ok(verdict(Status::Unsupported, e.to_string())),
        Err(e) => return Ok(verdict(Status::Failed, e.to_string())),
    };
    let placed = place_tables(&graph, config, Tables::Auto);
    let program = match placed.and_then(|graph| Program::new(graph, config, &Options::default())) {
        Ok(program) => program,
        Err(e @ (CompileError::Unsupported(_) | CompileError::DoesNotFit { .. } | CompileError::TooManyRows { .. })) => {
            return Ok(verdict(Status::Unsupported, e.to_string()));
        }
        Err(e) => return Ok(verdict(Status::Failed, e.to_string())),
    };
    if case.sets.is_empty() {
        return unstored(&program, config, backend, machine, verdict(Status::Unstored, String::new()));
    }
    let mut result = verdict(Status::Passed, String::new());
    result.declared_layers = program.split.body.1.warnings.len();
    for (n, set) in case.sets.iter().enumerate().flat_map(|(n, set)| apart(&program.graph, set).into_iter().map(move |s| (n, s)))
    {
        let borders: Vec<&Border> = program.graph.output.1.all().collect();
        let inputs = program.graph.input.tensors().count();
        if set.inputs.len() < inputs || set.outputs.len() < borders.len() {
            return Ok(verdict(Status::Failed, format!("data set {n} has no input or no output")));
        }
        let inputs: Vec<Array> = set.inputs[..inputs].iter().map(|(_, array)| array.clone()).collect();
        if let Err(e) = program.graph.pack(&inputs) {
            return Ok(verdict(Status::Failed, format!("data set {n}: {e}")));
        }
        let (outputs, report) =
            program.run(config, backend, &inputs, machine).with_context(|| format!("{}, data set {n}", case.name))?;
        let measured: u64 = report.cycles_measured.iter().sum();
        result.cycles_predicted = Some(report.cycles_predicted);
        result.cycles_measured = Some(measured);
        let fault = if report.mismatches > 0 {
            Some(format!("{} elements are not what the program should give: a fault of compiler or machine", report.mismatches))
        } else if measured != report.cycles_predicted {
            Some(format!("{} cycles predicted, {measured} measured", report.cycles_predicted))
        } else {
            let compared = borders.iter().zip(&outputs).zip(&set.outputs);
            compared
                .map(|((border, output), (_, expected))| compare(&program, border, &report, output, expected, &mut result))
                .fold(None, Option::or)
        };
        if let Some(fault) = fault {
            result.status = Status::Failed;
            result.reason = format!("data set {n}: {fault}");
            return Ok(result);
        }
    }
    if result.status == Status::Declared {
        let notes: Vec<String> = program.split.body.1.warnings.iter().map(ToString::to_string).collect();
        result.reason = format!(
            "declared: {} of {} elements differ from the stored output, by {} at most; {}",
            result.differing,
            result.compared,
            result.max_abs_diff.unwrap_or(0.0),
            notes.join("; ").replace("declared: ", "")
        );
    }
    Ok(result)
}

/// A data set as the graph takes it: of a batch one for each element, where its tensors have as many.
fn apart(graph: &Graph, set: &DataSet) -> Vec<DataSet> {
    let all = |tensors: &[(String, Array)]| tensors.iter().all(|(_, t)| t.shape.first() == Some(&graph.batch));
    if graph.batch == 1 || !all(&set.inputs) || !all(&set.outputs) {
        return vec![set.clone()];
    }
    let of = |tensors: &[(String, Array)], n: usize| tensors.iter().map(|(name, t)| (name.clone(), t.part(n))).collect();
    (0..graph.batch).map(|n| DataSet { inputs: of(&set.inputs, n), outputs: of(&set.outputs, n) }).collect()
}

/// Compares an output with the stored one, counts what differs, and says what nothing explains.
fn compare(
    program: &Program,
    border: &Border,
    report: &Report,
    output: &Array,
    expected: &Array,
    result: &mut Verdict,
) -> Option<String> {
    let diff = difference(output, expected);
    result.max_abs_diff = match (result.max_abs_diff, diff) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => b.or(a),
    };
    let input = program.graph.input.all().any(|b| b.host.as_ref().is_some_and(Host::rounds));
    let through = border.element == ElementType::Float32 && border.float.is_none() && border.host.is_none();
    let rounds = border.host.as_ref().is_some_and(Host::rounds) || through && input;
    let wrong = differing(output, expected, rounds);
    result.differing += wrong;
    result.compared += expected.len();
    // Differences are the declared ones where the stored outputs are ONNX Runtime's arithmetic as we know it; but for
    // elements that depend on a code that float32 decides.
    let reference = border.unpack(&border.part(&report.expected.concat()));
    let marks = Border {
        element: ElementType::Int32,
        float: None,
        host: None,
        shape: border.host.as_ref().map_or(&border.shape, |h| &h.inner).clone(),
        ..border.clone()
    };
    let lengths = report.open.iter().zip(&report.expected);
    let open: Vec<i32> = lengths.flat_map(|(o, e)| (0..e.len()).map(|i| i32::from(o.get(i).copied().unwrap_or(false)))).collect();
    let explained = differing_where(&reference, expected, rounds).is_some_and(|wrong| {
        let mut open = marks.unpack(&border.part(&open)).integers().unwrap_or_default();
        // Behind operators of the host that mix elements an open one may be anywhere.
        if border.host.as_ref().is_some_and(Host::mixes) && open.iter().any(|&o| o != 0) {
            open = vec![1; expected.len()];
        }
        wrong.iter().all(|&i| open.get(i).is_some_and(|&o| o != 0))
    });
    if wrong > 0 {
        result.status = Status::Declared;
    }
    if diff.is_none() {
        let (of, stored) = (output.element(), expected.element());
        return Some(format!("the output is {of} {:?}, stored is {stored} {:?}", output.shape, expected.shape));
    }
    (wrong > 0 && !explained).then(|| {
        let by = diff.unwrap_or(0.0);
        format!("{wrong} of {} elements differ from the stored output, by up to {by}", expected.len())
    })
}
