// SPDX-License-Identifier: Apache-2.0
//! `make bench`: speed of the harness beside a hand-written C++ loop and cocotb on one design, and of
//! the instruction-level model beside the RTL. One table, ratios from one run.

use anyhow::{Context, Result, ensure};
use harness::Sim;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use systole_chip::Options;
use systole_compiler::compile;
use systole_isa::Config;
use systole_verif::{Backend, random, run_frames};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap_or_default()
}

/// Cycles a second of the harness on the chip `small`: every task reads one port in every cycle,
/// the first also writes one; no task: `cycles(n)`.
fn harness_speed(tasks: usize, cycles: u64) -> Result<f64> {
    let library = systole_chip::spec(&Config::named("small")?)?.build()?;
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

/// The same in C++: writes one port, evaluates twice, reads one port.
fn cpp_speed(folder: &Path, cycles: u64) -> Result<f64> {
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
    verilator.args(["--cc", "--exe", "--build", "-O3", "--x-assign", "fast", "--assert", "-Wno-fatal", "-Wno-lint", "--prefix", "Vmodel", "--top-module", "systole_top", "-GCONFIG=1"]);
    verilator.args(["-MAKEFLAGS", "OPT_FAST=-O3 OPT_SLOW=-O0 OPT_GLOBAL=-O2", "-o", "loop", "--Mdir"]).arg(folder.join("obj"));
    verilator.args(includes.iter().map(|i| format!("-I{}", i.display()))).args(&sources).arg(folder.join("loop.cpp"));
    let out = verilator.output().context("verilator")?;
    ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let out = Command::new(folder.join("obj/loop")).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.split_whitespace().next().and_then(|v| v.parse().ok()).with_context(|| format!("the C++ loop printed '{text}'"))
}

/// The same in cocotb 1.9.2 on Verilator, or why not.
fn cocotb_speed(folder: &Path, cycles: u64) -> Result<f64, String> {
    let config = root().join(".venv/bin/cocotb-config");
    if !config.exists() {
        return Err("not installed: scripts/setup.sh --bench".into());
    }
    let test = format!(
        "import time, cocotb\nfrom cocotb.clock import Clock\nfrom cocotb.triggers import RisingEdge\n\n@cocotb.test()\nasync def speed(dut):\n    cocotb.start_soon(Clock(dut.clk_i, 2, units='ns').start())\n    dut.rst_i.value = 1\n    for _ in range(4):\n        await RisingEdge(dut.clk_i)\n    dut.rst_i.value = 0\n    begin, total = time.perf_counter(), 0\n    for n in range({cycles}):\n        dut.s_axil_wdata_i.value = n\n        await RisingEdge(dut.clk_i)\n        total += int(dut.s_axil_rdata_o.value)\n    rate = {cycles} / (time.perf_counter() - begin)\n    open('rate.txt', 'w').write(str(rate))\n"
    );
    let (sources, includes) = systole_chip::source_list().map_err(|e| e.to_string())?;
    let list = |paths: &[PathBuf]| paths.iter().fold(String::new(), |mut t, p| {
        let _ = write!(t, "{} ", p.display());
        t
    });
    let flags = includes.iter().fold(String::new(), |mut t, p| {
        let _ = write!(t, "-I{} ", p.display());
        t
    });
    let makefile = format!(
        "SIM = verilator\nTOPLEVEL_LANG = verilog\nVERILOG_SOURCES = {}\nTOPLEVEL = systole_top\nMODULE = speed\nEXTRA_ARGS += -O3 -Wno-fatal -Wno-lint --assert -GCONFIG=1 {flags} -CFLAGS -O3\ninclude $(shell {} --makefiles)/Makefile.sim\n",
        list(&sources),
        config.display()
    );
    std::fs::write(folder.join("speed.py"), test).map_err(|e| e.to_string())?;
    std::fs::write(folder.join("Makefile"), makefile).map_err(|e| e.to_string())?;
    let path = format!("{}:{}", root().join(".venv/bin").display(), std::env::var("PATH").unwrap_or_default());
    let out = Command::new("make").current_dir(folder).env("PATH", path).output().map_err(|e| e.to_string())?;
    std::fs::read_to_string(folder.join("rate.txt"))
        .ok()
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| format!("cocotb did not finish: {}", String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or("no message")))
}

/// Cycles a second of a backend on `base`, from the cycles of the runs themselves.
fn chip_speed(backend: Backend, m: usize, k: usize, n: usize, runs: usize) -> Result<f64> {
    let config = Config::named("base")?;
    let (network, input) = random::gemm(1, m, k, n, false);
    let compiled = compile(&network, &config, &systole_compiler::Options::default())?;
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    let set = run_frames(backend, &config, &compiled.image, vec![frame; runs], &Options::default(), |_| {})?;
    Ok(set.cycles as f64 / set.seconds)
}

fn main() -> Result<()> {
    let folder = root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let cycles = 400_000;
    println!("Harness, on the chip in configuration small; every task reads a port in every cycle, one writes:\n");
    let cpp = cpp_speed(&folder, cycles)?;
    println!("| what drives it | cycles a second | of the C++ loop |\n|---|---|---|");
    println!("| hand-written C++ loop | {cpp:.0} | 1.00 |");
    let mut one = 0.0;
    for (what, tasks) in [("harness, `cycles(n)`", 0), ("harness, 1 task", 1), ("harness, 16 tasks", 16)] {
        let speed = harness_speed(tasks, cycles)?;
        one = if tasks == 1 { speed } else { one };
        println!("| {what} | {speed:.0} | {:.2} |", speed / cpp);
    }
    match cocotb_speed(&folder, 20_000) {
        Ok(speed) => println!("| cocotb 1.9.2, 1 task | {speed:.0} | {:.4}: the harness is {:.0} times as fast |", speed / cpp, one / speed),
        Err(why) => println!("| cocotb 1.9.2 | - | {why} |"),
    }
    println!("\nThe machine, configuration base:\n\n| workload | RTL cycles a second | instruction-level model | ratio |\n|---|---|---|---|");
    for (m, k, n, runs) in [(1, 1024, 1024, 40), (256, 256, 256, 3)] {
        let rtl = chip_speed(Backend::Rtl, m, k, n, runs)?;
        let model = chip_speed(Backend::Model, m, k, n, runs * 10)?;
        println!("| {m} x {k} x {n} | {rtl:.0} | {model:.0} | {:.0} |", model / rtl);
    }
    Ok(())
}
