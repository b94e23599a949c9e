// SPDX-License-Identifier: Apache-2.0
// The chip: host interface, the image's way to its memories, the core; wiring only. CONFIG chooses a named configuration
// (docs/architecture.md); each size can be overridden. All AXI outputs are registered; C = COLS bytes a stream word. Reset
// is synchronous, active high.
`default_nettype none
`include "systole_isa.vh"

module systole_top #(
    parameter CONFIG          = 3,
    parameter ROWS            = `SYSTOLE_CFG_ROWS(CONFIG),
    parameter COLS            = `SYSTOLE_CFG_COLS(CONFIG),
    parameter WEIGHT_BEATS    = `SYSTOLE_CFG_WEIGHT_BEATS(CONFIG),
    parameter ECC             = `SYSTOLE_CFG_ECC(CONFIG),
    parameter RRAM_CTRL       = `SYSTOLE_CFG_RRAM_CTRL(CONFIG),
    parameter WEIGHT_ZERO     = `SYSTOLE_CFG_WEIGHT_ZERO(CONFIG),
    parameter POST_LANES      = `SYSTOLE_CFG_POST_LANES(CONFIG),
    parameter RESIDUAL        = `SYSTOLE_CFG_RESIDUAL(CONFIG),
    parameter PRODUCT         = `SYSTOLE_CFG_PRODUCT(CONFIG),
    parameter EVENTS          = `SYSTOLE_CFG_EVENTS(CONFIG),
    parameter X_DEPTH         = `SYSTOLE_CFG_X_DEPTH(CONFIG),
    parameter X_BANKS         = `SYSTOLE_CFG_X_BANKS(CONFIG),
    parameter W_SRAM_DEPTH    = `SYSTOLE_CFG_W_SRAM_DEPTH(CONFIG),
    parameter RRAM_DEPTH      = `SYSTOLE_CFG_RRAM_DEPTH(CONFIG),
    parameter RRAM_WAYS       = `SYSTOLE_CFG_RRAM_WAYS(CONFIG),
    parameter ACC_DEPTH       = `SYSTOLE_CFG_ACC_DEPTH(CONFIG),
    parameter PARAM_DEPTH     = `SYSTOLE_CFG_PARAM_DEPTH(CONFIG),
    parameter LUT_COUNT       = `SYSTOLE_CFG_LUT_COUNT(CONFIG),
    parameter LANE_TAPS       = `SYSTOLE_CFG_LANE_TAPS(CONFIG),
    parameter TAP_DEPTH       = `SYSTOLE_CFG_TAP_DEPTH(CONFIG),
    parameter LINE_DEPTH      = `SYSTOLE_CFG_LINE_DEPTH(CONFIG),
    parameter VEC_LANES       = `SYSTOLE_CFG_VEC_LANES(CONFIG),
    parameter V_DEPTH         = `SYSTOLE_CFG_V_DEPTH(CONFIG),
    parameter VEC_PARAM_DEPTH = `SYSTOLE_CFG_VEC_PARAM_DEPTH(CONFIG),
    parameter IN_DEPTH        = `SYSTOLE_CFG_IN_DEPTH(CONFIG),
    parameter OUT_DEPTH       = `SYSTOLE_CFG_OUT_DEPTH(CONFIG),
    parameter TIMETABLE_DEPTH = `SYSTOLE_CFG_TIMETABLE_DEPTH(CONFIG),
    parameter DESC_DEPTH      = `SYSTOLE_CFG_DESC_DEPTH(CONFIG)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    // registers
    input  wire              s_axil_awvalid_i,     // write address is offered
    output wire              s_axil_awready_o,     // .. is taken
    input  wire [       8:0] s_axil_awaddr_i,      // .. in bytes
    input  wire              s_axil_wvalid_i,      // write data is offered
    output wire              s_axil_wready_o,      // .. is taken
    input  wire [      31:0] s_axil_wdata_i,       // .. itself
    input  wire [       3:0] s_axil_wstrb_i,       // bytes that are written
    output wire              s_axil_bvalid_o,      // answer to a write
    input  wire              s_axil_bready_i,      // .. is taken
    output wire [       1:0] s_axil_bresp_o,       // 0: OKAY, 2: SLVERR
    input  wire              s_axil_arvalid_i,     // read address is offered
    output wire              s_axil_arready_o,     // .. is taken
    input  wire [       8:0] s_axil_araddr_i,      // .. in bytes
    output wire              s_axil_rvalid_o,      // answer to a read
    input  wire              s_axil_rready_i,      // .. is taken
    output wire [      31:0] s_axil_rdata_o,       // what is read
    output wire [       1:0] s_axil_rresp_o,       // 0: OKAY, 2: SLVERR
    output wire              irq_o,                // interrupt, a level
    output wire [       3:0] state_o,              // for lights: {an error, poison, a run, an image is awake}
    // input frames
    input  wire              s_axis_in_tvalid_i,   // a word is offered
    output wire              s_axis_in_tready_o,   // it is taken
    input  wire [COLS*8-1:0] s_axis_in_tdata_i,    // its bytes
    input  wire [  COLS-1:0] s_axis_in_tkeep_i,    // which of them are the frame's
    input  wire              s_axis_in_tlast_i,    // the frame's last word
    // output frames
    output wire              m_axis_out_tvalid_o,  // a word is offered
    input  wire              m_axis_out_tready_i,  // it is taken
    output wire [COLS*8-1:0] m_axis_out_tdata_o,   // its bytes
    output wire [  COLS-1:0] m_axis_out_tkeep_o,   // which of them are the frame's
    output wire              m_axis_out_tlast_o,   // the frame's last word
    // image upload
    input  wire              s_axis_img_tvalid_i,  // a word is offered
    output wire              s_axis_img_tready_o,  // it is taken
    input  wire [COLS*8-1:0] s_axis_img_tdata_i    // its bytes
);

  localparam CW = $clog2(COLS);
  localparam RW = $clog2(RRAM_DEPTH);
  localparam PW = $clog2(PARAM_DEPTH);
  localparam TW = $clog2(LUT_COUNT * 256);
  localparam TPW = $clog2(4 * TAP_DEPTH);
  localparam UW = $clog2(VEC_PARAM_DEPTH * COLS + 256);
  localparam IW = $clog2(IN_DEPTH);
  localparam OW = $clog2(OUT_DEPTH);
  localparam QW = $clog2(TIMETABLE_DEPTH);
  localparam DW = $clog2(DESC_DEPTH);
  localparam BW = WEIGHT_BEATS > 1 ? $clog2(WEIGHT_BEATS) : 1;
  localparam CHECK = `SYSTOLE_ECC_CHECK(ECC, COLS, WEIGHT_BEATS);  // check bits of a weight word

  // What the register CONFIG reads.
  localparam [31:0] MACHINE = (WEIGHT_ZERO << 31) + (POST_LANES << 24) + (PRODUCT << 23) + (EVENTS << 22) + (RESIDUAL << 21) + (RRAM_CTRL << 20) +
      (ECC << 16) + (WEIGHT_BEATS << 8) + CONFIG;

  systole_legal #(
      .ROWS(ROWS), .COLS(COLS), .WEIGHT_BEATS(WEIGHT_BEATS), .ECC(ECC), .RRAM_CTRL(RRAM_CTRL),
      .WEIGHT_ZERO(WEIGHT_ZERO), .POST_LANES(POST_LANES), .RESIDUAL(RESIDUAL), .PRODUCT(PRODUCT), .EVENTS(EVENTS),
      .X_DEPTH(X_DEPTH), .X_BANKS(X_BANKS), .W_SRAM_DEPTH(W_SRAM_DEPTH), .RRAM_DEPTH(RRAM_DEPTH),
      .RRAM_WAYS(RRAM_WAYS), .ACC_DEPTH(ACC_DEPTH), .PARAM_DEPTH(PARAM_DEPTH), .LUT_COUNT(LUT_COUNT),
      .LANE_TAPS(LANE_TAPS), .VEC_LANES(VEC_LANES), .IN_DEPTH(IN_DEPTH), .OUT_DEPTH(OUT_DEPTH),
      .TIMETABLE_DEPTH(TIMETABLE_DEPTH), .DESC_DEPTH(DESC_DEPTH)
  ) u_legal ();

  // host interface <-> image
  wire busy, run_on, set_target, set_address, uploading, refused_busy, refused_range, error_clear;
  wire [ 2:0] target;
  wire [31:0] wdata, address, count;
  wire rram_we, rram_slot, awake, rram_busy, rram_ended, rram_retired, poison, poisoned;
  wire [ 8:0] rram_waddr, rram_raddr;
  wire [31:0] rram_rdata, rram_budget, rram_inject, wake_bytes;
  wire [ 1:0] wake_we;
  wire [ 7:0] rram_error;
  // host interface <-> core
  wire arm, next, done, x_write, in_re, out_we;
  wire [31:0] cycle;
  wire [QW-1:0] seq_row, entry;
  wire [15:0] pos, argmax;
  wire [127:0] tok;
  wire [12:0] events;
  wire [IW-2:0] in_even_addr, in_odd_addr;
  wire [OW-1:0] out_addr;
  wire [COLS*8-1:0] in_even, in_odd, out_data;

  systole_host_if #(
      .MACHINE(MACHINE), .ROWS(ROWS), .COLS(COLS), .POST_LANES(POST_LANES), .EVENTS(EVENTS), .X_DEPTH(X_DEPTH),
      .X_BANKS(X_BANKS), .W_SRAM_DEPTH(W_SRAM_DEPTH), .RRAM_DEPTH(RRAM_DEPTH), .RRAM_WAYS(RRAM_WAYS),
      .ACC_DEPTH(ACC_DEPTH), .PARAM_DEPTH(PARAM_DEPTH), .LUT_COUNT(LUT_COUNT), .LANE_TAPS(LANE_TAPS),
      .TAP_DEPTH(TAP_DEPTH), .LINE_DEPTH(LINE_DEPTH), .VEC_LANES(VEC_LANES), .V_DEPTH(V_DEPTH),
      .VEC_PARAM_DEPTH(VEC_PARAM_DEPTH), .IN_DEPTH(IN_DEPTH), .OUT_DEPTH(OUT_DEPTH),
      .TIMETABLE_DEPTH(TIMETABLE_DEPTH), .DESC_DEPTH(DESC_DEPTH)
  ) u_host (
      .clk_i              (clk_i),
      .rst_i              (rst_i),
      .s_axil_awvalid_i   (s_axil_awvalid_i),
      .s_axil_awready_o   (s_axil_awready_o),
      .s_axil_awaddr_i    (s_axil_awaddr_i),
      .s_axil_wvalid_i    (s_axil_wvalid_i),
      .s_axil_wready_o    (s_axil_wready_o),
      .s_axil_wdata_i     (s_axil_wdata_i),
      .s_axil_wstrb_i     (s_axil_wstrb_i),
      .s_axil_bvalid_o    (s_axil_bvalid_o),
      .s_axil_bready_i    (s_axil_bready_i),
      .s_axil_bresp_o     (s_axil_bresp_o),
      .s_axil_arvalid_i   (s_axil_arvalid_i),
      .s_axil_arready_o   (s_axil_arready_o),
      .s_axil_araddr_i    (s_axil_araddr_i),
      .s_axil_rvalid_o    (s_axil_rvalid_o),
      .s_axil_rready_i    (s_axil_rready_i),
      .s_axil_rdata_o     (s_axil_rdata_o),
      .s_axil_rresp_o     (s_axil_rresp_o),
      .irq_o              (irq_o),
      .state_o            (state_o),
      .s_axis_in_tvalid_i (s_axis_in_tvalid_i),
      .s_axis_in_tready_o (s_axis_in_tready_o),
      .s_axis_in_tdata_i  (s_axis_in_tdata_i),
      .s_axis_in_tkeep_i  (s_axis_in_tkeep_i),
      .s_axis_in_tlast_i  (s_axis_in_tlast_i),
      .m_axis_out_tvalid_o(m_axis_out_tvalid_o),
      .m_axis_out_tready_i(m_axis_out_tready_i),
      .m_axis_out_tdata_o (m_axis_out_tdata_o),
      .m_axis_out_tkeep_o (m_axis_out_tkeep_o),
      .m_axis_out_tlast_o (m_axis_out_tlast_o),
      .wdata_o            (wdata),
      .set_target_o       (set_target),
      .set_address_o      (set_address),
      .target_i           (target),
      .address_i          (address),
      .count_i            (count),
      .uploading_i        (uploading),
      .refused_busy_i     (refused_busy),
      .refused_range_i    (refused_range),
      .busy_o             (busy),
      .run_on_o           (run_on),
      .rram_we_o          (rram_we),
      .rram_waddr_o       (rram_waddr),
      .rram_raddr_o       (rram_raddr),
      .rram_rdata_i       (rram_rdata),
      .rram_budget_i      (rram_budget),
      .rram_inject_i      (rram_inject),
      .rram_slot_i        (rram_slot),
      .error_clear_o      (error_clear),
      .wake_we_i          (wake_we),
      .wake_bytes_i       (wake_bytes),
      .awake_i            (awake),
      .rram_busy_i        (rram_busy),
      .rram_error_i       (rram_error),
      .rram_ended_i       (rram_ended),
      .rram_retired_i     (rram_retired),
      .poison_i           (poison),
      .poisoned_i         (poisoned),
      .arm_o              (arm),
      .next_o             (next),
      .done_i             (done),
      .cycle_i            (cycle),
      .row_i              (seq_row),
      .entry_o            (entry),
      .pos_o              (pos),
      .tok_o              (tok),
      .argmax_i           (argmax),
      .events_i           (events),
      .x_write_i          (x_write),
      .in_re_i            (in_re),
      .in_even_addr_i     (in_even_addr),
      .in_odd_addr_i      (in_odd_addr),
      .in_even_o          (in_even),
      .in_odd_o           (in_odd),
      .out_we_i           (out_we),
      .out_addr_i         (out_addr),
      .out_data_i         (out_data)
  );

  // image <-> core: memories
  wire row_we, desc_we, param_we, tap_we, lut_we, vec_we;
  wire [DW:0] program_addr;
  wire [PW+CW-1:0] param_addr;
  wire [TPW+CW-1:0] tap_addr;
  wire [63:0] upload_data;
  wire [TW-1:0] lut_addr;
  wire [7:0] lut_data;
  wire [UW-1:0] vec_addr;
  // image <-> core: line table, weight banks
  wire [11:0] scrub_lines;
  wire scrub, run_slot, c_en, c_raw, table_bad, table_we, pulse_reset, enable_a, enable_b, pulsing;
  wire [RW-1:0] c_line, look_line, table_addr, table_line, pulse_addr;
  wire [BW-1:0] c_beat, pulse_beat;
  wire [2:0] c_ref;
  wire [3:0] pulse_level;
  wire [15:0] look_wear, table_wear;
  wire [ROWS*COLS*8-1:0] words;
  wire [ROWS*RW-1:0] lines;
  wire [ROWS-1:0] fresh, corrected, uncorrectable, prog_load, need_set, need_reset, pulse;
  wire [COLS*8+CHECK-1:0] prog_data;

  systole_image #(
      .MACHINE(MACHINE), .ROWS(ROWS), .COLS(COLS), .WEIGHT_BEATS(WEIGHT_BEATS), .ECC(ECC), .RRAM_CTRL(RRAM_CTRL),
      .RRAM_DEPTH(RRAM_DEPTH), .RRAM_WAYS(RRAM_WAYS), .PARAM_DEPTH(PARAM_DEPTH), .LUT_COUNT(LUT_COUNT),
      .LANE_TAPS(LANE_TAPS), .TAP_DEPTH(TAP_DEPTH), .VEC_LANES(VEC_LANES), .VEC_PARAM_DEPTH(VEC_PARAM_DEPTH),
      .TIMETABLE_DEPTH(TIMETABLE_DEPTH), .DESC_DEPTH(DESC_DEPTH)
  ) u_image (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .wdata_i        (wdata),
      .set_target_i   (set_target),
      .set_address_i  (set_address),
      .target_o       (target),
      .address_o      (address),
      .count_o        (count),
      .uploading_o    (uploading),
      .refused_busy_o (refused_busy),
      .refused_range_o(refused_range),
      .rram_we_i      (rram_we),
      .rram_waddr_i   (rram_waddr),
      .rram_raddr_i   (rram_raddr),
      .rram_rdata_o   (rram_rdata),
      .rram_budget_o  (rram_budget),
      .rram_inject_o  (rram_inject),
      .rram_slot_o    (rram_slot),
      .error_clear_i  (error_clear),
      .wake_we_o      (wake_we),
      .wake_bytes_o   (wake_bytes),
      .busy_i         (busy),
      .run_on_i       (run_on),
      .done_i         (done),
      .awake_o        (awake),
      .rram_busy_o    (rram_busy),
      .rram_error_o   (rram_error),
      .rram_ended_o   (rram_ended),
      .rram_retired_o (rram_retired),
      .poison_o       (poison),
      .poisoned_o     (poisoned),
      .s_tvalid_i     (s_axis_img_tvalid_i),
      .s_tready_o     (s_axis_img_tready_o),
      .s_tdata_i      (s_axis_img_tdata_i),
      .row_we_o       (row_we),
      .desc_we_o      (desc_we),
      .program_addr_o (program_addr),
      .param_we_o     (param_we),
      .param_addr_o   (param_addr),
      .data_o         (upload_data),
      .tap_we_o       (tap_we),
      .tap_addr_o     (tap_addr),
      .lut_we_o       (lut_we),
      .lut_addr_o     (lut_addr),
      .lut_data_o     (lut_data),
      .vec_we_o       (vec_we),
      .vec_addr_o     (vec_addr),
      .scrub_i        (scrub),
      .scrub_lines_i  (scrub_lines),
      .run_slot_o     (run_slot),
      .c_en_o         (c_en),
      .c_line_o       (c_line),
      .c_beat_o       (c_beat),
      .c_ref_o        (c_ref),
      .c_raw_o        (c_raw),
      .table_bad_i    (table_bad),
      .look_line_i    (look_line),
      .look_wear_i    (look_wear),
      .table_we_o     (table_we),
      .table_addr_o   (table_addr),
      .table_line_o   (table_line),
      .table_wear_o   (table_wear),
      .words_i        (words),
      .fresh_i        (fresh),
      .corrected_i    (corrected),
      .uncorrectable_i(uncorrectable),
      .lines_i        (lines),
      .prog_load_o    (prog_load),
      .prog_data_o    (prog_data),
      .need_set_i     (need_set),
      .need_reset_i   (need_reset),
      .pulse_o        (pulse),
      .pulse_reset_o  (pulse_reset),
      .pulse_level_o  (pulse_level),
      .pulse_addr_o   (pulse_addr),
      .pulse_beat_o   (pulse_beat),
      .enable_a_o     (enable_a),
      .enable_b_o     (enable_b),
      .pulsing_i      (pulsing)
  );

  systole_core #(
      .ROWS(ROWS), .COLS(COLS), .WEIGHT_BEATS(WEIGHT_BEATS), .ECC(ECC), .RRAM_CTRL(RRAM_CTRL),
      .WEIGHT_ZERO(WEIGHT_ZERO), .POST_LANES(POST_LANES), .RESIDUAL(RESIDUAL), .PRODUCT(PRODUCT), .X_DEPTH(X_DEPTH),
      .X_BANKS(X_BANKS), .W_SRAM_DEPTH(W_SRAM_DEPTH), .RRAM_DEPTH(RRAM_DEPTH), .RRAM_WAYS(RRAM_WAYS),
      .ACC_DEPTH(ACC_DEPTH), .PARAM_DEPTH(PARAM_DEPTH), .LUT_COUNT(LUT_COUNT), .LANE_TAPS(LANE_TAPS),
      .TAP_DEPTH(TAP_DEPTH), .LINE_DEPTH(LINE_DEPTH), .VEC_LANES(VEC_LANES), .V_DEPTH(V_DEPTH),
      .VEC_PARAM_DEPTH(VEC_PARAM_DEPTH), .IN_DEPTH(IN_DEPTH), .OUT_DEPTH(OUT_DEPTH),
      .TIMETABLE_DEPTH(TIMETABLE_DEPTH), .DESC_DEPTH(DESC_DEPTH)
    ) u_core (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .row_we_i       (row_we),
      .desc_we_i      (desc_we),
      .program_addr_i (program_addr),
      .param_we_i     (param_we),
      .param_addr_i   (param_addr),
      .upload_data_i  (upload_data),
      .tap_we_i       (tap_we),
      .tap_addr_i     (tap_addr),
      .lut_we_i       (lut_we),
      .lut_addr_i     (lut_addr),
      .lut_data_i     (lut_data),
      .vec_we_i       (vec_we),
      .vec_addr_i     (vec_addr),
      .pos_i          (pos),
      .tok_i          (tok),
      .entry_i        (entry),
      .argmax_o       (argmax),
      .scrub_o        (scrub),
      .scrub_lines_o  (scrub_lines),
      .run_slot_i     (run_slot),
      .c_en_i         (c_en),
      .c_line_i       (c_line),
      .c_beat_i       (c_beat),
      .c_ref_i        (c_ref),
      .c_raw_i        (c_raw),
      .table_bad_o    (table_bad),
      .look_line_o    (look_line),
      .look_wear_o    (look_wear),
      .table_we_i     (table_we),
      .table_addr_i   (table_addr),
      .table_line_i   (table_line),
      .table_wear_i   (table_wear),
      .words_o        (words),
      .fresh_o        (fresh),
      .corrected_o    (corrected),
      .uncorrectable_o(uncorrectable),
      .lines_o        (lines),
      .prog_load_i    (prog_load),
      .prog_data_i    (prog_data),
      .need_set_o     (need_set),
      .need_reset_o   (need_reset),
      .pulse_i        (pulse),
      .pulse_reset_i  (pulse_reset),
      .pulse_level_i  (pulse_level),
      .pulse_addr_i   (pulse_addr),
      .pulse_beat_i   (pulse_beat),
      .enable_a_i     (enable_a),
      .enable_b_i     (enable_b),
      .pulsing_o      (pulsing),
      .arm_i          (arm),
      .next_i         (next),
      .done_o         (done),
      .cycle_o        (cycle),
      .row_o          (seq_row),
      .events_o       (events),
      .x_write_o      (x_write),
      .in_re_o        (in_re),
      .in_even_addr_o (in_even_addr),
      .in_odd_addr_o  (in_odd_addr),
      .in_even_i      (in_even),
      .in_odd_i       (in_odd),
      .out_we_o       (out_we),
      .out_addr_o     (out_addr),
      .out_data_o     (out_data)
  );

endmodule

`default_nettype wire
