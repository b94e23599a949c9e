// SPDX-License-Identifier: Apache-2.0
// The lane engine (docs/lane-engine.md): depthwise sums, one channel a lane, windows of up to 3 x 3. A step in
// cycle S asks for a flat read (applied in S + 1, word back in S + 5); a step that ends a result raises take_o in S + 7, its C
// sums leave in S + 9. One step a cycle. Taps are uploaded by tap word, line and lane. Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"

module systole_lane #(
    parameter COLS       = 8,
    parameter TAP_DEPTH  = 32,            // words of C lanes x 3 lines x 3 weights
    parameter LINE_DEPTH = 64,            // columns
    parameter PW         = $clog2(TAP_DEPTH),
    parameter LW         = $clog2(LINE_DEPTH),
    parameter CW         = $clog2(COLS)
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire               desc_valid_i,  // a word of the unit's instruction comes
    input  wire [        3:0] desc_index_i,  // its number, from 0
    input  wire [      127:0] desc_word_i,   // the word
    input  wire               start_i,       // the instruction begins: its first step is in the next cycle
    output wire               active_o,      // steps, or gaps between them, are left
    // upload of taps, {word, line, lane}
    input  wire               tap_we_i,      // a tap is written
    input  wire [  PW+CW+1:0] tap_waddr_i,   // {word, line, lane}
    input  wire [       26:0] tap_wdata_i,   // three weights of nine bits, the last column lowest
    // X
    output wire               read_o,        // cycle S
    output wire [       15:0] read_addr_o,   // C-byte words of X
    input  wire [ COLS*8-1:0] word_i,        // cycle S + 5
    // sums
    output wire               take_o,        // cycle S + 7
    output wire [COLS*32-1:0] total_o        // cycle S + 9
);

  localparam LOOPS = `SYSTOLE_LOOPS_LANE;

  wire         is_header = desc_valid_i && desc_index_i == 4'd0;
  wire [  3:0] loop_index = desc_index_i - 4'd1;
  reg  [127:0] next_q;
  reg  [127:0] header_q;
  always @(posedge clk_i) begin
    if (is_header) next_q <= desc_word_i;
    if (start_i) header_q <= next_q;
  end

  wire             valid;
  wire [     15:0] tap;
  wire [     14:0] y_index, x_index;
  wire [LOOPS-1:0] at_first, at_last;
  systole_nest #(
      .LOOPS(LOOPS),
      .GAPS (1),
      .W0   (16),
      .W1   (16),
      .W2   (1),
      .W3   (15),
      .W4   (15)
  ) u_nest (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .clear_i     (is_header),
      .loop_we_i   (desc_valid_i && !is_header),
      .loop_index_i(loop_index[2:0]),
      .loop_word_i (desc_word_i),
      .lenc_i      (14'd0),
      .start_i     (start_i),
      .base0_i     (next_q[`SYSTOLE_LANE_X_BASE]),
      .base1_i     (next_q[`SYSTOLE_LANE_TAP_BASE]),
      .base2_i     (1'b0),
      .base3_i     (next_q[`SYSTOLE_LANE_Y_BASE]),
      .base4_i     (next_q[`SYSTOLE_LANE_X_INDEX_BASE]),
      .step_i      (1'b1),
      .active_o    (active_o),
      .valid_o     (valid),
      .a0_o        (read_addr_o),
      .a1_o        (tap),
      .a2_o        (),
      .a3_o        (y_index),
      .a4_o        (x_index),
      .at_first_o  (at_first),
      .at_last_o   (at_last),
      .reached_o   ()
  );

  // Unsigned: a negative index is a large one.
  wire [14:0] y_size = {1'b0, header_q[`SYSTOLE_LANE_Y_SIZE]};
  wire [14:0] x_size = {1'b0, header_q[`SYSTOLE_LANE_X_SIZE]};
  wire        adds = y_index < y_size && x_index < x_size;
  wire        row_first = &(at_first | ~header_q[`SYSTOLE_LANE_ROW]);
  wire        row_last = &(at_last | ~header_q[`SYSTOLE_LANE_ROW]);
  wire        tile_first = &(at_first | ~header_q[`SYSTOLE_LANE_TILE]);
  wire        column_last = &(at_last | ~header_q[`SYSTOLE_LANE_COLUMN]);
  wire        line_last = &(at_last | ~header_q[`SYSTOLE_LANE_LINE]);

  // Results left out at the beginning of a line, lines of results at the beginning of a C-byte word, whether there is a line
  // above, and the column.
  reg  [   1:0] skip_q, skip_lines_q;
  reg           above_q;
  reg  [LW-1:0] column_q;
  wire [   1:0] skip = row_first ? header_q[`SYSTOLE_LANE_SKIP] : skip_q;
  wire [   1:0] skip_lines = tile_first ? header_q[`SYSTOLE_LANE_SKIP_LINES] : skip_lines_q;
  wire          above = !tile_first && above_q;
  wire [LW-1:0] column = row_first ? {LW{1'b0}} : column_q;
  wire          next_line = row_last && line_last && skip_lines != 2'd0;
  always @(posedge clk_i)
    if (valid) begin
      skip_q       <= column_last && skip != 2'd0 ? skip - 2'd1 : skip;
      skip_lines_q <= next_line ? skip_lines - 2'd1 : skip_lines;
      above_q      <= above || row_last;
      column_q     <= column + 1'b1;
    end
  wire ends = column_last && line_last && skip == 2'd0 && skip_lines == 2'd0;

  assign read_o = valid && adds;

  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(7)
  ) u_take (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (valid && ends),
      .q_o  (take_o)
  );

  // What becomes of the word: in S + 4 the reads of taps and lines, in S + 5 the word itself, in S + 6 the lines above and the
  // write of the line, in S + 8 the sums.
  wire          re;
  wire [PW-1:0] tap_addr;
  wire [LW-1:0] column_4;
  systole_delay #(
      .WIDTH (PW + LW + 1),
      .CYCLES(4)
  ) u_read (
      .clk_i(clk_i),
      .d_i  ({valid, tap[PW-1:0], column}),
      .q_o  ({re, tap_addr, column_4})
  );
  wire [7:0] zero_point;
  wire       add;
  systole_delay #(
      .WIDTH (9),
      .CYCLES(5)
  ) u_word (
      .clk_i(clk_i),
      .d_i  ({header_q[`SYSTOLE_LANE_ZERO_POINT], adds}),
      .q_o  ({zero_point, add})
  );
  wire          we;
  wire [LW-1:0] column_6;
  wire          above_6;
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(6)
  ) u_we (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (valid),
      .q_o  (we)
  );
  systole_delay #(
      .WIDTH (LW + 1),
      .CYCLES(6)
  ) u_above (
      .clk_i(clk_i),
      .d_i  ({column, above}),
      .q_o  ({column_6, above_6})
  );
  wire en, first;
  systole_delay #(
      .WIDTH (2),
      .CYCLES(8)
  ) u_sums (
      .clk_i(clk_i),
      .d_i  ({valid, row_first}),
      .q_o  ({en, first})
  );

  genvar c, k;
  generate
    for (c = 0; c < COLS; c = c + 1) begin : g_cell
      wire [80:0] taps;
      for (k = 0; k < 3; k = k + 1) begin : g_line
        systole_ram #(
            .WIDTH (27),
            .DEPTH (TAP_DEPTH),
            .OUTREG(1)
        ) u_taps (
            .clk_i  (clk_i),
            .we_i   (tap_we_i && tap_waddr_i[CW+1:CW] == k && tap_waddr_i[CW-1:0] == c),
            .waddr_i(tap_waddr_i[PW+CW+1:CW+2]),
            .wdata_i(tap_wdata_i),
            .re_i   (re),
            .raddr_i(tap_addr),
            .rdata_o(taps[k*27+:27])
        );
      end
      systole_lane_cell #(
          .LINE_DEPTH(LINE_DEPTH)
      ) u_cell (
          .clk_i       (clk_i),
          .line_re_i   (re),
          .line_raddr_i(column_4),
          .x_i         (word_i[c*8+:8]),
          .zero_point_i(zero_point),
          .add_i       (add),
          .taps_i      (taps),
          .above_i     (above_6),
          .line_we_i   (we),
          .line_waddr_i(column_6),
          .first_i     (first),
          .en_i        (en),
          .total_o     (total_o[c*32+:32])
      );
    end
  endgenerate

endmodule

`default_nettype wire
