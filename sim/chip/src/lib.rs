// SPDX-License-Identifier: Apache-2.0
//! The chip in simulation: configurations, and the transport that drives the RTL.

mod rtl;

pub use rtl::{ChipError, Options, RtlTransport, run_chip, source_list, source_list_for, spec};
