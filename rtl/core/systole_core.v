// SPDX-License-Identifier: Apache-2.0
// The machine without its host side: sequencer, array, accumulators, lane engine, POST, vector unit,
// LOAD, STORE, wired; here only the decoding of addresses to rows, and what POS and the tokens are at launch. IN
// and OUT buffers, uploads and run control are ports.
// Timing: docs/timing.md. Reset stops units; memories keep their content.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_core #(
    parameter ROWS            = 8,
    parameter COLS            = 8,
    parameter WEIGHT_BEATS    = 1,
    parameter ECC             = 0,
    parameter RRAM_CTRL       = 1,
    parameter WEIGHT_ZERO     = 1,
    parameter POST_LANES      = COLS,
    parameter RESIDUAL        = 1,
    parameter PRODUCT         = 1,
    parameter X_DEPTH         = 2048,
    parameter X_BANKS         = 2,
    parameter W_SRAM_DEPTH    = 256,
    parameter RRAM_DEPTH      = 2048,
    parameter RRAM_WAYS       = 2,
    parameter ACC_DEPTH       = 256,
    parameter PARAM_DEPTH     = 128,
    parameter LUT_COUNT       = 2,
    parameter LANE_TAPS       = 0,
    parameter TAP_DEPTH       = 32,
    parameter LINE_DEPTH      = 64,
    parameter VEC_LANES       = 0,
    parameter V_DEPTH         = 512,
    parameter VEC_PARAM_DEPTH = 256,
    parameter IN_DEPTH        = 1024,
    parameter OUT_DEPTH       = 1024,
    parameter TIMETABLE_DEPTH = 512,
    parameter DESC_DEPTH      = 512,
    // derived
    parameter CW              = $clog2(COLS),
    parameter LW              = $clog2(ROWS),
    parameter RW              = $clog2(RRAM_DEPTH),
    parameter PW              = $clog2(PARAM_DEPTH),
    parameter TW              = $clog2(LUT_COUNT * 256),
    parameter TPW             = $clog2(4 * TAP_DEPTH),
    parameter UW              = $clog2(VEC_PARAM_DEPTH * COLS + 256),
    parameter IW              = $clog2(IN_DEPTH),
    parameter OW              = $clog2(OUT_DEPTH),
    parameter QW              = $clog2(TIMETABLE_DEPTH),
    parameter DW              = $clog2(DESC_DEPTH),
    parameter BW              = WEIGHT_BEATS > 1 ? $clog2(WEIGHT_BEATS) : 1,
    parameter CHECK           = `SYSTOLE_ECC_CHECK(ECC, COLS, WEIGHT_BEATS)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    // uploads, outside runs
    input  wire              row_we_i,           // half a row of the timetable, 64 bits, is written
    input  wire              desc_we_i,          // half a word of a descriptor, 64 bits, is written
    input  wire [      DW:0] program_addr_i,     // address, in 64-bit units
    input  wire              param_we_i,         // a parameter is written
    input  wire [ PW+CW-1:0] param_addr_i,       // {word, lane}
    input  wire [      63:0] upload_data_i,      // what is written
    input  wire              tap_we_i,           // a tap is written
    input  wire [TPW+CW-1:0] tap_addr_i,         // {word, line, lane}
    input  wire              lut_we_i,           // a byte of a lookup table is written
    input  wire [    TW-1:0] lut_addr_i,         // {table, index}
    input  wire [       7:0] lut_data_i,         // the byte
    input  wire              vec_we_i,           // a segment or a parameter of the vector unit is written
    input  wire [    UW-1:0] vec_addr_i,         // 256 segments, then {word, lane}
    // RRAM controller: SCRUB, line table
    output wire              scrub_o,            // a SCRUB row begins
    output wire [      11:0] scrub_lines_o,      // lines that it looks at
    input  wire              run_slot_i,         // slot that runs read their weights from
    input  wire              c_en_i,             // the controller reads a sub-word
    input  wire [    RW-1:0] c_line_i,           // its line
    input  wire [    BW-1:0] c_beat_i,           // its number
    input  wire [       2:0] c_ref_i,            // read reference: SYSTOLE_REF_*
    input  wire              c_raw_i,            // the line is a physical one
    output wire              table_bad_o,        // an entry that was used is beyond correction, for a cycle
    output wire [    RW-1:0] look_line_o,        // physical line of the entry that is looked at
    output wire [      15:0] look_wear_o,        // its wear
    input  wire              table_we_i,         // an entry of the line table is written
    input  wire [    RW-1:0] table_addr_i,       // its logical line
    input  wire [    RW-1:0] table_line_i,       // its physical line
    input  wire [      15:0] table_wear_i,       // its wear
    // weight banks, for the RRAM controller: by row
    output wire [ROWS*COLS*8-1:0] words_o,       // words of the banks, as they stand behind the correction
    output wire [   ROWS-1:0] fresh_o,           // first cycle of a word that was read at the normal reference
    output wire [   ROWS-1:0] corrected_o,       // errors were corrected in it
    output wire [   ROWS-1:0] uncorrectable_o,   // it has more errors than can be corrected
    output wire [ROWS*RW-1:0] lines_o,           // logical lines of the words
    input  wire [   ROWS-1:0] prog_load_i,       // takes the word that is to be programmed
    input  wire [COLS*8+CHECK-1:0] prog_data_i,  // that word, {check bits, data}
    output wire [   ROWS-1:0] need_set_o,        // bits that should read 1 read 0
    output wire [   ROWS-1:0] need_reset_o,      // bits that should read 0 read 1
    input  wire [   ROWS-1:0] pulse_i,           // begins a pulse
    input  wire               pulse_reset_i,     // 0: SET to 1, 1: RESET to 0
    input  wire [        3:0] pulse_level_i,     // number of the pulse in its ladder
    input  wire [     RW-1:0] pulse_addr_i,      // its physical line
    input  wire [     BW-1:0] pulse_beat_i,      // its sub-word
    input  wire               enable_a_i,        // one of two enables, without which no pulse is given
    input  wire               enable_b_i,        // the other one
    output wire               pulsing_o,         // a pulse is on
    // run control
    input  wire              arm_i,              // a run is armed: cycle 0 is two cycles later
    input  wire              next_i,             // the next run follows in the cycle behind END
    output wire              done_o,             // END: the last cycle of a run
    output wire [      31:0] cycle_o,            // cycle of the run
    output wire [    QW-1:0] row_o,              // row of the timetable that is next
    input  wire [      15:0] pos_i,              // taken at launch, both
    input  wire [     127:0] tok_i,              // tokens, eight of 16 bits
    input  wire [    QW-1:0] entry_i,            // row in which a run begins
    output wire [      15:0] argmax_o,           // number of the largest value of the run
    output wire [      12:0] events_o,           // by number: SYSTOLE_EVENT_*
    output wire              x_write_o,          // a second word is written to X
    // IN buffer
    output wire              in_re_o,            // reads an even and an odd word
    output wire [    IW-2:0] in_even_addr_o,     // number of the even word, halved
    output wire [    IW-2:0] in_odd_addr_o,      // number of the odd word, halved
    input  wire [COLS*8-1:0] in_even_i,          // the even word, 2 cycles later
    input  wire [COLS*8-1:0] in_odd_i,           // the odd word, 2 cycles later
    // OUT buffer
    output wire              out_we_o,           // a word is written
    output wire [    OW-1:0] out_addr_o,         // its address
    output wire [COLS*8-1:0] out_data_o          // its bytes
);

  localparam XW = $clog2(X_DEPTH);
  localparam SW = $clog2(W_SRAM_DEPTH);
  localparam AW = $clog2(ACC_DEPTH);
  localparam GROUPS = ROWS / COLS;
  localparam LG = GROUPS > 1 ? 1 : 0;

  wire         desc_valid;
  wire [  3:0] desc_unit;
  wire [  3:0] desc_index;
  wire [127:0] desc_word;
  wire [  8:0] start;

  // What the host said of this run.
  wire [ 15:0] pos;
  wire [127:0] tok;
  wire [ 13:0] lenc;
  generate
    if (VEC_LANES != 0) begin : g_registers
      reg [ 15:0] pos_q;
      reg [127:0] tok_q;
      always @(posedge clk_i) if (arm_i || (done_o && next_i)) {pos_q, tok_q} <= {pos_i, tok_i};
      assign pos  = pos_q;
      assign tok  = tok_q;
      assign lenc = {{CW - 2{1'b0}}, pos_q[15:CW]};
    end else begin : g_no_registers
      assign {pos, tok, lenc} = 158'd0;
    end
  endgenerate

  systole_sequencer #(
      .TIMETABLE_DEPTH(TIMETABLE_DEPTH),
      .DESC_DEPTH     (DESC_DEPTH),
      .LENGTHS        (VEC_LANES != 0 ? 1 : 0)
  ) u_sequencer (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .row_we_i    (row_we_i),
      .desc_we_i   (desc_we_i),
      .waddr_i     (program_addr_i),
      .wdata_i     (upload_data_i),
      .arm_i       (arm_i),
      .next_i      (next_i),
      .lenc_i      (lenc),
      .entry_i     (entry_i),
      .done_o      (done_o),
      .cycle_o     (cycle_o),
      .row_o       (row_o),
      .desc_valid_o(desc_valid),
      .desc_unit_o (desc_unit),
      .desc_index_o(desc_index),
      .desc_word_o (desc_word),
      .start_o     (start)
  );

  wire start_matmul = start[`SYSTOLE_UNIT_MATMUL_BIT];
  wire start_post = start[`SYSTOLE_UNIT_POST_BIT];
  wire start_load = start[`SYSTOLE_UNIT_LOAD_BIT];
  wire start_store = start[`SYSTOLE_UNIT_STORE_BIT];

  reg [11:0] scrub_lines_q;
  always @(posedge clk_i)
    if (desc_valid && desc_unit == `SYSTOLE_UNIT_SCRUB) scrub_lines_q <= desc_word[`SYSTOLE_SCRUB_LINES];
  assign scrub_o       = start[`SYSTOLE_UNIT_SCRUB_BIT];
  assign scrub_lines_o = scrub_lines_q;

  // MATMUL.
  wire           r_en;
  wire [ RW-1:0] r_addr;
  wire [ BW-1:0] r_beat;
  wire           x_valid, x_hot, x_pad, x_load, x_sram;
  wire [ XW-1:0] x_addr;
  wire [    7:0] x_pad_value;
  wire [    7:0] w_zero;
  wire [ SW-1:0] x_sram_addr;
  wire           acc_valid, acc_first, acc_last;
  wire [ AW-1:0] acc_addr;
  wire           matmul_active, load_active, store_active;

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
      .desc_valid_i (desc_valid && desc_unit == `SYSTOLE_UNIT_MATMUL),
      .desc_index_i (desc_index),
      .desc_word_i  (desc_word),
      .start_i      (start_matmul),
      .lenc_i       (lenc),
      .pos_i        (pos),
      .tok_i        (tok),
      .active_o     (matmul_active),
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
      .acc_valid_o  (acc_valid),
      .acc_addr_o   (acc_addr),
      .acc_first_o  (acc_first),
      .acc_last_o   (acc_last)
  );

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
      `SYSTOLE_ASSERT(check_no_scrub, !scrub_o)
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
  wire        res_valid, store_read, lane_read;
  wire [15:0] res_addr, store_addr, lane_addr;
  wire [15:0] flat_pick = res_valid ? res_addr : store_read ? store_addr : lane_addr;
  reg         flat_valid_q;
  reg  [15:0] flat_addr_q;
  always @(posedge clk_i)
    if (rst_i) flat_valid_q <= 1'b0;
    else flat_valid_q <= res_valid || store_read || lane_read;
  always @(posedge clk_i) flat_addr_q <= flat_pick;
  `SYSTOLE_ASSERT(check_one_flat_read, {1'b0, res_valid} + {1'b0, store_read} + {1'b0, lane_read} <= 2'd1)

  // Writes to X, W SRAM and OUT: of POST, or of the vector unit.
  wire              post_valid, requant_valid, vec_valid;
  wire [       2:0] post_dest, requant_dest, vec_dest;
  wire [      15:0] post_addr, requant_addr, vec_addr;
  wire [COLS*8-1:0] post_data, requant_data, vec_data;
  assign post_valid = requant_valid || vec_valid;
  assign post_dest  = vec_valid ? vec_dest : requant_dest;
  assign post_addr  = vec_valid ? vec_addr : requant_addr;
  assign post_data  = vec_valid ? vec_data : requant_data;
  `SYSTOLE_ASSERT(check_one_result, !(requant_valid && vec_valid))
  wire              load_valid;
  wire [      15:0] load_addr;
  wire [  COLS-1:0] load_mask;
  wire [COLS*8-1:0] load_data;
  wire              store_we;
  wire [      15:0] store_waddr;
  wire              to_x = post_valid && post_dest == 3'd0;
  wire              to_column = post_valid && post_dest == 3'd1;
  wire              to_row = post_valid && post_dest == 3'd2;
  wire              to_out = post_valid && post_dest >= 3'd3;
  wire [  ROWS-1:0] post_we, load_we, sram_we;
  wire [  SW+LW-1:0] sram_index = post_addr[SW+LW-1:0];  // {word, row}; by column the same bits

  genvar r;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : g_we
      localparam GROUP = r / COLS;
      wire post_group = LG == 0 || post_addr[0] == (GROUP == 1);
      wire load_group = LG == 0 || load_addr[0] == (GROUP == 1);
      assign post_we[r] = to_x && post_group;
      assign load_we[r] = load_valid && load_group && load_mask[r%COLS];
      assign sram_we[r] = (to_column && post_group) || (to_row && sram_index[LW-1:0] == r);
    end
  endgenerate

  wire [CW-1:0] column = post_addr[LG+:CW];
  wire [COLS*32-1:0] sums;
  wire [ROWS*8-1:0] flat;

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
      .clk_i        (clk_i),
      .rst_i        (rst_i),
      .r_ripple_i   (r_ripple),
      .x_ripple_i   ({x_valid, x_addr, x_hot, x_pad, x_pad_value, x_load, x_sram, x_sram_addr}),
      .w_zero_i     (w_zero),
      .sum_o        (sums),
      .flat_valid_i (flat_valid_q),
      .flat_addr_i  (flat_addr_q[LG+:XW]),
      .flat_o       (flat),
      .post_we_i    (post_we),
      .post_addr_i  (post_addr[LG+:XW]),
      .post_data_i  (post_data),
      .load_we_i    (load_we),
      .load_addr_i  (load_addr[LG+:XW]),
      .load_data_i  (load_data),
      .words_o      (words_o),
      .fresh_o      (fresh_o),
      .corrected_o  (corrected_o),
      .uncorrectable_o(uncorrectable_o),
      .lines_o      (lines_o),
      .prog_load_i  (prog_load_i),
      .prog_data_i  (prog_data_i),
      .need_set_o   (need_set_o),
      .need_reset_o (need_reset_o),
      .pulse_i      (pulse_i),
      .pulse_reset_i(pulse_reset_i),
      .pulse_level_i(pulse_level_i),
      .pulse_addr_i (pulse_addr_i),
      .pulse_beat_i (pulse_beat_i),
      .enable_a_i   (enable_a_i),
      .enable_b_i   (enable_b_i),
      .pulsing_o    (pulsing_o),
      .sram_we_i    (sram_we),
      .sram_lanes_i (to_column ? {{COLS - 1{1'b0}}, 1'b1} << column : {COLS{1'b1}}),
      .sram_column_i(to_column),
      .sram_addr_i  (sram_index[SW+LW-1:LW]),
      .sram_data_i  (post_data)
  );

  // The flat word, one group of it, 4 cycles after the read was applied.
  reg [COLS*8-1:0] flat_word_q;
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

  // Accumulators, lane engine, and POST, which takes from both.
  wire              acc_take, lane_take, lane_active, lane_end;  // a step that ends a result
  wire [COLS*32-1:0] acc_totals, totals;
  systole_acc #(
      .COLS (COLS),
      .DEPTH(ACC_DEPTH)
  ) u_acc (
      .clk_i  (clk_i),
      .rst_i  (rst_i),
      .valid_i(acc_valid),
      .addr_i (acc_addr),
      .first_i(acc_first),
      .last_i (acc_last),
      .sum_i  (sums),
      .last_o (acc_take),
      .total_o(acc_totals)
  );

  generate
    if (LANE_TAPS != 0) begin : g_lane
      wire [COLS*32-1:0] lane_totals;
      wire               lane_select;
      systole_lane #(
          .COLS     (COLS),
          .TAP_DEPTH(TAP_DEPTH),
          .LINE_DEPTH(LINE_DEPTH)
      ) u_lane (
          .clk_i       (clk_i),
          .rst_i       (rst_i),
          .desc_valid_i(desc_valid && desc_unit == `SYSTOLE_UNIT_LANE),
          .desc_index_i(desc_index),
          .desc_word_i (desc_word),
          .start_i     (start[`SYSTOLE_UNIT_LANE_BIT]),
          .active_o    (lane_active),
          .tap_we_i    (tap_we_i),
          .tap_waddr_i (tap_addr_i),
          .tap_wdata_i (upload_data_i[26:0]),
          .read_o      (lane_read),
          .read_addr_o (lane_addr),
          .word_i      (flat_word_q),
          .take_o      (lane_take),
          .total_o     (lane_totals)
      );
      systole_delay #(
          .WIDTH (1),
          .CYCLES(2)
      ) u_lane_select (
          .clk_i(clk_i),
          .d_i  (lane_take),
          .q_o  (lane_select)
      );
      assign totals = lane_select ? lane_totals : acc_totals;
`ifdef SYNTHESIS
      assign lane_end = 1'b0;
`else
      assign lane_end = u_lane.valid && u_lane.ends;
`endif
      `SYSTOLE_ASSERT(check_one_take, !(acc_take && lane_take))
    end else begin : g_no_lane
      assign lane_read   = 1'b0;
      assign lane_addr   = 16'd0;
      assign lane_take   = 1'b0;
      assign lane_active = 1'b0;
      assign lane_end    = 1'b0;
      assign totals      = acc_totals;
      `SYSTOLE_ASSERT(check_no_lane, !start[`SYSTOLE_UNIT_LANE_BIT])
    end
  endgenerate

  // Sums go to the vector unit while it waits for some, else to POST.
  wire take = acc_take || lane_take;
  wire vec_ready, vec_active;
  generate
    if (VEC_LANES != 0) begin : g_vector
      systole_vector #(
          .COLS       (COLS),
          .LANES      (VEC_LANES),
          .V_DEPTH    (V_DEPTH),
          .PARAM_DEPTH(VEC_PARAM_DEPTH),
          .LG         (LG)
      ) u_vector (
          .clk_i              (clk_i),
          .rst_i              (rst_i),
          .desc_valid_i       (desc_valid && desc_unit == `SYSTOLE_UNIT_VECTOR),
          .desc_index_i       (desc_index),
          .desc_word_i        (desc_word),
          .start_i            (start[`SYSTOLE_UNIT_VECTOR_BIT]),
          .scalar_desc_valid_i(desc_valid && desc_unit == `SYSTOLE_UNIT_SCALAR),
          .scalar_start_i     (start[`SYSTOLE_UNIT_SCALAR_BIT]),
          .we_i               (vec_we_i),
          .waddr_i            (vec_addr_i),
          .wdata_i            (upload_data_i),
          .pos_i              (pos),
          .lenc_i             (lenc),
          .take_ready_o       (vec_ready),
          .take_i             (take),
          .total_i            (totals),
          .active_o           (vec_active),
          .out_valid_o        (vec_valid),
          .out_dest_o         (vec_dest),
          .out_addr_o         (vec_addr),
          .out_data_o         (vec_data),
          .argmax_o           (argmax_o),
          .events_o           (events_o[12:9])
      );
      `SYSTOLE_ASSERT(check_one_taker, !(take && vec_ready && u_post.armed))
    end else begin : g_no_vector
      assign {vec_ready, vec_active, vec_valid, vec_dest} = 6'd0;
      assign vec_addr = 16'd0;
      assign vec_data = {COLS * 8{1'b0}};
      assign argmax_o = 16'd0;
      assign events_o[12:9] = 4'd0;
      wire unused = &{vec_we_i, vec_addr_i, pos_i, tok_i, pos, start[`SYSTOLE_UNIT_VECTOR_BIT], start[`SYSTOLE_UNIT_SCALAR_BIT]};
      `SYSTOLE_ASSERT(check_no_vector, !(start[`SYSTOLE_UNIT_VECTOR_BIT] || start[`SYSTOLE_UNIT_SCALAR_BIT]))
    end
  endgenerate

  systole_post #(
      .COLS       (COLS),
      .LANES      (POST_LANES),
      .RESIDUAL   (RESIDUAL),
      .PRODUCT    (PRODUCT),
      .PARAM_DEPTH(PARAM_DEPTH),
      .LUT_COUNT  (LUT_COUNT)
  ) u_post (
      .clk_i        (clk_i),
      .rst_i        (rst_i),
      .desc_valid_i (desc_valid && desc_unit == `SYSTOLE_UNIT_POST),
      .desc_index_i (desc_index),
      .desc_word_i  (desc_word),
      .start_i      (start_post),
      .param_we_i   (param_we_i),
      .param_waddr_i(param_addr_i),
      .param_wdata_i(upload_data_i[61:0]),
      .lut_we_i     (lut_we_i),
      .lut_waddr_i  (lut_addr_i),
      .lut_wdata_i  (lut_data_i),
      .take_i       (take && !vec_ready),
      .total_i      (totals),
      .res_valid_o  (res_valid),
      .res_addr_o   (res_addr),
      .res_word_i   (flat_word_q),
      .out_valid_o  (requant_valid),
      .out_dest_o   (requant_dest),
      .out_addr_o   (requant_addr),
      .out_data_o   (requant_data)
  );

  systole_load #(
      .COLS    (COLS),
      .IN_DEPTH(IN_DEPTH)
  ) u_load (
      .clk_i         (clk_i),
      .rst_i         (rst_i),
      .desc_valid_i  (desc_valid && desc_unit == `SYSTOLE_UNIT_LOAD),
      .desc_index_i  (desc_index),
      .desc_word_i   (desc_word),
      .start_i       (start_load),
      .active_o      (load_active),
      .in_re_o       (in_re_o),
      .in_even_addr_o(in_even_addr_o),
      .in_odd_addr_o (in_odd_addr_o),
      .in_even_i     (in_even_i),
      .in_odd_i      (in_odd_i),
      .we_o          (load_valid),
      .addr_o        (load_addr),
      .mask_o        (load_mask),
      .data_o        (load_data)
  );

  systole_store u_store (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .desc_valid_i(desc_valid && desc_unit == `SYSTOLE_UNIT_STORE),
      .desc_index_i(desc_index),
      .desc_word_i (desc_word),
      .start_i     (start_store),
      .active_o    (store_active),
      .read_o      (store_read),
      .read_addr_o (store_addr),
      .we_o        (store_we),
      .waddr_o     (store_waddr)
  );

`ifndef SYNTHESIS
`ifndef FORMAL
  systole_latencies #(
      .ROWS        (ROWS),
      .COLS        (COLS),
      .WEIGHT_BEATS(WEIGHT_BEATS),
      .RRAM_WAYS   (RRAM_WAYS),
      .POST_LANES  (POST_LANES)
  ) u_latencies (
      .clk_i        (clk_i),
      .rst_i        (rst_i),
      .row_i        (u_sequencer.begin_fetch),
      .words_i      (u_sequencer.row_q[`SYSTOLE_ROW_WORDS]),
      .start_i      (start != 9'd0),
      .step_i       (u_matmul.valid),
      .step_sram_i  (u_matmul.load && u_matmul.sram),
      .step_end_i   (u_matmul.valid && u_matmul.last),
      .line_i       (r_en || c_en_i),
      .place_i      (r_ripple[2*RW+BW+3]),
      .x_i          (x_valid),
      .sram_i       (x_valid && x_load && x_sram),
      .take_i       (acc_take),
      .take_any_i   (take && !vec_ready),
      .take_raw_i   (u_post.header_q[`SYSTOLE_POST_DEST] == u_post.DEST_RAW32),
      .take_lut_i   (u_post.header_q[`SYSTOLE_POST_LUT_EN]),
      .take_res_i   (u_post.header_q[`SYSTOLE_POST_RES_EN]),
      .result_i     (requant_valid),
      .flat_i       (flat_valid_q),
      .load_i       (u_load.valid),
      .load_write_i (load_valid),
      .store_i      (store_read),
      .store_write_i(store_we),
      .lane_i       (lane_read),
      .lane_end_i   (lane_end),
      .lane_take_i  (lane_take)
  );
`endif
`endif

  `SYSTOLE_ASSERT(check_one_out_write, !(to_out && store_we))
  `SYSTOLE_ASSERT(check_done_idle, !(done_o && (matmul_active || load_active || store_active || lane_active || vec_active)))

  assign out_we_o   = to_out || store_we;
  assign out_addr_o = to_out ? post_addr[OW-1:0] : store_waddr[OW-1:0];
  assign out_data_o = to_out ? post_data : flat_word_q;
  assign events_o[8:0] = {lane_read, out_we_o, take && !vec_ready, to_column || to_row, to_x || load_valid,
                          res_valid || store_read || lane_read, x_valid && x_load && x_sram, r_en && r_beat == {BW{1'b0}}, x_valid};
  assign x_write_o  = to_x && load_valid;

endmodule

`default_nettype wire
