// SPDX-License-Identifier: Apache-2.0
// The address generator of every unit: up to LOOPS nested loops, five addresses, one jump
// for each loop and address (docs/isa.md, Loops). Loop words are written ahead into the context
// that is not running. start_i: the first step stands at the outputs in the next cycle. A step
// is taken in every cycle with valid_o and step_i; clocked units tie step_i to 1. Gaps delay the
// next step where GAPS = 1. A loop with len has lenc_i more iterations. Reset stops it.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_nest #(
    parameter LOOPS = 4,   // loops, 1 to 8
    parameter GAPS  = 1,   // 0: ignore gaps
    parameter W0    = 16,  // bits of each address
    parameter W1    = 16,
    parameter W2    = 16,
    parameter W3    = 15,
    parameter W4    = 15
) (
    input  wire             clk_i,
    input  wire             rst_i,
    input  wire             clear_i,       // a new descriptor begins: forget its loops
    input  wire             loop_we_i,     // a loop word comes
    input  wire [      2:0] loop_index_i,  // number of its loop, 0 the innermost
    input  wire [    127:0] loop_word_i,   // the word
    input  wire [     13:0] lenc_i,        // more iterations of a loop with len
    input  wire             start_i,       // the loops begin
    input  wire [   W0-1:0] base0_i,       // first value of address 0, with start_i
    input  wire [   W1-1:0] base1_i,       // .. of address 1
    input  wire [   W2-1:0] base2_i,       // .. of address 2
    input  wire [   W3-1:0] base3_i,       // .. of address 3
    input  wire [   W4-1:0] base4_i,       // .. of address 4
    input  wire             step_i,        // the step is taken
    output wire             active_o,      // between first and last step, gaps included
    output wire             valid_o,       // a step stands at the outputs
    output wire [   W0-1:0] a0_o,          // address 0 of the step
    output wire [   W1-1:0] a1_o,          // .. 1
    output wire [   W2-1:0] a2_o,          // .. 2
    output wire [   W3-1:0] a3_o,          // .. 3
    output wire [   W4-1:0] a4_o,          // .. 4
    output wire [LOOPS-1:0] at_first_o,    // bit l: loop l is at its first iteration
    output wire [LOOPS-1:0] at_last_o,     // .. at its last
    output wire [LOOPS-1:0] reached_o      // bit l: loop l or one outside it stepped to get here; all ones at first
);

  localparam DW = W0 + W1 + W2 + W3 + W4 + 8;

  reg              ctx_q;
  reg              active_q;
  reg  [      7:0] gap_q;
  reg  [   W0-1:0] a0_q;
  reg  [   W1-1:0] a1_q;
  reg  [   W2-1:0] a2_q;
  reg  [   W3-1:0] a3_q;
  reg  [   W4-1:0] a4_q;
  reg  [LOOPS-1:0] first_q;
  reg  [LOOPS-1:0] last_q;
  reg  [LOOPS-1:0] reached_q;

  // Which loop steps next: the innermost that is not at its last iteration.
  reg  [      2:0] sel;
  reg  [LOOPS-1:0] moved;   // loops that move: it, and those inside it, which begin anew
  integer          i;
  always @* begin
    sel = 3'd0;
    for (i = LOOPS - 1; i >= 0; i = i - 1) if (!last_q[i]) sel = i[2:0];
    moved[0] = 1'b1;
    for (i = 1; i < LOOPS; i = i + 1) moved[i] = moved[i-1] && last_q[i-1];
  end

  wire valid = active_q && (GAPS == 0 || gap_q == 8'd0);
  wire take = valid && step_i;
  wire finish = &last_q;

  wire [DW-1:0] jump;
  wire [   7:0] jump_gap;
  wire [W0-1:0] d0;
  wire [W1-1:0] d1;
  wire [W2-1:0] d2;
  wire [W3-1:0] d3;
  wire [W4-1:0] d4;
  assign {jump_gap, d4, d3, d2, d1, d0} = jump;

  systole_regfile #(
      .WIDTH(DW),
      .DEPTH(16)
  ) u_jumps (
      .clk_i  (clk_i),
      .we_i   (loop_we_i),
      .waddr_i({!ctx_q, loop_index_i}),
      .wdata_i({
        loop_word_i[`SYSTOLE_LOOP_GAP],
        loop_word_i[`SYSTOLE_LOOP_D4_LSB+:W4],
        loop_word_i[`SYSTOLE_LOOP_D3_LSB+:W3],
        loop_word_i[`SYSTOLE_LOOP_D2_LSB+:W2],
        loop_word_i[`SYSTOLE_LOOP_D1_LSB+:W1],
        loop_word_i[`SYSTOLE_LOOP_D0_LSB+:W0]
      }),
      .raddr_i({ctx_q, sel}),
      .rdata_o(jump)
  );

  // Iterations: `next` of the descriptor being fetched, `count` of the one that runs.
  genvar l;
  generate
    for (l = 0; l < LOOPS; l = l + 1) begin : g_loop
      reg [13:0] next_q;
      reg [13:0] count_q;
      reg [13:0] left_q;
      wire anew = l != LOOPS - 1 && last_q[l];  // it moved, and is not the one that steps

      always @(posedge clk_i) begin
        if (clear_i) next_q <= 14'd0;
        else if (loop_we_i && loop_index_i == l)
          next_q <= loop_word_i[`SYSTOLE_LOOP_LAST] + (loop_word_i[`SYSTOLE_LOOP_LEN] ? lenc_i : 14'd0);
        if (start_i) begin
          count_q    <= next_q;
          left_q     <= next_q;
          first_q[l] <= 1'b1;
          last_q[l]  <= next_q == 14'd0;
        end else if (take && !finish && moved[l]) begin
          left_q     <= anew ? count_q : left_q - 14'd1;
          first_q[l] <= anew;
          last_q[l]  <= anew ? count_q == 14'd0 : left_q == 14'd1;
        end
      end
    end
  endgenerate

  always @(posedge clk_i)
    if (rst_i) begin
      active_q <= 1'b0;
      ctx_q    <= 1'b0;
      gap_q    <= 8'd0;
    end else begin
      if (start_i) begin
        active_q <= 1'b1;
        ctx_q    <= !ctx_q;
        gap_q    <= 8'd0;
      end else if (take && finish) active_q <= 1'b0;
      else if (take) gap_q <= GAPS != 0 ? jump_gap : 8'd0;
      else if (gap_q != 8'd0) gap_q <= gap_q - 8'd1;
    end

  always @(posedge clk_i)
    if (start_i) begin
      a0_q      <= base0_i;
      a1_q      <= base1_i;
      a2_q      <= base2_i;
      a3_q      <= base3_i;
      a4_q      <= base4_i;
      reached_q <= {LOOPS{1'b1}};
    end else if (take && !finish) begin
      a0_q      <= a0_q + d0;
      a1_q      <= a1_q + d1;
      a2_q      <= a2_q + d2;
      a3_q      <= a3_q + d3;
      a4_q      <= a4_q + d4;
      reached_q <= moved;
    end

  assign active_o   = active_q;
  assign valid_o    = valid;
  assign a0_o       = a0_q;
  assign a1_o       = a1_q;
  assign a2_o       = a2_q;
  assign a3_o       = a3_q;
  assign a4_o       = a4_q;
  assign at_first_o = first_q;
  assign at_last_o  = last_q;
  assign reached_o  = reached_q;

  `SYSTOLE_ASSERT(check_idle_at_start, !(start_i && active_q && !(take && finish)))

endmodule

`default_nettype wire
