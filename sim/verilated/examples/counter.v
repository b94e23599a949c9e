// SPDX-License-Identifier: Apache-2.0
// Counts rising edges.
module counter #(
    parameter WIDTH = 8
) (
    input  wire             clk,
    output reg  [WIDTH-1:0] count
);
  initial count = 0;
  always @(posedge clk) count <= count + 1'b1;
endmodule
