#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a board's file in constraints/boards to its bitstream; see `scripts/fpga.sh --help`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Its list of options needs no tools.
case " $* " in
    *" --help "* | *" -h "*) exec python3 scripts/fpga.py "$@" ;;
esac
scripts/setup.sh --synth >&2
exec .venv/bin/python scripts/fpga.py "$@"
