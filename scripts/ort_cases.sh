#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Random networks by ONNX Runtime itself, run by the chip: scripts/ort_cases.sh [COUNT [SEED [BACKEND]]], 2000 on the model.
# Fails where an output differs that was not declared. Behind them the rules of scripts/ort_rules.py with scales of 20 other seeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --ort
.venv-ort/bin/python scripts/ort_cases.py build/ort_cases --count "${1:-2000}" --seed "${2:-1}"
result=0
cargo run --release --quiet -p systole-cli --bin systole -- conformance build/ort_cases --backend "${3:-model}" >build/ort_cases.txt || result=$?
grep -v -e '^passed' -e '^unsupported' build/ort_cases.txt || true
.venv-ort/bin/python scripts/ort_rules.py build/ort_rules 20
cargo run --release --quiet -p systole-cli --bin systole -- conformance build/ort_rules --backend "${3:-model}" >build/ort_rules.txt || result=$?
grep -v -e '^passed' build/ort_rules.txt || true
exit "$result"
