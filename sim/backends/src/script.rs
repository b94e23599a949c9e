// SPDX-License-Identifier: Apache-2.0
//! Scripts for the test bench in plain Verilog (docs/simulators.md): what the driver does to load an image and run it, on the
//! instruction-level model.

use crate::model_transport::ModelTransport;
use systole_host::{Driver, HostError, Run, RunOutput, Scribe};
use systole_isa::{Config, Image};

/// The script that connects, loads an image and runs it, and what the runs gave.
///
/// # Errors
/// Those of the driver.
pub fn record(config: &Config, image: &Image, runs: Vec<Run>) -> Result<(String, Vec<RunOutput>), HostError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| HostError::Transport(e.to_string()))?;
    runtime.block_on(async {
        let mut driver = Driver::connect(Scribe::new(ModelTransport::new(config), config.cols)).await?;
        driver.load(image).await?;
        let outputs = driver.run_many(runs, |_, _| ()).await?;
        Ok((driver.transport().script().to_string(), outputs))
    })
}
