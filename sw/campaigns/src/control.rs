// SPDX-License-Identifier: Apache-2.0
//! Upsets of the flip-flops of the RRAM controller and its line table, one at a time, on the RTL.
//!
//! Locked (P10): whatever flips, whatever the host asks for, no pulse reaches a cell. Unlocked: what an upset in a wake, a
//! run, or an image update comes to.

use super::power::{Work, machine, work};
use super::{Outcome, Tally};
use anyhow::{Context, Result};
use harness::Stream;
use harness::verilated::Variable;
use rand::RngExt;
use serde::Serialize;
use std::rc::Rc;
use systole_chip::device::Corner;
use systole_chip::{Options, Part, RtlTransport, run_chip};
use systole_host::{Driver, HostError, Transport, Wake};
use systole_isa::Config;
use systole_isa::ecc::Ecc;
use systole_isa::regs::offset;
use systole_isa::rram::KEYS;

/// From one of so many flip-flops to the next: without a common divisor, so that any number of them is spread over all.
fn stride(flip_flops: u64) -> u64 {
    let divisor = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (flip_flops / 3 + 1..).find(|&n| divisor(n, flip_flops) == 1).unwrap_or(1)
}

/// Cycles of the longest bound in the program (`PULSING` in `program.s`), and those from one look to the next.
const LONGEST_VERB: u64 = 1 << 23;
const STEP: u64 = 1 << 16;

/// What came of the upsets.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Upsets {
    /// Flip-flops there are.
    pub flip_flops: u64,
    /// Upsets while locked.
    pub locked: u64,
    /// Of them those that let a pulse through: 0.
    pub pulses: u64,
    /// The flip-flops of those.
    pub through: Vec<String>,
    /// Upsets in a wake and the run behind it.
    pub wake: Tally,
    /// Upsets in an update, the wake and the run behind it.
    pub update: Tally,
    /// Flip-flops whose upset let a job hang, and no code of `ERROR` said why.
    pub hung: Vec<String>,
    /// Flip-flops whose upset was silent.
    pub silent: Vec<String>,
}

impl Upsets {
    /// Counts another campaign's.
    pub fn merge(&mut self, other: Upsets) {
        self.flip_flops = other.flip_flops;
        self.locked += other.locked;
        self.pulses += other.pulses;
        self.through.extend(other.through);
        self.wake.merge(&other.wake);
        self.update.merge(&other.update);
        self.hung.extend(other.hung);
        self.silent.extend(other.silent);
    }
}

/// Flips `count` flip-flops in each of the three situations, from number `first` on: they are taken in strides over all
/// registers, at a random moment each.
///
/// # Errors
/// Building or running the simulation.
pub fn run(ecc: Ecc, first: u64, count: u64, seed: u64) -> Result<Upsets> {
    let config = machine(ecc);
    let works = Rc::new([work(&config, 1)?, work(&config, 2)?]);
    let part = Part { pulse_cycles: 3, seed, corner: Corner { stuck: 0.0, ..Corner::typ22() }, ..Part::default() };
    let options = Options { part: Some(part), seed, upsets: true, ..Options::default() };
    run_chip(
        &config.clone(),
        &options,
        move |transport| async move { upsets(transport, config, &works, first, count, seed).await },
    )
    .context("RTL simulation")?
    .map_err(Into::into)
}

/// A flip-flop: a variable and its bit.
type FlipFlop = (Variable, u32);

fn flip_flops(transport: &RtlTransport) -> Vec<FlipFlop> {
    let mut all: Vec<Variable> = transport.sim().with_model(|m| m.variables());
    all.retain(|v| v.depth == 1 && (v.name.contains(".u_rram.") || v.name.contains(".u_lines.")));
    all.retain(|v| {
        v.name
            .rsplit('_')
            .next()
            .is_some_and(|end| end.strip_prefix('q').is_some_and(|n| n.parse::<u8>().is_ok() || n.is_empty()))
    });
    all.retain(|v| !v.name.contains(".g_row")); // the macros' own
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.into_iter().flat_map(|v| (0..v.width).map(move |b| (v.clone(), b)).collect::<Vec<_>>()).collect()
}

type Chip = Driver<RtlTransport>;

/// A job with an upset `at` cycles after its beginning; `None` where it does not end.
async fn with_upset<T>(
    driver: &mut Chip,
    flop: &FlipFlop,
    at: u64,
    limit: u64,
    job: impl AsyncFnOnce(&mut Chip) -> T,
) -> Option<T> {
    let (sim, clock) = (driver.transport().sim().clone(), driver.transport().clock().clone());
    let (flop, when) = (flop.clone(), clock.clone());
    let inner = sim.clone();
    let upset = sim.spawn("upset", async move {
        when.cycles(at).await;
        inner.with_model(|m| {
            let mut words = m.peek(&flop.0, 0);
            words[(flop.1 / 32) as usize] ^= 1 << (flop.1 % 32);
            m.poke(&flop.0, 0, &words);
        });
    });
    let done = sim.timeout(&clock, limit, "a job with an upset", job(driver)).await.ok();
    upset.join().await;
    done
}

/// Whether the engine stops with a fault, at the latest when a verb is at its bound.
async fn stops(driver: &mut Chip, fault: &Variable) -> bool {
    let (sim, clock) = (driver.transport().sim().clone(), driver.transport().clock().clone());
    for _ in 0..=LONGEST_VERB / STEP {
        if sim.with_model(|m| m.peek(fault, 0)[0]) != 0 {
            return true;
        }
        clock.cycles(STEP).await;
    }
    false
}

async fn restart(driver: &mut Chip) -> Result<(), HostError> {
    driver.transport().power_cycle().await;
    driver.wait_rram().await
}

async fn upsets(
    t: RtlTransport,
    config: Config,
    works: &[Work; 2],
    first: u64,
    count: u64,
    seed: u64,
) -> Result<Upsets, HostError> {
    let mut random = Stream::new(seed, "upsets");
    let all = flip_flops(&t);
    let stride = stride(all.len() as u64);
    let fault = t.sim().with_model(|m| m.variables().into_iter().find(|v| v.name.ends_with(".u_engine.fault_q")));
    let fault = fault.ok_or_else(|| HostError::Transport("the model has no u_engine.fault_q".into()))?;
    let mut out = Upsets { flip_flops: all.len() as u64, ..Upsets::default() };
    let machine = config.clone();
    let mut driver = Driver::assume(t, config);
    driver.program(&works[0].image, None).await?;
    // Weak cells, so that the controller wants to write by itself too.
    driver.transport().with_cells(|d| d.age(3.156e9, 85.0));
    restart(&mut driver).await?;
    let pulses = |driver: &mut Chip| driver.transport().with_cells(|d| d.totals.bit_pulses).unwrap_or(0);
    for n in first..first + count {
        let flop = &all[(n * stride % all.len() as u64) as usize];
        restart(&mut driver).await?;
        driver.lock().await?;
        let before = pulses(&mut driver);
        let at = random.random_range(1..1500);
        let _ = with_upset(&mut driver, flop, at, 3000, async |driver| {
            let t = driver.transport();
            for key in KEYS {
                t.write(offset("RRAM_UNLOCK"), key).await?;
            }
            t.write(offset("RRAM_SLOT"), 1).await?;
            t.write(offset("UPLOAD_TARGET"), 4).await?;
            t.send_image(&[0x5a; 32]).await?;
            t.write(offset("RRAM_COMMAND"), 3).await?;
            driver.wait_rram().await?;
            driver.transport().write(offset("RRAM_COMMAND"), 4).await?;
            driver.wait_rram().await?;
            driver.transport().write(offset("RRAM_COMMAND"), 1).await?;
            driver.wait_rram().await
        })
        .await;
        driver.transport().clock().cycles(200).await;
        out.locked += 1;
        if pulses(&mut driver) != before {
            out.pulses += 1;
            out.through.push(format!("{}[{}] at {at}", flop.0.name, flop.1));
        }
    }
    // Fresh cells again for what follows.
    restart(&mut driver).await?;
    driver.wake_any(Wake::Checked).await?;
    driver.scrub().await?;
    let mut current = 0;
    for n in first..first + count {
        let flop = &all[(n * stride % all.len() as u64) as usize];
        for update in [false, true] {
            restart(&mut driver).await?;
            let next = if update { 1 - current } else { current };
            let at = random.random_range(1..if update { 4000 } else { 900 });
            let w = &works[next];
            let done = with_upset(&mut driver, flop, at, 60_000, async |driver| {
                if update {
                    driver.program(&w.image, None).await?;
                }
                driver.wake(Wake::Checked, &w.image).await?;
                driver.run(&w.frame).await
            })
            .await;
            let outcome = match done {
                None | Some(Err(HostError::Transport(_) | HostError::Timeout { .. })) => {
                    if stops(&mut driver, &fault).await {
                        Outcome::Detected
                    } else {
                        out.hung.push(format!("{}[{}] at {at}, update {update}", flop.0.name, flop.1));
                        Outcome::Hang
                    }
                }
                Some(Err(_)) => Outcome::Detected,
                Some(Ok(r)) if r == w.output => Outcome::Masked,
                Some(Ok(_)) => Outcome::Silent,
            };
            if outcome == Outcome::Silent {
                out.silent.push(format!("{}[{}] at {at}", flop.0.name, flop.1));
            }
            if update {
                out.update.add(outcome)
            } else {
                out.wake.add(outcome)
            }
            // Power off and on: the old image or the new one, in working order.
            restart(&mut driver).await?;
            let awake = driver.rram_status().await?.awake;
            match (0..2).find(|&i| awake == Some(works[i].crc)) {
                Some(i) => current = i,
                None => {
                    // Counted as silent: an upset destroyed what was committed.
                    out.silent.push(format!("{}[{}] at {at}: no image left", flop.0.name, flop.1));
                    if update {
                        out.update.silent += 1
                    } else {
                        out.wake.silent += 1
                    }
                    driver.transport().with_cells(|d| *d = systole_chip::device::Device::new(&machine, d.corner.clone(), n));
                    driver.transport().show_all();
                    restart(&mut driver).await?;
                    driver.program(&works[0].image, None).await?;
                    current = 0;
                }
            }
        }
    }
    Ok(out)
}
