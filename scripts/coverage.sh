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
    export VERILATED_OPT=${VERILATED_OPT:--O1}
    # Counting makes a model several times slower: netlists, and what repeats one thing many thousand times, are left out.
    HARNESS_COVERAGE=$out/data cargo test -p systole-verif --test block -- --skip yosys --skip every_conformance
    # Machines of four by four: with and without a vector unit, without RRAM, with RRAM behind the device model and either code, on a board.
    HARNESS_COVERAGE=$out/data cargo test -p systole-verif --test machine -- --test-threads 2 \
        chip::registers chip::write_strobes chip::a_ chip::an_ chip::abandoned chip::shapes chip::status registers:: auto:: decoder::a_ \
        one_hot_rows:: hand_programs::a_padded random_graphs::random_graphs_on_tiny random_programs::random_programs_on_tiny \
        rram::commit::a_start_before rram::commit::a_load_beside rram::commit::an_image_of_other rram::commit::a_record_that \
        rram::correction::p3_with_dected_three rram::correction::stuck rram::refusals::what_must_not rram::upkeep::p6 board::the_driver \
        --skip wakes_from_whatever --skip with_two_beats --skip with_four_beats
    # Functional points of other machines, with their models as they are.
    HARNESS_POINTS=$out/data cargo test -p systole-verif --test machine -- --test-threads 2 \
        decoder::prompts random_vectors::the_rtl_agrees_on_tiny random_programs::random_programs_on_tall_with_four_beats random_graphs::depthwise \
        rram::upkeep::a_run_scrubs rram::upkeep::a_scrub sizes::
fi

cargo build -q -p systole-verif --bin coverage
status=0
target/debug/coverage "$out/data" "${options[@]}" || status=$?
genhtml --quiet --branch-coverage --legend --title "Systole RTL" --prefix "$PWD" --output-directory "$out/html" "$out/rtl.info"
printf 'HTML: %s\n' "$out/html/index.html"
exit $status
