// SPDX-License-Identifier: Apache-2.0
//! All tests of the crate, a module for each file: `cargo test -p systole-golden --test all vector::` runs one.

mod encoder;
mod pixels;
mod requant;
mod token;
mod vector;
