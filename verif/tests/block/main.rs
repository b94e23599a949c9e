// SPDX-License-Identifier: Apache-2.0
//! Blocks of the RTL by themselves, a module for each group of them: `cargo test -p systole-verif --test block memory::` runs one.
//! One program, for each is linked with the whole workspace.

#[path = "../common/mod.rs"]
mod common;

mod arithmetic;
mod board;
mod control;
mod ecc;
mod io;
mod lane;
mod latencies;
mod memory;
mod reset;
mod rram_engine;
mod rram_hands;
mod rram_pass;
mod rram_request;
mod rram_sink;
mod vector;
mod weights;
