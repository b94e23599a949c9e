// SPDX-License-Identifier: Apache-2.0
//! `make bench`: speed of the harness beside a hand-written C++ loop and cocotb on one design, and of
//! the instruction-level model beside the RTL. Every figure is the best of [`ROUNDS`], and the things
//! that are compared take turns, so that ratios come from one run on one state of the machine.

use anyhow::{Context, Result, ensure};
use harness::Sim;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use systole_backends::{Backend, run_frames};
use systole_chip::Options;
use systole_compiler::compile;
use systole_isa::Config;
use systole_workloads::random;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap_or_default()
}

/// Turns that each of the things compared takes; the best one counts.
const ROUNDS: usize = 7;

/// Cycles a second of the harness on the chip: every task reads one port in every cycle, the first
/// also writes one; no task: `cycles(n)`.
fn harness_speed(config: &Config, tasks: usize, cycles: u64) -> Result<f64> {
    let library = systole_chip::spec(config)?.build()?;
    let seconds = harness::run(&library, 1, None, move |sim: Sim| async move {
        let clk = sim.clock("clk_i");
        sim.signal("rst_i").set(1);
        clk.cycles(4).await;
        sim.signal("rst_i").set(0);
        for n in 1..tasks {
            let (clk, port) = (clk.clone(), sim.signal("s_axil_rdata_o"));
            sim.spawn(format!("reader {n}"), async move {
                let mut sum = 0u64;
                loop {
                    clk.rising_edge().await;
                    sum = sum.wrapping_add(port.get());
                }
            });
        }
        let (data, port) = (sim.signal("s_axil_wdata_i"), sim.signal("s_axil_rdata_o"));
        let begin = Instant::now();
        if tasks == 0 {
            clk.cycles(cycles).await;
        } else {
            let mut sum = 0u64;
            for n in 0..cycles {
                data.set(n);
                clk.rising_edge().await;
                sum = sum.wrapping_add(port.get());
            }
            assert_eq!(sum, 0);
        }
        begin.elapsed().as_secs_f64()
    })?;
    Ok(cycles as f64 / seconds.value)
}

/// The same in C++, with the compiler's options of the harness: writes one port, evaluates twice,
/// reads one port. Gives the program.
fn cpp_loop(config: &Config, folder: &Path, cycles: u64) -> Result<PathBuf> {
    let code = format!(
        r#"#include "Vmodel.h"
#include "verilated.h"
#include <chrono>
#include <cstdio>
int main() {{
    VerilatedContext context;
    Vmodel top(&context);
    unsigned long long sum = 0;
    top.rst_i = 1;
    for (int i = 0; i < 4; i++) {{ top.clk_i = 1; top.eval(); top.clk_i = 0; top.eval(); }}
    top.rst_i = 0;
    auto begin = std::chrono::steady_clock::now();
    for (unsigned long long n = 0; n < {cycles}ULL; n++) {{
        top.clk_i = 1; top.eval();
        top.s_axil_wdata_i = (unsigned)n;
        top.clk_i = 0; top.eval();
        sum += top.s_axil_rdata_o;
    }}
    double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    printf("%f %llu\n", {cycles}.0 / s, sum);
}}
"#
    );
    std::fs::write(folder.join("loop.cpp"), code)?;
    let (sources, includes) = systole_chip::source_list()?;
    let mut verilator = Command::new("verilator");
    verilator.args([
        "--cc",
        "--exe",
        "--build",
        "-O3",
        "--x-assign",
        "fast",
        "--assert",
        "-Wno-fatal",
        "-Wno-lint",
        "--prefix",
        "Vmodel",
        "--top-module",
        "systole_top",
    ]);
    verilator.arg(format!("-GCONFIG={}", config.id));
    verilator.args(["-MAKEFLAGS", "OPT_FAST=-O3 OPT_SLOW=-O0 OPT_GLOBAL=-O2", "-o", "loop", "--Mdir"]).arg(folder.join("obj"));
    verilator.args(includes.iter().map(|i| format!("-I{}", i.display()))).args(&sources).arg(folder.join("loop.cpp"));
    let out = verilator.output().context("verilator")?;
    ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Ok(folder.join("obj/loop"))
}

/// Cycles a second of the C++ loop.
fn cpp_speed(program: &Path) -> Result<f64> {
    let out = Command::new(program).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.split_whitespace().next().and_then(|v| v.parse().ok()).with_context(|| format!("the C++ loop printed '{text}'"))
}

/// The same in cocotb 1.9.2 on Verilator, or why not.
fn cocotb_speed(config: &Config, folder: &Path, cycles: u64) -> Result<f64, String> {
    let tool = root().join(".venv/bin/cocotb-config");
    if !tool.exists() {
        return Err("not installed: scripts/setup.sh --bench".into());
    }
    let test = format!(
        "import time, cocotb\nfrom cocotb.clock import Clock\nfrom cocotb.triggers import RisingEdge\n\n@cocotb.test()\nasync def speed(dut):\n    cocotb.start_soon(Clock(dut.clk_i, 2, units='ns').start())\n    dut.rst_i.value = 1\n    for _ in range(4):\n        await RisingEdge(dut.clk_i)\n    dut.rst_i.value = 0\n    begin, total = time.perf_counter(), 0\n    for n in range({cycles}):\n        dut.s_axil_wdata_i.value = n\n        await RisingEdge(dut.clk_i)\n        total += int(dut.s_axil_rdata_o.value)\n    rate = {cycles} / (time.perf_counter() - begin)\n    open('rate.txt', 'w').write(str(rate))\n"
    );
    let (sources, includes) = systole_chip::source_list().map_err(|e| e.to_string())?;
    let list = |paths: &[PathBuf]| {
        paths.iter().fold(String::new(), |mut t, p| {
            let _ = write!(t, "{} ", p.display());
            t
        })
    };
    let flags = includes.iter().fold(String::new(), |mut t, p| {
        let _ = write!(t, "-I{} ", p.display());
        t
    });
    let makefile = format!(
        "SIM = verilator\nTOPLEVEL_LANG = verilog\nVERILOG_SOURCES = {}\nTOPLEVEL = systole_top\nMODULE = speed\nEXTRA_ARGS += -O3 -Wno-fatal -Wno-lint --assert -GCONFIG={} {flags} -CFLAGS -O3\ninclude $(shell {} --makefiles)/Makefile.sim\n",
        list(&sources),
        config.id,
        tool.display()
    );
    std::fs::write(folder.join("speed.py"), test).map_err(|e| e.to_string())?;
    std::fs::write(folder.join("Makefile"), makefile).map_err(|e| e.to_string())?;
    let path = format!("{}:{}", root().join(".venv/bin").display(), std::env::var("PATH").unwrap_or_default());
    let out = Command::new("make").current_dir(folder).env("PATH", path).output().map_err(|e| e.to_string())?;
    std::fs::read_to_string(folder.join("rate.txt")).ok().and_then(|t| t.parse().ok()).ok_or_else(|| {
        format!("cocotb did not finish: {}", String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or("no message"))
    })
}

/// Seconds for a run and cycles a second of a backend on `base`. The first run, which puts the image
/// into the memories, does not count.
fn chip_speed(backend: Backend, m: usize, k: usize, n: usize, runs: usize) -> Result<(f64, f64)> {
    let config = Config::named("base")?;
    let (network, input) = random::gemm(1, m, k, n, false);
    let compiled = compile(&network.graph()?, &config, &systole_compiler::Options::default())?;
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    let set = run_frames(backend, &config, &compiled.image, vec![frame; runs], &Options::default(), |_| {})?;
    Ok((set.seconds / runs as f64, set.cycles as f64 / set.seconds))
}

fn harness_table(config: &Config, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let cycles = 400_000;
    let program = cpp_loop(config, folder, cycles)?;
    let kinds = [("harness, `cycles(n)`", 0), ("harness, 1 task", 1), ("harness, 16 tasks", 16)];
    let (mut cpp, mut ours) = (0f64, [0f64; 3]);
    let mut cocotb: Result<f64, String> = Ok(0.0);
    for _ in 0..ROUNDS {
        cpp = cpp.max(cpp_speed(&program)?);
        for (best, (_, tasks)) in ours.iter_mut().zip(kinds) {
            *best = best.max(harness_speed(config, tasks, cycles)?);
        }
        cocotb = cocotb.and_then(|best: f64| Ok(best.max(cocotb_speed(config, folder, 20_000)?)));
    }
    println!("\n| chip in `{}`, driven by | cycles a second | of the C++ loop |\n|---|---:|---:|", config.name);
    println!("| hand-written C++ loop | {cpp:.0} | 1.00 |");
    for (speed, (what, _)) in ours.iter().zip(kinds) {
        println!("| {what} | {speed:.0} | {:.2} |", speed / cpp);
    }
    match cocotb {
        Ok(speed) => println!(
            "| cocotb 1.9.2, 1 task | {speed:.0} | {:.4}: the harness is {:.0} times as fast |",
            speed / cpp,
            ours[1] / speed
        ),
        Err(why) => println!("| cocotb 1.9.2, 1 task | - | {why} |"),
    }
    Ok(())
}

fn main() -> Result<()> {
    println!("Every task reads a port in every cycle, one writes a port too. Best of {ROUNDS} turns.");
    for name in ["tiny", "small"] {
        harness_table(&Config::named(name)?, &root().join("target/bench").join(name))?;
    }
    println!(
        "\n| workload on `base` | RTL cycles a second | model cycles a second | RTL time for a run | model | ratio of times |\n|---|---:|---:|---:|---:|---:|"
    );
    for (m, k, n, runs) in [(1, 1024, 1024, 40), (256, 256, 256, 3)] {
        let (mut rtl, mut model) = ((f64::MAX, 0f64), (f64::MAX, 0f64));
        for _ in 0..ROUNDS {
            for (best, backend, runs) in [(&mut rtl, Backend::Rtl, runs), (&mut model, Backend::Model, runs * 20)] {
                let (seconds, speed) = chip_speed(backend, m, k, n, runs)?;
                *best = (best.0.min(seconds), best.1.max(speed));
            }
        }
        println!(
            "| {m} x {k} x {n} | {:.0} | {:.0} | {:.2} ms | {:.3} ms | {:.0} |",
            rtl.1,
            model.1,
            rtl.0 * 1e3,
            model.0 * 1e3,
            rtl.0 / model.0
        );
    }
    Ok(())
}
