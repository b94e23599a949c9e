// SPDX-License-Identifier: Apache-2.0
//! Power cuts in an image update (P5), on the RTL with cells that tear: at every cycle, with every kind of torn bits, now
//! and then a second cut in the recovery. Afterwards the old image is awake or the new one, and it runs as it should.

use anyhow::{Context, Result};
use harness::Stream;
use rand::RngExt;
use serde::Serialize;
use std::rc::Rc;
use systole_chip::device::{Corner, Torn};
use systole_chip::{Options, Part, RtlTransport, run_chip};
use systole_compiler::compile;
use systole_host::{Driver, HostError, RunOutput};
use systole_isa::ecc::Ecc;
use systole_isa::rram::slot_bytes;
use systole_isa::{Config, Image, Table};
use systole_workloads::random;

/// What came of the cuts.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PowerCuts {
    /// Updates that were cut.
    pub cuts: u64,
    /// Second cuts, while the chip woke from the first.
    pub second: u64,
    /// Old image awake afterwards.
    pub old: u64,
    /// New image awake afterwards.
    pub new: u64,
    /// Updates that ended before their cut.
    pub whole: u64,
    /// Cycles of an update.
    pub update_cycles: u64,
    /// Cells that were in a pulse when power went.
    pub in_pulse: u64,
    /// What should not have been: empty.
    pub violations: Vec<String>,
}

impl PowerCuts {
    /// Counts another campaign's cuts.
    pub fn merge(&mut self, other: PowerCuts) {
        self.cuts += other.cuts;
        self.second += other.second;
        self.old += other.old;
        self.new += other.new;
        self.whole += other.whole;
        self.in_pulse += other.in_pulse;
        self.update_cycles = self.update_cycles.max(other.update_cycles);
        self.violations.extend(other.violations);
    }
}

/// The machine of the campaign: `tiny` with a small RRAM, so that an update is short.
pub fn machine(ecc: Ecc) -> Config {
    Config::named("tiny,RRAM_DEPTH=256").expect("its sizes go together").with_ecc(ecc)
}

/// What the updates of a campaign are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updates {
    /// Images that have nothing in common, written as a whole.
    Images,
    /// Rows of a table of the image that is awake: only lines that differ are written.
    Rows,
}

/// An image, a frame and what it gives.
#[derive(Clone)]
pub(crate) struct Work {
    pub image: Image,
    pub frame: Vec<u8>,
    pub output: RunOutput,
    pub crc: u32,
}

pub(crate) fn work(config: &Config, seed: u64) -> Result<Work> {
    let (network, input) = random::gemm(seed, 2, 8 + 4 * (seed as usize % 3), 2 * config.cols as usize, false);
    let compiled = compile(&network.graph()?, config, &systole_compiler::Options::default())?;
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    let mut image = compiled.image;
    // Its weights are a table too, C codes a row.
    let lines = (image.weights.len() as u32).div_ceil(config.rows * config.cols);
    let (rows, width) = (image.weights.len() as u32 / config.cols, config.cols);
    image.tables = vec![Table { name: "weights".into(), rows, width, base: 0, stride: lines }];
    ran(image, frame, config)
}

fn ran(image: Image, frame: Vec<u8>, config: &Config) -> Result<Work> {
    let mut golden = systole_golden::Machine::new(config.clone());
    golden.load_image(&image)?;
    let run = golden.run(&frame)?;
    let crc = slot_bytes(&image, config).1.image_crc;
    Ok(Work { image, frame, output: RunOutput { frame: run.frame, cycles: run.cycles }, crc })
}

/// The same with one to three rows of its table changed.
pub(crate) fn changed(old: &Work, config: &Config, random: &mut Stream) -> Result<Work> {
    let mut image = old.image.clone();
    let table = image.tables[0].clone();
    for _ in 0..1 + random.below(3) {
        let codes: Vec<i8> = (0..table.width).map(|_| random.random()).collect();
        image.set_rows(&table.name, &[(random.below(table.rows.into()) as u32, &codes)], config)?;
    }
    image.follows(&old.image, config)?;
    ran(image, old.frame.clone(), config)
}

/// Cuts `count` updates, from the `first` on, at cycles spread over an update so that any number of them covers it evenly,
/// and as many as an update has cycles cut each one; four times as many with each kind of torn bits.
///
/// # Errors
/// Building or running the simulation.
pub fn run(updates: Updates, ecc: Ecc, first: u64, count: u64, seed: u64) -> Result<PowerCuts> {
    let config = machine(ecc);
    let works = Rc::new((0..3).map(|n| work(&config, seed % 1000 * 3 + n)).collect::<Result<Vec<_>>>()?);
    let part = Part { pulse_cycles: 3, seed, corner: Corner { stuck: 0.0, ..Corner::typ22() }, ..Part::default() };
    let options = Options { part: Some(part), seed, ..Options::default() };
    run_chip(&config.clone(), &options, move |transport| async move {
        cuts(transport, config, &works, updates, first, count, seed).await
    })
    .context("RTL simulation")?
}

/// Puts a work's image in the place of another's, which is awake.
async fn put(updates: Updates, driver: &mut Driver<RtlTransport>, old: &Work, new: &Work) -> Result<(), HostError> {
    match updates {
        Updates::Images => driver.program(&new.image, None).await.map(|_| ()),
        Updates::Rows => driver.update(&old.image, &new.image).await.map(|_| ()),
    }
}

async fn cuts(
    t: RtlTransport,
    config: Config,
    works: &[Work],
    updates: Updates,
    first: u64,
    count: u64,
    seed: u64,
) -> Result<PowerCuts> {
    let mut out = PowerCuts::default();
    let (sim, clock) = (t.sim().clone(), t.clock().clone());
    let mut random = Stream::new(seed, "power");
    let mut driver = Driver::assume(t, config.clone());
    let next_of = |number: usize, current: &Work, random: &mut Stream| match updates {
        Updates::Images => Ok(works[number].clone()),
        Updates::Rows => changed(current, &config, random),
    };
    driver.program(&works[0].image, None).await?;
    driver.wake_any(systole_host::Wake::Checked).await?;
    let begin = sim.cycle();
    let mut current = next_of(1, &works[0], &mut random)?;
    put(updates, &mut driver, &works[0], &current).await?;
    if updates == Updates::Rows {
        // The first one fills the slot, those behind it write rows; behind a cut an update is both.
        let next = next_of(0, &current, &mut random)?;
        put(updates, &mut driver, &current, &next).await?;
        current = next;
    }
    let whole = sim.cycle() - begin;
    out.update_cycles = whole;
    // Some updates are longer than this one.
    let span = whole + whole / 16;
    let stride = if span.is_multiple_of(7919) { 7907 } else { 7919 };
    driver.transport().power_cycle().await;
    driver.wait_rram().await?;
    let (mut number, mut epoch) = (1usize, driver.rram_status().await?.epoch);
    for n in first..first + count {
        let at = 1 + n % span * stride % span;
        let torn = [Torn::Random, Torn::Marginal, Torn::Old, Torn::New][((n / span + at) % 4) as usize];
        driver.transport().with_cells(|d| d.torn = torn);
        let chosen = (number + random.random_range(1..3usize)) % 3;
        let next = next_of(chosen, &current, &mut random)?;
        if updates == Updates::Rows {
            driver.adopt(&current.image).await?;
        }
        let place = || format!("cut {n} (cycle {at}, {torn:?}, seed {seed})");
        match sim.timeout(&clock, at, "the update", put(updates, &mut driver, &current, &next)).await {
            Err(_) => out.cuts += 1,
            Ok(Ok(())) => out.whole += 1,
            Ok(Err(e)) => out.violations.push(format!("{}: {e}", place())),
        }
        driver.transport().power_cycle().await;
        while random.chance(0.3) {
            clock.cycles(random.random_range(1..700)).await;
            driver.transport().power_cycle().await;
            out.second += 1;
        }
        driver.wait_rram().await?;
        let mut status = driver.rram_status().await?;
        if random.chance(0.1) {
            // What woke once wakes again: the record is not one that reads well now and badly later.
            let before = (status.awake, status.epoch);
            driver.transport().power_cycle().await;
            driver.wait_rram().await?;
            status = driver.rram_status().await?;
            if before != (status.awake, status.epoch) {
                out.violations.push(format!("{}: another image woke at the second time", place()));
            }
        }
        match status.awake {
            Some(crc) if crc == next.crc => {
                out.new += 1;
                (current, number) = (next, chosen);
            }
            Some(crc) if crc == current.crc => out.old += 1,
            other => out.violations.push(format!("{}: {other:x?} is awake, neither the old nor the new image", place())),
        }
        if status.epoch < epoch {
            out.violations.push(format!("{}: the epoch went from {epoch} to {}", place(), status.epoch));
        }
        epoch = status.epoch;
        let w = &current;
        let ran = match driver.adopt(&w.image).await {
            Ok(()) => driver.run(&w.frame).await,
            Err(e) => Err(e),
        };
        if !ran.as_ref().is_ok_and(|r| *r == w.output) {
            out.violations.push(format!("{}: the image that woke does not run as it should: {ran:?}", place()));
        }
        if out.violations.len() > 5 {
            break;
        }
    }
    out.in_pulse = driver.transport().with_cells(|d| d.totals.cuts).unwrap_or(0);
    Ok(out)
}
