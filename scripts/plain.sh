#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The chip in Icarus Verilog and nothing else: plays a script of `systole script` in four states (docs/simulators.md).
#
#   scripts/plain.sh CONFIG SCRIPT [+verbose] [+wave=FILE]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
config=${1:?usage: scripts/plain.sh CONFIG SCRIPT [+verbose] [+wave=FILE]} script=${2:?a script of systole script}
shift 2
id=$(scripts/configs.sh | awk -v name="$config" '$2 == name { print $1 }')
[ -n "$id" ] || { echo "plain: no configuration '$config'" >&2; exit 1; }
program=$(mktemp)
trap 'rm -f "$program"' EXIT
SYSTOLE_ROOT=$PWD iverilog -g2005 -o "$program" -s systole_replay -Psystole_replay.CONFIG="$id" -c rtl/systole.env.f sim/plain/systole_replay.v
vvp -n "$program" +script="$script" "$@" | tee /dev/stderr | grep -q '^PASS'
