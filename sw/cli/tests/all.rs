// SPDX-License-Identifier: Apache-2.0
//! All tests of the crate, a module for each file: `cargo test -p systole-cli --test all onnx::` runs one.

mod board;
mod cli;
mod encoders;
mod files;
mod language_models;
mod look;
mod onnx;
mod report;
mod rows;
mod rram;
mod serve;
mod verify;
mod waves;
