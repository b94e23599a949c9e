// SPDX-License-Identifier: Apache-2.0
//! All tests of the crate, a module for each file: `cargo test -p systole-model --test all import::` runs one.

mod batch;
mod encoders;
mod import;
mod import_attention;
mod importer_layers;
