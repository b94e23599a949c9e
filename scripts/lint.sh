#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Reads the RTL with Verilator, Icarus Verilog and Yosys, each on every configuration, and on tiny with the other code of
# RRAM words (ECC = 1). Any warning is a failure.
# What Verilator is told to accept, with the reasons, is beside the file list: rtl/systole.vlt for rtl/systole.f.
# Then what stands around the chip on a board (rtl/systole_board.f): the top of an ECP5 on tiny, of a Gowin on nano.
# LINT_LIST=FILE and LINT_TOP=NAME choose another file list and top module, LINT_CONFIGS=NAMES configurations.
# --quick: `large` in Icarus alone. It has no block that `base` lacks, and half of the time is its.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=0
case ${1:-} in
    --quick) quick=1 ;;
    '') ;;
    *) printf 'lint: error: %s: only --quick is known\n' "$1" >&2; exit 1 ;;
esac
list=${LINT_LIST:-rtl/systole.f}
top=${LINT_TOP:-systole_top}

die() { printf 'lint: error: %s\n' "$*" >&2; exit 1; }
[ -f "$list" ] || die "$list: no such file list"

# A file list has one path a line, from its own folder; +incdir+DIR; -F LIST; and // comments. Paths are given from here.
read_list() {
    local line folder
    folder=$(dirname "$1")
    while IFS= read -r line; do
        case $line in
            "-F "*) read_list "$folder/${line#-F }" ;;
            +incdir+*) printf '+incdir+%s\n' "$folder/${line#+incdir+}" ;;
            [+-]*) printf '%s\n' "$line" ;;
            ../*) printf '%s\n' "${line#../}" ;;
            *) printf '%s\n' "$folder/$line" ;;
        esac
    done < <(sed -e 's#//.*##' -e 's/[[:space:]]*$//' -e '/^$/d' "$1")
}
files=() includes=()
while IFS= read -r line; do
    case $line in
        +incdir+*) includes+=("-I${line#+incdir+}") ;;
        +* | -*) die "$list: '$line': only paths, -F LIST and +incdir+DIR are understood" ;;
        *)
            [ -f "$line" ] || die "$list: $line: no such file"
            files+=("$line")
            ;;
    esac
done < <(read_list "$list")
((${#files[@]})) || die "$list: no files in it"

# A source that no list names would never be looked at.
listed=$(for f in rtl/systole.f rtl/systole_board.f; do read_list "$f"; done)
# (rtl/ecp5 holds other versions of files in the list.)
orphans=$(find rtl -name '*.v' -not -path 'rtl/ecp5/*' | sort | grep -vxF "$listed" || true)
[ -z "$orphans" ] || die "in no file list (rtl/systole.f, rtl/systole_board.f): ${orphans//$'\n'/ }"

accepted=(rtl/systole.vlt)
[ ! -f "${list%.f}.vlt" ] || [ "$list" = rtl/systole.f ] || accepted+=("${list%.f}.vlt")
run_verilator() { # run_TOOL ID [PARAMETER VALUE]
    local waves=() # and what only waves have, once
    [ "$1" != 0 ] || waves=(-DSYSTOLE_WAVES)
    verilator --lint-only -Wall --top-module "$top" -GCONFIG="$1" ${2:+"-G$2=$3"} \
        "${waves[@]}" "${accepted[@]}" "${includes[@]}" "${files[@]}"
}

# Icarus returns 0 with warnings, so anything it prints counts.
run_iverilog() {
    local out
    out=$(iverilog -g2005 -Wall -tnull -s "$top" -P"$top.CONFIG=$1" ${2:+"-P$top.$2=$3"} "${includes[@]}" "${files[@]}" 2>&1) || {
        printf '%s\n' "$out"
        return 1
    }
    [ -z "$out" ] || { printf '%s\n' "$out"; return 1; }
}

run_yosys() {
    yosys -q -e '.' -p "read_verilog -defer ${includes[*]} ${files[*]}; \
        hierarchy -check -top $top -chparam CONFIG $1 ${2:+-chparam $2 $3}; proc; check -assert"
}

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

job() { # job TOOL ID NAME [PARAMETER VALUE]
    local begin=$EPOCHREALTIME log=$logs/$1-$2${4:+$4} verdict=ok
    "run_$1" "$2" "${@:4}" >"$log" 2>&1 || { verdict=FAILED && touch "$log-failed"; }
    local ms=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
    printf 'lint: %-9s %-11s %-6s %3d.%d s\n' "$1" "$3" "$verdict" $((ms / 1000)) $((ms % 1000 / 100))
}

# As many at a time as there are cores, and the large ones first: none of them is left over for one core alone.
mapfile -t configs < <(scripts/configs.sh | tac)
((${#configs[@]})) || die "no configurations"
if [ -n "${LINT_CONFIGS:-}" ]; then
    mapfile -t configs < <(printf '%s\n' "${configs[@]}" | grep -wE "${LINT_CONFIGS// /|}")
fi
[ "$top" != systole_top ] || configs+=("0 tiny/dected ECC 1")
cores=$(nproc)
for config in "${configs[@]}"; do
    read -r id name parameter <<<"$config"
    for tool in verilator yosys iverilog; do
        ((quick == 0)) || [ "$name" != large ] || [ "$tool" = iverilog ] || continue
        while (($(jobs -rp | wc -l) >= cores)); do wait -n || true; done
        # shellcheck disable=SC2086 # a name and its value, or nothing
        job "$tool" "$id" "$name" $parameter &
    done
done
wait

# Most complaints are the same in every configuration: a line that was shown is not shown again.
for mark in "$logs"/*-failed; do
    [ -e "$mark" ] || continue
    log=${mark%-failed}
    printf '\n%s, configuration %s:\n' "$(basename "${log%-*}")" "${log##*-}"
    cat "$log"
done | awk '/^$/ || !seen[$0]++' >&2
failed=$(find "$logs" -name '*-failed' | wc -l)
((failed == 0)) || die "$failed runs failed"
[ "$top" = systole_top ] || exit 0
LINT_LIST=rtl/systole_board.f LINT_TOP=systole_ecp5 LINT_CONFIGS=tiny "$0" &
ecp5=$!
LINT_LIST=rtl/systole_board.f LINT_TOP=systole_gowin LINT_CONFIGS=nano "$0" || die "systole_gowin failed"
wait "$ecp5" || die "systole_ecp5 failed"
