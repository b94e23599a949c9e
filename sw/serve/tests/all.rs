// SPDX-License-Identifier: Apache-2.0
//! All tests of the crate but the one of overload, which wants the host for itself; a module for each file: `cargo test -p systole-serve
//! --test all protocol::` runs one.

mod common;

mod language;
mod lifecycle;
mod malformed;
mod protocol;
