// SPDX-License-Identifier: Apache-2.0
//! AXI4-Lite and AXI4-Stream: drivers, monitors, protocol checks.
//!
//! Ports are found by prefix and signal name: `PREFIXtvalid`, or with a direction suffix
//! `PREFIXtvalid_i` / `_o`. All bench outputs are registered: what is set at an edge stands from
//! just after it.
//!
//! Widths are those of the standards: TDATA of any whole number of bytes, AXI4-Lite data of 32 or 64 bits. Other ports are refused
//! with a sentence that says so.

mod bus;
mod lite;
mod stream;

pub use lite::{LiteError, LiteMaster, Response};
pub use stream::{Monitor, StreamSink, StreamSource};

use crate::{Signal, Sim, SimError};

/// The port `prefix` + `name`, with or without suffix `_i` or `_o`.
fn find(sim: &Sim, prefix: &str, name: &str) -> Option<Signal> {
    ["", "_i", "_o"].iter().map(|suffix| format!("{prefix}{name}{suffix}")).find(|n| sim.has(n)).map(|n| sim.signal(&n))
}

fn need(sim: &Sim, prefix: &str, name: &str) -> Result<Signal, SimError> {
    find(sim, prefix, name).map_or_else(|| sim.try_signal(&format!("{prefix}{name}")), Ok)
}
