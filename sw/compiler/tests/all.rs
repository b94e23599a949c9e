// SPDX-License-Identifier: Apache-2.0
//! All tests of the crate, a module for each file: `cargo test -p systole-compiler --test all checker::` runs one.

mod common;

mod bands;
mod checker;
mod checker_vector;
mod decoder;
mod effects;
mod encoders;
mod end_to_end;
mod matmul;
mod passes;
