// SPDX-License-Identifier: Apache-2.0
// Ports far wider than a word.
module vast (
    input  wire          clk,
    input  wire [4999:0] a,
    input  wire [8191:0] b,
    output wire [4999:0] x,
    output wire [8191:0] y
);
  assign x = ~a;
  assign y = ~b;
endmodule
