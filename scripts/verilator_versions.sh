#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The suites of the binding and the harness, and a sample of the chip's blocks, on each Verilator: the one that is
# installed, and those that scripts/setup.sh --verilators brings. Ends with a line for each.
#
#   scripts/verilator_versions.sh          all of them
#   scripts/verilator_versions.sh 5.48.0   that one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sample=(sequencer:: matmul_ctrl:: post:: skid:: control:: regs:: ecc_)

versions=("$@")
if ((${#versions[@]} == 0)); then
    versions=(installed)
    for dir in .venv-verilator-*; do
        [ ! -d "$dir" ] || versions+=("${dir#.venv-verilator-}")
    done
fi

export VERILATED_OPT=${VERILATED_OPT:--O1}
results=() failed=0
for version in "${versions[@]}"; do
    verilator=verilator
    if [ "$version" != installed ]; then
        verilator=$(compgen -G "$PWD/.venv-verilator-$version/lib/python3*/site-packages/verilator/bin/verilator") || {
            printf 'verilator-versions: error: no .venv-verilator-%s; run scripts/setup.sh --verilators\n' "$version" >&2
            exit 1
        }
    fi
    says=$("$verilator" --version)
    printf 'verilator-versions: %s: %s\n' "$version" "$says"
    result=passed
    VERILATED_VERILATOR=$verilator cargo test -p verilated -p harness --no-fail-fast || result=FAILED
    VERILATED_VERILATOR=$verilator cargo test -p systole-verif --test block --no-fail-fast -- "${sample[@]}" || result=FAILED
    [ "$result" = passed ] || failed=1
    results+=("$(printf '%-10s %-7s %s' "$version" "$result" "$says")")
done
printf 'verilator-versions: %s\n' "${results[@]}"
exit "$failed"
