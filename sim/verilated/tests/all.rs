// SPDX-License-Identifier: Apache-2.0
//! All tests of the crate, a module for each file: `cargo test -p verilated --test all models::` runs one.

mod cache;
mod designs;
mod models;
