#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The chip's netlist for an FPGA, for simulation; see `scripts/netlist.sh --help`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=python3
if [[ " $* " != *" --native "* ]]; then
    scripts/setup.sh --synth
    python=.venv/bin/python
fi
exec "$python" scripts/netlist.py "$@"
