// SPDX-License-Identifier: Apache-2.0
//! The chip and the controller's model after every command of random sequences: the same cells, pulse by pulse, the same
//! line table, records and registers.

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use std::rc::Rc;
use systole_backends::{AnyTransport, Backend, on_machine};
use systole_campaigns::power;
use systole_chip::{Options, Part};
use systole_compiler::compile;
use systole_host::{Driver, HostError, Transport, Wake};
use systole_isa::ecc::Ecc;
use systole_isa::regs::offset;
use systole_isa::rram::Layout;
use systole_isa::{Config, Image};
use systole_verif::long;
use systole_workloads::random;

/// What the controller shows of its books.
const REGISTERS: [&str; 14] = [
    "ERROR",
    "RRAM_STATUS",
    "RRAM_SLOT",
    "RRAM_EPOCH",
    "RRAM_IMAGE_CRC",
    "RRAM_CORRECTED",
    "RRAM_UNCORRECTABLE",
    "RRAM_PULSES",
    "RRAM_RETRIES",
    "RRAM_REMAPS",
    "RRAM_WEAR",
    "RRAM_SWAPS",
    "RRAM_REFRESHED",
    "RRAM_TILE",
];

#[derive(Debug, Clone)]
enum Command {
    Update { image: usize },
    Power,
    Wake { warm: bool },
    Scrub,
    Run { budget: u32 },
    Age { years: u8 },
    Stick { newest: bool, part: u32, row: u32, line: u32, bits: Vec<(u32, bool)> },
}

fn command() -> impl Strategy<Value = Command> {
    let cells = prop::collection::vec((0u32..39, any::<bool>()), 1..3);
    prop_oneof![
        4 => (0usize..3).prop_map(|image| Command::Update { image }),
        2 => Just(Command::Power),
        1 => any::<bool>().prop_map(|warm| Command::Wake { warm }),
        2 => Just(Command::Scrub),
        2 => (0u32..60).prop_map(|budget| Command::Run { budget }),
        2 => (1u8..20).prop_map(|years| Command::Age { years }),
        2 => (any::<bool>(), 0u32..3, 0u32..4, 0u32..12, cells)
            .prop_map(|(newest, part, row, line, bits)| Command::Stick { newest, part, row, line, bits }),
    ]
}

/// In the quick suite the campaigns' machine, with fewer lines: a model in which every variable can be read takes long to build.
fn machine() -> Config {
    if long() { Config::named("tiny").unwrap() } else { power::machine(Ecc::Secded) }
}

/// Images of different sizes, and a frame for each.
fn works(config: &Config) -> Vec<(Image, Vec<u8>)> {
    let work = |seed: u64| {
        let (network, input) = random::gemm(seed, 1 + seed as usize % 3, 12 + 7 * seed as usize, config.cols as usize, false);
        let image = compile(&network.graph().unwrap(), config, &Default::default()).unwrap().image;
        let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
        let frame = image.input.pack(&values, image.in_bytes as usize);
        (image, frame)
    };
    (1..4).map(work).collect()
}

/// What there is to compare after a command.
#[derive(Debug, PartialEq)]
struct Seen {
    answer: String,
    registers: Vec<(&'static str, u32)>,
    cells: Vec<u8>,
    /// Entries of a slot's lines; none where its half is not made yet.
    tables: [Option<Vec<(u16, u16)>>; 2],
}

async fn table(driver: &mut Driver<AnyTransport>) -> [Option<Vec<(u16, u16)>>; 2] {
    let layout = Layout::of(driver.config());
    let slot = |all: &[(u16, u16)], s: u32| all[(s * layout.half) as usize..][..layout.slot_lines as usize].to_vec();
    match driver.transport() {
        AnyTransport::Model(t) => {
            let rram = t.rram().unwrap();
            let all = rram.wear_of_lines();
            [0, 1].map(|s| rram.has_table(s).then(|| slot(&all, s)))
        }
        AnyTransport::Board(_) => unreachable!("no board here"),
        AnyTransport::Rtl(t) => {
            let sim = t.sim().clone();
            let all: Vec<(u16, u16)> = sim.with_model(|m| {
                let mut table = m.variables();
                table.retain(|v| v.depth > 1 && v.name.contains(".u_lines.u_table."));
                assert_eq!(table.len(), 1);
                let entry = |n: u32| m.peek(&table[0], n)[0];
                (0..2 * layout.half).map(|n| (entry(n) as u16, (entry(n) >> 16) as u16)).collect()
            });
            [0, 1].map(|s| Some(slot(&all, s)))
        }
    }
}

async fn apply(driver: &mut Driver<AnyTransport>, command: &Command, works: &[(Image, Vec<u8>)]) -> Result<String, HostError> {
    match *command {
        Command::Update { image } => {
            let slot = driver.program(&works[image].0, None).await?;
            driver.wake(Wake::Checked, &works[image].0).await?;
            return Ok(format!("slot {slot}"));
        }
        Command::Power => {
            driver.transport().power_cycle().await?;
            driver.wait_rram().await?;
        }
        Command::Wake { warm } => driver.wake_any(if warm { Wake::Warm } else { Wake::Checked }).await?,
        Command::Scrub => driver.scrub().await?,
        Command::Run { budget } => {
            let Some(awake) = driver.rram_status().await?.awake else { return Ok("nothing is awake".into()) };
            let crc = |image: &Image| systole_isa::rram::slot_bytes(image, &machine()).1.image_crc;
            let (image, frame) = works.iter().find(|w| crc(&w.0) == awake).unwrap();
            driver.adopt(image).await?;
            driver.transport().write(offset("RRAM_SCRUB_BUDGET"), budget).await?;
            let out = driver.run(frame).await?;
            driver.wait_rram().await?;
            return Ok(format!("{} cycles, {:?}", out.cycles, out.frame));
        }
        Command::Age { years } => {
            driver.transport().with_cells(|d| d.age(f64::from(years) * 3.156e7, 85.0));
        }
        Command::Stick { newest, part, row, line, ref bits } => {
            let slot = driver.rram_status().await?.newest.map_or(0, |s| if newest { s } else { 1 - s });
            let layout = Layout::of(driver.config());
            let first = [slot * layout.half, layout.table(slot), layout.record(slot)][part as usize];
            driver.transport().with_cells(|d| bits.iter().for_each(|&(bit, one)| d.stick(row, first + line, bit, one)));
        }
    }
    Ok(String::new())
}

fn run(backend: Backend, seed: u64, commands: &[Command], works: &Rc<Vec<(Image, Vec<u8>)>>) -> Vec<Seen> {
    let config = machine();
    let part = Part { pulse_cycles: 3, seed, ..Part::default() };
    let options = Options { part: Some(part), upsets: true, ..Options::default() };
    let (commands, works) = (commands.to_vec(), works.clone());
    on_machine(backend, &config, &options, async move |driver| {
        let (mut all, mut ran) = (vec![], false);
        driver.wait_rram().await?;
        for command in &commands {
            let answer = match apply(driver, command, &works).await {
                Ok(answer) => answer,
                Err(e) => e.to_string(),
            };
            // What an error leaves under way comes to its end.
            let _ = driver.wait_rram().await;
            let mut registers = vec![];
            // Wrong words that runs read are not counted by the model, which has no words in its runs.
            ran |= matches!(command, Command::Run { .. });
            for name in REGISTERS.into_iter().filter(|n| !ran || !["RRAM_CORRECTED", "RRAM_UNCORRECTABLE"].contains(n)) {
                registers.push((name, driver.transport().read(offset(name)).await?));
            }
            driver.clear_error().await?;
            let cells = driver.transport().with_cells(|d| d.to_bytes().unwrap()).unwrap();
            all.push(Seen { answer, registers, cells, tables: table(driver).await });
        }
        Ok(all)
    })
    .unwrap()
}

fn alike(seed: u64, commands: &[Command], works: &Rc<Vec<(Image, Vec<u8>)>>) -> Result<(), TestCaseError> {
    let (rtl, model) = (run(Backend::Rtl, seed, commands, works), run(Backend::Model, seed, commands, works));
    for ((rtl, model), command) in rtl.iter().zip(&model).zip(commands) {
        prop_assert_eq!(&rtl.answer, &model.answer, "after {:?}", command);
        prop_assert_eq!(&rtl.registers, &model.registers, "after {:?}", command);
        prop_assert!(rtl.cells == model.cells, "cells differ after {:?}", command);
        for (slot, (a, b)) in rtl.tables.iter().zip(&model.tables).enumerate() {
            let (Some(a), Some(b)) = (a, b) else { continue };
            let wrong = a.iter().zip(b).position(|(a, b)| a != b).map(|l| (l, a[l], b[l]));
            prop_assert_eq!(wrong, None, "slot {} (line, chip, model) after {:?}", slot, command);
        }
    }
    Ok(())
}

#[test]
fn a_cell_that_sticks_in_the_image_that_runs_is_counted_alike() {
    let works = Rc::new(works(&machine()));
    for one in [true, false] {
        let stick = Command::Stick { newest: true, part: 0, row: 0, line: 4, bits: vec![(2, one)] };
        let commands =
            [Command::Update { image: 0 }, stick, Command::Run { budget: 56 }, Command::Scrub, Command::Run { budget: 7 }];
        alike(1, &commands, &works).unwrap();
    }
}

#[test]
fn chip_and_model_agree_in_cells_table_records_and_registers_after_every_command() {
    let works = Rc::new(works(&machine()));
    let cases = if long() { 200 } else { 8 };
    let mut runner = TestRunner::new(Cases { cases, failure_persistence: None, ..Cases::default() });
    let strategy = (1u64..1000, prop::collection::vec(command(), 1..10));
    runner.run(&strategy, |(seed, commands)| alike(seed, &commands, &works)).unwrap();
}
