// SPDX-License-Identifier: Apache-2.0
// One lane of the lane engine: three running sums of (byte - zero point) x weight. The byte comes in
// cycle 0 (add_i = 0: it adds nothing), taps in cycle 1, first_i (sums start anew) and shift_i (the column
// is complete: sums move up) in cycle 2; the sum that a column completes leaves in cycle 3. One byte a cycle.
// Two's complement; 24 bits of sum, extended to 32. Reset clears nothing.
`default_nettype none

module systole_lane_cell (
    input  wire        clk_i,
    input  wire        en_i,          // cycle 2: a byte is there
    input  wire [ 7:0] x_i,           // cycle 0
    input  wire [ 7:0] zero_point_i,  // cycle 0
    input  wire        add_i,         // cycle 0
    input  wire [23:0] taps_i,        // cycle 1, {w2, w1, w0}
    input  wire        first_i,       // cycle 2
    input  wire        shift_i,       // cycle 2
    output wire [31:0] total_o        // cycle 3
);

  reg  [8:0] v_q;
  wire [8:0] difference = {x_i[7], x_i} - {zero_point_i[7], zero_point_i};
  always @(posedge clk_i) v_q <= add_i ? difference : 9'd0;

  wire [16:0] p0, p1, p2;
  systole_mul #(.A_W(9), .B_W(8)) u_mul0 (.clk_i(clk_i), .en_i(1'b1), .a_i(v_q), .b_i(taps_i[7:0]), .p_o(p0));
  systole_mul #(.A_W(9), .B_W(8)) u_mul1 (.clk_i(clk_i), .en_i(1'b1), .a_i(v_q), .b_i(taps_i[15:8]), .p_o(p1));
  systole_mul #(.A_W(9), .B_W(8)) u_mul2 (.clk_i(clk_i), .en_i(1'b1), .a_i(v_q), .b_i(taps_i[23:16]), .p_o(p2));

  reg  [23:0] s0_q, s1_q, s2_q, total_q;
  wire [23:0] t0 = (first_i ? 24'd0 : s0_q) + {{7{p0[16]}}, p0};
  wire [23:0] t1 = (first_i ? 24'd0 : s1_q) + {{7{p1[16]}}, p1};
  wire [23:0] t2 = (first_i ? 24'd0 : s2_q) + {{7{p2[16]}}, p2};
  always @(posedge clk_i)
    if (en_i) begin
      s0_q    <= shift_i ? t1 : t0;
      s1_q    <= shift_i ? t2 : t1;
      s2_q    <= shift_i ? 24'd0 : t2;
      total_q <= t0;
    end

  assign total_o = {{8{total_q[23]}}, total_q};

endmodule

`default_nettype wire
