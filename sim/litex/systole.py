# SPDX-License-Identifier: Apache-2.0
"""The chip as a module of LiteX: registers behind AXI4-Lite, streams as AXI4-Streams, an interrupt (docs/integrating.md)."""

import pathlib

from litex.gen import ClockSignal, Instance, LiteXModule, ResetSignal, Signal
from litex.soc.interconnect import axi

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Systole(LiteXModule):
    """`config` is a number of docs/architecture.md, `cols` its C: streams have words of so many bytes."""

    def __init__(self, platform, config, cols):
        self.bus = bus = axi.AXILiteInterface(data_width=32, address_width=32)
        self.input = axi.AXIStreamInterface(data_width=8 * cols, keep_width=cols)  # input frames
        self.output = axi.AXIStreamInterface(data_width=8 * cols, keep_width=cols)  # output frames
        self.image = axi.AXIStreamInterface(data_width=8 * cols)  # words of an image
        self.irq = Signal()
        ports = {"i_clk_i": ClockSignal("sys"), "i_rst_i": ResetSignal("sys"), "o_irq_o": self.irq}
        for name, channel, to_chip in [
            ("aw", bus.aw, ["addr"]), ("w", bus.w, ["data", "strb"]), ("ar", bus.ar, ["addr"]),
        ]:
            ports[f"i_s_axil_{name}valid_i"] = channel.valid
            ports[f"o_s_axil_{name}ready_o"] = channel.ready
            for field in to_chip:
                signal = getattr(channel, field)
                ports[f"i_s_axil_{name}{field}_i"] = signal[:9] if field == "addr" else signal
        for name, channel, from_chip in [("b", bus.b, ["resp"]), ("r", bus.r, ["data", "resp"])]:
            ports[f"o_s_axil_{name}valid_o"] = channel.valid
            ports[f"i_s_axil_{name}ready_i"] = channel.ready
            for field in from_chip:
                ports[f"o_s_axil_{name}{field}_o"] = getattr(channel, field)
        for name, stream, fields in [("in", self.input, ["data", "keep", "last"]), ("img", self.image, ["data"])]:
            ports[f"i_s_axis_{name}_tvalid_i"] = stream.valid
            ports[f"o_s_axis_{name}_tready_o"] = stream.ready
            for field in fields:
                ports[f"i_s_axis_{name}_t{field}_i"] = getattr(stream, field)
        ports["o_m_axis_out_tvalid_o"] = self.output.valid
        ports["i_m_axis_out_tready_i"] = self.output.ready
        for field in ["data", "keep", "last"]:
            ports[f"o_m_axis_out_t{field}_o"] = getattr(self.output, field)
        self.specials += Instance("systole_top", p_CONFIG=config, **ports)
        for line in (ROOT / "rtl/systole.f").read_text().splitlines():
            if line.startswith("+incdir+"):
                platform.add_verilog_include_path(str(ROOT / "rtl" / line.removeprefix("+incdir+")))
            elif line and not line.startswith("//"):
                platform.add_source(str(ROOT / "rtl" / line))
