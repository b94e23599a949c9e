// SPDX-License-Identifier: Apache-2.0
// Checks: `SYSTOLE_ASSERT(name, condition)` holds in every cycle outside reset of a module
// with clk_i and rst_i, from its first reset on: a reset may reach a module through a register, which
// holds anything before the first edge. A named block that prints and stops in simulation, an
// immediate assertion under FORMAL, nothing in synthesis.
//
// `SYSTOLE_COVER_STATES(cover_NAME, state, bits)`: where coverage is measured, a cover statement for each pair of states
// that may follow each other (docs/coverage.md).
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

`ifdef VERILATED_COVERAGE
`define SYSTOLE_COVER_STATES(name, state, bits) \
  if (1) begin : name \
    /* verilator coverage_off */ \
    reg [bits-1:0] before_q; \
    reg known_q = 1'b0; \
    always @(posedge clk_i) {known_q, before_q} <= {!rst_i, state}; \
    /* verilator coverage_on */ \
    genvar from, to; \
    for (from = 0; from < (1 << bits); from = from + 1) begin : g_from \
      for (to = 0; to < (1 << bits); to = to + 1) begin : g_to \
        cover property (@(posedge clk_i) known_q && !rst_i && before_q == from && state == to); \
      end \
    end \
  end
`else
`define SYSTOLE_COVER_STATES(name, state, bits)
`endif

`endif
