// SPDX-License-Identifier: Apache-2.0
//! The chip in simulation: configurations, the transport that drives the RTL, the RRAM device model.

pub mod device;
mod rtl;

pub use rtl::{ChipError, Options, Part, RtlTransport, run_chip, source_list, source_list_for, spec};
