#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the chip's suites (blocks, chip, programs by hand, RRAM) with other values in every register and memory that has neither
# reset nor initial value. Nothing may change. Arguments are settings of VERILATED_X: random:N, ones, zeros.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($#)) || set -- random:1 random:2 random:3 ones
opt=${VERILATED_OPT:--O1}
for x in "$@"; do
    printf 'registers and memories begin as: %s\n' "$x"
    VERILATED_X=$x VERILATED_OPT=$opt cargo test -p systole-verif --no-fail-fast --test block
    VERILATED_X=$x VERILATED_OPT=$opt cargo test -p systole-verif --no-fail-fast --test machine -- chip:: hand_programs:: rram::
done
