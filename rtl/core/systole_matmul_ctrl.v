// SPDX-License-Identifier: Apache-2.0
// MATMUL: from descriptor to the ripple words of row 0 and the control of the accumulators.
// A step in cycle S drives the RRAM ripple in S (and D - 1 cycles more) and the X ripple in
// S + W_LEAD = T; the accumulator control leaves in T + R + 3 (+ 1 if COLS > 16), the cycle in
// which the accumulator's read is applied. The zero point of the weights that a step loads leaves in
// T + 3. Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_matmul_ctrl #(
    parameter ROWS         = 8,
    parameter COLS         = 8,
    parameter WEIGHT_BEATS = 1,     // cycles D for one weight word
    parameter WEIGHT_ZERO  = 0,     // 1: weights have a zero point
    parameter RRAM_WAYS    = 2,
    parameter XW           = 11,    // bits of an X word address
    parameter RW           = 11,    // bits of an RRAM word address
    parameter SW           = 8,     // bits of a W SRAM address
    parameter AW           = 8,     // bits of an accumulator address
    parameter BW           = $clog2(WEIGHT_BEATS) > 0 ? $clog2(WEIGHT_BEATS) : 1
) (
    input  wire             clk_i,
    input  wire             rst_i,
    input  wire             desc_valid_i,   // a word of the unit's instruction comes
    input  wire [      3:0] desc_index_i,   // its number, from 0
    input  wire [    127:0] desc_word_i,    // the word
    input  wire             start_i,        // the instruction begins: its first step is in the next cycle
    // the run's registers
    input  wire [     13:0] lenc_i,         // more iterations of loops with len
    input  wire [     15:0] pos_i,          // POS, at which some loops end
    input  wire [    127:0] tok_i,          // of each row of a chunk
    output wire             active_o,       // steps, or gaps between them, are left
    // RRAM ripple, row 0: sub-word `beat` of word `addr`
    output wire             r_en_o,         // a read
    output wire [   RW-1:0] r_addr_o,       // its line
    output wire [   BW-1:0] r_beat_o,       // its sub-word
    // X ripple, row 0
    output wire             x_valid_o,      // a vector
    output wire [   XW-1:0] x_addr_o,       // its word in X
    output wire             x_pad_o,        // a value stands in its place
    output wire [      7:0] x_pad_value_o,  // that value
    output wire             x_hot_o,        // pad value in row x_addr mod R, zero in the others
    output wire             x_load_o,       // the weight word that arrives is loaded
    output wire             x_sram_o,       // it comes out of SRAM
    output wire [   SW-1:0] x_sram_addr_o,  // its word there
    // zero point of weights, row 0
    output wire [      7:0] w_zero_o,       // of the word that is loaded
    // accumulators
    output wire             acc_valid_o,    // sums of a vector
    output wire [   AW-1:0] acc_addr_o,     // their accumulators
    output wire             acc_first_o,    // they begin anew
    output wire             acc_last_o      // their totals are final
);

  localparam LOOPS = `SYSTOLE_LOOPS_MATMUL;
  localparam W_LEAD = `SYSTOLE_LATENCY_W_LEAD(RRAM_WAYS, WEIGHT_BEATS);
  localparam ACC_DELAY = `SYSTOLE_LATENCY_POST_TAKE(ROWS, COLS) - 1;
  localparam PW = RW > SW ? RW : SW;

  wire            is_header = desc_valid_i && desc_index_i == 4'd0;
  wire [     3:0] loop_index = desc_index_i - 4'd1;

  reg  [   127:0] next_q;
  reg  [   127:0] header_q;
  always @(posedge clk_i) begin
    if (is_header) next_q <= desc_word_i;
    if (start_i) header_q <= next_q;
  end

  // The zero point of weights stands in the innermost loop's word, and is as late as the words that it is subtracted from.
  generate
    if (WEIGHT_ZERO != 0) begin : g_zero
      reg [7:0] next_zero_q;
      reg [7:0] zero_q;
      always @(posedge clk_i) begin
        if (desc_valid_i && desc_index_i == 4'd1) next_zero_q <= desc_word_i[`SYSTOLE_LOOP_W_ZERO];
        if (start_i) zero_q <= next_zero_q;
      end
      systole_delay #(
          .WIDTH (8),
          .CYCLES(W_LEAD + 3)
      ) u_zero (
          .clk_i(clk_i),
          .d_i  (zero_q),
          .q_o  (w_zero_o)
      );
    end else begin : g_no_zero
      assign w_zero_o = 8'd0;
      `SYSTOLE_ASSERT(check_zero_there, !(desc_valid_i && desc_index_i == 4'd1 && desc_word_i[`SYSTOLE_LOOP_W_ZERO] != 8'd0))
    end
  endgenerate

  // One-hot: an entry of a table lies in row (entry mod R) of weight words entry / R further on. It is the token or the
  // position of a row of the chunk.
  localparam LW = $clog2(ROWS);
  wire            next_hot = next_q[`SYSTOLE_MATMUL_ONE_HOT];
  wire [     15:0] hot_value = next_q[0] ? tok_i[{next_q[3:1], 4'd0}+:16] : pos_i + {13'd0, next_q[3:1]};
  wire [LW+PW+15:0] hot_entry = {{LW + PW{1'b0}}, hot_value};

  wire            valid;
  wire [  XW-1:0] x;
  wire [  PW-1:0] w;
  wire [  AW-1:0] acc;
  wire [    14:0] y_index;
  wire [    14:0] x_index;
  wire [LOOPS-1:0] at_first;
  wire [LOOPS-1:0] at_last;
  wire [LOOPS-1:0] reached;

  systole_nest #(
      .LOOPS(LOOPS),
      .GAPS (1),
      .W0   (XW),
      .W1   (PW),
      .W2   (AW),
      .W3   (15),
      .W4   (15)
  ) u_nest (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .clear_i     (is_header),
      .loop_we_i   (desc_valid_i && !is_header),
      .loop_index_i(loop_index[2:0]),
      .loop_word_i (desc_word_i),
      .lenc_i      (lenc_i),
      .start_i     (start_i),
      .base0_i     (next_hot ? {{XW - LW{1'b0}}, hot_entry[LW-1:0]} : next_q[`SYSTOLE_MATMUL_X_BASE_LSB+:XW]),
      .base1_i     (next_q[`SYSTOLE_MATMUL_W_BASE_LSB+:PW] + (next_hot ? hot_entry[LW+:PW] : {PW{1'b0}})),
      .base2_i     (next_q[`SYSTOLE_MATMUL_ACC_BASE_LSB+:AW]),
      .base3_i     (next_q[`SYSTOLE_MATMUL_Y_BASE]),
      .base4_i     (next_q[`SYSTOLE_MATMUL_X_INDEX_BASE]),
      .step_i      (1'b1),
      .active_o    (active_o),
      .valid_o     (valid),
      .a0_o        (x),
      .a1_o        (w),
      .a2_o        (acc),
      .a3_o        (y_index),
      .a4_o        (x_index),
      .at_first_o  (at_first),
      .at_last_o   (at_last),
      .reached_o   (reached)
  );

  // The first step is reached by all loops, and by what would lie outside them: bit 7.
  reg  fresh_q;
  always @(posedge clk_i)
    if (start_i) fresh_q <= 1'b1;
    else if (valid) fresh_q <= 1'b0;
  wire [     7:0] reached_or_first = {fresh_q, reached};

  wire [LOOPS-1:0] reduce = header_q[`SYSTOLE_MATMUL_REDUCE];
  wire            first = header_q[`SYSTOLE_MATMUL_FIRST] && &(at_first | ~reduce);
  wire            last = header_q[`SYSTOLE_MATMUL_LAST_EN] && &(at_last | ~reduce);
  wire            load = valid && reached_or_first[header_q[`SYSTOLE_MATMUL_HOLD]];
  wire            sram = header_q[`SYSTOLE_MATMUL_W_SRAM];
  wire [    14:0] y_size = {1'b0, header_q[`SYSTOLE_MATMUL_Y_SIZE]};
  wire [    14:0] x_size = {1'b0, header_q[`SYSTOLE_MATMUL_X_SIZE]};
  // Unsigned: a negative index is a large one.
  wire            pad = header_q[`SYSTOLE_MATMUL_PAD_EN] && (y_index >= y_size || x_index >= x_size);

  // Sub-words of a weight word, one a cycle.
  wire            r_load = load && !sram;
  generate
    if (WEIGHT_BEATS == 1) begin : g_one_beat
      assign r_en_o   = r_load;
      assign r_addr_o = w[RW-1:0];
      assign r_beat_o = 1'b0;
    end else begin : g_beats
      reg [BW-1:0] beat_q;  // next sub-word; 0: none
      reg [RW-1:0] addr_q;
      always @(posedge clk_i)
        if (rst_i) beat_q <= {BW{1'b0}};
        else if (r_load) beat_q <= {{BW - 1{1'b0}}, 1'b1};
        else if (beat_q != {BW{1'b0}}) beat_q <= beat_q + 1'b1;
      always @(posedge clk_i) if (r_load) addr_q <= w[RW-1:0];
      assign r_en_o   = r_load || beat_q != {BW{1'b0}};
      assign r_addr_o = r_load ? w[RW-1:0] : addr_q;
      assign r_beat_o = r_load ? {BW{1'b0}} : beat_q;
      `SYSTOLE_ASSERT(check_weight_beats, !(r_load && beat_q != {BW{1'b0}}))
    end
  endgenerate

  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(W_LEAD)
  ) u_x_valid (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (valid),
      .q_o  (x_valid_o)
  );

  systole_delay #(
      .WIDTH (XW + SW + 12),
      .CYCLES(W_LEAD)
  ) u_x_word (
      .clk_i(clk_i),
      .d_i  ({x, w[SW-1:0], load && sram, load, header_q[`SYSTOLE_MATMUL_ONE_HOT], pad, header_q[`SYSTOLE_MATMUL_PAD_VALUE]}),
      .q_o  ({x_addr_o, x_sram_addr_o, x_sram_o, x_load_o, x_hot_o, x_pad_o, x_pad_value_o})
  );

  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(W_LEAD + ACC_DELAY)
  ) u_acc_valid (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (valid),
      .q_o  (acc_valid_o)
  );

  systole_delay #(
      .WIDTH (AW + 2),
      .CYCLES(W_LEAD + ACC_DELAY)
  ) u_acc_word (
      .clk_i(clk_i),
      .d_i  ({acc, first, last}),
      .q_o  ({acc_addr_o, acc_first_o, acc_last_o})
  );

endmodule

`default_nettype wire
