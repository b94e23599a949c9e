#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `systole serve` asked by Triton's client of PyPI: scripts/serve_client.sh [BACKEND], on the model without one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --serve
cargo build --release --quiet -p systole-cli --bin systole
log=$(mktemp)
server=
end() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -f "$log"; }
trap end EXIT

for model in digits tales; do
    target/release/systole serve "$model" --backend "${1:-model}" --port 0 >"$log" &
    server=$!
    for _ in $(seq 600); do
        grep -q 'POST http' "$log" && break
        kill -0 "$server"
        sleep 0.5
    done
    address=$(sed -n 's|.*POST http://\([^/]*\)/.*|\1|p' "$log")
    .venv-serve/bin/python scripts/serve_client.py "$address" "$model"
    kill -TERM "$server"
    wait "$server" # 0: whatever was admitted was answered, and in time
    server=
    tail -n 1 "$log"
done
