// SPDX-License-Identifier: Apache-2.0
//! All tests of the crate, a module for each file: `cargo test -p systole-isa --test all fresh::` runs one.

mod fresh;
mod round_trip;
