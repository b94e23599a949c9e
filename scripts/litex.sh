#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A system of LiteX with the chip on its bus, simulated by Verilator: the chip answers with its ID and fingerprint, keeps SCRATCH, and a
# wrong fingerprint is found. Needs scripts/setup.sh --litex.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=build/litex
mkdir -p "$work"
value() { sed -n "s/^#define SYSTOLE_$1 \(0x[0-9a-f]*\)U.*/\1/p" sw/c/include/systole_regs.h; }
read -r number cols <<<"5 4" # nano

simulate() { # simulate NAME FINGERPRINT: prints what the system says
    .venv-litex/bin/python sim/litex/system.py "$work/$1.v" "$number" "$cols" "$(value ID_RESET)" "$2" >"$work/$1.log" 2>&1 || { cat "$work/$1.log" >&2; return 1; }
    verilator --cc --exe --build -j 2 -O1 -CFLAGS -O0 -Wno-lint -Wno-fatal --top-module top --Mdir "$work/$1" \
        -F rtl/systole.f "$work/$1.v" "$PWD/sim/litex/main.cpp" -o run >>"$work/$1.log" 2>&1 || { cat "$work/$1.log" >&2; return 1; }
    "$work/$1/run"
}

said=$(simulate right "$(value FINGERPRINT_RESET)")
grep -q '^PASS' <<<"$said" || { echo "litex: $said" >&2; exit 1; }
said=$(simulate wrong 0x12345678)
grep -q '^FAIL$' <<<"$said" || { echo "litex: a wrong fingerprint was not found: $said" >&2; exit 1; }
echo "litex: the chip answers on LiteX's bus; a wrong fingerprint is found"
