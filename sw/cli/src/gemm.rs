// SPDX-License-Identifier: Apache-2.0
//! `systole gemm`.

#![allow(rustdoc::broken_intra_doc_links)] // help texts: [m, n] is a shape

use crate::{Machine, output};
use anyhow::{Result, bail, ensure};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use systole_model::tables::Given;
use systole_model::{Dense, Network, Output, Quantised};
use systole_workloads::{gemm, npy, random};

/// Multiply int8 matrices.
#[derive(Args)]
pub struct GemmArgs {
    /// Rows of X
    #[arg(long)]
    m: Option<usize>,
    /// Columns of X, rows of W
    #[arg(long)]
    k: Option<usize>,
    /// Columns of W
    #[arg(long)]
    n: Option<usize>,
    /// X, int8 [m, k]; random without it
    #[arg(long, value_name = "X.npy")]
    x: Option<PathBuf>,
    /// W, int8 [k, n]; random without it
    #[arg(long, value_name = "W.npy")]
    w: Option<PathBuf>,
    /// Bias, int32 [n]; zero where W is given, random where it is not
    #[arg(long, value_name = "BIAS.npy")]
    bias: Option<PathBuf>,
    /// Combined scales, float32 [n] or [1]; without it W that is given makes int32 outputs
    #[arg(long, value_name = "SCALE.npy")]
    scale: Option<PathBuf>,
    /// Zero point of X
    #[arg(long, allow_hyphen_values = true, value_name = "CODE")]
    x_zero_point: Option<i8>,
    /// Zero point of the output
    #[arg(long, allow_hyphen_values = true, value_name = "CODE")]
    y_zero_point: Option<i8>,
    /// int32 outputs, not requantised
    #[arg(long, conflicts_with = "scale")]
    raw: bool,
    /// Write the output, [m, n]
    #[arg(long, value_name = "Y.npy")]
    output: Option<PathBuf>,
    /// Write the image
    #[arg(long, value_name = "F.img")]
    image: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
}

fn dimension(name: &str, option: Option<usize>, found: Option<(usize, &Path, &[usize])>) -> Result<usize> {
    match (option, found) {
        (Some(0), _) => bail!("--{name} 0: every dimension is at least 1"),
        (Some(a), Some((b, path, shape))) if a != b => {
            bail!("--{name} {a}, but {} has shape {shape:?}, which makes {name} {b}", path.display())
        }
        (_, Some((0, path, shape))) => bail!("{}: shape {shape:?} is empty", path.display()),
        (_, Some((b, ..))) => Ok(b),
        (Some(a), None) => Ok(a),
        (None, None) => bail!("--{name} is missing (or give the matrices: --x, --w)"),
    }
}

/// The network and the input that the arguments describe.
fn workload(args: &GemmArgs) -> Result<(Network, Vec<i8>)> {
    let matrix = |path: &Option<PathBuf>| -> Result<Option<(PathBuf, npy::Array<i8>)>> {
        let Some(path) = path else { return Ok(None) };
        let array = npy::read_i8(path)?;
        ensure!(array.shape.len() == 2, "{}: shape {:?}; a matrix has two dimensions", path.display(), array.shape);
        Ok(Some((path.clone(), array)))
    };
    let (x, w) = (matrix(&args.x)?, matrix(&args.w)?);
    if let (Some((xp, x)), Some((wp, w))) = (&x, &w) {
        ensure!(
            x.shape[1] == w.shape[0],
            "{} is {:?} and {} is {:?}: X has {} columns, W {} rows",
            xp.display(),
            x.shape,
            wp.display(),
            w.shape,
            x.shape[1],
            w.shape[0]
        );
    }
    fn of(a: &Option<(PathBuf, npy::Array<i8>)>, d: usize) -> Option<(usize, &Path, &[usize])> {
        a.as_ref().map(|(p, a)| (a.shape[d], p.as_path(), a.shape.as_slice()))
    }
    let m = dimension("m", args.m, of(&x, 0))?;
    let k = dimension("k", args.k, of(&x, 1).or(of(&w, 0)))?;
    let n = dimension("n", args.n, of(&w, 1))?;
    let elements =
        m.checked_mul(k).and_then(|a| k.checked_mul(n).map(|b| a.max(b))).and_then(|a| m.checked_mul(n).map(|b| a.max(b)));
    ensure!(elements.is_some_and(|e| e <= 1 << 30), "{m} x {k} x {n} is beyond what this program holds (2^30 elements a matrix)");

    let (mut network, mut input) = random::gemm(args.machine.seed, m, k, n, args.raw);
    if let Some((_, x)) = x {
        input = x.data;
        network.zero_point = 0;
    }
    let given = w.is_some();
    let mut layer = Dense { bias: if given { vec![0; n] } else { network.layers[0].bias.clone() }, ..network.layers[0].clone() };
    if let Some((_, w)) = w {
        layer.weights = w.data;
        if !args.raw && args.scale.is_none() {
            layer.output = Output::Raw32;
        }
    }
    if let Some(path) = &args.bias {
        let bias = npy::read_i32(path)?;
        ensure!(bias.data.len() == n, "{}: {} elements, N is {n}", path.display(), bias.data.len());
        layer.bias = bias.data;
    }
    if let Some(path) = &args.scale {
        let scale = npy::read_f32(path)?.data;
        ensure!(
            scale.len() == n || scale.len() == 1,
            "{}: {} elements; N is {n}, and 1 serves all columns",
            path.display(),
            scale.len()
        );
        let scales = if scale.len() == 1 { vec![scale[0]; n] } else { scale };
        layer.output = Output::Int8(Quantised::plain(scales, args.y_zero_point.unwrap_or(0)));
    }
    if let (Output::Int8(q), Some(zp)) = (&mut layer.output, args.y_zero_point) {
        q.zero_point = zp;
    }
    if let Some(zp) = args.x_zero_point {
        network.zero_point = zp;
    }
    network.layers = vec![layer];
    Ok((network, input))
}

/// Runs it; true when every element and every cycle agrees.
pub fn gemm(args: &GemmArgs) -> Result<bool> {
    let config = args.machine.config()?;
    let options = args.machine.options()?;
    output::check_writable(&args.output)?;
    output::check_writable(&args.image)?;
    let (network, input) = workload(args)?;
    let split = gemm::split(&network.graph()?, &config, &systole_compiler::Options::default())?;
    if let Some(path) = &args.image {
        output::write_file(path, &split.body.1.image.to_bytes())?;
    }
    let runs = (split.runs + usize::from(split.rest.is_some())) as u64;
    let bar = if args.machine.json { indicatif::ProgressBar::hidden() } else { output::bar(runs, "building and running") };
    let told = bar.clone();
    let report = gemm::run(&split, &config, args.machine.backend(), &Given::from(&input), &options, move |_| told.inc(1))?;
    bar.finish_and_clear();

    if let Some(path) = &args.output {
        let values: Vec<i32> = report.outputs.concat();
        let shape = [network.m as u64, network.outputs() as u64];
        match network.layers[0].output {
            Output::Raw32 => npy::write(path, &shape, &values)?,
            Output::Int8(_) => npy::write(path, &shape, &values.iter().map(|&v| v as i8).collect::<Vec<_>>())?,
        }
    }
    let (m, k, n, macs) = (network.m, network.k, network.outputs(), network.macs());
    let measured: u64 = report.cycles_measured.iter().sum();
    let utilisation = macs as f64 / (measured.max(1) as f64 * f64::from(config.rows * config.cols));
    let law = split.body.1.law * split.runs as u64 + split.rest.as_ref().map_or(0, |r| r.1.law);
    if args.machine.json {
        let report = json!({
            "config": config.name, "weight_beats": config.weight_beats, "backend": args.machine.backend(),
            "m": m, "k": k, "n": n, "seed": args.machine.seed, "runs": runs,
            "cycles_predicted": report.cycles_predicted, "cycles_measured": measured, "law": law,
            "utilisation": utilisation, "macs": macs, "outputs": report.compared, "mismatches": report.mismatches, "lockstep": report.lockstep,
            "first_mismatch": report.first_mismatch, "sim_cycles_per_second": report.sim_cycles_per_second,
            "compile_seconds": split.seconds,
        });
        output::print(&serde_json::to_string_pretty(&report)?);
    } else {
        output::print(&format!(
            "gemm {m} x {k} x {n} on {}, {}{}",
            config.label(),
            backend(args),
            if runs > 1 { format!(", {runs} runs") } else { String::new() }
        ));
        output::print(&format!("  cycles predicted  {:>12}", output::grouped(report.cycles_predicted)));
        output::print(&format!(
            "  cycles measured   {:>12}   {}",
            output::grouped(measured),
            verdict(measured == report.cycles_predicted, "as predicted", "NOT as predicted")
        ));
        output::print(&format!("  law of time       {:>12}", output::grouped(law)));
        output::print(&format!(
            "  utilisation       {:>11.1} %   {} multiplications",
            100.0 * utilisation,
            output::grouped(macs)
        ));
        output::print(&format!(
            "  outputs           {:>12}   {} differ from the operator reference",
            output::grouped(report.compared as u64),
            verdict(report.mismatches == 0, "0", &report.mismatches.to_string())
        ));
        output::print(&format!(
            "  simulation        {:>12}   cycles a second",
            output::grouped(report.sim_cycles_per_second as u64)
        ));
        output::lockstep(&report);
        if let Some(first) = &report.first_mismatch {
            output::print(&format!("  first: {first}"));
        }
        if !report.is_good() {
            output::print(&format!(
                "repeat: systole gemm --m {m} --k {k} --n {n} --config {} --weight-beats {} --ecc {} --seed {}",
                config.name,
                config.weight_beats,
                config.ecc.name(),
                args.machine.seed
            ));
        }
    }
    Ok(report.mismatches == 0 && report.compared == m * n && measured == report.cycles_predicted && output::in_step(&report))
}

fn backend(args: &GemmArgs) -> &'static str {
    args.machine.backend().label()
}

fn verdict(good: bool, yes: &str, no: &str) -> String {
    if good { output::good(yes) } else { output::bad(no) }
}
