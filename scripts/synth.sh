#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Synthesises, places and routes the core alone for an ECP5-85; see `scripts/synth.sh --help`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --synth
exec .venv/bin/python scripts/synth.py "$@"
