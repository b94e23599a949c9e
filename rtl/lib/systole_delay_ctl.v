// SPDX-License-Identifier: Apache-2.0
// Delays control bits by CYCLES clock cycles (1 or more). Throughput 1. Reset clears all.
`default_nettype none

module systole_delay_ctl #(
    parameter WIDTH  = 1,  // bits
    parameter CYCLES = 1   // cycles, at least 1
) (
    input  wire             clk_i,
    input  wire             rst_i,
    input  wire [WIDTH-1:0] d_i,    // what goes in
    output wire [WIDTH-1:0] q_o     // what went in CYCLES cycles ago
);

  reg [WIDTH*CYCLES-1:0] line_q;

  generate
    if (CYCLES == 1) begin : g_one
      always @(posedge clk_i)
        if (rst_i) line_q <= {WIDTH{1'b0}};
        else line_q <= d_i;
    end else begin : g_line
      always @(posedge clk_i)
        if (rst_i) line_q <= {WIDTH * CYCLES{1'b0}};
        else line_q <= {line_q[WIDTH*(CYCLES-1)-1:0], d_i};
    end
  endgenerate

  assign q_o = line_q[WIDTH*CYCLES-1-:WIDTH];

endmodule

`default_nettype wire
