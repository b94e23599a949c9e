// SPDX-License-Identifier: Apache-2.0
// Residual add of one lane: y = sat8(rne((a*ma + b*mb + offset) / 2^shift) + zero point), with (a - za)*(b - zb)*ma in place of the
// sum of products where mul_i (za and zb are bits 7:0 and 15:8 of mb_i), or the larger of a and b where max_i, 6 cycles after a and b; the constants accompany each stage by the cycle it needs them. One a cycle; bit k of en_i says
// that operands are in stage k: stages without keep still. Reset clears nothing.
`default_nettype none

module systole_residual #(
    parameter PRODUCT = 1         // 0: mul_i is never set
) (
    input  wire        clk_i,
    input  wire [ 5:0] en_i,          // bit k: operands are in cycle k
    input  wire [ 7:0] a_i,           // cycle 0
    input  wire [ 7:0] b_i,           // cycle 0
    input  wire [25:0] ma_i,          // cycle 1
    input  wire [25:0] mb_i,          // cycle 1
    input  wire        mul_i,         // cycle 1
    input  wire [47:0] offset_i,      // cycle 3
    input  wire [ 5:0] shift_i,       // cycle 4, 0 to 40
    input  wire [ 7:0] zero_point_i,  // cycle 4
    input  wire        max_i,         // cycle 4
    output wire [ 7:0] y_o            // cycle 6
);

  // Operands are registered in front of the multipliers: both ways are long on an FPGA.
  reg [7:0] a_q;
  reg [7:0] b_q;
  always @(posedge clk_i)
    if (en_i[0]) begin
      a_q <= a_i;
      b_q <= b_i;
    end

  // Each product in two that fit a multiplier: the low 17 bits of the constant are unsigned.
  wire signed [25:0] a_low, b_low;
  wire signed [16:0] a_high, b_high;
  systole_mul #(.A_W(8), .B_W(18)) u_al (.clk_i(clk_i), .en_i(en_i[1]), .a_i(a_q), .b_i({1'b0, ma_i[16:0]}), .p_o(a_low));
  systole_mul #(.A_W(8), .B_W(18)) u_bl (.clk_i(clk_i), .en_i(en_i[1]), .a_i(b_q), .b_i({1'b0, mb_i[16:0]}), .p_o(b_low));
  systole_mul #(.A_W(8), .B_W(9)) u_ah (.clk_i(clk_i), .en_i(en_i[1]), .a_i(a_q), .b_i(ma_i[25:17]), .p_o(a_high));
  systole_mul #(.A_W(8), .B_W(9)) u_bh (.clk_i(clk_i), .en_i(en_i[1]), .a_i(b_q), .b_i(mb_i[25:17]), .p_o(b_high));

  // The product of both without their zero points is there in cycle 2, that times ma, in two, in cycle 3.
  wire signed [35:0] p_low;
  wire signed [26:0] p_high;
  wire               mul3;
  generate
    if (PRODUCT != 0) begin : g_product
      wire signed [8:0] a_less = {a_q[7], a_q} - {mb_i[7], mb_i[7:0]};
      wire signed [8:0] b_less = {b_q[7], b_q} - {mb_i[15], mb_i[15:8]};
      wire       [17:0] p;
      reg        [25:0] m_q2;
      reg               mul_q2, mul_q3;
      always @(posedge clk_i)
        if (en_i[1]) begin
          m_q2   <= ma_i;
          mul_q2 <= mul_i;
        end
      always @(posedge clk_i) if (en_i[2]) mul_q3 <= mul_q2;
      systole_mul #(.A_W(9), .B_W(9)) u_p (.clk_i(clk_i), .en_i(en_i[1] && mul_i), .a_i(a_less), .b_i(b_less), .p_o(p));
      systole_mul #(.A_W(18), .B_W(18)) u_pl (.clk_i(clk_i), .en_i(en_i[2] && mul_q2), .a_i(p), .b_i({1'b0, m_q2[16:0]}), .p_o(p_low));
      systole_mul #(.A_W(18), .B_W(9)) u_ph (.clk_i(clk_i), .en_i(en_i[2] && mul_q2), .a_i(p), .b_i(m_q2[25:17]), .p_o(p_high));
      assign mul3 = mul_q3;
    end else begin : g_no_product
      wire unused = mul_i;
      assign p_low  = 36'd0;
      assign p_high = 27'd0;
      assign mul3   = 1'b0;
    end
  endgenerate

  reg signed  [34:0] sum_q;
  reg signed  [48:0] total_q;
  wire signed [48:0] part_0 = mul3 ? {{13{p_low[35]}}, p_low} : {{14{sum_q[34]}}, sum_q};
  wire signed [48:0] part_1 = mul3 ? {{5{p_high[26]}}, p_high, 17'd0} : 49'd0;
  wire signed [26:0] low = {a_low[25], a_low} + {b_low[25], b_low};
  wire signed [17:0] high = {a_high[16], a_high} + {b_high[16], b_high};
  always @(posedge clk_i) begin
    if (en_i[2]) sum_q <= {high, 17'd0} + {{8{low[26]}}, low};
    if (en_i[3]) total_q <= part_0 + part_1 + {offset_i[47], offset_i};
  end

  // The larger operand goes along.
  reg [7:0] larger_q2, larger_q3, larger_q4, larger_q5;
  reg       max_q;
  always @(posedge clk_i) begin
    if (en_i[1]) larger_q2 <= $signed(a_q) > $signed(b_q) ? a_q : b_q;
    if (en_i[2]) larger_q3 <= larger_q2;
    if (en_i[3]) larger_q4 <= larger_q3;
    if (en_i[4]) begin
      larger_q5 <= larger_q4;
      max_q     <= max_i;
    end
  end

  // Ten bits of the quotient are enough, with a zero point no other saturates differently. The shifter narrows: of each
  // step only those bits stay that the steps behind it can still bring down. The bit below the unit decides, those
  // below it break the tie.
  wire        sign = total_q[48];
  wire [49:0] by_0 = {total_q, 1'b0};
  wire [41:0] by_32 = shift_i[5] ? {{24{sign}}, by_0[49:32]} : by_0[41:0];
  wire [25:0] by_16 = shift_i[4] ? by_32[41:16] : by_32[25:0];
  wire [17:0] by_8 = shift_i[3] ? by_16[25:8] : by_16[17:0];
  wire [13:0] by_4 = shift_i[2] ? by_8[17:4] : by_8[13:0];
  wire [11:0] by_2 = shift_i[1] ? by_4[13:2] : by_4[11:0];
  wire [10:0] by_1 = shift_i[0] ? by_2[11:1] : by_2[10:0];
  wire        above = (!shift_i[5] && by_0[49:42] != {8{sign}}) || (!shift_i[4] && by_32[41:26] != {16{sign}}) ||
      (!shift_i[3] && by_16[25:18] != {8{sign}}) || (!shift_i[2] && by_8[17:14] != {4{sign}}) ||
      (!shift_i[1] && by_4[13:12] != {2{sign}}) || (!shift_i[0] && by_2[11] != sign) || by_1[10] != sign;
  wire        below = (shift_i[5] && by_0[31:0] != 32'd0) || (shift_i[4] && by_32[15:0] != 16'd0) ||
      (shift_i[3] && by_16[7:0] != 8'd0) || (shift_i[2] && by_8[3:0] != 4'd0) ||
      (shift_i[1] && by_4[1:0] != 2'd0) || (shift_i[0] && by_2[0]);
  reg  [ 9:0] floor_q;
  reg         up_q, big_q, sign_q;
  reg  [ 7:0] zp_q;
  always @(posedge clk_i)
    if (en_i[4]) begin
      floor_q <= by_1[10:1];
      up_q    <= by_1[0] && (by_1[1] || below);
      big_q   <= above;
      sign_q  <= sign;
      zp_q    <= zero_point_i;
    end

  wire signed [10:0] rounded = {floor_q[9], floor_q} + {{3{zp_q[7]}}, zp_q} + {10'd0, up_q};
  reg         [ 7:0] y_q;
  always @(posedge clk_i)
    if (en_i[5]) begin
      if (max_q) y_q <= larger_q5;
      else if (big_q) y_q <= sign_q ? 8'h80 : 8'h7f;
      else if (rounded > 11'sd127) y_q <= 8'h7f;
      else if (rounded < -11'sd128) y_q <= 8'h80;
      else y_q <= rounded[7:0];
    end

  assign y_o = y_q;

endmodule

`default_nettype wire
