// SPDX-License-Identifier: Apache-2.0
// Checks: `SYSTOLE_ASSERT(name, condition)` holds in every cycle outside reset of a module
// with clk_i and rst_i, from its first reset on: a reset may reach a module through a register, which
// holds anything before the first edge. A named block that prints and stops in simulation, an
// immediate assertion under FORMAL, nothing in synthesis.
`ifndef SYSTOLE_CHECK_VH
`define SYSTOLE_CHECK_VH

`ifdef FORMAL
`define SYSTOLE_ASSERT(name, condition) \
  always @(posedge clk_i) begin : name \
    if (!rst_i) assert (condition); \
  end
`else
`ifdef SYNTHESIS
`define SYSTOLE_ASSERT(name, condition)
`else
`define SYSTOLE_ASSERT(name, condition) \
  if (1) begin : name \
    reg was_reset = 1'b0; \
    always @(posedge clk_i) begin \
      was_reset <= was_reset || rst_i; \
      if (was_reset && !rst_i && !(condition)) begin \
        $display("assertion failed: %m"); \
        $stop; \
      end \
    end \
  end
`endif
`endif

`endif
