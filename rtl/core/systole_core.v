// SPDX-License-Identifier: Apache-2.0
// The machine without its host side: sequencer, operand side (rows), result side (results), LOAD, STORE, wired; here only
// what POS and the tokens are at launch, and what goes to OUT. IN and OUT buffers, uploads and run control are ports.
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
    input  wire                    clk_i,
    input  wire                    rst_i,
    // uploads, outside runs
    input  wire                    row_we_i,         // half a row of the timetable, 64 bits, is written
    input  wire                    desc_we_i,        // half a word of a descriptor, 64 bits, is written
    input  wire [            DW:0] program_addr_i,   // address, in 64-bit units
    input  wire                    param_we_i,       // a parameter is written
    input  wire [       PW+CW-1:0] param_addr_i,     // {word, lane}
    input  wire [            63:0] upload_data_i,    // what is written
    input  wire                    tap_we_i,         // a tap is written
    input  wire [      TPW+CW-1:0] tap_addr_i,       // {word, line, lane}
    input  wire                    lut_we_i,         // a byte of a lookup table is written
    input  wire [          TW-1:0] lut_addr_i,       // {table, index}
    input  wire [             7:0] lut_data_i,       // the byte
    input  wire                    vec_we_i,         // a segment or a parameter of the vector unit is written
    input  wire [          UW-1:0] vec_addr_i,       // 256 segments, then {word, lane}
    // RRAM controller: SCRUB, line table
    output wire                    scrub_o,          // a SCRUB row begins
    output wire [            11:0] scrub_lines_o,    // lines that it looks at
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
    output wire                    pulsing_o,        // a pulse is on
    // run control
    input  wire                    arm_i,            // a run is armed: cycle 0 is two cycles later
    input  wire                    next_i,           // the next run follows in the cycle behind END
    output wire                    done_o,           // END: the last cycle of a run
    output wire [            31:0] cycle_o,          // cycle of the run
    output wire [          QW-1:0] row_o,            // row of the timetable that is next
    input  wire [            15:0] pos_i,            // taken at launch, both
    input  wire [           127:0] tok_i,            // tokens, eight of 16 bits
    input  wire [          QW-1:0] entry_i,          // row in which a run begins
    output wire [            15:0] argmax_o,         // number of the largest value of the run
    output wire [            12:0] events_o,         // by number: SYSTOLE_EVENT_*
    output wire                    x_write_o,        // a second word is written to X
    // IN buffer
    output wire                    in_re_o,          // reads an even and an odd word
    output wire [          IW-2:0] in_even_addr_o,   // number of the even word, halved
    output wire [          IW-2:0] in_odd_addr_o,    // number of the odd word, halved
    input  wire [      COLS*8-1:0] in_even_i,        // the even word, 2 cycles later
    input  wire [      COLS*8-1:0] in_odd_i,         // the odd word, 2 cycles later
    // OUT buffer
    output wire                    out_we_o,         // a word is written
    output wire [          OW-1:0] out_addr_o,       // its address
    output wire [      COLS*8-1:0] out_data_o        // its bytes
);

  localparam LG = ROWS > COLS ? 1 : 0;
  localparam AW = $clog2(ACC_DEPTH);

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
      wire unused = &{pos_i, tok_i};
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

  reg [11:0] scrub_lines_q;
  always @(posedge clk_i)
    if (desc_valid && desc_unit == `SYSTOLE_UNIT_SCRUB) scrub_lines_q <= desc_word[`SYSTOLE_SCRUB_LINES];
  assign scrub_o       = start[`SYSTOLE_UNIT_SCRUB_BIT];
  assign scrub_lines_o = scrub_lines_q;
  `SYSTOLE_ASSERT(check_no_scrub, RRAM_CTRL != 0 || !scrub_o)

  // Operand side.
  wire              matmul_active, vector, w_rram, w_sram, to_x, to_w;
  wire              acc_valid, acc_first, acc_last;
  wire [    AW-1:0] acc_addr;
  wire [COLS*32-1:0] sums;
  // Flat reads, of the residual operand, STORE and the lane engine, and the one word that comes back.
  wire              res_read, store_read, lane_read;
  wire [      15:0] res_addr, store_addr, lane_addr;
  wire [COLS*8-1:0] flat_word;
  // Writes to X, W SRAM and OUT: results, LOAD's and STORE's.
  wire              post_valid, post_take, load_valid, store_we;
  wire [       2:0] post_dest;
  wire [      15:0] post_addr, load_addr, store_waddr;
  wire [COLS*8-1:0] post_data, load_data;
  wire [  COLS-1:0] load_mask;

  systole_rows #(
      .ROWS(ROWS), .COLS(COLS), .WEIGHT_BEATS(WEIGHT_BEATS), .ECC(ECC), .RRAM_CTRL(RRAM_CTRL),
      .WEIGHT_ZERO(WEIGHT_ZERO), .X_DEPTH(X_DEPTH), .X_BANKS(X_BANKS), .W_SRAM_DEPTH(W_SRAM_DEPTH),
      .RRAM_DEPTH(RRAM_DEPTH), .RRAM_WAYS(RRAM_WAYS), .ACC_DEPTH(ACC_DEPTH)
  ) u_rows (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .desc_valid_i   (desc_valid && desc_unit == `SYSTOLE_UNIT_MATMUL),
      .desc_index_i   (desc_index),
      .desc_word_i    (desc_word),
      .start_i        (start[`SYSTOLE_UNIT_MATMUL_BIT]),
      .lenc_i         (lenc),
      .pos_i          (pos),
      .tok_i          (tok),
      .active_o       (matmul_active),
      .vector_o       (vector),
      .w_rram_o       (w_rram),
      .w_sram_o       (w_sram),
      .acc_valid_o    (acc_valid),
      .acc_addr_o     (acc_addr),
      .acc_first_o    (acc_first),
      .acc_last_o     (acc_last),
      .sum_o          (sums),
      .res_read_i     (res_read),
      .res_addr_i     (res_addr),
      .store_read_i   (store_read),
      .store_addr_i   (store_addr),
      .lane_read_i    (lane_read),
      .lane_addr_i    (lane_addr),
      .flat_word_o    (flat_word),
      .post_valid_i   (post_valid),
      .post_dest_i    (post_dest),
      .post_addr_i    (post_addr),
      .post_data_i    (post_data),
      .x_write_o      (to_x),
      .w_write_o      (to_w),
      .load_valid_i   (load_valid),
      .load_addr_i    (load_addr),
      .load_mask_i    (load_mask),
      .load_data_i    (load_data),
      .run_slot_i     (run_slot_i),
      .c_en_i         (c_en_i),
      .c_line_i       (c_line_i),
      .c_beat_i       (c_beat_i),
      .c_ref_i        (c_ref_i),
      .c_raw_i        (c_raw_i),
      .table_bad_o    (table_bad_o),
      .look_line_o    (look_line_o),
      .look_wear_o    (look_wear_o),
      .table_we_i     (table_we_i),
      .table_addr_i   (table_addr_i),
      .table_line_i   (table_line_i),
      .table_wear_i   (table_wear_i),
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
      .pulsing_o      (pulsing_o)
  );

  wire lane_active, vec_active, load_active, store_active;
  systole_results #(
      .LG(LG), .COLS(COLS), .POST_LANES(POST_LANES), .RESIDUAL(RESIDUAL), .PRODUCT(PRODUCT), .ACC_DEPTH(ACC_DEPTH),
      .PARAM_DEPTH(PARAM_DEPTH), .LUT_COUNT(LUT_COUNT), .LANE_TAPS(LANE_TAPS), .TAP_DEPTH(TAP_DEPTH),
      .LINE_DEPTH(LINE_DEPTH), .VEC_LANES(VEC_LANES), .V_DEPTH(V_DEPTH), .VEC_PARAM_DEPTH(VEC_PARAM_DEPTH)
  ) u_results (
      .clk_i        (clk_i),
      .rst_i        (rst_i),
      .desc_valid_i (desc_valid),
      .desc_unit_i  (desc_unit),
      .desc_index_i (desc_index),
      .desc_word_i  (desc_word),
      .start_i      (start),
      .pos_i        (pos),
      .lenc_i       (lenc),
      .param_we_i   (param_we_i),
      .param_addr_i (param_addr_i),
      .upload_data_i(upload_data_i),
      .tap_we_i     (tap_we_i),
      .tap_addr_i   (tap_addr_i),
      .lut_we_i     (lut_we_i),
      .lut_addr_i   (lut_addr_i),
      .lut_data_i   (lut_data_i),
      .vec_we_i     (vec_we_i),
      .vec_addr_i   (vec_addr_i),
      .acc_valid_i  (acc_valid),
      .acc_addr_i   (acc_addr),
      .acc_first_i  (acc_first),
      .acc_last_i   (acc_last),
      .sum_i        (sums),
      .res_read_o   (res_read),
      .res_addr_o   (res_addr),
      .lane_read_o  (lane_read),
      .lane_addr_o  (lane_addr),
      .flat_word_i  (flat_word),
      .out_valid_o  (post_valid),
      .out_dest_o   (post_dest),
      .out_addr_o   (post_addr),
      .out_data_o   (post_data),
      .lane_active_o(lane_active),
      .vec_active_o (vec_active),
      .post_take_o  (post_take),
      .vec_events_o (events_o[12:9]),
      .argmax_o     (argmax_o)
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
      .start_i       (start[`SYSTOLE_UNIT_LOAD_BIT]),
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
      .start_i     (start[`SYSTOLE_UNIT_STORE_BIT]),
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
      .step_i       (u_rows.u_matmul.valid),
      .step_sram_i  (u_rows.u_matmul.load && u_rows.u_matmul.sram),
      .step_end_i   (u_rows.u_matmul.valid && u_rows.u_matmul.last),
      .line_i       (u_rows.r_en || c_en_i),
      .place_i      (u_rows.r_ripple[2*RW+BW+3]),
      .x_i          (vector),
      .sram_i       (w_sram),
      .take_i       (u_results.acc_take),
      .take_any_i   (post_take),
      .take_raw_i   (u_results.u_post.u_front.header_q[`SYSTOLE_POST_DEST] == u_results.u_post.DEST_RAW32),
      .take_lut_i   (u_results.u_post.u_front.header_q[`SYSTOLE_POST_LUT_EN]),
      .take_res_i   (u_results.u_post.u_front.header_q[`SYSTOLE_POST_RES_EN]),
      .result_i     (u_results.requant_valid),
      .flat_i       (u_rows.flat_valid_q),
      .load_i       (u_load.valid),
      .load_write_i (load_valid),
      .store_i      (store_read),
      .store_write_i(store_we),
      .lane_i       (lane_read),
      .lane_end_i   (u_results.lane_end),
      .lane_take_i  (u_results.lane_take)
  );
`endif
`endif

  wire to_out = post_valid && post_dest >= 3'd3;
  `SYSTOLE_ASSERT(check_one_out_write, !(to_out && store_we))
  `SYSTOLE_ASSERT(check_done_idle, !(done_o && (matmul_active || load_active || store_active || lane_active || vec_active)))

  assign out_we_o   = to_out || store_we;
  assign out_addr_o = to_out ? post_addr[OW-1:0] : store_waddr[OW-1:0];
  assign out_data_o = to_out ? post_data : flat_word;
  assign events_o[8:0] = {lane_read, out_we_o, post_take, to_w, to_x || load_valid, res_read || store_read || lane_read, w_sram, w_rram, vector};
  assign x_write_o  = to_x && load_valid;

endmodule

`default_nettype wire
