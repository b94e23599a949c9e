// SPDX-License-Identifier: Apache-2.0
// The RRAM of one row behind its port list (docs/rram.md): WAYS interleaved arrays by the low bits of
// the sub-word address, each busy for WAYS cycles after it was asked. Data WAYS + 1 cycles after the
// read is applied, one read a cycle to changing ways. A pulse (both enables high) sets or resets the
// bits of mask_i; address, kind and mask stand still while busy_o. This is the block-RAM variant: every
// pulse succeeds, in 3 cycles, at every reference. Reset ends a pulse.
`default_nettype none
`include "systole_check.vh"

module systole_rram_macro #(
    parameter ROW   = 0,              // of the array; for models that tell macros apart
    parameter WIDTH = 72,             // bits of a sub-word
    parameter DEPTH = 2048,           // sub-words
    parameter WAYS  = 2,              // 1, 2 or 4
    parameter AW    = $clog2(DEPTH)
) (
    input  wire             clk_i,
    input  wire             rst_i,
    input  wire             re_i,        // read
    input  wire [   AW-1:0] raddr_i,     // its sub-word
    input  wire [      2:0] ref_i,       // read reference: SYSTOLE_REF_*
    output wire [WIDTH-1:0] rdata_o,     // the sub-word, WAYS + 1 cycles later
    input  wire             pulse_i,     // begins a pulse
    input  wire             reset_i,     // 0: SET to 1, 1: RESET to 0
    input  wire [      3:0] level_i,     // number of the pulse in its ladder
    input  wire [   AW-1:0] paddr_i,     // sub-word of the pulse
    input  wire [WIDTH-1:0] mask_i,      // bits that it changes
    input  wire             enable_a_i,  // one of two enables, without which no pulse is given
    input  wire             enable_b_i,  // the other one
    output wire             busy_o       // a pulse is on
);

  localparam WW = WAYS > 1 ? $clog2(WAYS) : 1;

  // A pulse: read, look, write.
  reg  [     1:0] step_q;
  wire            pulse = pulse_i && enable_a_i && enable_b_i && step_q == 2'd0;
  always @(posedge clk_i)
    if (rst_i) step_q <= 2'd0;
    else if (pulse) step_q <= 2'd1;
    else if (step_q != 2'd0) step_q <= step_q == 2'd2 ? 2'd0 : step_q + 2'd1;
  wire            write = step_q == 2'd2;
  assign busy_o = step_q != 2'd0;

  wire [      WW-1:0] way;
  wire [WAYS*WIDTH-1:0] q;
  systole_delay #(
      .WIDTH (WW),
      .CYCLES(WAYS)
  ) u_way (
      .clk_i(clk_i),
      .d_i  (WAYS > 1 ? raddr_i[WW-1:0] : 1'b0),
      .q_o  (way)
  );

  genvar w;
  generate
    for (w = 0; w < WAYS; w = w + 1) begin : g_way
      localparam LSB = WAYS > 1 ? WW : 0;
      wire mine = WAYS == 1 || paddr_i[WW-1:0] == w;
      wire ask = re_i && (WAYS == 1 || raddr_i[WW-1:0] == w);
      wire [WIDTH-1:0] raw;
      systole_ram #(
          .WIDTH(WIDTH),
          .DEPTH(DEPTH / WAYS)
      ) u_array (
          .clk_i  (clk_i),
          .we_i   (write && mine),
          .waddr_i(paddr_i[AW-1:LSB]),
          .wdata_i(reset_i ? raw & ~mask_i : raw | mask_i),
          .re_i   (ask || (pulse && mine)),
          .raddr_i(ask ? raddr_i[AW-1:LSB] : paddr_i[AW-1:LSB]),
          .rdata_o(raw)
      );
      assign q[w*WIDTH+:WIDTH] = raw;  // stands until the next ask, at least WAYS cycles

      // The array is given its address for WAYS cycles: an ask keeps it busy that long.
      if (WAYS > 1) begin : g_busy
        reg [WAYS-2:0] busy_q;
        always @(posedge clk_i)
          if (rst_i) busy_q <= {WAYS - 1{1'b0}};
          else busy_q <= (busy_q << 1) | {{WAYS - 2{1'b0}}, ask};
        `SYSTOLE_ASSERT(check_way_idle, !(ask && busy_q != {WAYS - 1{1'b0}}))
      end
    end
  endgenerate
  `SYSTOLE_ASSERT(check_pulse_alone, !(re_i && busy_o))

  reg [WIDTH-1:0] data_q;
  always @(posedge clk_i) data_q <= q[way*WIDTH+:WIDTH];
  assign rdata_o = data_q;

endmodule

`default_nettype wire
