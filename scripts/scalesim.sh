#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Cycles on `base` beside SCALE-Sim 3.0.0, as a table; takes a few minutes. See scripts/scalesim.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --scalesim >&2
cargo run --release --quiet -p systole-verif --example shapes | .venv-scalesim/bin/python scripts/scalesim.py
