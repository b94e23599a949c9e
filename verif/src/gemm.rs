// SPDX-License-Identifier: Apache-2.0
//! A GEMM of any number of rows: split into runs where one run cannot hold it.

use crate::{Backend, Report, check_network};
use anyhow::Result;
use std::time::Instant;
use systole_compiler::{Compiled, Options, compile, max_rows_per_run};
use systole_isa::Config;
use systole_model::Network;

/// A GEMM compiled for its runs.
pub struct Split {
    /// Rows of each run but perhaps the last, with its program.
    pub body: (Network, Compiled),
    /// Runs of the body.
    pub runs: usize,
    /// What remains, where rows do not divide evenly.
    pub rest: Option<(Network, Compiled)>,
    /// Seconds to compile.
    pub seconds: f64,
}

/// Compiles a network whose rows may exceed what one run takes.
///
/// # Errors
/// [`systole_compiler::CompileError`], where not even one row fits.
pub fn split(network: &Network, config: &Config) -> Result<Split> {
    let begin = Instant::now();
    network.check()?;
    let most = max_rows_per_run(network, config)?.min(network.m);
    let part = |m: usize| -> Result<(Network, Compiled)> {
        let network = Network { m, ..network.clone() };
        let compiled = compile(&network, config, &Options::default())?;
        Ok((network, compiled))
    };
    let rest = network.m % most;
    Ok(Split {
        body: part(most)?,
        runs: network.m / most,
        rest: if rest == 0 { None } else { Some(part(rest)?) },
        seconds: begin.elapsed().as_secs_f64(),
    })
}

/// Runs a split GEMM and compares every element; reports are joined.
///
/// # Errors
/// What [`check_network`] says.
pub fn run(
    split: &Split,
    config: &Config,
    backend: Backend,
    input: &[i8],
    options: &systole_chip::Options,
    progress: impl FnMut(usize) + Clone + 'static,
) -> Result<Report> {
    let (network, compiled) = &split.body;
    let per_run = network.m * network.k;
    let inputs: Vec<Vec<i8>> = input.chunks(per_run).take(split.runs).map(<[i8]>::to_vec).collect();
    let mut report = check_network(network, compiled, config, backend, &inputs, options, progress.clone())?;
    if let Some((network, compiled)) = &split.rest {
        let tail = input[per_run * split.runs..].to_vec();
        let more = check_network(network, compiled, config, backend, &[tail], options, progress)?;
        report.cycles_predicted = report.cycles_predicted * split.runs as u64 + more.cycles_predicted;
        let measured: u64 = report.cycles_measured.iter().chain(&more.cycles_measured).sum();
        report.cycles_measured = vec![measured];
        report.compared += more.compared;
        report.mismatches += more.mismatches;
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
