// SPDX-License-Identifier: Apache-2.0
// Residual add of one lane: y = sat8(rne((a*ma + b*mb + offset) / 2^shift) + zero point), or the larger of a and b
// where max_i, 6 cycles after a and b; the constants accompany each stage by the cycle it needs them. One a cycle; bit k of en_i says
// that operands are in stage k: stages without keep still. Reset clears nothing.
`default_nettype none

module systole_residual (
    input  wire        clk_i,
    input  wire [ 5:0] en_i,
    input  wire [ 7:0] a_i,       // cycle 0
    input  wire [ 7:0] b_i,       // cycle 0
    input  wire [25:0] ma_i,      // cycle 1
    input  wire [25:0] mb_i,      // cycle 1
    input  wire [47:0] offset_i,  // cycle 3
    input  wire [ 5:0] shift_i,   // cycle 4, 0 to 40
    input  wire [ 7:0] zero_point_i,  // cycle 4
    input  wire        max_i,         // cycle 4
    output wire [ 7:0] y_o        // cycle 6
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

  reg signed  [34:0] sum_q;
  reg signed  [48:0] total_q;
  wire signed [26:0] low = {a_low[25], a_low} + {b_low[25], b_low};
  wire signed [17:0] high = {a_high[16], a_high} + {b_high[16], b_high};
  always @(posedge clk_i) begin
    if (en_i[2]) sum_q <= {high, 17'd0} + {{8{low[26]}}, low};
    if (en_i[3]) total_q <= {{14{sum_q[34]}}, sum_q} + {offset_i[47], offset_i};
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

  // One bit below the unit decides, the bits below it break the tie.
  wire signed [49:0] shifted = $signed({total_q, 1'b0}) >>> shift_i;
  wire        [48:0] below = total_q & ~(~49'd0 << (shift_i - 6'd1));
  reg signed  [48:0] floor_q;
  reg                up_q;
  reg         [ 8:0] zp_q, zp_up_q;   // the zero point, and one more
  always @(posedge clk_i)
    if (en_i[4]) begin
      floor_q <= shifted[49:1];
      up_q    <= shift_i != 6'd0 && shifted[0] && (shifted[1] || (shift_i > 6'd1 && below != 49'd0));
      zp_q    <= {zero_point_i[7], zero_point_i};
      zp_up_q <= {zero_point_i[7], zero_point_i} + 9'd1;
    end

  wire        [ 8:0] add = up_q ? zp_up_q : zp_q;
  wire signed [49:0] rounded = {floor_q[48], floor_q} + {{41{add[8]}}, add};
  reg         [ 7:0] y_q;
  always @(posedge clk_i)
    if (en_i[5]) begin
      if (max_q) y_q <= larger_q5;
      else if (rounded > 50'sd127) y_q <= 8'h7f;
      else if (rounded < -50'sd128) y_q <= 8'h80;
      else y_q <= rounded[7:0];
    end

  assign y_o = y_q;

endmodule

`default_nettype wire
