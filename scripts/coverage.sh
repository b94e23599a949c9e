#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Coverage of the RTL (docs/coverage.md): runs the test programs below with coverage in every model, joins what they reached, and writes
# target/coverage/rtl.info, an HTML report beside it, and the tables of docs/coverage.md. Fails below the goals.
#   scripts/coverage.sh           all of it
#   scripts/coverage.sh --report  only the report of the data that is there
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=$PWD/target/coverage
options=(--docs "$(date -u +%F)")
if [ "${1:-}" != --report ]; then
    rm -rf "$out/data"
    export HARNESS_COVERAGE=$out/data VERILATED_OPT=${VERILATED_OPT:--O1}
    # Counting makes a model several times slower: what repeats one thing many thousand times, and netlists, are left out.
    cargo test -p systole-verif --test block -- \
        --skip yosys --skip netlist
    # Machines of four by four: the chip with and without a vector unit, with RRAM behind the device model, without RRAM, on a board.
    cargo test -p systole-verif --test machine -- \
        chip:: registers:: auto:: board:: sizes:: one_hot_rows:: decoder::a_ random_vectors::the_rtl_agrees_on_tiny \
        hand_programs::a_padded random_programs::random_programs_on_tiny random_graphs::random_graphs_on_tiny \
        --skip wakes_from_whatever --skip promised_gemms --skip digits_network --skip with_two_beats --skip with_four_beats
fi

cargo build -q -p systole-verif --bin coverage
status=0
target/debug/coverage "$out/data" "${options[@]}" "$@" || status=$?
genhtml --quiet --branch-coverage --legend --title "Systole RTL" --prefix "$PWD" --output-directory "$out/html" "$out/rtl.info"
printf 'HTML: %s\n' "$out/html/index.html"
exit $status
