#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Coverage of the Rust by tests that need no simulator: lines of the crates below by their own tests, as a table and an HTML report
# in target/coverage/rust. cargo-llvm-cov and LLVM's tools (a component of rustup) are installed where they are missing.
#   scripts/coverage_rust.sh [CRATE ..]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

LLVM_COV=0.9.1
(($#)) || set -- systole-isa systole-files systole-model systole-llm systole-compiler systole-golden
tools=$PWD/target/tools
if ! [ "$("$tools/bin/cargo-llvm-cov" llvm-cov --version 2>/dev/null)" = "cargo-llvm-cov $LLVM_COV" ]; then
    cargo install --quiet --locked --root "$tools" --version "$LLVM_COV" cargo-llvm-cov
fi
command -v rustup >/dev/null && rustup component add llvm-tools

packages=()
for crate in "$@"; do packages+=(-p "$crate"); done
export PATH=$tools/bin:$PATH CARGO_TARGET_DIR=$PWD/target/coverage/rust-target
cargo llvm-cov --html --output-dir target/coverage/rust "${packages[@]}"
cargo llvm-cov report --summary-only | tee target/coverage/rust.txt
