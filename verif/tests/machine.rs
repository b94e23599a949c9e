// SPDX-License-Identifier: Apache-2.0
//! The whole machine, a module for each file: `cargo test -p systole-verif --test machine rram::` runs one. Blocks by themselves are in
//! `block`.

mod common;

mod auto;
mod board;
mod c_driver;
mod campaigns;
mod chip;
mod decoder;
mod encoders;
mod fuzz;
mod hand_programs;
mod house;
mod integrating;
mod lockstep;
mod netlist;
mod networks;
mod one_hot_rows;
mod onnx;
mod plain;
mod properties;
mod random_graphs;
mod random_programs;
mod random_vectors;
mod registers;
mod row_updates;
mod rram;
mod rram_alike;
mod rram_engine;
mod sizes;
mod tables;
mod testplan;
