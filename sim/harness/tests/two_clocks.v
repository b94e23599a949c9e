// SPDX-License-Identifier: Apache-2.0
// Two counters on two clocks; each sees the other's value.
`default_nettype none
module two_clocks (
    input  wire        a_clk_i,
    input  wire        b_clk_i,
    output reg  [15:0] a_o,
    output reg  [15:0] b_o,
    output reg  [15:0] a_seen_by_b_o
);
  initial a_o = 0;
  initial b_o = 0;
  initial a_seen_by_b_o = 0;
  always @(posedge a_clk_i) a_o <= a_o + 1;
  always @(posedge b_clk_i) begin
    b_o <= b_o + 1;
    a_seen_by_b_o <= a_o;
  end
endmodule
`default_nettype wire
