// SPDX-License-Identifier: Apache-2.0
// The sum of four signed numbers, two bits wider, in a register. Reset clears nothing.
`default_nettype none

module systole_vec_add4 #(
    parameter WIDTH = 26
) (
    input  wire               clk_i,
    input  wire               en_i,   // numbers are there
    input  wire [4*WIDTH-1:0] x_i,    // four numbers, signed
    output wire [  WIDTH+1:0] s_o     // their sum, a cycle later
);

  wire signed [WIDTH+1:0] x0 = {{2{x_i[WIDTH-1]}}, x_i[WIDTH-1:0]};
  wire signed [WIDTH+1:0] x1 = {{2{x_i[2*WIDTH-1]}}, x_i[2*WIDTH-1:WIDTH]};
  wire signed [WIDTH+1:0] x2 = {{2{x_i[3*WIDTH-1]}}, x_i[3*WIDTH-1:2*WIDTH]};
  wire signed [WIDTH+1:0] x3 = {{2{x_i[4*WIDTH-1]}}, x_i[4*WIDTH-1:3*WIDTH]};
  reg         [WIDTH+1:0] s_q;
  always @(posedge clk_i) if (en_i) s_q <= (x0 + x1) + (x2 + x3);
  assign s_o = s_q;

endmodule

`default_nettype wire
