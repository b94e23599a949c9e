// SPDX-License-Identifier: Apache-2.0
// Signed 8 x 8 multiplier with a weight that is held: product of x_i and the weight last
// loaded, 2 cycles after x_i (operand registers, product register), one a cycle. Reset clears
// nothing.
`default_nettype none

module systole_mul8 #(
    parameter SOFT = 0   // of LUTs, where a technology has that (rtl/ecp5)
) (
    input  wire        clk_i,
    input  wire        load_i,  // take w_i for this x_i and those that follow
    input  wire [ 7:0] x_i,
    input  wire [ 7:0] w_i,
    output wire [15:0] p_o
);

  reg [7:0] x_q;
  reg [7:0] w_q;

  always @(posedge clk_i) begin
    x_q <= x_i;
    if (load_i) w_q <= w_i;
  end

  systole_mul #(
      .A_W (8),
      .B_W (8),
      .SOFT(SOFT)
  ) u_mul (
      .clk_i(clk_i),
      .en_i (1'b1),
      .a_i  (x_q),
      .b_i  (w_q),
      .p_o  (p_o)
  );

endmodule

`default_nettype wire
