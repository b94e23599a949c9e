// SPDX-License-Identifier: Apache-2.0
// One lane of the lane engine: three running sums over windows of three lines. The byte comes in cycle 0
// (add_i = 0: it stands for zero), the line memories' read is applied in cycle -1, taps (three lines, newest first)
// and above_i (there is a line above) come in cycle 1, first_i (sums start anew) in cycle 3; the sum that
// a column completes leaves in cycle 4. One byte a cycle. 24 bits of sum, extended to 32. Reset clears nothing.
`default_nettype none

module systole_lane_cell #(
    parameter LINE_DEPTH = 64,              // columns
    parameter LW         = $clog2(LINE_DEPTH)
) (
    input  wire          clk_i,
    input  wire          line_re_i,     // cycle -1
    input  wire [LW-1:0] line_raddr_i,  // cycle -1
    input  wire [   7:0] x_i,           // cycle 0
    input  wire [   7:0] zero_point_i,  // cycle 0
    input  wire          add_i,         // cycle 0
    input  wire [  80:0] taps_i,        // cycle 1, {line, {w2, w1, w0}}, nine bits each
    input  wire          above_i,       // cycle 1
    input  wire          line_we_i,     // cycle 1
    input  wire [LW-1:0] line_waddr_i,  // cycle 1
    input  wire          first_i,       // cycle 3
    input  wire          en_i,          // cycle 3: a byte is there
    output wire [  31:0] total_o        // cycle 4
);

  // The byte and those above it: line memories hold the two lines before; a first line writes zeros for its second.
  reg  [8:0] v0_q;
  wire [8:0] difference = {x_i[7], x_i} - {zero_point_i[7], zero_point_i};
  always @(posedge clk_i) v0_q <= add_i ? difference : 9'd0;

  wire [8:0] line1, line2;
  wire [8:0] v1 = above_i ? line1 : 9'd0;
  wire [8:0] v2 = above_i ? line2 : 9'd0;
  systole_ram #(
      .WIDTH (18),
      .DEPTH (LINE_DEPTH),
      .OUTREG(1)
  ) u_lines (
      .clk_i  (clk_i),
      .we_i   (line_we_i),
      .waddr_i(line_waddr_i),
      .wdata_i({v1, v0_q}),
      .re_i   (line_re_i),
      .raddr_i(line_raddr_i),
      .rdata_o({line2, line1})
  );

  // Three products of each byte, and their sum over the lines.
  wire [  26:0] bytes = {v2, v1, v0_q};
  wire [9*18-1:0] products;
  genvar k, j;
  generate
    for (k = 0; k < 3; k = k + 1) begin : g_line
      for (j = 0; j < 3; j = j + 1) begin : g_tap
        systole_mul #(
            .A_W(9),
            .B_W(9)
        ) u_mul (
            .clk_i(clk_i),
            .en_i (1'b1),
            .a_i  (bytes[k*9+:9]),
            .b_i  (taps_i[k*27+j*9+:9]),
            .p_o  (products[(j*3+k)*18+:18])
        );
      end
    end
  endgenerate

  reg  [19:0] c0_q, c1_q, c2_q;
  wire [19:0] p[0:8];
  generate
    for (k = 0; k < 9; k = k + 1) begin : g_wide
      assign p[k] = {{2{products[k*18+17]}}, products[k*18+:18]};
    end
  endgenerate
  always @(posedge clk_i) begin
    c0_q <= p[0] + p[1] + p[2];
    c1_q <= p[3] + p[4] + p[5];
    c2_q <= p[6] + p[7] + p[8];
  end

  // A column completes the first sum; the others move up.
  reg  [23:0] s1_q, s2_q, total_q;
  always @(posedge clk_i)
    if (en_i) begin
      total_q <= (first_i ? 24'd0 : s1_q) + {{4{c0_q[19]}}, c0_q};
      s1_q    <= (first_i ? 24'd0 : s2_q) + {{4{c1_q[19]}}, c1_q};
      s2_q    <= {{4{c2_q[19]}}, c2_q};
    end

  assign total_o = {{8{total_q[23]}}, total_q};

endmodule

`default_nettype wire
