// SPDX-License-Identifier: Apache-2.0
//! A graph on a backend against the operator reference: every element, every cycle.

use crate::lockstep::{self, Lockstep};
use anyhow::{Context, Result};
use serde::Serialize;
use systole_backends::{Backend, run_frames};
use systole_compiler::Compiled;
use systole_golden::graph::{run_graph, run_graph_as};
use systole_golden::{Machine, MachineError, RunResult};
use systole_host::Run;
use systole_isa::writes::{Place, Write};
use systole_isa::{Config, Image};
use systole_model::graph::Graph;
use systole_model::tables::Given;

/// The first element that differs, and who made it.
#[derive(Debug, Clone, Serialize)]
pub struct FirstMismatch {
    /// Run, from 0.
    pub run: usize,
    /// Pixel of the output (row of a matrix).
    pub row: usize,
    /// Channel of the output.
    pub col: usize,
    /// What the operator reference says.
    pub expected: i32,
    /// What the machine wrote.
    pub got: i32,
    /// What the instruction-level model says: where it agrees with the reference, the hardware is
    /// wrong; where it agrees with the machine, the compiler.
    pub model: Option<i32>,
    /// Row of the timetable whose instruction wrote it.
    pub instruction: Option<usize>,
    /// Cycle in which it was written.
    pub cycle: Option<u64>,
}

impl std::fmt::Display for FirstMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {}, output [{}, {}]: expected {}, got {}", self.run, self.row, self.col, self.expected, self.got)?;
        if let (Some(instruction), Some(cycle)) = (self.instruction, self.cycle) {
            write!(f, "; written by timetable row {instruction} in cycle {cycle}")?;
        }
        match self.model {
            Some(m) if m == self.expected => write!(f, "; the instruction-level model is right: a hardware fault"),
            Some(_) => write!(f, "; the instruction-level model says so too: a compiler fault"),
            None => Ok(()),
        }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Cycles by the timetable.
    pub cycles_predicted: u64,
    /// Cycles that the machine counted, by run.
    pub cycles_measured: Vec<u64>,
    /// Cycles from the first input to the last output, host I/O included where it is simulated.
    pub cycles_all: u64,
    /// Elements compared.
    pub compared: usize,
    /// Elements that are not what the program should give: faults.
    pub mismatches: usize,
    /// The first of them.
    pub first_mismatch: Option<FirstMismatch>,
    /// Elements that differ from ONNX Runtime's arithmetic because a layer is computed as the compiler declared
    /// ([`systole_compiler::Warning`]).
    pub declared: usize,
    /// Codes of float32 layers that lie so near to halfway between two that ONNX Runtime may round them otherwise.
    pub near: usize,
    /// What ONNX Runtime's arithmetic gives, by run.
    #[serde(skip)]
    pub expected: Vec<Vec<i32>>,
    /// Elements that depend on such a code, by run; empty where there is none.
    #[serde(skip)]
    pub open: Vec<Vec<bool>>,
    /// Outputs by run, row-major.
    #[serde(skip)]
    pub outputs: Vec<Vec<i32>>,
    /// How often each event happened in all runs, by number (`systole_isa::regs::EVENTS`).
    pub events: Vec<u64>,
    /// Machine cycles simulated in a second.
    pub sim_cycles_per_second: f64,
    /// The RTL's writes against the model's, where they were taken ([`systole_chip::Options::writes`]).
    pub lockstep: Option<Lockstep>,
}

impl Report {
    /// Every element agrees, and every run took the predicted cycles.
    pub fn is_good(&self) -> bool {
        let in_step = self.lockstep.as_ref().is_none_or(Lockstep::is_good);
        in_step && self.mismatches == 0 && self.compared > 0 && self.cycles_measured.iter().all(|&c| c == self.cycles_predicted)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} elements differ", self.mismatches, self.compared)?;
        if let Some(first) = &self.first_mismatch {
            write!(f, ", first: {first}")?;
        }
        if let Some(lockstep) = self.lockstep.iter().find(|l| !l.is_good()) {
            write!(f, "; lockstep: {lockstep}")?;
        }
        write!(f, "; {} cycles predicted, measured {:?}", self.cycles_predicted, self.cycles_measured)
    }
}

impl Report {
    /// What was declared and how often it came about in this run; `None` where every element is ONNX Runtime's own.
    pub fn declaration(&self) -> Option<String> {
        let mut parts = vec![];
        if self.declared > 0 {
            parts.push(format!("{} of {} elements differ from ONNX Runtime's", self.declared, self.compared));
        }
        if self.near > 0 {
            parts.push(format!("{} codes of float32 layers lie halfway, where ONNX Runtime may round otherwise", self.near));
        }
        (!parts.is_empty()).then(|| format!("declared: {}", parts.join("; ")))
    }
}

/// What the machine is given for a run of a graph.
pub fn run_of(image: &Image, given: &Given) -> Run {
    let values: Vec<i32> = given.codes.iter().map(|&v| v.into()).collect();
    Run { frame: image.input.pack(&values, image.in_bytes as usize), rows: given.rows.clone() }
}

/// Runs inputs (each the codes of map 0, row-major, and the rows of tables that it takes) on a backend and compares with the operator reference.
///
/// # Errors
/// What [`run_frames`] says.
pub fn check_graph<G: Into<Given>>(
    graph: &Graph,
    compiled: &Compiled,
    config: &Config,
    backend: Backend,
    inputs: impl IntoIterator<Item = G>,
    options: &systole_chip::Options,
    progress: impl FnMut(usize) + 'static,
) -> Result<Report> {
    let inputs: Vec<Given> = inputs.into_iter().map(Into::into).collect();
    check(graph, compiled, config, backend, &inputs, options, Box::new(progress))
}

fn check(
    graph: &Graph,
    compiled: &Compiled,
    config: &Config,
    backend: Backend,
    inputs: &[Given],
    options: &systole_chip::Options,
    progress: Box<dyn FnMut(usize)>,
) -> Result<Report> {
    let image = &compiled.image;
    let frames: Vec<Run> = inputs.iter().map(|given| run_of(image, given)).collect();
    let set = run_frames(backend, config, image, frames.clone(), options, progress)?;
    let mut report = Report {
        cycles_predicted: compiled.cycles,
        cycles_measured: set.outputs.iter().map(|o| o.cycles).collect(),
        cycles_all: set.cycles,
        compared: 0,
        mismatches: 0,
        first_mismatch: None,
        declared: 0,
        near: 0,
        expected: vec![],
        open: vec![],
        events: set.events.clone(),
        outputs: vec![],
        sim_cycles_per_second: set.cycles as f64 / set.seconds.max(1e-9),
        lockstep: None,
    };
    if let Some(writes) = options.writes.as_ref().filter(|_| backend == Backend::Rtl) {
        report.lockstep = Some(in_lockstep(image, config, &frames, &writes.take())?);
    }
    let approximations: Vec<_> = compiled.warnings.iter().filter_map(|w| w.approximation()).collect();
    for (run, (input, output)) in inputs.iter().zip(&set.outputs).enumerate() {
        let reference = run_graph(graph, input);
        report.near += reference.near;
        report.open.push(reference.open);
        let expected =
            if approximations.is_empty() { reference.values.clone() } else { run_graph_as(graph, input, &approximations).values };
        report.declared += expected.iter().zip(&reference.values).filter(|(e, r)| e != r).count();
        report.expected.push(reference.values);
        let got = image.output.unpack(&output.frame).context("the output frame is shorter than the output tensor")?;
        report.compared += expected.len();
        for (i, (&e, &g)) in expected.iter().zip(&got).enumerate().filter(|(_, (e, g))| e != g) {
            report.mismatches += 1;
            if report.first_mismatch.is_none() {
                report.first_mismatch =
                    Some(triage(compiled, config, &frames[run], run, i, graph.maps[graph.output.0].shape[2], e, g));
            }
        }
        report.outputs.push(got);
    }
    Ok(report)
}

/// The writes of the RTL, run by run, against those of the instruction-level model with this image.
///
/// # Errors
/// Another number of runs on the RTL; what the model refuses.
pub fn in_lockstep(image: &Image, config: &Config, frames: &[Run], rtl: &[Vec<Write>]) -> Result<Lockstep> {
    anyhow::ensure!(rtl.len() == frames.len(), "{} runs were launched, {} ended on the RTL", frames.len(), rtl.len());
    let mut machine = Machine::new(config.clone());
    machine.load_image(image)?;
    machine.record_writes();
    let mut words = 0;
    for (run, (frame, rtl)) in frames.iter().zip(rtl).enumerate() {
        run_on(&mut machine, frame)?;
        let found = lockstep::compare(run, &machine.take_writes(), rtl, config.cols as usize);
        words += found.words;
        if found.first.is_some() {
            return Ok(Lockstep { words, ..found });
        }
    }
    Ok(Lockstep { words, first: None })
}

/// A run on the instruction-level model alone.
///
/// # Errors
/// What the machine refuses.
pub fn run_on(machine: &mut Machine, run: &Run) -> Result<RunResult, MachineError> {
    if !run.rows.is_empty() {
        machine.set_chunk(0, &run.rows, 0);
    }
    machine.run(&run.frame)
}

#[allow(clippy::too_many_arguments)]
fn triage(
    compiled: &Compiled,
    config: &Config,
    given: &Run,
    run: usize,
    index: usize,
    cols: usize,
    expected: i32,
    got: i32,
) -> FirstMismatch {
    let (row, col) = (index / cols, index % cols);
    let mut found = FirstMismatch { run, row, col, expected, got, model: None, instruction: None, cycle: None };
    let mut machine = Machine::new(config.clone());
    machine.record_writes();
    if machine.load_image(&compiled.image).is_ok()
        && let Ok(result) = run_on(&mut machine, given)
    {
        found.model = compiled.image.output.unpack(&result.frame).map(|v| v[index]);
        // The last write of the word that holds it.
        let word = (compiled.image.output.byte(row as u32, col as u32) / config.cols as usize) as u32;
        let writes = machine.take_writes();
        if let Some(last) = writes.iter().rev().find(|w| (w.write.place, w.write.address) == (Place::Out, word)) {
            (found.instruction, found.cycle) = (Some(last.row), Some(last.write.cycle));
        }
    }
    found
}
