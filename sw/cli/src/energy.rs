// SPDX-License-Identifier: Apache-2.0
//! `systole energy`, and the table of `systole run --energy`.

use crate::{output, sizes};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use systole_campaigns::chart::{Series, lines};
use systole_compiler::compile;
use systole_isa::Config;
use systole_isa::ecc::Ecc;
use systole_workloads::energy::{CONSTANTS, Energy, Range, idle, of_events};
use systole_workloads::random;

/// Energy of a matrix product over M and over the RRAM's energy, and what non-volatility saves between inferences.
#[derive(Args)]
pub struct EnergyArgs {
    /// K and N of the product
    #[arg(long, default_value = "1024x1024", value_name = "KxN")]
    size: String,
    /// Inferences a second, for the energy of idling
    #[arg(long, default_value_t = 100.0, allow_negative_numbers = true, value_parser = |s: &str| output::within(s, 1e-6, 1e9))]
    rate: f64,
    /// Clock in MHz
    #[arg(long, default_value_t = 100.0, allow_negative_numbers = true, value_parser = |s: &str| output::within(s, 1e-3, 1e5))]
    mhz: f64,
    #[arg(long, default_value = "base", help = sizes::help())]
    config: String,
    /// Cycles that a weight bank needs for one word: 1, 2 or 4 [default: 1]
    #[arg(long, value_name = "D")]
    weight_beats: Option<u32>,
    /// Code of RRAM words: secded or dected [default: secded]
    #[arg(long, value_name = "CODE")]
    ecc: Option<Ecc>,
    /// Draw TOPS/W over M as SVG
    #[arg(long, value_name = "F.svg")]
    plot: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

fn range(r: Range, scale: f64, digits: usize) -> String {
    format!("{:>9.digits$} {:>9.digits$} {:>9.digits$}", r.low * scale, r.typ * scale, r.high * scale)
}

/// The table of `runs` inferences, per inference.
pub fn print(energy: &Energy, runs: usize, config: &Config) {
    let each = 1e-3 / runs.max(1) as f64;
    output::print(&format!("  energy of one inference on {}, in nJ        low       typ      high", config.label()));
    for p in &energy.parts {
        output::print(&format!(
            "    {:<24} {:>10} times  {}",
            p.name,
            output::grouped(p.count / runs.max(1) as u64),
            range(p.pj, each, 3)
        ));
    }
    output::print(&format!("    {:<24} {:>16}  {}", "all", "", range(energy.total, each, 3)));
    output::print(&format!("    {:<24} {:>16}  {}", "TOPS/W", "", range(energy.tops_per_watt, 1.0, 3)));
}

/// Curves and idle energy.
pub fn energy(args: &EnergyArgs) -> Result<bool> {
    output::check_writable(&args.plot)?;
    let config = sizes::configuration(&args.config, args.weight_beats, args.ecc)?;
    let parse = |s: &str| s.parse::<usize>().ok().filter(|&s| s > 0);
    let size = args.size.split_once('x').and_then(|(k, n)| Some((parse(k)?, parse(n)?)));
    let (k, n) = size.with_context(|| format!("--size {}: not KxN, as 1024x1024", args.size))?;
    let holds = (config.rows * config.cols * config.rram_depth) as usize;
    ensure!(
        k.checked_mul(n).is_some_and(|weights| weights <= holds),
        "--size {k}x{n}: the RRAM of {} holds {} weights; take a smaller product or a larger --config",
        config.label(),
        output::grouped(holds as u64)
    );
    let levels = [0.2, 0.5, 1.0, 2.0];
    let mut rows = vec![];
    for m in [1usize, 2, 4, 8, 16, 32] {
        let (network, input) = random::gemm(1, m, k, n, false);
        let compiled = compile(&network.graph()?, &config, &systole_compiler::Options::default())?;
        let mut machine = systole_golden::Machine::new(config.clone());
        machine.load_image(&compiled.image)?;
        let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
        let run = machine.run(&compiled.image.input.pack(&values, compiled.image.in_bytes as usize))?;
        let macs = (m * k * n) as u64;
        let curve = levels.map(|e| of_events(&run.events, &config, macs, Some(e)).tops_per_watt.typ);
        rows.push((m, run.cycles, of_events(&run.events, &config, macs, None), curve));
    }
    let cycles = rows[0].1;
    let image_bytes = (k * n) as u64;
    let idle = idle(&config, image_bytes, cycles, args.mhz, args.rate);
    ensure!(
        idle.duty <= 1.0,
        "--rate {}: an inference takes {} cycles, so at {} MHz there are at most {:.0} a second",
        args.rate,
        output::grouped(cycles),
        args.mhz,
        args.mhz * 1e6 / cycles as f64
    );
    if let Some(path) = &args.plot {
        let series: Vec<Series> = levels
            .iter()
            .enumerate()
            .map(|(i, e)| Series { name: format!("{e} pJ/bit"), points: rows.iter().map(|r| (r.0 as f64, r.3[i])).collect() })
            .collect();
        lines(
            path,
            &format!("TOPS/W of M x {k} x {n} on {}", config.label()),
            ("M: vectors that share a weight", "TOPS/W"),
            false,
            &series,
        )?;
    }
    if args.json {
        let table: Vec<_> = rows.iter().map(|(m, c, e, curve)| json!({"m": m, "cycles": c, "energy": e, "tops_per_watt_by_pj_per_bit": levels.iter().zip(curve).collect::<Vec<_>>()})).collect();
        let constants: Vec<_> = CONSTANTS.iter().map(|c| json!({"name": c.name, "pj": c.pj, "source": c.source})).collect();
        let json = json!({"config": config.name, "weight_beats": config.weight_beats, "ecc": config.ecc, "k": k, "n": n, "curve": table, "idle": idle, "constants": constants});
        output::print(&serde_json::to_string_pretty(&json)?);
        return Ok(true);
    }
    output::print(&format!("M x {k} x {n} on {}: TOPS/W (typical; RRAM by pJ/bit)", config.label()));
    output::print("     M     cycles   0.2 pJ    0.5 pJ    1.0 pJ    2.0 pJ    low .. high at 0.2 .. 2 pJ");
    for (m, cycles, energy, curve) in &rows {
        let text: Vec<String> = curve.iter().map(|t| format!("{t:>8.3}")).collect();
        let t = energy.tops_per_watt;
        output::print(&format!("  {m:>4} {:>10} {}    {:.3} .. {:.3}", output::grouped(*cycles), text.join("  "), t.low, t.high));
    }
    print(&rows[0].2, 1, &config);
    output::print(&format!(
        "  idle, {} inferences a second at {} MHz (the chip computes {:.3} % of the time), in nJ an inference",
        args.rate,
        args.mhz,
        100.0 * idle.duty
    ));
    output::print(&format!("    {:<42} {}", "SRAM that keeps the weights", range(idle.sram_hold, 1e-3, 1)));
    output::print(&format!("    {:<42} {}", "RRAM without power, woken for each", range(idle.rram_wake, 1e-3, 1)));
    output::print("  sources");
    for c in &CONSTANTS {
        output::print(&format!("    {:<30} {:>5} {:>5} {:>5}   {}", c.name, c.pj.low, c.pj.typ, c.pj.high, c.source));
    }
    Ok(true)
}
