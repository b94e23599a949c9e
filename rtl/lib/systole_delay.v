// SPDX-License-Identifier: Apache-2.0
// Delays a bus by CYCLES clock cycles; 0 is a wire. Throughput 1. Reset clears nothing:
// use systole_delay_ctl for valid bits.
`default_nettype none

module systole_delay #(
    parameter WIDTH  = 8,  // bits
    parameter CYCLES = 1   // cycles
) (
    input  wire             clk_i,
    input  wire [WIDTH-1:0] d_i,    // what goes in
    output wire [WIDTH-1:0] q_o     // what went in CYCLES cycles ago
);

  generate
    if (CYCLES == 0) begin : g_wire
      assign q_o = d_i;
    end else if (CYCLES == 1) begin : g_one
      reg [WIDTH-1:0] d_q;
      always @(posedge clk_i) d_q <= d_i;
      assign q_o = d_q;
    end else begin : g_line
      reg [WIDTH*CYCLES-1:0] line_q;
      always @(posedge clk_i) line_q <= {line_q[WIDTH*(CYCLES-1)-1:0], d_i};
      assign q_o = line_q[WIDTH*CYCLES-1-:WIDTH];
    end
  endgenerate

endmodule

`default_nettype wire
