// SPDX-License-Identifier: Apache-2.0
//! Blocks of the RTL by themselves, a module for each, of the block's name: `cargo test -p systole-verif --test block nest::` runs one.
//! One program, for each is linked with the whole workspace.

#[path = "../common/mod.rs"]
mod common;
mod shared;

mod acc;
mod array;
mod board;
mod boot;
mod bridge;
mod control;
mod crc32;
mod ecc_correct;
mod ecc_decode;
mod ecc_syndrome;
mod events;
mod f24_add;
mod f24_code;
mod f24_fn;
mod f24_int;
mod f24_mul;
mod in_buffer;
mod lane;
mod latencies;
mod line_table;
mod link_rx;
mod link_tx;
mod load;
mod matmul_ctrl;
mod mul;
mod mul24;
mod mul8;
mod nest;
mod out_buffer;
mod post;
mod ram;
mod regs;
mod requant;
mod reset;
mod residual;
mod row_slice;
mod rram_engine;
mod rram_guard;
mod rram_hands;
mod rram_pass;
mod rram_program;
mod rram_request;
mod rram_sink;
mod rram_walk;
mod sequencer;
mod skid;
mod store;
mod uart_rx;
mod uart_tx;
mod upload;
mod vec_latencies;
mod vec_max;
mod vec_sum;
mod vector;
mod w_bank;
mod w_load;
mod w_ram;
mod x_bank;
