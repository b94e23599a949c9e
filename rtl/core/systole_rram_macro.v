// SPDX-License-Identifier: Apache-2.0
// The RRAM of one row behind its port list: WAYS interleaved arrays by the low bits of the
// sub-word address, each busy for WAYS cycles after it was asked. Data WAYS + 1 cycles after the
// read is applied, one read a cycle to changing ways. Writes are for the program path, outside runs.
// Behavioural and block-RAM variant; a foundry macro has the same ports. Reset clears nothing.
`default_nettype none
`include "systole_check.vh"

module systole_rram_macro #(
    parameter WIDTH = 64,             // bits of a sub-word
    parameter DEPTH = 2048,           // sub-words
    parameter WAYS  = 2,              // 1, 2 or 4
    parameter AW    = $clog2(DEPTH)
) (
    input  wire             clk_i,
    input  wire             rst_i,
    input  wire             re_i,
    input  wire [   AW-1:0] raddr_i,
    output wire [WIDTH-1:0] rdata_o,
    input  wire             we_i,
    input  wire [   AW-1:0] waddr_i,
    input  wire [WIDTH-1:0] wdata_i
);

  generate
    if (WAYS == 1) begin : g_one
      systole_ram #(
          .WIDTH (WIDTH),
          .DEPTH (DEPTH),
          .OUTREG(1)
      ) u_array (
          .clk_i  (clk_i),
          .we_i   (we_i),
          .waddr_i(waddr_i),
          .wdata_i(wdata_i),
          .re_i   (re_i),
          .raddr_i(raddr_i),
          .rdata_o(rdata_o)
      );
    end else begin : g_ways
      localparam WW = $clog2(WAYS);
      wire [WAYS*WIDTH-1:0] q;

      genvar w;
      for (w = 0; w < WAYS; w = w + 1) begin : g_way
        // The array is given its address for WAYS cycles: an ask keeps it busy that long.
        reg  [WAYS-2:0] busy_q;
        wire ask = re_i && raddr_i[WW-1:0] == w;
        always @(posedge clk_i)
          if (rst_i) busy_q <= {WAYS - 1{1'b0}};
          else busy_q <= (busy_q << 1) | {{WAYS - 2{1'b0}}, ask};

        wire [WIDTH-1:0] raw;
        systole_ram #(
            .WIDTH(WIDTH),
            .DEPTH(DEPTH / WAYS)
        ) u_array (
            .clk_i  (clk_i),
            .we_i   (we_i && waddr_i[WW-1:0] == w),
            .waddr_i(waddr_i[AW-1:WW]),
            .wdata_i(wdata_i),
            .re_i   (ask),
            .raddr_i(raddr_i[AW-1:WW]),
            .rdata_o(raw)
        );
        assign q[w*WIDTH+:WIDTH] = raw;  // stands until the next ask, at least WAYS cycles

        `SYSTOLE_ASSERT(check_way_idle, !(ask && busy_q != {WAYS - 1{1'b0}}))
      end

      wire [WW-1:0] way;
      systole_delay #(
          .WIDTH (WW),
          .CYCLES(WAYS)
      ) u_way (
          .clk_i(clk_i),
          .d_i  (raddr_i[WW-1:0]),
          .q_o  (way)
      );
      reg [WIDTH-1:0] data_q;
      always @(posedge clk_i) data_q <= q[way*WIDTH+:WIDTH];
      assign rdata_o = data_q;
    end
  endgenerate

endmodule

`default_nettype wire
