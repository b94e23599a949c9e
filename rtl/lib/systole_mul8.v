// SPDX-License-Identifier: Apache-2.0
// Signed multiplier of the array, with a weight that is held: product of x_i and the weight last
// loaded, 2 cycles after x_i (operand registers, product register), one a cycle. x_i and w_i have
// 8 bits; with ZERO the zero point zero_i is subtracted from w_i as it is loaded, and the weight that is
// held has 9: -255 to 255. The product has 16 bits either way: 128 x 255 < 2^15. Reset clears nothing.
`default_nettype none

module systole_mul8 #(
    parameter ZERO = 0,  // 1: weights have a zero point
    parameter SOFT = 0   // of LUTs, where a technology has that (rtl/ecp5)
) (
    input  wire        clk_i,
    input  wire        load_i,  // take w_i for this x_i and those that follow
    input  wire [ 7:0] x_i,     // activation, signed
    input  wire [ 7:0] w_i,     // weight, signed
    input  wire [ 7:0] zero_i,  // signed; with load_i
    output wire [15:0] p_o      // product, 2 cycles after x_i
);

  localparam W_W = ZERO != 0 ? 9 : 8;

  reg [    7:0] x_q;
  reg [W_W-1:0] w_q;
  always @(posedge clk_i) x_q <= x_i;

  generate
    if (ZERO != 0) begin : g_zero
      always @(posedge clk_i) if (load_i) w_q <= {w_i[7], w_i} - {zero_i[7], zero_i};
    end else begin : g_plain
      always @(posedge clk_i) if (load_i) w_q <= w_i;
      wire unused = &zero_i;
    end
  endgenerate

  wire [W_W+7:0] product;
  systole_mul #(
      .A_W (W_W),
      .B_W (8),
      .SOFT(SOFT)
  ) u_mul (
      .clk_i(clk_i),
      .en_i (1'b1),
      .a_i  (w_q),
      .b_i  (x_q),
      .p_o  (product)
  );
  assign p_o = product[15:0];
  generate
    if (ZERO != 0) begin : g_top
      wire unused = product[W_W+7];  // as bit 15
    end
  endgenerate

endmodule

`default_nettype wire
