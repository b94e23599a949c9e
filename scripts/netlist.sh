#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The chip's netlist for an ECP5, for simulation; see `scripts/netlist.sh --help`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --synth
exec .venv/bin/python scripts/netlist.py "$@"
