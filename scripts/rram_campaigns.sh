#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The long campaigns of the RRAM controller, with the plots in docs/img. COUNT=N changes the updates of the power cuts (142000).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release -p systole-cli --bin systole
systole="${CARGO_TARGET_DIR:-target}/release/systole"
mkdir -p docs/img
"$systole" fault --faults single,double,triple,burst,stuck,decoder,mixed --count 1000000
"$systole" lifetime --plot docs/img/rram-wear.svg
"$systole" lifetime --spread 0.2 --spares 31
"$systole" retention --plot docs/img/rram-ber.svg --plot-pulses docs/img/rram-pulses.svg
"$systole" retention --corner healthy22 --years 1
"$systole" energy --plot docs/img/energy.svg
"$systole" fault --faults power-cut --count "${COUNT:-142000}"
"$systole" fault --faults row-cut --count 20000
"$systole" fault --faults control --count 6225
"$systole" fault --faults power-cut --backend model --count 10000000 --seed 11
"$systole" fault --faults row-cut --backend model --count 200000 --seed 3
