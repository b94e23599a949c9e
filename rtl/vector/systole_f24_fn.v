// SPDX-License-Identifier: Apache-2.0
// A function of an F24 by 64 segments (docs/arithmetic.md): x_i and its number in cycle V, the result in V + 8.
// One a cycle. Bit k of en_i says that one was there k cycles ago. we_i writes a segment, outside runs. Reset clears nothing.
`default_nettype none
`include "systole_isa.vh"

module systole_f24_fn (
    input  wire        clk_i,
    input  wire        we_i,     // a segment is written
    input  wire [ 7:0] waddr_i,  // {function, segment}
    input  wire [35:0] wdata_i,  // {slope, base}
    input  wire [ 7:0] en_i,     // bit k: a number was there k cycles ago
    input  wire [23:0] x_i,      // the number, F24, cycle V
    input  wire [ 1:0] fn_i,     // number of the function
    output wire [23:0] f_o       // the result, V + 8
);

  wire exponential = fn_i == 2'd0 || fn_i == 2'd3;

  // V: how far the significand moves to stand in units of 2^-16, 2^-12 or 2^-13, and what is outside.
  wire [8:0] unit = exponential ? 9'd126 : fn_i == 2'd1 ? 9'd130 : 9'd129;  // exponent at which nothing moves
  reg  [15:0] m_q1;
  reg  [ 2:0] left_q1;
  reg  [ 4:0] right_q1;
  reg         neg_q1;
  reg  [ 1:0] fn_q1;
  reg         over_q1, under_q1;
  wire [ 8:0] move = {1'b0, x_i[22:15]} - unit;   // bit 8: to the right
  wire [ 8:0] back = 9'd0 - move;
  // Magnitudes: exponentials end at 128 (times 128: 121) and -126, the others at 8 or 4.
  wire        at_121 = x_i[22:0] >= {8'd133, 15'h7200};
  wire        at_126 = x_i[22:0] > {8'd133, 15'h7c00};
  wire        at_128 = x_i[22:15] >= 8'd134;
  wire        at_limit = x_i[22:15] >= (fn_i == 2'd1 ? 8'd130 : 8'd129);
  wire        at_minus = fn_i == 2'd1 ? x_i[22:0] > {8'd130, 15'd0} : x_i[22:0] > {8'd129, 15'd0};
  always @(posedge clk_i)
    if (en_i[0]) begin
      m_q1     <= {x_i[22:15] != 8'd0, x_i[14:0]};
      left_q1  <= move[8] ? 3'd0 : move[2:0];
      right_q1 <= !move[8] ? 5'd0 : back[7:5] != 3'd0 ? 5'd31 : back[4:0];
      neg_q1   <= x_i[23];
      fn_q1    <= fn_i;
      over_q1  <= !x_i[23] && (!exponential ? at_limit : fn_i == 2'd3 ? at_121 : at_128);
      under_q1 <= x_i[23] && (exponential ? at_126 : at_minus);
    end

  // V + 1: move.
  wire [22:0] moved = {7'd0, m_q1} << left_q1 >> right_q1;
  wire [15:0] lost = m_q1 & ~(16'hffff << right_q1);
  reg  [22:0] moved_q2;
  reg         lost_q2, neg_q2, over_q2, under_q2;
  reg  [ 1:0] fn_q2;
  always @(posedge clk_i)
    if (en_i[1]) begin
      moved_q2 <= moved;
      lost_q2  <= right_q1 > 5'd15 ? m_q1 != 16'd0 : lost != 16'd0;
      {neg_q2, over_q2, under_q2, fn_q2} <= {neg_q1, over_q1, under_q1, fn_q1};
    end

  // V + 2: towards minus infinity; sigmoid and Phi count from their lower end.
  wire [23:0] floored = neg_q2 ? 24'd0 - {1'b0, moved_q2} - {23'd0, lost_q2} : {1'b0, moved_q2};
  wire        exponential2 = fn_q2 == 2'd0 || fn_q2 == 2'd3;
  reg  [23:0] u_q3;
  reg         over_q3, under_q3;
  reg  [ 1:0] fn_q3;
  always @(posedge clk_i)
    if (en_i[2]) begin
      u_q3 <= exponential2 ? floored : floored + 24'h8000;
      {over_q3, under_q3, fn_q3} <= {over_q2, under_q2, fn_q2};
    end

  // V + 3: the segment.
  wire [35:0] segment;  // V + 4
  systole_ram #(
      .WIDTH(36),
      .DEPTH(256)
  ) u_segments (
      .clk_i  (clk_i),
      .we_i   (we_i),
      .waddr_i(waddr_i),
      .wdata_i(wdata_i),
      .re_i   (en_i[3]),
      .raddr_i({fn_q3, u_q3[15:10]}),
      .rdata_o(segment)
  );
  reg  [9:0] r_q4;
  reg  [7:0] whole_q4;      // the power of two: signed
  reg        over_q4, under_q4;
  reg  [1:0] fn_q4;
  always @(posedge clk_i)
    if (en_i[3]) begin
      r_q4     <= u_q3[9:0];
      whole_q4 <= u_q3[23:16];
      {over_q4, under_q4, fn_q4} <= {over_q3, under_q3, fn_q3};
    end

  // V + 4: the slope's part.
  wire [26:0] part;  // V + 5
  systole_mul #(
      .A_W(16),
      .B_W(11)
  ) u_slope (
      .clk_i(clk_i),
      .en_i (en_i[4]),
      .a_i  (segment[35:20]),
      .b_i  ({1'b0, r_q4}),
      .p_o  (part)
  );
  reg  [19:0] base_q5;
  reg  [ 9:0] exponent_q5;  // of a y whose bit 20 is the first
  reg         over_q5, under_q5, one_q5;
  wire [ 9:0] power = {{2{whole_q4[7]}}, whole_q4} + (fn_q4 == 2'd3 ? 10'd135 : 10'd128);
  always @(posedge clk_i)
    if (en_i[4]) begin
      base_q5     <= segment[19:0];
      exponent_q5 <= fn_q4 == 2'd0 || fn_q4 == 2'd3 ? power : 10'd128;
      one_q5      <= fn_q4 == 2'd1 || fn_q4 == 2'd2;
      {over_q5, under_q5} <= {over_q4, under_q4};
    end

  // V + 5: y, not below 0.
  wire signed [26:0] rounded_part = $signed(part) + 27'sd512;
  wire signed [21:0] y = $signed({2'b00, base_q5}) + $signed({{5{rounded_part[26]}}, rounded_part[26:10]});
  reg  [20:0] y_q6;
  reg  [ 9:0] exponent_q6;
  reg         over_q6, under_q6, one_q6;
  always @(posedge clk_i)
    if (en_i[5]) begin
      y_q6 <= y[21] ? 21'd0 : y[20:0];
      {exponent_q6, over_q6, under_q6, one_q6} <= {exponent_q5, over_q5, under_q5, one_q5};
    end

  // V + 6: the first bit to the front.
  // (A function, so that a simulator looks for it only where there is a y.)
  function [4:0] zeros(input [20:0] x);
    integer i;
    begin
      zeros = 5'd0;
      for (i = 0; i < 21; i = i + 1) if (x[i]) zeros = 5'd20 - i[4:0];
    end
  endfunction
  reg  [20:0] front_q7;
  reg  [ 9:0] exponent_q7;
  reg         over_q7, under_q7, one_q7;
  always @(posedge clk_i)
    if (en_i[6]) begin
      front_q7    <= y_q6 << zeros(y_q6);
      exponent_q7 <= exponent_q6 - {5'd0, zeros(y_q6)};
      {over_q7, under_q7, one_q7} <= {over_q6, under_q6, one_q6};
    end

  // V + 7: round.
  wire [23:0] rounded;
  systole_f24_round u_round (
      .sign_i    (1'b0),
      .zero_i    (under_q7 || !front_q7[20]),
      .exponent_i(exponent_q7),
      .keep_i    (front_q7[20:5]),
      .half_i    (front_q7[4]),
      .rest_i    (front_q7[3:0] != 4'd0),
      .f_o       (rounded)
  );
  reg [23:0] f_q8;
  always @(posedge clk_i)
    if (en_i[7]) f_q8 <= !over_q7 ? rounded : one_q7 ? {1'b0, 8'd127, 15'd0} : {1'b0, 8'd254, 15'h7fff};
  assign f_o = f_q8;

endmodule

`default_nettype wire
