#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Random networks by ONNX Runtime itself, run by the chip: scripts/ort_cases.sh [COUNT [SEED [BACKEND]]], 2000 on the model.
# Fails where an output differs that was not declared.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --ort
.venv-ort/bin/python scripts/ort_cases.py build/ort_cases --count "${1:-2000}" --seed "${2:-1}"
result=0
cargo run --release --quiet -p systole-cli --bin systole -- conformance build/ort_cases --backend "${3:-model}" >build/ort_cases.txt || result=$?
grep -v -e '^passed' -e '^unsupported' build/ort_cases.txt || true
exit "$result"
