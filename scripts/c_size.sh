#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bytes of code of the driver in C (sw/c), by file: for this machine, and for RISC-V and Arm where there are compilers for them. Fails
# where it needs something of a library.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../sw/c"
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

measure() { # measure NAME COMPILER FLAG...
    local name=$1 compiler=$2 file total=0 bytes line=
    shift 2
    command -v "$compiler" >/dev/null || { printf '%-14s no %s\n' "$name" "$compiler"; return; }
    for file in src/*.c; do
        "$compiler" -std=c99 -Wall -Wextra -Werror -pedantic -ffreestanding -Os "$@" -Iinclude -c "$file" -o "$build/object.o"
        bytes=$("${compiler%gcc}size" "$build/object.o" | awk 'NR == 2 { print $1 + $2 }')
        total=$((total + bytes))
        line+=", $(basename "$file") $bytes"
    done
    "$compiler" -std=c99 -ffreestanding -Os "$@" -Iinclude -r -nostdlib src/*.c -o "$build/all.o"
    bytes=$("${compiler%gcc}nm" -u "$build/all.o")
    [ -z "$bytes" ] || { echo "c_size: $name needs $bytes" >&2; exit 1; }
    printf '%-14s %5d bytes%s\n' "$name" "$total" "$line"
}

measure "$(uname -m)" gcc
measure rv32imac riscv64-linux-gnu-gcc -march=rv32imac -mabi=ilp32
measure rv64imac riscv64-linux-gnu-gcc -march=rv64imac -mabi=lp64
measure cortex-m0 arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb
