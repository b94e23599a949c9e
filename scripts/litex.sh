#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A system of LiteX with the chip in it, simulated by Verilator: loads and runs digits as the driver does, registers through LiteX's
# interconnect, streams through its FIFOs; outputs, registers and cycles are compared with the instruction-level model's. A script with
# another fingerprint, another output word or another count of cycles is found. Needs scripts/setup.sh --litex.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=build/litex
mkdir -p "$work"
config=nano
read -r number cols < <(scripts/configs.sh | awk -v name="$config" '$2 == name { print $1, 4 }')
cargo run --release -q -p systole-cli -- script digits --config "$config" --images 3 -o "$work/digits.script"
.venv-litex/bin/python sim/litex/system.py "$work/system.v" "$number" "$cols" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
verilator --cc --exe --build -j 2 -O1 -CFLAGS -O1 -Wno-lint -Wno-fatal --top-module top --Mdir "$work/model" \
    -F rtl/systole.f "$work/system.v" "$PWD/sim/litex/main.cpp" -o run >>"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

said=$("$work/model/run" "$work/digits.script")
grep -q '^PASS' <<<"$said" || { echo "litex: $said" >&2; exit 1; }
echo "litex: $said"

offset() { sed -n "s/^#define SYSTOLE_REG_$1 \(0x[0-9a-f]*\)U.*/\1/p" sw/c/include/systole_regs.h; }
broken() { # broken WHAT EXPRESSION: the script with this change fails
    sed -E "$2" "$work/digits.script" >"$work/broken.script"
    ! cmp -s "$work/digits.script" "$work/broken.script" || { echo "litex: $1: nothing to change in the script" >&2; exit 1; }
    said=$("$work/model/run" "$work/broken.script")
    grep -q '^FAIL' <<<"$said" || { echo "litex: $1 was not found: $said" >&2; exit 1; }
}
# A read step: `r OFFSET VALUE MASK`; an output word: the `d` behind an `o`.
plain() { printf '%x' "$(offset "$1")"; }
broken "a wrong fingerprint" "s/^r 0*$(plain FINGERPRINT) [0-9a-f]+ /r $(plain FINGERPRINT) 12345678 /"
broken "another count of cycles" "s/^(r 0*$(plain CYCLES_LO)) ([0-9a-f]*)[0-9a-f] /\\1 \\2f /"
broken "another output word" "/^o /{n;s/^d ([0-9a-f]*)([0-7])\$/d \\1f/;s/^d ([0-9a-f]*)([89a-e])\$/d \\10/}"
echo "litex: a wrong fingerprint, another count of cycles and another output word are found"
