#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proofs by induction over the RTL (verif/formal), with Yosys. Each is tried a second time with a fault in the RTL: a
# proof that succeeds then proves nothing, and is a failure. As many at a time as there are cores.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cores=$(nproc)

# prove LOG TOP PARAMETERS SOURCE...: 0 where the induction closes.
prove() {
    local log=$1 top=$2 parameters=$3
    shift 3
    timeout 300 yosys -q -p "read_verilog -formal -DFORMAL -DSYSTOLE_PROOF -Irtl/include -I${include:-verif/formal} $*; \
        chparam $parameters $top; hierarchy -check -top $top; prep -top $top; flatten; memory_map; chformal -early; \
        opt -full; sat -verify -tempinduct -prove-asserts -set-assumes -seq 1 -set-at 1 rst_i 1 -maxsteps 3" >"$log" 2>&1
}

run() { # run DIR NAME TOP PARAMETERS FILE PATTERN FAULT OTHER-SOURCE...
    local dir=$1 name=$2 top=$3 parameters=$4 file=$5 pattern=$6 fault=$7 begin=$EPOCHREALTIME verdict=proven
    shift 7
    if ! prove "$dir/log" "$top" "$parameters" "$file" "$@"; then
        verdict=FAILED
        tail -n 20 "$dir/log"
    elif ! grep -qF -- "$pattern" "$file"; then
        verdict="FAILED: '$pattern' is not in $file"
    else
        pattern=$(printf '%s' "$pattern" | sed 's/[][\.*^$/]/\\&/g') fault=$(printf '%s' "$fault" | sed 's/[&/\]/\\&/g')
        sed "s/$pattern/$fault/" "$file" >"$dir/fault.v"
        ! prove "$dir/log" "$top" "$parameters" "$dir/fault.v" "$@" || verdict="FAILED: proven with a fault too"
    fi
    [ "$verdict" != proven ] || touch "$dir/proven"
    local ms=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
    printf 'formal: %-44s %s %3d.%d s\n' "$name" "$verdict" $((ms / 1000)) $((ms % 1000 / 100))
}

check() { # check NAME TOP PARAMETERS FILE PATTERN FAULT OTHER-SOURCE...
    while (($(jobs -rp | wc -l) >= cores)); do wait -n || true; done
    local dir
    dir=$(mktemp -d "$work/XXXXXX")
    run "$dir" "$@" &
}

ram=(rtl/lib/systole_ram.v rtl/lib/systole_delay.v)
program=(systole_rram_program "-set ROWS 4 -set COLS 4 -set RRAM_DEPTH 128" rtl/rram/systole_rram_program.v)
ecc=(rtl/rram/systole_ecc_encode.v rtl/rram/systole_ecc_check.v rtl/rram/systole_bch_check.v rtl/lib/systole_parity.v)
check "a retired line keeps its class" "${program[@]}" "- used_lines + class_32" "- used_lines" "${ecc[@]}" "${ram[@]}"
check "a moved line keeps its class" "${program[@]}" "scan_entry[0] == line_q[0]" "1'b1" "${ecc[@]}" "${ram[@]}"
include=verif/formal/any check "no pulse leaves its slot" "${program[@]}" "managed && !lawful ? ST_DONE" "1'b0 ? ST_DONE" "${ecc[@]}" "${ram[@]}"
for sizes in "2 1" "4 2" "2 2" "4 4"; do
    read -r ways beats <<<"$sizes"
    check "no busy way is asked, WAYS $ways, D $beats" ways "-set WAYS $ways -set BEATS $beats" verif/formal/ways.v \
        "en && en_q[i] && way_q" "en \&\& en_q[i] \&\& i > 0 \&\& way_q" rtl/rram/systole_rram_macro.v "${ram[@]}"
done
wait
# One that died on its way is a failure too.
for dir in "$work"/*/; do
    [ -e "$dir/proven" ] || exit 1
done
