#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the table of docs/performance.md: cycles on `base` beside SCALE-Sim 3.0.0 on a 16 x 16 array.

Called by scripts/scalesim.sh with the JSON of `verif/examples/shapes.rs` on standard input. SCALE-Sim
gets the same products (a convolution as its pixels x taps x filters), unlimited memories, and is asked for
compute cycles, weight stationary and output stationary; memory stalls are not counted against it. Where tiles are
full its numbers are checked against the closed forms tiles(K, N) * (M + 46) - 1 and tiles(M, N) * (K + 30) - 1.
"""
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

CONFIG = """[general]
run_name = run
[architecture_presets]
ArrayHeight: 16
ArrayWidth: 16
IfmapSramSzkB: 8192
FilterSramSzkB: 8192
OfmapSramSzkB: 8192
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Dataflow : {dataflow}
Bandwidth : 100
MemoryBanks: 1
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport : false
SparseRep : ellpack_block
OptimizedMapping : false
BlockSize : 8
RandomNumberGeneratorSeed : 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def simulate(rows, dataflow):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "run.cfg").write_text(CONFIG.format(dataflow=dataflow))
        topology = [f"l{i}, {r['m']}, {r['n']}, {r['k']}," for i, r in enumerate(rows)]
        (folder / "gemm.csv").write_text("Layer, M, N, K,\n" + "\n".join(topology) + "\n")
        layout = [f"l{i}," + "1," * 24 for i in range(len(rows))]
        (folder / "layout.csv").write_text("Layer," + "c," * 24 + "\n" + "\n".join(layout) + "\n")
        arguments = ["-c", "run.cfg", "-t", "gemm.csv", "-l", "layout.csv", "-i", "gemm", "-p", "out", "-s", "N"]
        subprocess.run(
            [sys.executable, "-m", "scalesim.scale", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with open(folder / "out/run/COMPUTE_REPORT.csv") as file:
            report = [[cell.strip() for cell in row] for row in csv.reader(file)]
    column = report[0].index("Total Cycles")
    return [int(row[column]) for row in report[1:]]


def tiles(a, b):
    return -(-a // 16) * -(-b // 16)


def main():
    data = json.load(sys.stdin)
    rows = data["rows"]
    ws, os = simulate(rows, "ws"), simulate(rows, "os")
    for row, a, b in zip(rows, ws, os):
        m, k, n = row["m"], row["k"], row["n"]
        if k % 16 == 0 and n % 16 == 0:
            assert a == tiles(k, n) * (m + 46) - 1, (row, a)
        if m % 16 == 0 and n % 16 == 0:
            assert b == tiles(m, n) * (k + 30) - 1, (row, b)
    print("| M x K x N | Systole `base` | use | SCALE-Sim WS | use | SCALE-Sim OS | use | best of both / Systole |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    total = [0, 0, 0]
    for row, a, b in zip(rows, ws, os):
        m, k, n, ours = row["m"], row["k"], row["n"], row["cycles"]
        use = lambda cycles: f"{100 * m * k * n / (256 * cycles):.1f} %"
        name = row["name"] if row["group"] == "GEMM" else f"ResNet-8 {row['name']}: {m} x {k} x {n}"
        print(f"| {name} | {ours:,} | {use(ours)} | {a:,} | {use(a)} | {b:,} | {use(b)} | {min(a, b) / ours:.2f} |")
        if row["group"] == "ResNet-8":
            total = [t + c for t, c in zip(total, (ours, a, b))]
    whole = data["resnet8"]
    print(f"| ResNet-8, all layers above | {total[0]:,} | | {total[1]:,} | | {total[2]:,} | | {min(total[1:]) / total[0]:.2f} |")
    print(f"| ResNet-8, the whole network, input to output | {whole:,} | | | | | | |")


if __name__ == "__main__":
    main()
