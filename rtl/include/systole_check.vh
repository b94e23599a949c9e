// SPDX-License-Identifier: Apache-2.0
// Checks: `SYSTOLE_ASSERT(name, condition)` holds in every cycle outside reset of a module
// with clk_i and rst_i. A named block that prints and stops in simulation, an immediate
// assertion under FORMAL, nothing in synthesis.
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
  always @(posedge clk_i) begin : name \
    if (!rst_i && !(condition)) begin \
      $display("assertion failed: %m"); \
      $stop; \
    end \
  end
`endif
`endif

`endif
