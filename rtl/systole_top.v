// SPDX-License-Identifier: Apache-2.0
// The chip: AXI4-Lite registers, AXI4-Stream in, out and image upload, run control, the core; wiring
// only. CONFIG chooses a named configuration (docs/architecture.md); each size can be overridden. All
// AXI outputs are registered; C = COLS bytes a stream word. Reset is synchronous, active high.
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
    output reg  [       3:0] state_o,              // for lights: {an error, poison, a run, an image is awake}
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

  // An illegal configuration stops elaboration: these modules do not exist.
  generate
    if (ROWS != COLS && ROWS != 2 * COLS) systole_error_ROWS_must_be_COLS_or_twice_COLS u_error_rows ();
    if (COLS != 4 && COLS != 8 && COLS != 16 && COLS != 32) systole_error_COLS_must_be_4_8_16_or_32 u_error_cols ();
    if (WEIGHT_BEATS != 1 && WEIGHT_BEATS != 2 && WEIGHT_BEATS != 4)
      systole_error_WEIGHT_BEATS_must_be_1_2_or_4 u_error_beats ();
    if (ECC != 0 && ECC != 1) systole_error_ECC_must_be_0_or_1 u_error_ecc ();
    if (RRAM_CTRL != 0 && RRAM_CTRL != 1) systole_error_RRAM_CTRL_must_be_0_or_1 u_error_ctrl ();
    if (RRAM_CTRL == 1 && (RRAM_DEPTH < 128 || `SYSTOLE_RRAM_TABLE_LINES(RRAM_DEPTH, ROWS, COLS) * ROWS * COLS <
        4 * (`SYSTOLE_RRAM_SLOT_LINES(RRAM_DEPTH, ROWS, COLS) + (COLS < 8 ? 2 : COLS / 4))))
      systole_error_RRAM_DEPTH_too_small_for_slots_tables_and_records u_error_slots ();
    if (ACC_DEPTH < 4 || PARAM_DEPTH < 2 || IN_DEPTH < 4 || OUT_DEPTH < 4 || DESC_DEPTH < 4 || TIMETABLE_DEPTH < 4 ||
        W_SRAM_DEPTH < 2 || RRAM_DEPTH < 4 || X_DEPTH < 2 * X_BANKS) systole_error_a_memory_is_too_small u_error_small ();
    if (RRAM_CTRL == 0 && ECC != 0) systole_error_ECC_must_be_0_where_RRAM_CTRL_is_0 u_error_ctrl_ecc ();
    if (WEIGHT_ZERO != 0 && WEIGHT_ZERO != 1) systole_error_WEIGHT_ZERO_must_be_0_or_1 u_error_zero ();
    if (RESIDUAL != 0 && RESIDUAL != 1) systole_error_RESIDUAL_must_be_0_or_1 u_error_residual ();
    if (PRODUCT != 0 && PRODUCT != 1) systole_error_PRODUCT_must_be_0_or_1 u_error_product ();
    if (PRODUCT != 0 && RESIDUAL == 0) systole_error_PRODUCT_must_be_0_where_RESIDUAL_is_0 u_error_product_residual ();
    if (EVENTS != 0 && EVENTS != 1) systole_error_EVENTS_must_be_0_or_1 u_error_events ();
    if (POST_LANES != 1 << $clog2(POST_LANES) || POST_LANES > COLS)
      systole_error_POST_LANES_must_be_a_power_of_two_up_to_COLS u_error_post ();
    if (LANE_TAPS != 0 && POST_LANES != COLS) systole_error_POST_LANES_must_be_COLS_with_a_lane_engine u_error_post_lane ();
    if (X_BANKS != 2 && X_BANKS != 4) systole_error_X_BANKS_must_be_2_or_4 u_error_banks ();
    if (RRAM_WAYS != 1 && RRAM_WAYS != 2 && RRAM_WAYS != 4) systole_error_RRAM_WAYS_must_be_1_2_or_4 u_error_ways ();
    if (RRAM_WAYS > 2 * WEIGHT_BEATS) systole_error_RRAM_WAYS_must_be_at_most_2_WEIGHT_BEATS u_error_classes ();
    if (X_DEPTH != 1 << $clog2(X_DEPTH)) systole_error_X_DEPTH_must_be_a_power_of_two u_error_x ();
    if (RRAM_DEPTH != 1 << RW || RRAM_DEPTH > 65536)
      systole_error_RRAM_DEPTH_must_be_a_power_of_two_up_to_65536 u_error_rram ();
    if (W_SRAM_DEPTH * ROWS > 65536) systole_error_W_SRAM_DEPTH_times_ROWS_exceeds_65536 u_error_sram ();
    if (ACC_DEPTH > 4096) systole_error_ACC_DEPTH_exceeds_4096 u_error_acc ();
    if (VEC_LANES != 0 && (VEC_LANES < 2 || (VEC_LANES != COLS && 2 * VEC_LANES != COLS && 4 * VEC_LANES != COLS)))
      systole_error_VEC_LANES_must_be_0_or_COLS_or_a_half_or_a_quarter u_error_vec ();
    if (LANE_TAPS != 0 && LANE_TAPS != 9) systole_error_LANE_TAPS_must_be_0_or_9 u_error_lane ();
    if (LUT_COUNT > 16) systole_error_LUT_COUNT_exceeds_16 u_error_lut ();
    if (IN_DEPTH * COLS > 131072) systole_error_IN_DEPTH_times_COLS_exceeds_131072 u_error_in ();
    if (DESC_DEPTH > 65536 || QW > DW + 1) systole_error_TIMETABLE_DEPTH_exceeds_twice_DESC_DEPTH u_error_desc ();
  endgenerate

  wire start, abandon, error_clear, irq_clear_we;
  wire [31:0] wdata, in_bytes, out_bytes, start_limit, error, cycles, runs;
  wire [31:0] frames_in, frames_out, frames_dropped, cycle, address, count;
  wire [63:0] vectors;
  wire [9:0] status;
  wire [6:0] irq_status;
  wire [2:0] target;
  wire [QW-1:0] seq_row;
  wire set_target, set_address;
  wire rram_we, rram_slot, rram_busy, rram_ended, rram_retired, poison, poisoned, run_on;
  wire [1:0] wake_we;
  wire [15:0] pos, entry, argmax;
  wire [127:0] tok;
  wire entry_we, waits, auto, stop, auto_step, auto_clear;
  wire [31:0] auto_cycles;
  wire [8:0] rram_waddr, rram_raddr;
  wire [7:0] rram_error;
  wire [31:0] rram_rdata, rram_budget, rram_inject, wake_bytes;

  systole_regs #(
      .MACHINE        (MACHINE),
      .ROWS           (ROWS),
      .COLS           (COLS),
      .POST_LANES     (POST_LANES),
      .X_DEPTH        (X_DEPTH),
      .X_BANKS        (X_BANKS),
      .W_SRAM_DEPTH   (W_SRAM_DEPTH),
      .RRAM_DEPTH     (RRAM_DEPTH),
      .RRAM_WAYS      (RRAM_WAYS),
      .ACC_DEPTH      (ACC_DEPTH),
      .PARAM_DEPTH    (PARAM_DEPTH),
      .LUT_COUNT      (LUT_COUNT),
      .LANE_TAPS      (LANE_TAPS),
      .TAP_DEPTH      (TAP_DEPTH),
      .LINE_DEPTH     (LINE_DEPTH),
      .VEC_LANES      (VEC_LANES),
      .V_DEPTH        (V_DEPTH),
      .VEC_PARAM_DEPTH(VEC_PARAM_DEPTH),
      .IN_DEPTH       (IN_DEPTH),
      .OUT_DEPTH      (OUT_DEPTH),
      .TIMETABLE_DEPTH(TIMETABLE_DEPTH),
      .DESC_DEPTH     (DESC_DEPTH)
  ) u_regs (
      .clk_i           (clk_i),
      .rst_i           (rst_i),
      .s_awvalid_i     (s_axil_awvalid_i),
      .s_awready_o     (s_axil_awready_o),
      .s_awaddr_i      (s_axil_awaddr_i),
      .s_wvalid_i      (s_axil_wvalid_i),
      .s_wready_o      (s_axil_wready_o),
      .s_wdata_i       (s_axil_wdata_i),
      .s_wstrb_i       (s_axil_wstrb_i),
      .s_bvalid_o      (s_axil_bvalid_o),
      .s_bready_i      (s_axil_bready_i),
      .s_bresp_o       (s_axil_bresp_o),
      .s_arvalid_i     (s_axil_arvalid_i),
      .s_arready_o     (s_axil_arready_o),
      .s_araddr_i      (s_axil_araddr_i),
      .s_rvalid_o      (s_axil_rvalid_o),
      .s_rready_i      (s_axil_rready_i),
      .s_rdata_o       (s_axil_rdata_o),
      .s_rresp_o       (s_axil_rresp_o),
      .irq_o           (irq_o),
      .start_o         (start),
      .abandon_o       (abandon),
      .error_clear_o   (error_clear),
      .irq_clear_we_o  (irq_clear_we),
      .wdata_o         (wdata),
      .in_bytes_o      (in_bytes),
      .out_bytes_o     (out_bytes),
      .start_limit_o   (start_limit),
      .status_i        (status),
      .error_i         (error),
      .cycles_i        (cycles),
      .runs_i          (runs),
      .irq_status_i    (irq_status),
      .frames_in_i     (frames_in),
      .frames_out_i    (frames_out),
      .frames_dropped_i(frames_dropped),
      .vectors_i       (vectors),
      .seq_row_i       ({{32 - QW{1'b0}}, seq_row}),
      .seq_cycle_i     (cycle),
      .wake_we_i       (wake_we),
      .wake_bytes_i    (wake_bytes),
      .event_select_o  (event_select),
      .pos_o           (pos),
      .tok_o           (tok),
      .entry_o         (entry),
      .entry_we_o      (entry_we),
      .waits_i         (waits),
      .argmax_i        (argmax),
      .auto_o          (auto),
      .stop_o          (stop),
      .step_i          (auto_step),
      .auto_clear_i    (auto_clear),
      .auto_cycles_i   (auto_cycles),
      .event_value_i   (event_value),
      .rram_we_o       (rram_we),
      .rram_waddr_o    (rram_waddr),
      .rram_raddr_o    (rram_raddr),
      .rram_rdata_i    (rram_rdata),
      .rram_budget_i   (rram_budget),
      .rram_inject_i   (rram_inject),
      .rram_slot_i     (rram_slot),
      .set_target_o    (set_target),
      .set_address_o   (set_address),
      .target_i        (target),
      .address_i       (address),
      .count_i         (count)
  );

  wire in_none, in_full, in_next_full, out_room, out_next_room, out_busy;
  wire good_frame, bad_frame, sent, flush, release_in, uploading, refused_busy, refused_range;
  wire busy, arm, next, done, x_write;
  wire [12:0] events;
  wire [3:0] event_select;
  wire [31:0] event_value;
  wire awake;
  always @(posedge clk_i) state_o <= rst_i ? 4'd0 : {error != 32'd0, poison, run_on, awake};

  generate
    if (EVENTS == 0) begin : g_no_events
      assign event_value = 32'd0;
      wire unused = &{event_select, x_write, events};
    end else begin : g_events
      localparam COUNTERS = VEC_LANES != 0 ? 13 : 9;
      wire unused = &events;
      systole_events #(
          .COUNTERS(COUNTERS)
      ) u_events (
          .clk_i    (clk_i),
          .rst_i    (rst_i),
          .events_i (events[COUNTERS-1:0]),
          .x_write_i(x_write),
          .select_i (event_select),
          .value_o  (event_value)
      );
    end
  endgenerate

  systole_control #(
      .AUTO(VEC_LANES != 0)
  ) u_control (
      .clk_i           (clk_i),
      .rst_i           (rst_i),
      .start_i         (start),
      .abandon_i       (abandon),
      .start_limit_i   (start_limit),
      .error_clear_i   (error_clear),
      .irq_clear_we_i  (irq_clear_we),
      .irq_clear_i     (wdata[6:0]),
      .status_o        (status),
      .error_o         (error),
      .cycles_o        (cycles),
      .runs_o          (runs),
      .irq_status_o    (irq_status),
      .frames_in_o     (frames_in),
      .frames_out_o    (frames_out),
      .frames_dropped_o(frames_dropped),
      .vectors_o       (vectors),
      .auto_i          (auto),
      .stop_i          (stop),
      .step_o          (auto_step),
      .auto_clear_o    (auto_clear),
      .auto_cycles_o   (auto_cycles),
      .in_none_i       (in_none),
      .in_full_i       (in_full),
      .in_next_full_i  (in_next_full),
      .out_room_i      (out_room),
      .out_next_room_i (out_next_room),
      .out_busy_i      (out_busy),
      .good_frame_i    (good_frame),
      .bad_frame_i     (bad_frame),
      .sent_i          (sent),
      .flush_o         (flush),
      .release_o       (release_in),
      .uploading_i     (uploading),
      .entry_we_i      (entry_we),
      .waits_o         (waits),
      .refused_busy_i  (refused_busy),
      .refused_range_i (refused_range),
      .busy_o          (busy),
      .rram_busy_i     (rram_busy),
      .rram_error_i    (rram_error),
      .rram_ended_i    (rram_ended),
      .rram_retired_i  (rram_retired),
      .poison_i        (poison),
      .poisoned_i      (poisoned),
      .on_o            (run_on),
      .arm_o           (arm),
      .next_o          (next),
      .done_i          (done),
      .cycle_i         (cycle),
      .vector_i        (events[`SYSTOLE_EVENT_VECTORS])
  );

  wire in_re;
  wire [IW-2:0] in_even_addr, in_odd_addr;
  wire [COLS*8-1:0] in_even, in_odd, out_data;
  wire out_we;
  wire [OW-1:0] out_addr;

  systole_in_buffer #(
      .COLS (COLS),
      .DEPTH(IN_DEPTH)
  ) u_in (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .flush_i     (flush),
      .bytes_i     (in_bytes),
      .s_tvalid_i  (s_axis_in_tvalid_i),
      .s_tready_o  (s_axis_in_tready_o),
      .s_tdata_i   (s_axis_in_tdata_i),
      .s_tkeep_i   (s_axis_in_tkeep_i),
      .s_tlast_i   (s_axis_in_tlast_i),
      .none_o      (in_none),
      .full_o      (in_full),
      .next_full_o (in_next_full),
      .release_i   (release_in),
      .good_frame_o(good_frame),
      .bad_frame_o (bad_frame),
      .re_i        (in_re),
      .even_addr_i (in_even_addr),
      .odd_addr_i  (in_odd_addr),
      .even_o      (in_even),
      .odd_o       (in_odd)
  );

  systole_out_buffer #(
      .COLS (COLS),
      .DEPTH(OUT_DEPTH)
  ) u_out (
      .clk_i      (clk_i),
      .rst_i      (rst_i),
      .bytes_i    (out_bytes),
      .we_i       (out_we),
      .addr_i     (out_addr),
      .data_i     (out_data),
      .room_o     (out_room),
      .next_room_o(out_next_room),
      .busy_o     (out_busy),
      .seal_i     (done),
      .sent_o     (sent),
      .m_tvalid_o (m_axis_out_tvalid_o),
      .m_tready_i (m_axis_out_tready_i),
      .m_tdata_o  (m_axis_out_tdata_o),
      .m_tkeep_o  (m_axis_out_tkeep_o),
      .m_tlast_o  (m_axis_out_tlast_o)
  );

  wire row_we, desc_we, param_we, tap_we, lut_we, vec_we;
  wire [UW-1:0] vec_addr;
  wire [DW:0] program_addr;
  wire [PW+CW-1:0] param_addr;
  wire [TPW+CW-1:0] tap_addr;
  wire [63:0] upload_data;
  wire [TW-1:0] lut_addr;
  wire [7:0] lut_data;
  wire wake_target_we, wake_valid, word_valid, word_ready, word_record;
  wire [2:0] wake_target;
  wire [31:0] word_index;
  wire [COLS*8-1:0] wake_data, word_data;

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
      .busy_i         (busy && !wake_hold),
      .set_target_i   (set_target || wake_target_we),
      .set_address_i  (set_address),
      .set_data_i     (wake_target_we ? {29'd0, wake_target} : wdata),
      .target_o       (target),
      .address_o      (address),
      .count_o        (count),
      .partial_o      (uploading),
      .refused_busy_o (refused_busy),
      .refused_range_o(refused_range),
      .s_tvalid_i     (wake_valid || (s_axis_img_tvalid_i && !wake_hold)),
      .s_tready_o     (upload_ready),
      .s_tdata_i      (wake_valid ? wake_data : s_axis_img_tdata_i),
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
      .rram_valid_o   (word_valid),
      .rram_ready_i   (word_ready),
      .rram_record_o  (word_record),
      .rram_index_o   (word_index),
      .rram_data_o    (word_data)
  );
  // While the RRAM controller loads an image, the image stream waits.
  wire upload_ready, wake_hold;
  assign s_axis_img_tready_o = upload_ready && !wake_hold;

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
          .we_i      (rram_we),
          .waddr_i   (rram_waddr),
          .s_valid_i (word_valid),
          .s_record_i(word_record),
          .s_index_i (word_index),
          .s_data_i  (word_data),
          .we_o      (prog_load),
          .line_o    (pulse_addr),
          .data_o    (load_word),
          .error_o   (rram_error)
      );
      assign prog_data  = {{CHECK{1'b0}}, load_word};
      assign word_ready = 1'b1;
      assign {rram_rdata, rram_budget, rram_inject, wake_bytes} = 128'd0;
      assign {rram_slot, run_slot, awake, rram_busy, rram_ended, rram_retired, poison, poisoned} = 8'd0;
      assign {wake_we, wake_target_we, wake_target, wake_hold, wake_valid} = 8'd0;
      assign wake_data = {COLS * 8{1'b0}};
      assign {c_en, c_ref, c_raw, table_we, table_wear} = 22'd0;
      assign {c_line, table_addr, table_line} = {3 * RW{1'b0}};
      assign {c_beat, pulse_beat} = {2 * BW{1'b0}};
      assign pulse = {ROWS{1'b0}};
      assign {pulse_reset, pulse_level, enable_a, enable_b} = 7'd0;
      wire unused = &{rram_raddr, scrub, scrub_lines, table_bad, look_line, look_wear, words, lines, fresh, corrected,
                      uncorrectable, need_set, need_reset, pulsing};
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
          .we_i            (rram_we),
          .waddr_i         (rram_waddr),
          .wdata_i         (wdata),
          .error_clear_i   (error_clear),
          .raddr_i         (rram_raddr),
          .rdata_o         (rram_rdata),
          .budget_o        (rram_budget),
          .inject_o        (rram_inject),
          .slot_o          (rram_slot),
          .ready_o         (awake),
          .run_on_i        (run_on),
          .run_wait_i      (busy && !run_on),
          .run_done_i      (done),
          .busy_o          (rram_busy),
          .ended_o         (rram_ended),
          .retired_o       (rram_retired),
          .poison_o        (poison),
          .poisoned_o      (poisoned),
          .error_o         (rram_error),
          .wake_we_o       (wake_we),
          .wake_bytes_o    (wake_bytes),
          .s_valid_i       (word_valid),
          .s_ready_o       (word_ready),
          .s_record_i      (word_record),
          .s_index_i       (word_index),
          .s_data_i        (word_data),
          .upload_partial_i(uploading),
          .upload_we_o     (wake_target_we),
          .upload_target_o (wake_target),
          .upload_hold_o   (wake_hold),
          .upload_valid_o  (wake_valid),
          .upload_data_o   (wake_data),
          .scrub_i         (scrub),
          .scrub_lines_i   (scrub_lines),
          .run_slot_o      (run_slot),
          .c_en_o          (c_en),
          .c_line_o        (c_line),
          .c_beat_o        (c_beat),
          .c_ref_o         (c_ref),
          .c_raw_o         (c_raw),
          .table_bad_i     (table_bad),
          .look_line_i     (look_line),
          .look_wear_i     (look_wear),
          .table_we_o      (table_we),
          .table_addr_o    (table_addr),
          .table_line_o    (table_line),
          .table_wear_o    (table_wear),
          .words_i         (words),
          .fresh_i         (fresh),
          .corrected_i     (corrected),
          .uncorrectable_i (uncorrectable),
          .lines_i         (lines),
          .prog_load_o     (prog_load),
          .prog_data_o     (prog_data),
          .need_set_i      (need_set),
          .need_reset_i    (need_reset),
          .pulse_o         (pulse),
          .pulse_reset_o   (pulse_reset),
          .pulse_level_o   (pulse_level),
          .pulse_addr_o    (pulse_addr),
          .pulse_beat_o    (pulse_beat),
          .enable_a_o      (enable_a),
          .enable_b_o      (enable_b),
          .pulsing_i       (pulsing)
      );
    end
  endgenerate

  systole_core #(
      .ROWS           (ROWS),
      .COLS           (COLS),
      .WEIGHT_BEATS   (WEIGHT_BEATS),
      .ECC            (ECC),
      .RRAM_CTRL      (RRAM_CTRL),
      .WEIGHT_ZERO    (WEIGHT_ZERO),
      .POST_LANES     (POST_LANES),
      .RESIDUAL       (RESIDUAL),
      .PRODUCT        (PRODUCT),
      .X_DEPTH        (X_DEPTH),
      .X_BANKS        (X_BANKS),
      .W_SRAM_DEPTH   (W_SRAM_DEPTH),
      .RRAM_DEPTH     (RRAM_DEPTH),
      .RRAM_WAYS      (RRAM_WAYS),
      .ACC_DEPTH      (ACC_DEPTH),
      .PARAM_DEPTH    (PARAM_DEPTH),
      .LUT_COUNT      (LUT_COUNT),
      .LANE_TAPS      (LANE_TAPS),
      .TAP_DEPTH      (TAP_DEPTH),
      .LINE_DEPTH     (LINE_DEPTH),
      .VEC_LANES      (VEC_LANES),
      .V_DEPTH        (V_DEPTH),
      .VEC_PARAM_DEPTH(VEC_PARAM_DEPTH),
      .IN_DEPTH       (IN_DEPTH),
      .OUT_DEPTH      (OUT_DEPTH),
      .TIMETABLE_DEPTH(TIMETABLE_DEPTH),
      .DESC_DEPTH     (DESC_DEPTH)
  ) u_core (
      .clk_i         (clk_i),
      .rst_i         (rst_i),
      .row_we_i      (row_we),
      .desc_we_i     (desc_we),
      .program_addr_i(program_addr),
      .param_we_i    (param_we),
      .param_addr_i  (param_addr),
      .upload_data_i (upload_data),
      .tap_we_i      (tap_we),
      .tap_addr_i    (tap_addr),
      .lut_we_i      (lut_we),
      .lut_addr_i    (lut_addr),
      .lut_data_i    (lut_data),
      .vec_we_i      (vec_we),
      .vec_addr_i    (vec_addr),
      .pos_i         (pos),
      .tok_i         (tok),
      .entry_i       (entry[QW-1:0]),
      .argmax_o      (argmax),
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
      .arm_i         (arm),
      .next_i        (next),
      .done_o        (done),
      .cycle_o       (cycle),
      .row_o         (seq_row),
      .events_o      (events),
      .x_write_o     (x_write),
      .in_re_o       (in_re),
      .in_even_addr_o(in_even_addr),
      .in_odd_addr_o (in_odd_addr),
      .in_even_i     (in_even),
      .in_odd_i      (in_odd),
      .out_we_o      (out_we),
      .out_addr_o    (out_addr),
      .out_data_o    (out_data)
  );

endmodule

`default_nettype wire
