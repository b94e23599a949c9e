// SPDX-License-Identifier: Apache-2.0
// Requantiser of one lane, bit-exact with ONNX Runtime (docs/arithmetic.md): total_i with bias in
// cycle V, its scale (mantissa q, shift) in V + 3, int8 result on y_o in V + REQUANT of the latency table, 8 or more:
// what is more are registers behind the last stage. biased_o, the 32-bit sum with bias, stands in V + 1. One a cycle;
// the zero point comes in V + 7. Bit k of en_i says that a vector is in V + k: stages without one keep still. Reset clears nothing.
`default_nettype none
`include "systole_isa.vh"

module systole_requant (
    input  wire        clk_i,
    input  wire [ 7:0] en_i,          // bit k: a vector is in V + k
    input  wire [31:0] total_i,       // V
    input  wire [31:0] bias_i,        // V
    output wire [31:0] biased_o,      // V + 1
    input  wire [23:0] q_i,           // V + 3
    input  wire [ 5:0] shift_i,       // V + 3
    input  wire [ 7:0] zero_point_i,  // V + 7
    output wire [ 7:0] y_o            // V + REQUANT
);

  // V: bias.  V + 1: magnitude.
  reg [31:0] biased_q;
  reg [31:0] mag_q;
  reg        neg_q2;
  always @(posedge clk_i) begin
    if (en_i[0]) biased_q <= total_i + bias_i;
    if (en_i[1]) begin
      mag_q  <= biased_q[31] ? 32'd0 - biased_q : biased_q;
      neg_q2 <= biased_q[31];
    end
  end

  // V + 2: to 24 significant bits, ties to even. `over` is how far the magnitude exceeds them.
  reg [ 3:0] over;
  reg [23:0] top;
  reg        round_up;
  integer    i;
  always @* begin
    over     = 4'd0;
    top      = mag_q[23:0];
    round_up = 1'b0;
    for (i = 1; i <= 8; i = i + 1)
      if (mag_q[23+i]) begin
        over     = i[3:0];
        top      = mag_q[i+:24];
        round_up = mag_q[i-1] && (mag_q[i] || (mag_q & ((32'd1 << (i - 1)) - 32'd1)) != 32'd0);
      end
  end

  reg [24:0] a_q;
  reg [ 3:0] over_q3;
  reg        neg_q3, neg_q4, neg_q5, neg_q6, neg_q7;
  always @(posedge clk_i) begin
    if (en_i[2]) begin
      a_q     <= {1'b0, top} + {24'd0, round_up};
      over_q3 <= over;
    end
    {neg_q7, neg_q6, neg_q5, neg_q4, neg_q3} <= {neg_q6, neg_q5, neg_q4, neg_q3, neg_q2};
  end

  // V + 3, V + 4: product.
  wire [48:0] p;
  systole_mul24 u_mul (
      .clk_i(clk_i),
      .en_i (en_i[4:3]),
      .a_i  (a_q),
      .b_i  (q_i),
      .p_o  (p)
  );
  // The magnitude's own exponent comes off the shift; below 0 the result saturates anyway.
  reg [5:0] shift_q4, shift_q5;
  reg       zero_q4, zero_q5;
  always @(posedge clk_i) begin
    shift_q4 <= shift_i > {2'd0, over_q3} ? shift_i - {2'd0, over_q3} : 6'd0;
    shift_q5 <= shift_q4;
    zero_q4  <= shift_i == 6'd63;
    zero_q5  <= zero_q4;
  end

  // V + 5: fixed point m . fraction, 8 and 26 bits, and what is lost on both sides. The shifter narrows: of each step
  // only those bits stay that the steps behind it can still bring into the window.
  wire [74:0] by_0 = {p, 26'd0};
  wire [64:0] by_32 = shift_q5[5] ? {22'd0, by_0[74:32]} : by_0[64:0];
  wire [48:0] by_16 = shift_q5[4] ? by_32[64:16] : by_32[48:0];
  wire [40:0] by_8 = shift_q5[3] ? by_16[48:8] : by_16[40:0];
  wire [36:0] by_4 = shift_q5[2] ? by_8[40:4] : by_8[36:0];
  wire [34:0] by_2 = shift_q5[1] ? by_4[36:2] : by_4[34:0];
  wire [33:0] by_1 = shift_q5[0] ? by_2[34:1] : by_2[33:0];
  wire        above = (!shift_q5[5] && by_0[74:65] != 10'd0) || (!shift_q5[4] && by_32[64:49] != 16'd0) ||
      (!shift_q5[3] && by_16[48:41] != 8'd0) || (!shift_q5[2] && by_8[40:37] != 4'd0) ||
      (!shift_q5[1] && by_4[36:35] != 2'd0) || (!shift_q5[0] && by_2[34]);
  wire        below = (shift_q5[5] && by_0[31:26] != 6'd0) || (shift_q5[4] && by_32[15:0] != 16'd0) ||
      (shift_q5[3] && by_16[7:0] != 8'd0) || (shift_q5[2] && by_8[3:0] != 4'd0) ||
      (shift_q5[1] && by_4[1:0] != 2'd0) || (shift_q5[0] && by_2[0]);
  reg  [ 7:0] m_q6;
  reg  [25:0] frac_q6;
  reg         big_q6, sticky_q6;
  always @(posedge clk_i)
    if (en_i[5]) begin
      {m_q6, frac_q6} <= zero_q5 ? 34'd0 : by_1;
      big_q6          <= !zero_q5 && above;
      sticky_q6       <= !zero_q5 && below;
    end

  // V + 6: round to nearest; within the window around one half it is a tie, to even. The window
  // is 2^(k-24), k = floor(log2 m), in units of 2^-26 of the fraction: 2^(k+2).
  reg [9:0] window;
  always @* begin
    window = 10'd2;
    for (i = 0; i < 8; i = i + 1) if (m_q6[i]) window = 10'd4 << i;
  end
  wire        upper = frac_q6[25];
  wire [25:0] distance = upper ? {1'b0, frac_q6[24:0]} : 26'h200_0000 - frac_q6;
  wire        tie = distance < {16'd0, window} || (distance == {16'd0, window} && !(upper && sticky_q6));

  reg  [ 8:0] m_q7;
  reg         big_q7;
  always @(posedge clk_i)
    if (en_i[6]) begin
      m_q7   <= {1'b0, m_q6} + {8'd0, tie ? m_q6[0] : upper};
      big_q7 <= big_q6;
    end

  // V + 7: sign, zero point, saturation.
  wire signed [10:0] zp = {{3{zero_point_i[7]}}, zero_point_i};
  wire signed [10:0] v = neg_q7 ? zp - $signed({2'b00, m_q7}) : zp + $signed({2'b00, m_q7});
  reg         [ 7:0] y_q;
  always @(posedge clk_i)
    if (en_i[7]) begin
      if (big_q7) y_q <= neg_q7 ? 8'h80 : 8'h7f;
      else if (v > 11'sd127) y_q <= 8'h7f;
      else if (v < -11'sd128) y_q <= 8'h80;
      else y_q <= v[7:0];
    end

  systole_delay #(
      .WIDTH (8),
      .CYCLES(`SYSTOLE_LATENCY_REQUANT - 8)
  ) u_spare (
      .clk_i(clk_i),
      .d_i  (y_q),
      .q_o  (y_o)
  );
  assign biased_o = biased_q;

endmodule

`default_nettype wire
