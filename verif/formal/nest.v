// SPDX-License-Identifier: Apache-2.0
// Proof about systole_nest (docs/isa.md, Loops): for any counts of up to LAST + 1, any strides and any base, the steps are those of
// loops written down one in the other, in their order: address base + sum of index times stride, flags of first and
// last, one step a cycle, and then none. Jumps are strides less what the inner loops have gained, as the compiler
// makes them. From reset on, for as many cycles as the longest nest takes.
`default_nettype none
`include "systole_isa.vh"

module nest #(
    parameter LAST = 1,  // iterations less one, at most
    parameter W    = 4   // bits of the address
) (
    input wire clk_i,
    input wire rst_i
);

  localparam LOOPS = 3;
  (* anyconst *) reg [1:0] last0, last1, last2;
  (* anyconst *) reg [W-1:0] stride0, stride1, stride2, base;
  always @* assume (last0 <= LAST && last1 <= LAST && last2 <= LAST);
  wire [W-1:0] gained0 = last0 * stride0;
  wire [W-1:0] gained1 = gained0 + last1 * stride1;

  // Words in the first cycles, then the start.
  reg [3:0] t_q;
  always @(posedge clk_i)
    if (rst_i) t_q <= 4'd0;
    else if (t_q != 4'd15) t_q <= t_q + 4'd1;
  wire [1:0] last = t_q == 4'd1 ? last0 : t_q == 4'd2 ? last1 : last2;
  wire [W-1:0] jump = t_q == 4'd1 ? stride0 : t_q == 4'd2 ? stride1 - gained0 : stride2 - gained1;
  wire writes = t_q >= 4'd1 && t_q <= 4'd3;
  wire [2:0] index = t_q[2:0] - 3'd1;
  reg [127:0] word;
  always @* begin
    word = 128'd0;
    word[`SYSTOLE_LOOP_LAST] = {12'd0, last};
    word[`SYSTOLE_LOOP_D0_LSB+:W] = jump;
  end

  wire active, valid;
  wire [W-1:0] a0;
  wire [LOOPS-1:0] at_first, at_last;
  systole_nest #(.LOOPS(LOOPS), .GAPS(0), .W0(W), .W1(1), .W2(1), .W3(1), .W4(1)) u_nest (
      .clk_i(clk_i), .rst_i(rst_i), .clear_i(t_q == 4'd0), .loop_we_i(writes), .loop_index_i(index),
      .loop_word_i(word), .lenc_i(14'd0), .start_i(t_q == 4'd4), .base0_i(base), .base1_i(1'b0), .base2_i(1'b0),
      .base3_i(1'b0), .base4_i(1'b0), .step_i(1'b1), .active_o(active), .valid_o(valid), .a0_o(a0),
      .a1_o(), .a2_o(), .a3_o(), .a4_o(), .at_first_o(at_first), .at_last_o(at_last), .reached_o()
  );

  // Loops in loops, counted by hand.
  reg on_q;
  reg [1:0] i0_q, i1_q, i2_q;
  wire end0 = i0_q == last0;
  wire end1 = i1_q == last1;
  wire end2 = i2_q == last2;
  always @(posedge clk_i)
    if (rst_i) on_q <= 1'b0;
    else if (t_q == 4'd4) {on_q, i0_q, i1_q, i2_q} <= {1'b1, 6'd0};
    else if (on_q) begin
      i0_q <= end0 ? 2'd0 : i0_q + 2'd1;
      if (end0) i1_q <= end1 ? 2'd0 : i1_q + 2'd1;
      if (end0 && end1) i2_q <= i2_q + 2'd1;
      if (end0 && end1 && end2) on_q <= 1'b0;
    end

  wire [W-1:0] address = base + i0_q * stride0 + i1_q * stride1 + i2_q * stride2;
  always @* begin
    assert (valid == on_q && active == on_q);
    if (on_q) begin
      assert (a0 == address);
      assert (at_first == {i2_q == 2'd0, i1_q == 2'd0, i0_q == 2'd0});
      assert (at_last == {end2, end1, end0});
    end
  end

endmodule

`default_nettype wire
