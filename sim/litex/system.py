# SPDX-License-Identifier: Apache-2.0
"""Writes a system of LiteX with the chip in it as Verilog: registers on LiteX's interconnect, where a host outside is the master, and
the three streams behind FIFOs of LiteX. `make litex` simulates it in Verilator, with `main.cpp` as the host.

  sim/litex/system.py FILE.v NUMBER COLS
"""

import sys

from litex.build.generic_platform import Pins
from litex.build.sim import SimPlatform
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCMini
from litex.soc.interconnect import axi, stream
from migen.genlib.io import CRG

from systole import Systole

BASE = 0x4000_0000
FIFO = 16  # words between the system and the chip, for each stream


class System(SoCMini):
    def __init__(self, platform, config, cols):
        SoCMini.__init__(self, platform, clk_freq=int(1e6), bus_standard="axi-lite", ident="", uart_name=None)
        self.crg = CRG(platform.request("sys_clk"))
        self.systole = chip = Systole(platform, config, cols)
        self.bus.add_slave("systole", chip.bus, SoCRegion(origin=BASE, size=0x200, cached=False))

        host = axi.AXILiteInterface(data_width=32, address_width=32)
        platform.add_extension(host.get_ios("host"))
        self.comb += host.connect_to_pads(platform.request("host"), mode="slave")
        self.bus.add_master("host", host)

        for name, endpoint, to_chip in [("in", chip.input, True), ("img", chip.image, True), ("out", chip.output, False)]:
            outside = axi.AXIStreamInterface(data_width=8 * cols, keep_width=cols)
            platform.add_extension(outside.get_ios(name))
            self.comb += outside.connect_to_pads(platform.request(name), mode="slave" if to_chip else "master")
            fifo = stream.SyncFIFO([("data", 8 * cols), ("keep", cols)], FIFO)
            self.add_module(f"{name}_fifo", fifo)
            source, sink = (outside, endpoint) if to_chip else (endpoint, outside)
            fields = {"valid", "ready", "last", "data"} | ({"keep"} if name != "img" else set())
            self.comb += source.connect(fifo.sink, keep=fields), fifo.source.connect(sink, keep=fields)

        platform.add_extension([("irq", 0, Pins(1))])
        self.comb += platform.request("irq").eq(chip.irq)


def main():
    file, config, cols = sys.argv[1:]
    platform = SimPlatform("SIM", [("sys_clk", 0, Pins(1))])
    system = System(platform, int(config), int(cols))
    system.finalize()
    platform.get_verilog(system).write(file)


if __name__ == "__main__":
    main()
