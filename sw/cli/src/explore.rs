// SPDX-License-Identifier: Apache-2.0
//! `systole explore`: what area buys. Cycles are compiled, areas were measured (constraints/fits.toml, build/fpga/fits.toml).

use crate::{onnx, output, sizes};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use systole_campaigns::chart::{Mark, marks};
use systole_compiler::{Options, Tables, compile, place_tables};
use systole_workloads::digits;

/// Cycles of a network over the area of machines: which of them nothing smaller beats.
#[derive(Args)]
pub struct ExploreArgs {
    /// digits, or a model in ONNX
    network: String,
    /// A configuration whose area was measured; again for more. All that were without one
    #[arg(long, value_name = "CONFIG")]
    config: Vec<String>,
    /// Clock of all of them
    #[arg(long, value_name = "MHZ", default_value_t = 50.0, value_parser = |s: &str| output::within(s, 0.001, 100_000.0))]
    mhz: f64,
    /// Draw it as SVG
    #[arg(long, value_name = "F.svg")]
    plot: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// A machine on the picture.
struct Point {
    config: String,
    fit: toml::Table,
    cycles: Result<u64, String>,
    best: bool,
}

/// Measured areas: those in the repository, and over them those of this clone's own runs.
fn fits() -> Result<BTreeMap<String, toml::Table>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = BTreeMap::new();
    for file in ["constraints/fits.toml", "build/fpga/fits.toml"] {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        let table: toml::Table = text.parse().with_context(|| format!("{file} is no TOML"))?;
        for (name, fit) in table {
            let fit = fit.as_table().with_context(|| format!("{file}: {name} is no table"))?.clone();
            ensure!(number(&fit, "COMB") > 0, "{file}: {name} says no COMB");
            all.insert(name, fit);
        }
    }
    Ok(all)
}

fn number(fit: &toml::Table, kind: &str) -> u64 {
    fit.get(kind).map_or(0, |v| v.as_integer().map_or(v.as_float().unwrap_or(0.0).ceil() as u64, |n| n as u64))
}

/// Compiles for each machine, prints the table, draws.
pub fn explore(args: &ExploreArgs) -> Result<bool> {
    output::check_writable(&args.plot)?;
    let mut fits = fits()?;
    if !args.config.is_empty() {
        // A machine is the same however its sizes are written.
        let sizes = |name: &String| sizes::configuration(name, None, None).map(|c| c.parameters());
        let known = fits.keys().map(|name| Ok((name.clone(), sizes(name)?))).collect::<Result<Vec<_>>>()?;
        let mut asked = BTreeSet::new();
        for name in &args.config {
            let own = sizes(name)?;
            let found = known.iter().find(|k| k.1 == own);
            let (found, _) = found.with_context(|| {
                let known: Vec<&str> = fits.keys().map(String::as_str).collect();
                format!(
                    "the area of {name} was not measured: scripts/fpga.sh ulx3s-85f --config {name} --fit; known are {}",
                    known.join(" ")
                )
            })?;
            asked.insert(found);
        }
        fits.retain(|name, _| asked.contains(name));
    }
    let graph = if args.network == "digits" { digits::load()?.network.graph()? } else { onnx::load(Path::new(&args.network))? };
    let mut points: Vec<Point> = Vec::new();
    for (name, fit) in fits {
        let config = sizes::configuration(&name, None, None)?;
        let cycles = place_tables(&graph, &config, Tables::Auto)
            .and_then(|graph| compile(&graph, &config, &Options::default()))
            .map(|c| c.cycles)
            .map_err(|e| e.to_string());
        points.push(Point { config: name, fit, cycles, best: false });
    }
    points.sort_by_key(|p| (number(&p.fit, "COMB"), p.cycles.clone().unwrap_or(u64::MAX)));
    let mut least = u64::MAX;
    for point in &mut points {
        point.best = point.cycles.as_ref().is_ok_and(|&c| c < least);
        least = least.min(point.cycles.clone().unwrap_or(u64::MAX));
    }
    let us = |cycles: u64| cycles as f64 / args.mhz;
    if let Some(path) = &args.plot {
        let all: Vec<Mark> = points
            .iter()
            .filter_map(|p| {
                let at = (number(&p.fit, "COMB") as f64, us(*p.cycles.as_ref().ok()?));
                Some(Mark { name: p.config.clone(), at, best: p.best })
            })
            .collect();
        let title = format!("{} at {} MHz: area against time", args.network, args.mhz);
        marks(path, &title, ("COMB (LUT4 and carry) of an ECP5", "us an inference"), &all)?;
    }
    if args.json {
        let all: Vec<_> = points
            .iter()
            .map(|p| {
                json!({"config": p.config, "comb": number(&p.fit, "COMB"), "ff": number(&p.fit, "FF"), "ebr": number(&p.fit, "EBR"),
                    "dsp": number(&p.fit, "DSP"), "cycles": p.cycles.as_ref().ok(), "why_not": p.cycles.as_ref().err(),
                    "us": p.cycles.as_ref().ok().map(|&c| us(c)), "best": p.best})
            })
            .collect();
        output::print(&serde_json::to_string_pretty(&json!({"network": args.network, "mhz": args.mhz, "machines": all}))?);
        return Ok(true);
    }
    output::print(&format!("{} at {} MHz; * nothing smaller is faster", args.network, args.mhz));
    output::print("    configuration                          COMB      FF   EBR   DSP       cycles          us");
    for p in &points {
        let area = format!(
            "{:>7} {:>7} {:>5} {:>5}",
            number(&p.fit, "COMB"),
            number(&p.fit, "FF"),
            number(&p.fit, "EBR"),
            number(&p.fit, "DSP")
        );
        let star = if p.best { "*" } else { " " };
        let took = match &p.cycles {
            Ok(cycles) => format!("{:>12} {:>11.2}", output::grouped(*cycles), us(*cycles)),
            Err(why) => format!("  {}", why.split(';').next().unwrap_or(why)),
        };
        output::print(&format!("  {star} {:<34} {area} {took}", p.config));
    }
    Ok(true)
}
