// SPDX-License-Identifier: Apache-2.0
//! Images in RRAM on the whole chip: program, commit, power cycle, wake, correction, poison, locks, refusals.

mod commit;
mod correction;
mod refusals;
mod upkeep;

use std::rc::Rc;
use systole_backends::{AnyTransport, Backend, on_machine};
use systole_chip::device::{Corner, Device};
use systole_chip::{Options, Part, RtlTransport, run_chip};
use systole_compiler::compile;
use systole_host::{Driver, HostError, RunOutput, Transport, Wake};
use systole_isa::ecc::{Ecc, WordCode};
use systole_isa::regs::{RRAM_STATUS_BITS, offset};
use systole_isa::rram::{Layout, slot_bytes};
use systole_isa::{Config, Image};
use systole_verif::{MIXED, TALL, long};
use systole_workloads::random;

/// A small program, a frame, and what it gives on the instruction-level model.
struct Work {
    image: Image,
    frame: Vec<u8>,
    output: RunOutput,
}

fn work(config: &Config, seed: u64) -> Work {
    work_of(config, 3, seed)
}

/// With one vector a run reads a line a cycle.
fn work_of(config: &Config, m: usize, seed: u64) -> Work {
    work_with(config, m, seed, 0)
}

fn work_with(config: &Config, m: usize, seed: u64, scrub_lines: u32) -> Work {
    let options = systole_compiler::Options { scrub_lines, ..Default::default() };
    let (network, input) = random::gemm(seed, m, 20 + 5 * (seed as usize % 5), 2 * config.cols as usize, false);
    let compiled = compile(&network.graph().unwrap(), config, &options).unwrap();
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    let mut machine = systole_golden::Machine::new(config.clone());
    machine.load_image(&compiled.image).unwrap();
    let run = machine.run(&frame).unwrap();
    assert_eq!(run.cycles, compiled.cycles);
    Work { image: compiled.image, frame, output: RunOutput { frame: run.frame, cycles: run.cycles } }
}

fn named(name: &str) -> Config {
    Config::named(name).unwrap()
}

fn dected(name: &str, beats: u32) -> Config {
    named(name).with_weight_beats(beats).unwrap().with_ecc(Ecc::DecTed)
}

/// A machine that other tests need too, or in the long suite tiny.
fn two_beats() -> Config {
    named(if long() { "tiny" } else { MIXED }).with_weight_beats(2).unwrap()
}

fn on_chip<T: 'static, F: Future<Output = T> + 'static>(config: &Config, job: impl FnOnce(RtlTransport) -> F + 'static) -> T {
    // The quick suite has DEC-TED behind the model of the cells alone: one model of the chip less.
    if config.ecc == Ecc::DecTed && !long() {
        return on_healthy_cells(config, job);
    }
    run_chip(config, &Options::default(), job).unwrap_or_else(|e| panic!("{e}"))
}

/// On cells without faults of their own, behind the model that other tests of the machine have built.
fn on_healthy_cells<T: 'static, F: Future<Output = T> + 'static>(
    config: &Config,
    job: impl FnOnce(RtlTransport) -> F + 'static,
) -> T {
    let part = Part { pulse_cycles: 2, corner: Corner::named("healthy22").unwrap(), ..Part::default() };
    run_chip(config, &Options { part: Some(part), ..Options::default() }, job).unwrap_or_else(|e| panic!("{e}"))
}

/// On cells that switch, drift and wear; pulses of two cycles.
fn on_part<T: 'static>(
    backend: Backend,
    config: &Config,
    seed: u64,
    job: impl AsyncFnOnce(&mut Driver<AnyTransport>) -> T + 'static,
) -> T {
    let part = Part { pulse_cycles: 2, seed, ..Part::default() };
    let options = Options { part: Some(part), ..Options::default() };
    on_machine(backend, config, &options, async move |driver| Ok(job(driver).await)).unwrap_or_else(|e| panic!("{e:#}"))
}

async fn power_cycle(driver: &mut Driver<AnyTransport>) {
    driver.transport().power_cycle().await.unwrap();
    driver.wait_rram().await.unwrap();
}

fn machine_error(result: Result<impl Sized, HostError>) -> &'static str {
    match result.err() {
        Some(HostError::Machine { name, .. }) => name,
        other => panic!("no error of the machine: {other:?}"),
    }
}
