// SPDX-License-Identifier: Apache-2.0
//! Where a program runs, behind one driver: the RTL in Verilator, the instruction-level model with its RRAM, a board, or the board's
//! top with a serial line bit by bit. Nothing here knows networks.

pub mod backend;
pub mod board;
pub mod model_transport;
pub mod rram_engine;
pub mod rram_hands;
pub mod rram_model;
pub mod script;

pub use backend::{AnyTransport, Backend, RunSet, on_machine, run_frames};
