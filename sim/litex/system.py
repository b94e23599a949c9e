# SPDX-License-Identifier: Apache-2.0
"""Writes a system of LiteX with the chip on its bus as Verilog. In it a master reads the chip's ID and fingerprint through LiteX's
interconnect, writes SCRATCH and reads it back; it ends with PASS or FAIL. `make litex` simulates it in Verilator.

  sim/litex/system.py FILE.v NUMBER COLS ID FINGERPRINT
"""

import sys

from litex.build.generic_platform import Pins
from litex.build.sim import SimPlatform
from litex.gen import FSM, Display, Finish, If, LiteXModule, NextState, NextValue, Signal
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCMini
from litex.soc.interconnect import axi
from migen.genlib.io import CRG

from systole import Systole

BASE = 0x4000_0000
ID, FINGERPRINT, SCRATCH = 0x00, 0x04, 0x8C


class Master(LiteXModule):
    """Plays accesses one behind the other: (writes, offset, value)."""

    def __init__(self, accesses):
        self.bus = bus = axi.AXILiteInterface(data_width=32, address_width=32)
        address_done, data_done = Signal(), Signal()
        self.fsm = fsm = FSM(reset_state="STEP0")
        for n, (writes, offset, value) in enumerate(accesses):
            after = f"STEP{n + 1}"
            if writes:
                fsm.act(
                    f"STEP{n}",
                    bus.aw.addr.eq(BASE + offset), bus.aw.valid.eq(~address_done),
                    bus.w.data.eq(value), bus.w.strb.eq(0xF), bus.w.valid.eq(~data_done),
                    bus.b.ready.eq(1),
                    If(bus.aw.valid & bus.aw.ready, NextValue(address_done, 1)),
                    If(bus.w.valid & bus.w.ready, NextValue(data_done, 1)),
                    If(bus.b.valid, NextValue(address_done, 0), NextValue(data_done, 0), NextState(after)),
                )
            else:
                fsm.act(
                    f"STEP{n}",
                    bus.ar.addr.eq(BASE + offset), bus.ar.valid.eq(~address_done), bus.r.ready.eq(1),
                    If(bus.ar.valid & bus.ar.ready, NextValue(address_done, 1)),
                    If(
                        bus.r.valid,
                        NextValue(address_done, 0),
                        If(bus.r.data == value, NextState(after)).Else(NextState("FAIL")),
                    ),
                )
        self.pass_, self.fail = Signal(), Signal()
        fsm.act(f"STEP{len(accesses)}", self.pass_.eq(1))
        fsm.act("FAIL", self.fail.eq(1))
        self.sync += [
            If(self.pass_, Display("PASS: %d accesses", len(accesses)), Finish()),
            If(self.fail, Display("FAIL"), Finish()),
        ]


class System(SoCMini):
    def __init__(self, platform, config, cols, identity, fingerprint):
        SoCMini.__init__(self, platform, clk_freq=int(1e6), bus_standard="axi-lite", ident="", uart_name=None)
        self.crg = CRG(platform.request("sys_clk"))
        self.systole = Systole(platform, config, cols)
        self.bus.add_slave("systole", self.systole.bus, SoCRegion(origin=BASE, size=0x200, cached=False))
        self.comb += self.systole.output.ready.eq(1)
        self.master = Master([
            (False, ID, identity), (False, FINGERPRINT, fingerprint),
            (True, SCRATCH, 0x1234_5678), (False, SCRATCH, 0x1234_5678), (True, SCRATCH, 0), (False, SCRATCH, 0),
        ])
        self.bus.add_master("master", self.master.bus)


def main():
    file, config, cols, identity, fingerprint = sys.argv[1:]
    platform = SimPlatform("SIM", [("sys_clk", 0, Pins(1))])
    system = System(platform, int(config), int(cols), int(identity, 0), int(fingerprint, 0))
    system.finalize()
    platform.get_verilog(system).write(file)


if __name__ == "__main__":
    main()
