// SPDX-License-Identifier: Apache-2.0
// An F24 as a code, and in sixteenths (docs/arithmetic.md): f_i in cycle V, zero point and limits in V + 1, code_o and
// t_o in V + 2. One a cycle. Bit k of en_i says that one was there k cycles ago. Reset clears nothing.
`default_nettype none

module systole_f24_code (
    input  wire        clk_i,
    input  wire [ 1:0] en_i,          // bit k: a number was there k cycles ago
    input  wire [23:0] f_i,           // the number, F24, cycle V
    input  wire [ 7:0] zero_point_i,  // V + 1
    input  wire [ 7:0] lo_i,          // V + 1
    input  wire [ 7:0] hi_i,          // V + 1
    output wire [ 7:0] code_o,        // its code, V + 2
    output wire [12:0] t_o            // signed
);

  // V: in units of 2^-5, and what is lost; from 256 on all saturates.
  wire [15:0] m = {f_i[22:15] != 8'd0, f_i[14:0]};
  wire [ 7:0] right = 8'd137 - f_i[22:15];
  wire        none = f_i[22:15] < 8'd121;   // below 2^-6
  wire [15:0] lost = m & ~(16'hffff << right[3:0]);
  wire [15:0] units = m >> right[4:0];
  reg  [12:0] units_q;
  reg         lost_q, big_q, neg_q;
  always @(posedge clk_i)
    if (en_i[0]) begin
      units_q <= none ? 13'd0 : units[12:0];
      lost_q  <= none || right[4] ? m != 16'd0 : lost != 16'd0;
      big_q   <= f_i[22:15] >= 8'd135;
      neg_q   <= f_i[23];
    end

  // V + 1: round, sign, zero point, limits.
  wire        up = units_q[4] && (units_q[3:0] != 4'd0 || lost_q || units_q[5]);
  wire [ 8:0] whole = {1'b0, units_q[12:5]} + {8'd0, up};
  wire signed [10:0] zp = {{3{zero_point_i[7]}}, zero_point_i};
  wire signed [10:0] v = neg_q ? zp - $signed({2'b00, whole}) : zp + $signed({2'b00, whole});
  wire signed [10:0] lo = {{3{lo_i[7]}}, lo_i};
  wire signed [10:0] hi = {{3{hi_i[7]}}, hi_i};
  wire        above = big_q ? !neg_q : v > hi;
  wire        below = big_q ? neg_q : v < lo;
  wire [13:0] half_up = {1'b0, units_q} + 14'd1;
  wire [11:0] sixteenths = big_q || half_up[13] ? 12'd4095 : half_up[12:1];
  reg  [ 7:0] code_q;
  reg  [12:0] t_q;
  always @(posedge clk_i)
    if (en_i[1]) begin
      code_q <= above ? hi_i : below ? lo_i : v[7:0];
      t_q    <= neg_q ? 13'd0 - {1'b0, sixteenths} : {1'b0, sixteenths};
    end
  assign code_o = code_q;
  assign t_o    = t_q;

endmodule

`default_nettype wire
