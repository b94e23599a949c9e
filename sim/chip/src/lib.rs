// SPDX-License-Identifier: Apache-2.0
//! The chip in simulation: configurations, the transport that drives the RTL, the RRAM device model.

pub mod device;
mod layout;
mod part;
mod rtl;
pub mod watch;
mod wave;
mod writes;

pub use part::{Access, Part, PartFile};
pub use rtl::{
    BOOT_AT, ChipError, Options, RtlTransport, board_source_list, board_spec, from_launch, netlist_spec_of, run_chip,
    source_list, source_list_for, spec,
};
pub use writes::Writes;
