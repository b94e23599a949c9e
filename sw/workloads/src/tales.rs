// SPDX-License-Identifier: Apache-2.0
//! The language model of the project's own (sw/workloads/data/tales).

use std::path::{Path, PathBuf};

/// Its file, in llama2.c's format, with the tokenizer beside it.
pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/tales/tales.bin")
}
