// SPDX-License-Identifier: Apache-2.0
// Where an image goes: the upload, and behind it the RRAM controller, or with RRAM_CTRL = 0 what loads banks of plain
// RAM. A wake of the controller uploads too: its words and targets go before those of the host, whose stream waits.
// The banks and the line table are in the core. Reset stops what is under way.
`default_nettype none
`include "systole_isa.vh"

module systole_image #(
    parameter MACHINE         = 1,  // what the register CONFIG reads
    parameter ROWS            = 8,
    parameter COLS            = 8,
    parameter WEIGHT_BEATS    = 1,
    parameter ECC             = 0,
    parameter RRAM_CTRL       = 1,
    parameter RRAM_DEPTH      = 2048,
    parameter RRAM_WAYS       = 2,
    parameter PARAM_DEPTH     = 128,
    parameter LUT_COUNT       = 2,
    parameter LANE_TAPS       = 0,
    parameter TAP_DEPTH       = 32,
    parameter VEC_LANES       = 0,
    parameter VEC_PARAM_DEPTH = 256,
    parameter TIMETABLE_DEPTH = 512,
    parameter DESC_DEPTH      = 512,
    // derived
    parameter CW              = $clog2(COLS),
    parameter PW              = $clog2(PARAM_DEPTH),
    parameter TW              = $clog2(LUT_COUNT * 256),
    parameter TPW             = $clog2(4 * TAP_DEPTH),
    parameter UW              = $clog2(VEC_PARAM_DEPTH * COLS + 256),
    parameter DW              = $clog2(DESC_DEPTH),
    parameter RW              = $clog2(RRAM_DEPTH),
    parameter BW              = WEIGHT_BEATS > 1 ? $clog2(WEIGHT_BEATS) : 1,
    parameter CHECK           = `SYSTOLE_ECC_CHECK(ECC, COLS, WEIGHT_BEATS)
) (
    input  wire                    clk_i,
    input  wire                    rst_i,
    // registers of the upload
    input  wire [            31:0] wdata_i,          // what is written to a register
    input  wire                    set_target_i,     // UPLOAD_TARGET is written
    input  wire                    set_address_i,    // UPLOAD_ADDRESS is written
    output wire [             2:0] target_o,         // UPLOAD_TARGET
    output wire [            31:0] address_o,        // UPLOAD_ADDRESS
    output wire [            31:0] count_o,          // UPLOAD_COUNT
    output wire                    uploading_o,      // part of a unit has been received
    output wire                    refused_busy_o,   // refused, a run is pending or on; for a cycle
    output wire                    refused_range_o,  // refused, beyond the memory; for a cycle
    // registers of the RRAM controller
    input  wire                    rram_we_i,        // one is written
    input  wire [             8:0] rram_waddr_i,     // its address
    input  wire [             8:0] rram_raddr_i,     // address of the one that is read
    output wire [            31:0] rram_rdata_o,     // its value
    output wire [            31:0] rram_budget_o,    // RRAM_BUDGET
    output wire [            31:0] rram_inject_o,    // RRAM_INJECT
    output wire                    rram_slot_o,      // RRAM_SLOT
    input  wire                    error_clear_i,    // ERROR is cleared
    output wire [             1:0] wake_we_o,        // a wake writes {OUT_BYTES, IN_BYTES}
    output wire [            31:0] wake_bytes_o,     // what it writes
    // run control
    input  wire                    busy_i,           // a run is pending or on
    input  wire                    run_on_i,         // a run is on
    input  wire                    done_i,           // a run ends
    output wire                    awake_o,          // an image is awake
    output wire                    rram_busy_o,      // no run may begin
    output wire [             7:0] rram_error_o,     // a code of ERROR, for a cycle
    output wire                    rram_ended_o,     // a command has ended, for a cycle
    output wire                    rram_retired_o,   // a line was given up, for a cycle
    output wire                    poison_o,         // a run has used an uncorrectable word
    output wire                    poisoned_o,       // it did now, for a cycle
    // AXI4-Stream
    input  wire                    s_tvalid_i,       // a word of the host is offered
    output wire                    s_tready_o,       // it is taken
    input  wire [      COLS*8-1:0] s_tdata_i,        // its bytes
    // memories of the core
    output wire                    row_we_o,         // half a row of the timetable, 64 bits, is written
    output wire                    desc_we_o,        // half a word of a descriptor, 64 bits, is written
    output wire [            DW:0] program_addr_o,   // address, in 64-bit units
    output wire                    param_we_o,       // a parameter is written
    output wire [       PW+CW-1:0] param_addr_o,     // {word, lane}
    output wire [            63:0] data_o,           // what is written
    output wire                    tap_we_o,         // a tap is written
    output wire [      TPW+CW-1:0] tap_addr_o,       // {word, line, lane}
    output wire                    lut_we_o,         // a byte of a lookup table is written
    output wire [          TW-1:0] lut_addr_o,       // {table, index}
    output wire [             7:0] lut_data_o,       // the byte
    output wire                    vec_we_o,         // a segment or a parameter of the vector unit is written
    output wire [          UW-1:0] vec_addr_o,       // 256 segments, then {word, lane}
    // SCRUB, line table
    input  wire                    scrub_i,          // a SCRUB row begins
    input  wire [            11:0] scrub_lines_i,    // lines that it looks at
    output wire                    run_slot_o,       // slot that runs read their weights from
    output wire                    c_en_o,           // the controller reads a sub-word
    output wire [          RW-1:0] c_line_o,         // its line
    output wire [          BW-1:0] c_beat_o,         // its number
    output wire [             2:0] c_ref_o,          // read reference: SYSTOLE_REF_*
    output wire                    c_raw_o,          // the line is a physical one
    input  wire                    table_bad_i,      // an entry that was used is beyond correction, for a cycle
    input  wire [          RW-1:0] look_line_i,      // physical line of the entry that is looked at
    input  wire [            15:0] look_wear_i,      // its wear
    output wire                    table_we_o,       // an entry of the line table is written
    output wire [          RW-1:0] table_addr_o,     // its logical line
    output wire [          RW-1:0] table_line_o,     // its physical line
    output wire [            15:0] table_wear_o,     // its wear
    // weight banks, for the RRAM controller: by row
    input  wire [ ROWS*COLS*8-1:0] words_i,          // words of the banks, as they stand behind the correction
    input  wire [        ROWS-1:0] fresh_i,          // first cycle of a word that was read at the normal reference
    input  wire [        ROWS-1:0] corrected_i,      // errors were corrected in it
    input  wire [        ROWS-1:0] uncorrectable_i,  // it has more errors than can be corrected
    input  wire [     ROWS*RW-1:0] lines_i,          // logical lines of the words
    output wire [        ROWS-1:0] prog_load_o,      // takes the word that is to be programmed
    output wire [COLS*8+CHECK-1:0] prog_data_o,      // that word, {check bits, data}
    input  wire [        ROWS-1:0] need_set_i,       // bits that should read 1 read 0
    input  wire [        ROWS-1:0] need_reset_i,     // bits that should read 0 read 1
    output wire [        ROWS-1:0] pulse_o,          // begins a pulse
    output wire                    pulse_reset_o,    // 0: SET to 1, 1: RESET to 0
    output wire [             3:0] pulse_level_o,    // number of the pulse in its ladder
    output wire [          RW-1:0] pulse_addr_o,     // its physical line
    output wire [          BW-1:0] pulse_beat_o,     // its sub-word
    output wire                    enable_a_o,       // one of two enables, without which no pulse is given
    output wire                    enable_b_o,       // the other one
    input  wire                    pulsing_i         // a pulse is on
);

  // The words of a wake, and of RRAM.
  wire upload_ready, wake_target_we, wake_valid, wake_hold, word_valid, word_ready, word_record;
  wire [       2:0] wake_target;
  wire [      31:0] word_index;
  wire [COLS*8-1:0] wake_data, word_data;

  // While the RRAM controller loads an image, the image stream waits.
  assign s_tready_o = upload_ready && !wake_hold;

  systole_upload #(
      .ROWS           (ROWS),
      .COLS           (COLS),
      .RRAM_DEPTH     (RRAM_DEPTH),
      .PARAM_DEPTH    (PARAM_DEPTH),
      .LUT_COUNT      (LUT_COUNT),
      .LANE_TAPS      (LANE_TAPS),
      .TAP_DEPTH      (TAP_DEPTH),
      .VEC_LANES      (VEC_LANES),
      .VEC_PARAM_DEPTH(VEC_PARAM_DEPTH),
      .TIMETABLE_DEPTH(TIMETABLE_DEPTH),
      .DESC_DEPTH     (DESC_DEPTH)
  ) u_upload (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .busy_i         (busy_i && !wake_hold),
      .set_target_i   (set_target_i || wake_target_we),
      .set_address_i  (set_address_i),
      .set_data_i     (wake_target_we ? {29'd0, wake_target} : wdata_i),
      .target_o       (target_o),
      .address_o      (address_o),
      .count_o        (count_o),
      .partial_o      (uploading_o),
      .refused_busy_o (refused_busy_o),
      .refused_range_o(refused_range_o),
      .s_tvalid_i     (wake_valid || (s_tvalid_i && !wake_hold)),
      .s_tready_o     (upload_ready),
      .s_tdata_i      (wake_valid ? wake_data : s_tdata_i),
      .row_we_o       (row_we_o),
      .desc_we_o      (desc_we_o),
      .program_addr_o (program_addr_o),
      .param_we_o     (param_we_o),
      .param_addr_o   (param_addr_o),
      .data_o         (data_o),
      .tap_we_o       (tap_we_o),
      .tap_addr_o     (tap_addr_o),
      .lut_we_o       (lut_we_o),
      .lut_addr_o     (lut_addr_o),
      .lut_data_o     (lut_data_o),
      .vec_we_o       (vec_we_o),
      .vec_addr_o     (vec_addr_o),
      .rram_valid_o   (word_valid),
      .rram_ready_i   (word_ready),
      .rram_record_o  (word_record),
      .rram_index_o   (word_index),
      .rram_data_o    (word_data)
  );

  generate
    if (RRAM_CTRL == 0) begin : g_no_rram
      wire [COLS*8-1:0] load_word;
      systole_w_load #(
          .ROWS      (ROWS),
          .COLS      (COLS),
          .RRAM_DEPTH(RRAM_DEPTH)
      ) u_load (
          .clk_i     (clk_i),
          .rst_i     (rst_i),
          .we_i      (rram_we_i),
          .waddr_i   (rram_waddr_i),
          .s_valid_i (word_valid),
          .s_record_i(word_record),
          .s_index_i (word_index),
          .s_data_i  (word_data),
          .we_o      (prog_load_o),
          .line_o    (pulse_addr_o),
          .data_o    (load_word),
          .error_o   (rram_error_o)
      );
      assign prog_data_o  = {{CHECK{1'b0}}, load_word};
      assign word_ready = 1'b1;
      assign {rram_rdata_o, rram_budget_o, rram_inject_o, wake_bytes_o} = 128'd0;
      assign {rram_slot_o, run_slot_o, awake_o, rram_busy_o, rram_ended_o, rram_retired_o, poison_o, poisoned_o} = 8'd0;
      assign {wake_we_o, wake_target_we, wake_target, wake_hold, wake_valid} = 8'd0;
      assign wake_data = {COLS * 8{1'b0}};
      assign {c_en_o, c_ref_o, c_raw_o, table_we_o, table_wear_o} = 22'd0;
      assign {c_line_o, table_addr_o, table_line_o} = {3 * RW{1'b0}};
      assign {c_beat_o, pulse_beat_o} = {2 * BW{1'b0}};
      assign pulse_o = {ROWS{1'b0}};
      assign {pulse_reset_o, pulse_level_o, enable_a_o, enable_b_o} = 7'd0;
      wire unused = &{rram_raddr_i, error_clear_i, run_on_i, done_i, scrub_i, scrub_lines_i, table_bad_i, look_line_i, look_wear_i, words_i, lines_i, fresh_i, corrected_i,
                      uncorrectable_i, need_set_i, need_reset_i, pulsing_i};
    end else begin : g_rram
      systole_rram #(
          .MACHINE     (MACHINE),
          .ROWS        (ROWS),
          .COLS        (COLS),
          .WEIGHT_BEATS(WEIGHT_BEATS),
          .RRAM_DEPTH  (RRAM_DEPTH),
          .RRAM_WAYS   (RRAM_WAYS),
          .BW          (BW),
          .ECC         (ECC),
          .CHECK       (CHECK)
      ) u_rram (
          .clk_i           (clk_i),
          .rst_i           (rst_i),
          .we_i            (rram_we_i),
          .waddr_i         (rram_waddr_i),
          .wdata_i         (wdata_i),
          .error_clear_i   (error_clear_i),
          .raddr_i         (rram_raddr_i),
          .rdata_o         (rram_rdata_o),
          .budget_o        (rram_budget_o),
          .inject_o        (rram_inject_o),
          .slot_o          (rram_slot_o),
          .ready_o         (awake_o),
          .run_on_i        (run_on_i),
          .run_wait_i      (busy_i && !run_on_i),
          .run_done_i      (done_i),
          .busy_o          (rram_busy_o),
          .ended_o         (rram_ended_o),
          .retired_o       (rram_retired_o),
          .poison_o        (poison_o),
          .poisoned_o      (poisoned_o),
          .error_o         (rram_error_o),
          .wake_we_o       (wake_we_o),
          .wake_bytes_o    (wake_bytes_o),
          .s_valid_i       (word_valid),
          .s_ready_o       (word_ready),
          .s_record_i      (word_record),
          .s_index_i       (word_index),
          .s_data_i        (word_data),
          .upload_partial_i(uploading_o),
          .upload_we_o     (wake_target_we),
          .upload_target_o (wake_target),
          .upload_hold_o   (wake_hold),
          .upload_valid_o  (wake_valid),
          .upload_data_o   (wake_data),
          .scrub_i         (scrub_i),
          .scrub_lines_i   (scrub_lines_i),
          .run_slot_o      (run_slot_o),
          .c_en_o          (c_en_o),
          .c_line_o        (c_line_o),
          .c_beat_o        (c_beat_o),
          .c_ref_o         (c_ref_o),
          .c_raw_o         (c_raw_o),
          .table_bad_i     (table_bad_i),
          .look_line_i     (look_line_i),
          .look_wear_i     (look_wear_i),
          .table_we_o      (table_we_o),
          .table_addr_o    (table_addr_o),
          .table_line_o    (table_line_o),
          .table_wear_o    (table_wear_o),
          .words_i         (words_i),
          .fresh_i         (fresh_i),
          .corrected_i     (corrected_i),
          .uncorrectable_i (uncorrectable_i),
          .lines_i         (lines_i),
          .prog_load_o     (prog_load_o),
          .prog_data_o     (prog_data_o),
          .need_set_i      (need_set_i),
          .need_reset_i    (need_reset_i),
          .pulse_o         (pulse_o),
          .pulse_reset_o   (pulse_reset_o),
          .pulse_level_o   (pulse_level_o),
          .pulse_addr_o    (pulse_addr_o),
          .pulse_beat_o    (pulse_beat_o),
          .enable_a_o      (enable_a_o),
          .enable_b_o      (enable_b_o),
          .pulsing_i       (pulsing_i)
      );
    end
  endgenerate

endmodule

`default_nettype wire
