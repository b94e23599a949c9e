// SPDX-License-Identifier: Apache-2.0
//! Async driver for the Systole chip.
//!
//! A [`Transport`] moves register accesses and frames: RTL simulation, instruction-level model,
//! or a board over a serial line. A [`Driver`] identifies the machine behind it, loads images and
//! runs frames, and turns every register-level error into a sentence. It never uses simulation
//! itself: board users need no Verilator.

mod board;
mod boot;
mod driver;
mod error;
mod rram;
mod script;
mod tokens;
mod transport;
mod update;

pub use board::{BoardTransport, Line, LineCounts, Port, SerialLine};
pub use boot::Recorder;
pub use driver::{Driver, Run, RunOutput};
pub use error::HostError;
pub use rram::{RramStatus, Wake, WrongWord};
pub use script::Scribe;
pub use tokens::{Seen, Series, SeriesEnd, TokenRun};
pub use transport::{Transport, boxed};
pub use update::{Update, Updated};
