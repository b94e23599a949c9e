// SPDX-License-Identifier: Apache-2.0
//! One driver, two machines: RTL in Verilator, or the instruction-level model.

use crate::model_transport::ModelTransport;
use anyhow::{Context, Result};
use serde::Serialize;
use std::rc::Rc;
use std::time::Instant;
use systole_host::{Driver, HostError, RunOutput};
use systole_isa::{Config, Image};

/// What an image runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The Verilog, compiled by Verilator.
    Rtl,
    /// The instruction-level model: same results, same cycles.
    Model,
}

/// The results of a series of runs.
#[derive(Debug, Clone)]
pub struct RunSet {
    /// Every run, in order.
    pub outputs: Vec<RunOutput>,
    /// Machine cycles that passed while running, host I/O included where it is simulated.
    pub cycles: u64,
    /// Wall time of the runs in seconds, without building and loading.
    pub seconds: f64,
}

/// Loads an image and runs frames back to back. `progress` is told each finished run.
///
/// # Errors
/// Building the model, loading, running: each says what to do.
pub fn run_frames(
    backend: Backend,
    config: &Config,
    image: &Image,
    frames: Vec<Vec<u8>>,
    options: &systole_chip::Options,
    mut progress: impl FnMut(usize) + 'static,
) -> Result<RunSet> {
    match backend {
        Backend::Rtl => {
            let image = Rc::new(image.clone());
            let result = systole_chip::run_chip(config, options, move |transport| async move {
                let sim = transport.sim().clone();
                let mut driver = Driver::connect(transport).await?;
                driver.load(&image).await?;
                let (begin, first) = (Instant::now(), sim.cycle());
                let outputs = driver.run_many(frames, |n, _| progress(n)).await?;
                Ok::<_, HostError>(RunSet { outputs, cycles: sim.cycle() - first, seconds: begin.elapsed().as_secs_f64() })
            });
            Ok(result.context("RTL simulation")??)
        }
        Backend::Model => {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            runtime.block_on(async {
                let mut driver = Driver::connect(ModelTransport::new(config)).await?;
                driver.load(image).await?;
                driver.transport().prepare()?;
                let begin = Instant::now();
                let outputs = driver.run_many(frames, |n, _| progress(n)).await?;
                let cycles = outputs.iter().map(|o| o.cycles).sum();
                Ok(RunSet { outputs, cycles, seconds: begin.elapsed().as_secs_f64() })
            })
        }
    }
}
