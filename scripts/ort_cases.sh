#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Random networks by ONNX Runtime itself, run by the chip: scripts/ort_cases.sh [COUNT [SEED [BACKEND]]], 300 on the model.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --ort
.venv-ort/bin/python scripts/ort_cases.py build/ort_cases --count "${1:-300}" --seed "${2:-1}"
cargo run --release --quiet -p systole-cli --bin systole -- conformance build/ort_cases --backend "${3:-model}" >build/ort_cases.txt || true
grep -v '^passed' build/ort_cases.txt || true
! grep -q '^FAILED' build/ort_cases.txt
