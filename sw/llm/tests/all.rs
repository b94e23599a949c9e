// SPDX-License-Identifier: Apache-2.0
//! All tests of the crate, a module for each file: `cargo test -p systole-llm --test all reading::` runs one.

mod common;

mod float;
mod quantise;
mod reading;
mod tokenizer;
