// SPDX-License-Identifier: Apache-2.0
// F24 sum (docs/arithmetic.md): operands in cycle V, the sum in V + 5. One a cycle. Bit k of en_i says that
// operands were there k cycles ago. Reset clears nothing.
`default_nettype none

module systole_f24_add (
    input  wire        clk_i,
    input  wire [ 4:0] en_i,   // bit k: operands were there k cycles ago
    input  wire [23:0] a_i,    // one operand, F24
    input  wire [23:0] b_i,    // the other
    output wire [23:0] s_o     // the sum, 5 cycles later
);

  // V: the larger magnitude goes first.
  wire        swap = b_i[22:0] > a_i[22:0];
  wire [23:0] greater = swap ? b_i : a_i;
  wire [23:0] lesser = swap ? a_i : b_i;
  reg  [15:0] large_q1, small_q1;   // significands; a zero has none
  reg  [ 7:0] exponent_q1, far_q1;
  reg         sign_q1, minus_q1;
  always @(posedge clk_i)
    if (en_i[0]) begin
      large_q1    <= {greater[22:15] != 8'd0, greater[14:0]};
      small_q1    <= {lesser[22:15] != 8'd0, lesser[14:0]};
      exponent_q1 <= greater[22:15];
      far_q1      <= greater[22:15] - lesser[22:15];
      sign_q1     <= greater[23];
      minus_q1    <= greater[23] != lesser[23];
    end

  // V + 1: align, with two more bits and what is lost behind them.
  wire [17:0] wide = {small_q1, 2'b00};
  wire [17:0] by_16 = far_q1[4] ? {16'd0, wide[17:16]} : wide;
  wire [17:0] by_8 = far_q1[3] ? {8'd0, by_16[17:8]} : by_16;
  wire [17:0] by_4 = far_q1[2] ? {4'd0, by_8[17:4]} : by_8;
  wire [17:0] by_2 = far_q1[1] ? {2'd0, by_4[17:2]} : by_4;
  wire [17:0] by_1 = far_q1[0] ? {1'b0, by_2[17:1]} : by_2;
  wire        beyond = far_q1[7:5] != 3'd0;
  wire        lost = (far_q1[4] && wide[15:0] != 16'd0) || (far_q1[3] && by_16[7:0] != 8'd0) ||
      (far_q1[2] && by_8[3:0] != 4'd0) || (far_q1[1] && by_4[1:0] != 2'd0) || (far_q1[0] && by_2[0]);
  reg  [15:0] large_q2;
  reg  [18:0] small_q2;
  reg  [ 7:0] exponent_q2;
  reg         sign_q2, minus_q2;
  always @(posedge clk_i)
    if (en_i[1]) begin
      large_q2    <= large_q1;
      small_q2    <= beyond ? {18'd0, small_q1 != 16'd0} : {by_1, lost};
      exponent_q2 <= exponent_q1;
      sign_q2     <= sign_q1;
      minus_q2    <= minus_q1;
    end

  // V + 2: add.
  wire [19:0] whole = {1'b0, large_q2, 3'd0};
  reg  [19:0] sum_q3;
  reg  [ 7:0] exponent_q3;
  reg         sign_q3;
  always @(posedge clk_i)
    if (en_i[2]) begin
      sum_q3      <= minus_q2 ? whole - {1'b0, small_q2} : whole + {1'b0, small_q2};
      exponent_q3 <= exponent_q2;
      sign_q3     <= sign_q2;
    end

  // V + 3: the first bit to the front.
  // (A function, so that a simulator looks for it only where there is a sum.)
  function [4:0] zeros(input [19:0] x);
    integer i;
    begin
      zeros = 5'd20;
      for (i = 0; i < 20; i = i + 1) if (x[i]) zeros = 5'd19 - i[4:0];
    end
  endfunction
  reg  [19:0] front_q4;
  reg  [ 9:0] exponent_q4;
  reg         sign_q4, zero_q4;
  always @(posedge clk_i)
    if (en_i[3]) begin
      front_q4    <= sum_q3 << zeros(sum_q3);
      exponent_q4 <= {2'b00, exponent_q3} + 10'd1 - {5'd0, zeros(sum_q3)};
      sign_q4     <= sign_q3;
      zero_q4     <= sum_q3 == 20'd0;
    end

  // V + 4: round.
  wire [23:0] rounded;
  systole_f24_round u_round (
      .sign_i    (sign_q4),
      .zero_i    (zero_q4),
      .exponent_i(exponent_q4),
      .keep_i    (front_q4[19:4]),
      .half_i    (front_q4[3]),
      .rest_i    (front_q4[2:0] != 3'd0),
      .f_o       (rounded)
  );
  reg [23:0] s_q;
  always @(posedge clk_i) if (en_i[4]) s_q <= rounded;
  assign s_o = s_q;

endmodule

`default_nettype wire
