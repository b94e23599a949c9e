// SPDX-License-Identifier: Apache-2.0
// The operand side of the core: MATMUL control, line table, and the array with X, weights and sums, wired. What it decides:
// where a line lies without a controller, whose flat read is on, which rows a write goes to. A flat read's word stands
// on flat_word_o 5 cycles behind the read, C bytes of one group. Timing: docs/timing.md. Reset stops units; memories keep
// their content.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_rows #(
    parameter ROWS         = 8,
    parameter COLS         = 8,
    parameter WEIGHT_BEATS = 1,
    parameter ECC          = 0,
    parameter RRAM_CTRL    = 1,
    parameter WEIGHT_ZERO  = 1,
    parameter X_DEPTH      = 2048,
    parameter X_BANKS      = 2,
    parameter W_SRAM_DEPTH = 256,
    parameter RRAM_DEPTH   = 2048,
    parameter RRAM_WAYS    = 2,
    parameter ACC_DEPTH    = 256,
    // derived
    parameter CW           = $clog2(COLS),
    parameter XW           = $clog2(X_DEPTH),
    parameter LW           = $clog2(ROWS),
    parameter RW           = $clog2(RRAM_DEPTH),
    parameter SW           = $clog2(W_SRAM_DEPTH),
    parameter AW           = $clog2(ACC_DEPTH),
    parameter BW           = WEIGHT_BEATS > 1 ? $clog2(WEIGHT_BEATS) : 1,
    parameter CHECK        = `SYSTOLE_ECC_CHECK(ECC, COLS, WEIGHT_BEATS)
) (
    input  wire                    clk_i,
    input  wire                    rst_i,
    // MATMUL
    input  wire                    desc_valid_i,     // a word of the unit's instruction comes
    input  wire [             3:0] desc_index_i,     // its number, from 0
    input  wire [           127:0] desc_word_i,      // the word
    input  wire                    start_i,          // the instruction begins: its first step is in the next cycle
    input  wire [            13:0] lenc_i,           // POS in words of C
    input  wire [            15:0] pos_i,            // POS
    input  wire [           127:0] tok_i,            // tokens, eight of 16 bits
    output wire                    active_o,         // steps are left
    output wire                    vector_o,         // a vector enters the array
    output wire                    w_rram_o,         // a weight tile is read from RRAM
    output wire                    w_sram_o,         // a weight tile is read from W SRAM
    // column sums, to the accumulators
    output wire                    acc_valid_o,      // a vector, cycle A
    output wire [          AW-1:0] acc_addr_o,       // its accumulators
    output wire                    acc_first_o,      // they begin anew
    output wire                    acc_last_o,       // their totals are final
    output wire [     COLS*32-1:0] sum_o,            // its column sums, A + 2
    // flat reads: one a cycle
    input  wire                    res_read_i,       // POST's residual operand
    input  wire [            15:0] res_addr_i,       // its C-byte word of X
    input  wire                    store_read_i,     // STORE
    input  wire [            15:0] store_addr_i,     // its C-byte word of X
    input  wire                    lane_read_i,      // the lane engine
    input  wire [            15:0] lane_addr_i,      // its C-byte word of X
    output wire [      COLS*8-1:0] flat_word_o,      // the word, 5 cycles later
    // results: one write a cycle
    input  wire                    post_valid_i,     // a result is written
    input  wire [             2:0] post_dest_i,      // 0: X, 1: W SRAM by column, 2: W SRAM by row; others are not for the rows
    input  wire [            15:0] post_addr_i,      // its address
    input  wire [      COLS*8-1:0] post_data_i,      // its bytes
    output wire                    x_write_o,        // it is written to X
    output wire                    w_write_o,        // it is written to W SRAM
    // LOAD's writes to X
    input  wire                    load_valid_i,     // a word is written
    input  wire [            15:0] load_addr_i,      // its address
    input  wire [        COLS-1:0] load_mask_i,      // bytes that are written
    input  wire [      COLS*8-1:0] load_data_i,      // its bytes
    // line table
    input  wire                    run_slot_i,       // slot that runs read their weights from
    input  wire                    c_en_i,           // the controller reads a sub-word
    input  wire [          RW-1:0] c_line_i,         // its line
    input  wire [          BW-1:0] c_beat_i,         // its number
    input  wire [             2:0] c_ref_i,          // read reference: SYSTOLE_REF_*
    input  wire                    c_raw_i,          // the line is a physical one
    output wire                    table_bad_o,      // an entry that was used is beyond correction, for a cycle
    output wire [          RW-1:0] look_line_o,      // physical line of the entry that is looked at
    output wire [            15:0] look_wear_o,      // its wear
    input  wire                    table_we_i,       // an entry of the line table is written
    input  wire [          RW-1:0] table_addr_i,     // its logical line
    input  wire [          RW-1:0] table_line_i,     // its physical line
    input  wire [            15:0] table_wear_i,     // its wear
    // weight banks, for the RRAM controller: by row
    output wire [ ROWS*COLS*8-1:0] words_o,          // words of the banks, as they stand behind the correction
    output wire [        ROWS-1:0] fresh_o,          // first cycle of a word that was read at the normal reference
    output wire [        ROWS-1:0] corrected_o,      // errors were corrected in it
    output wire [        ROWS-1:0] uncorrectable_o,  // it has more errors than can be corrected
    output wire [     ROWS*RW-1:0] lines_o,          // logical lines of the words
    input  wire [        ROWS-1:0] prog_load_i,      // takes the word that is to be programmed
    input  wire [COLS*8+CHECK-1:0] prog_data_i,      // that word, {check bits, data}
    output wire [        ROWS-1:0] need_set_o,       // bits that should read 1 read 0
    output wire [        ROWS-1:0] need_reset_o,     // bits that should read 0 read 1
    input  wire [        ROWS-1:0] pulse_i,          // begins a pulse
    input  wire                    pulse_reset_i,    // 0: SET to 1, 1: RESET to 0
    input  wire [             3:0] pulse_level_i,    // number of the pulse in its ladder
    input  wire [          RW-1:0] pulse_addr_i,     // its physical line
    input  wire [          BW-1:0] pulse_beat_i,     // its sub-word
    input  wire                    enable_a_i,       // one of two enables, without which no pulse is given
    input  wire                    enable_b_i,       // the other one
    output wire                    pulsing_o         // a pulse is on
);

  localparam GROUPS = ROWS / COLS;
  localparam LG = GROUPS > 1 ? 1 : 0;

  // MATMUL: steps become the words that ripple down the rows.
  wire           r_en;
  wire [ RW-1:0] r_addr;
  wire [ BW-1:0] r_beat;
  wire           x_valid, x_hot, x_pad, x_load, x_sram;
  wire [ XW-1:0] x_addr;
  wire [    7:0] x_pad_value;
  wire [    7:0] w_zero;
  wire [ SW-1:0] x_sram_addr;

  systole_matmul_ctrl #(
      .ROWS        (ROWS),
      .COLS        (COLS),
      .WEIGHT_BEATS(WEIGHT_BEATS),
      .WEIGHT_ZERO (WEIGHT_ZERO),
      .RRAM_WAYS   (RRAM_WAYS),
      .XW          (XW),
      .RW          (RW),
      .SW          (SW),
      .AW          (AW),
      .BW          (BW)
  ) u_matmul (
      .clk_i        (clk_i),
      .rst_i        (rst_i),
      .desc_valid_i (desc_valid_i),
      .desc_index_i (desc_index_i),
      .desc_word_i  (desc_word_i),
      .start_i      (start_i),
      .lenc_i       (lenc_i),
      .pos_i        (pos_i),
      .tok_i        (tok_i),
      .active_o     (active_o),
      .r_en_o       (r_en),
      .r_addr_o     (r_addr),
      .r_beat_o     (r_beat),
      .x_valid_o    (x_valid),
      .x_addr_o     (x_addr),
      .x_pad_o      (x_pad),
      .x_pad_value_o(x_pad_value),
      .w_zero_o     (w_zero),
      .x_hot_o      (x_hot),
      .x_load_o     (x_load),
      .x_sram_o     (x_sram),
      .x_sram_addr_o(x_sram_addr),
      .acc_valid_o  (acc_valid_o),
      .acc_addr_o   (acc_addr_o),
      .acc_first_o  (acc_first_o),
      .acc_last_o   (acc_last_o)
  );
  assign vector_o = x_valid;
  assign w_rram_o = r_en && r_beat == {BW{1'b0}};
  assign w_sram_o = x_valid && x_load && x_sram;

  wire [2*RW+BW+3:0] r_ripple;
  generate
    if (RRAM_CTRL == 0) begin : g_lines
      // A line lies where its number says; it takes the table's cycles.
      wire          line_en;
      wire [RW-1:0] line;
      wire [BW-1:0] line_beat;
      systole_delay_ctl #(
          .WIDTH (1),
          .CYCLES(`SYSTOLE_LATENCY_LINE_TABLE)
      ) u_en (
          .clk_i(clk_i),
          .rst_i(rst_i),
          .d_i  (r_en),
          .q_o  (line_en)
      );
      systole_delay #(
          .WIDTH (RW + BW),
          .CYCLES(`SYSTOLE_LATENCY_LINE_TABLE)
      ) u_line (
          .clk_i(clk_i),
          .d_i  ({r_addr, r_beat}),
          .q_o  ({line, line_beat})
      );
      assign r_ripple = {line_en, `SYSTOLE_REF_NORMAL, {RW{1'b0}}, line, line_beat};
      assign {table_bad_o, look_line_o, look_wear_o} = {RW + 17{1'b0}};
      wire unused = &{run_slot_i, c_en_i, c_line_i, c_beat_i, c_ref_i, c_raw_i, table_we_i, table_addr_i, table_line_i, table_wear_i};
    end else begin : g_line_table
      systole_line_table #(
          .RRAM_DEPTH(RRAM_DEPTH),
          .BW        (BW)
      ) u_lines (
          .clk_i          (clk_i),
          .rst_i          (rst_i),
          .slot_i         (run_slot_i),
          .m_en_i         (r_en),
          .m_line_i       (r_addr),
          .m_beat_i       (r_beat),
          .c_en_i         (c_en_i),
          .c_line_i       (c_line_i),
          .c_beat_i       (c_beat_i),
          .c_ref_i        (c_ref_i),
          .c_raw_i        (c_raw_i),
          .ripple_o       (r_ripple),
          .uncorrectable_o(table_bad_o),
          .look_line_o    (look_line_o),
          .look_wear_o    (look_wear_o),
          .we_i           (table_we_i),
          .waddr_i        (table_addr_i),
          .wline_i        (table_line_i),
          .wwear_i        (table_wear_i)
      );
    end
  endgenerate

  // Flat reads: residual operands, STORE and the lane engine share one path.
  wire [15:0] flat_pick = res_read_i ? res_addr_i : store_read_i ? store_addr_i : lane_addr_i;
  reg         flat_valid_q;
  reg  [15:0] flat_addr_q;
  always @(posedge clk_i)
    if (rst_i) flat_valid_q <= 1'b0;
    else flat_valid_q <= res_read_i || store_read_i || lane_read_i;
  always @(posedge clk_i) flat_addr_q <= flat_pick;
  `SYSTOLE_ASSERT(check_one_flat_read, {1'b0, res_read_i} + {1'b0, store_read_i} + {1'b0, lane_read_i} <= 2'd1)

  // Writes to X and W SRAM: of a result, and to X of LOAD.
  wire              to_x = post_valid_i && post_dest_i == 3'd0;
  wire              to_column = post_valid_i && post_dest_i == 3'd1;
  wire              to_row = post_valid_i && post_dest_i == 3'd2;
  wire [  ROWS-1:0] post_we, load_we, sram_we;
  wire [  SW+LW-1:0] sram_index = post_addr_i[SW+LW-1:0];  // {word, row}; by column the same bits

  genvar r;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : g_we
      localparam GROUP = r / COLS;
      wire post_group = LG == 0 || post_addr_i[0] == (GROUP == 1);
      wire load_group = LG == 0 || load_addr_i[0] == (GROUP == 1);
      assign post_we[r] = to_x && post_group;
      assign load_we[r] = load_valid_i && load_group && load_mask_i[r%COLS];
      assign sram_we[r] = (to_column && post_group) || (to_row && sram_index[LW-1:0] == r);
    end
  endgenerate

  wire [CW-1:0] column = post_addr_i[LG+:CW];
  wire [ROWS*8-1:0] flat;
  assign x_write_o = to_x;
  assign w_write_o = to_column || to_row;

  systole_array #(
      .ROWS        (ROWS),
      .COLS        (COLS),
      .WEIGHT_BEATS(WEIGHT_BEATS),
      .WEIGHT_ZERO (WEIGHT_ZERO),
      .X_DEPTH     (X_DEPTH),
      .X_BANKS     (X_BANKS),
      .RRAM_DEPTH  (RRAM_DEPTH),
      .RRAM_WAYS   (RRAM_WAYS),
      .W_SRAM_DEPTH(W_SRAM_DEPTH),
      .BW          (BW),
      .RRAM_CTRL   (RRAM_CTRL),
      .ECC         (ECC),
      .CHECK       (CHECK)
  ) u_array (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .r_ripple_i     (r_ripple),
      .x_ripple_i     ({x_valid, x_addr, x_hot, x_pad, x_pad_value, x_load, x_sram, x_sram_addr}),
      .w_zero_i       (w_zero),
      .sum_o          (sum_o),
      .flat_valid_i   (flat_valid_q),
      .flat_addr_i    (flat_addr_q[LG+:XW]),
      .flat_o         (flat),
      .post_we_i      (post_we),
      .post_addr_i    (post_addr_i[LG+:XW]),
      .post_data_i    (post_data_i),
      .load_we_i      (load_we),
      .load_addr_i    (load_addr_i[LG+:XW]),
      .load_data_i    (load_data_i),
      .words_o        (words_o),
      .fresh_o        (fresh_o),
      .corrected_o    (corrected_o),
      .uncorrectable_o(uncorrectable_o),
      .lines_o        (lines_o),
      .prog_load_i    (prog_load_i),
      .prog_data_i    (prog_data_i),
      .need_set_o     (need_set_o),
      .need_reset_o   (need_reset_o),
      .pulse_i        (pulse_i),
      .pulse_reset_i  (pulse_reset_i),
      .pulse_level_i  (pulse_level_i),
      .pulse_addr_i   (pulse_addr_i),
      .pulse_beat_i   (pulse_beat_i),
      .enable_a_i     (enable_a_i),
      .enable_b_i     (enable_b_i),
      .pulsing_o      (pulsing_o),
      .sram_we_i      (sram_we),
      .sram_lanes_i   (to_column ? {{COLS - 1{1'b0}}, 1'b1} << column : {COLS{1'b1}}),
      .sram_column_i  (to_column),
      .sram_addr_i    (sram_index[SW+LW-1:LW]),
      .sram_data_i    (post_data_i)
  );

  // The flat word, one group of it, 4 cycles after the read was applied.
  reg [COLS*8-1:0] flat_word_q;
  assign flat_word_o = flat_word_q;
  generate
    if (LG == 0) begin : g_flat
      always @(posedge clk_i) flat_word_q <= flat;
    end else begin : g_flat_group
      wire flat_group;
      systole_delay #(
          .WIDTH (1),
          .CYCLES(3)
      ) u_flat_group (
          .clk_i(clk_i),
          .d_i  (flat_addr_q[0]),
          .q_o  (flat_group)
      );
      always @(posedge clk_i) flat_word_q <= flat_group ? flat[ROWS*8-1:COLS*8] : flat[COLS*8-1:0];
    end
  endgenerate

endmodule

`default_nettype wire
