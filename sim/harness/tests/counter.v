// SPDX-License-Identifier: Apache-2.0
// A counter with enable: the design of most tests here.
`default_nettype none
module counter (
    input  wire        clk_i,
    input  wire        rst_i,
    input  wire        en_i,
    input  wire [ 7:0] step_i,
    input  wire        stop_i,
    output reg  [31:0] count_o,
    output wire [31:0] next_o
);
  assign next_o = count_o + (en_i ? {24'd0, step_i} : 32'd0);
  always @(posedge clk_i)
    if (rst_i) count_o <= 32'd0;
    else count_o <= next_o;
  always @(posedge clk_i) if (stop_i) $stop;
endmodule
`default_nettype wire
