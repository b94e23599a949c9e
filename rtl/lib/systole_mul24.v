// SPDX-License-Identifier: Apache-2.0
// Unsigned 25 x 24 multiplier from products that fit one 18 x 18 multiplier each. Latency
// 2 cycles, one a cycle; p_o keeps still without en_i[1]. Reset clears nothing.
`default_nettype none

module systole_mul24 (
    input  wire        clk_i,
    input  wire [ 1:0] en_i,   // operands are there; products are there
    input  wire [24:0] a_i,    // one factor, 0 to 2^24
    input  wire [23:0] b_i,    // the other
    output wire [48:0] p_o     // their product, 2 cycles later
);

  // A zero in front makes each part a signed operand.
  wire [17:0] a_low = {1'b0, a_i[16:0]};
  wire [ 8:0] a_high = {1'b0, a_i[24:17]};
  wire [17:0] b_low = {1'b0, b_i[16:0]};
  wire [ 7:0] b_high = {1'b0, b_i[23:17]};

  wire [35:0] ll;
  wire [26:0] hl;
  wire [25:0] lh;
  wire [16:0] hh;
  systole_mul #(.A_W(18), .B_W(18)) u_ll (.clk_i(clk_i), .en_i(en_i[0]), .a_i(a_low), .b_i(b_low), .p_o(ll));
  systole_mul #(.A_W(9), .B_W(18)) u_hl (.clk_i(clk_i), .en_i(en_i[0]), .a_i(a_high), .b_i(b_low), .p_o(hl));
  systole_mul #(.A_W(18), .B_W(8)) u_lh (.clk_i(clk_i), .en_i(en_i[0]), .a_i(a_low), .b_i(b_high), .p_o(lh));
  systole_mul #(.A_W(9), .B_W(8)) u_hh (.clk_i(clk_i), .en_i(en_i[0]), .a_i(a_high), .b_i(b_high), .p_o(hh));

  // None of the products is negative: the bits above are zero.
  reg [48:0] p_q;
  always @(posedge clk_i)
    if (en_i[1])
      p_q <= {15'd0, ll[33:0]} + {7'd0, hl[24:0], 17'd0} + {8'd0, lh[23:0], 17'd0} + {hh[14:0], 34'd0};

  assign p_o = p_q;

endmodule

`default_nettype wire
