// SPDX-License-Identifier: Apache-2.0
//! A graph of matrices with any number of rows: split into runs where one run cannot hold it.

use crate::{Report, check_graph};
use anyhow::Result;
use std::time::Instant;
use systole_backends::Backend;
use systole_compiler::{CompileError, Compiled, Options, compile};
use systole_isa::Config;
use systole_model::graph::Graph;
use systole_model::tables::Given;

/// A graph compiled for its runs.
pub struct Split {
    /// Rows of each run but perhaps the last, with its program.
    pub body: (Graph, Compiled),
    /// Runs of the body.
    pub runs: usize,
    /// What remains, where rows do not divide evenly.
    pub rest: Option<(Graph, Compiled)>,
    /// Seconds to compile.
    pub seconds: f64,
}

/// Compiles a graph; one of matrices whose rows exceed what a run takes, in several runs.
///
/// # Errors
/// [`CompileError`], where not even one row fits.
pub fn split(graph: &Graph, config: &Config, options: &Options) -> Result<Split, CompileError> {
    let begin = Instant::now();
    let part = |graph: Graph| -> Result<(Graph, Compiled), CompileError> {
        let compiled = compile(&graph, config, options)?;
        Ok((graph, compiled))
    };
    let (body, runs, rest) = match part(graph.clone()) {
        Ok(whole) => (whole, 1, None),
        Err(CompileError::TooManyRows { rows, limit, .. }) => {
            let rest = if rows % limit == 0 { None } else { Some(part(graph.with_rows(rows % limit))?) };
            (part(graph.with_rows(limit))?, rows / limit, rest)
        }
        Err(e) => return Err(e),
    };
    Ok(Split { body, runs, rest, seconds: begin.elapsed().as_secs_f64() })
}

/// Runs a split graph and compares every element; reports are joined.
///
/// # Errors
/// What [`check_graph`] says.
pub fn run(
    split: &Split,
    config: &Config,
    backend: Backend,
    given: &Given,
    options: &systole_chip::Options,
    progress: impl FnMut(usize) + Clone + 'static,
) -> Result<Report> {
    let (graph, compiled) = &split.body;
    let per_run = graph.maps[0].len();
    let Given { codes, rows } = given;
    let inputs = codes.chunks(per_run).take(split.runs).map(|codes| Given { codes: codes.to_vec(), rows: rows.clone() });
    let mut report = check_graph(graph, compiled, config, backend, inputs, options, progress.clone())?;
    if let Some((graph, compiled)) = &split.rest {
        let more = check_graph(graph, compiled, config, backend, [&codes[per_run * split.runs..]], options, progress)?;
        report.cycles_predicted = report.cycles_predicted * split.runs as u64 + more.cycles_predicted;
        let measured: u64 = report.cycles_measured.iter().chain(&more.cycles_measured).sum();
        report.cycles_measured = vec![measured];
        report.cycles_all += more.cycles_all;
        report.events.iter_mut().zip(&more.events).for_each(|(all, more)| *all += more);
        report.compared += more.compared;
        report.mismatches += more.mismatches;
        report.declared += more.declared;
        report.near += more.near;
        if let (Some(all), Some(more)) = (&mut report.lockstep, more.lockstep) {
            all.words += more.words;
            all.first = all.first.take().or(more.first);
        }
        report.expected.extend(more.expected);
        report.open.extend(more.open);
        report.first_mismatch = report.first_mismatch.or(more.first_mismatch.map(|mut m| {
            m.run = split.runs;
            m
        }));
        report.outputs.extend(more.outputs);
    } else {
        report.cycles_predicted *= split.runs as u64;
        report.cycles_measured = vec![report.cycles_measured.iter().sum()];
    }
    Ok(report)
}
