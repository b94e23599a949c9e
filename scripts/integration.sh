#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What others take the chip with, each tried by its own tool from another folder: file lists by Verilator and Icarus Verilog, the core
# file by FuseSoC, the manifest by Bender, the registers by a reader of SystemRDL and two exporters, the driver in C for RISC-V.
# Needs scripts/setup.sh --integration.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=$root/.venv-integration/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

die() { printf 'integration: error: %s\n' "$*" >&2; exit 1; }
said() { printf 'integration: %s\n' "$*"; }
quiet() { # quiet COMMAND..: nothing printed, or it failed
    local out
    out=$("$@" 2>&1) && [ -z "$out" ] || { printf '%s\n' "$out" >&2; die "$1"; }
}

# Our own list: paths from the root.
mapfile -t ours < <(sed -n 's#^\([a-z].*\.v\)$#rtl/\1#p' "$root/rtl/systole.f" | sort)
((${#ours[@]} > 50)) || die "${#ours[@]} files in rtl/systole.f"

top=(--top-module systole_top -GCONFIG=5)
quiet verilator --lint-only -Wall "${top[@]}" "$root/rtl/systole.vlt" -F "$root/rtl/systole.f"
said "Verilator, -F rtl/systole.f: ${#ours[@]} files"
export SYSTOLE_ROOT=$root
quiet verilator --lint-only -Wall "${top[@]}" "$root/rtl/systole.vlt" -f "$root/rtl/systole.env.f"
quiet iverilog -g2005 -Wall -tnull -s systole_top -Psystole_top.CONFIG=5 -c "$root/rtl/systole.env.f"
said "Verilator and Icarus Verilog, rtl/systole.env.f: both"

"$bin/fusesoc" --cores-root "$root" run --target=lint systole:chip:systole --CONFIG 5 >fusesoc.log 2>&1 || { cat fusesoc.log >&2; die "FuseSoC"; }
! grep -E '^%(Warning|Error)' fusesoc.log || die "FuseSoC"
grep -q 'GCONFIG=5' build/*/lint/*.vc || die "FuseSoC does not hand on CONFIG"
theirs=$(cat build/*/lint/*.vc | grep -o 'rtl/[a-z0-9/]*/*[a-z0-9_]*\.v$' | sort)
[ "$theirs" = "$(printf '%s\n' "${ours[@]}")" ] || die "FuseSoC gave Verilator other files than rtl/systole.f has"
said "$("$bin/fusesoc" --version | tail -n 1 | sed 's/^/FuseSoC /'), systole.core: linted, the same files"

# Bender writes a lock file beside its manifest: in a folder of its own.
mkdir bender
ln -s "$root/rtl" bender/rtl
cp "$root/Bender.yml" bender/
"$bin/bender" -d bender script flist >bender.log 2>bender.err || { cat bender.err >&2; die "Bender"; }
theirs=$(sed -e "s#^.*/rtl/#rtl/#" -e '/^$/d' bender.log | sort)
[ "$theirs" = "$(printf '%s\n' "${ours[@]}")" ] || die "Bender has other files than rtl/systole.f: $(diff <(printf '%s\n' "${ours[@]}") <(printf '%s\n' "$theirs"))"
"$bin/bender" -d bender script verilator >bender.f 2>bender.err || { cat bender.err >&2; die "Bender"; }
quiet verilator --lint-only -Wall "${top[@]}" "$root/rtl/systole.vlt" -f bender.f
said "$("$bin/bender" --version), Bender.yml: the same files, its list linted"

for config in base nano; do
    (cd "$root" && cargo run -q -p systole-isa --example registers -- "$config") >"$config.json"
done
"$bin/python" "$root/scripts/registers.py" "$root/rtl/systole.rdl" base.json nano.json | sed 's/^/integration: /'
"$bin/peakrdl" html "$root/rtl/systole.rdl" -o html
"$bin/peakrdl" ip-xact "$root/rtl/systole.rdl" -o systole.xml
registers=$(grep -c '<ipxact:register>' systole.xml)
((registers == $(grep -c '^ *} [A-Z0-9_]* @ ' "$root/rtl/systole.rdl"))) || die "$registers registers in IP-XACT"
[ -s html/index.html ] || die "no HTML"
said "PeakRDL: HTML, and IP-XACT with $registers registers"

"$root/scripts/c_size.sh" | sed 's/^/integration: /'
