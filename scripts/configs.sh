#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints `id name` of every named configuration, one per line, from their only definition in sw/isa.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

table=sw/isa/src/config.rs
found=$(sed -n 's/.*config(\([0-9]\{1,\}\), "\([a-z0-9_]\{1,\}\)",.*/\1 \2/p' "$table")
[ -n "$found" ] || { echo "configs: no 'config(ID, \"NAME\", ...' in $table" >&2; exit 1; }
printf '%s\n' "$found"
