// SPDX-License-Identifier: Apache-2.0
// The host interface, wired: registers on AXI4-Lite, run control, event counters, IN and OUT buffers on AXI4-Stream. What
// it decides: which counters there are, and the lights. AXI outputs are registers. Reset stops what is under way.
`default_nettype none
`include "systole_isa.vh"

module systole_host_if #(
    parameter MACHINE         = 0,  // what the register CONFIG reads
    parameter ROWS            = 8,
    parameter COLS            = 8,
    parameter POST_LANES      = COLS,
    parameter EVENTS          = 1,
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
    parameter IW              = $clog2(IN_DEPTH),
    parameter OW              = $clog2(OUT_DEPTH),
    parameter QW              = $clog2(TIMETABLE_DEPTH)
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
    output wire [      31:0] wdata_o,              // what is written to a register
    output wire              set_target_o,         // UPLOAD_TARGET is written
    output wire              set_address_o,        // UPLOAD_ADDRESS is written
    input  wire [       2:0] target_i,             // UPLOAD_TARGET
    input  wire [      31:0] address_i,            // UPLOAD_ADDRESS
    input  wire [      31:0] count_i,              // UPLOAD_COUNT
    input  wire              uploading_i,          // part of a unit has been uploaded
    input  wire              refused_busy_i,       // upload while a run was on, for a cycle
    input  wire              refused_range_i,      // upload beyond a memory, for a cycle
    output wire              busy_o,               // a run is pending or on
    output wire              run_on_o,             // a run is on
    // RRAM controller
    output wire              rram_we_o,            // one of its registers is written
    output wire [       8:0] rram_waddr_o,         // that register's address
    output wire [       8:0] rram_raddr_o,         // address of the register that is read
    input  wire [      31:0] rram_rdata_i,         // its value
    input  wire [      31:0] rram_budget_i,        // RRAM_BUDGET
    input  wire [      31:0] rram_inject_i,        // RRAM_INJECT
    input  wire              rram_slot_i,          // RRAM_SLOT
    output wire              error_clear_o,        // ERROR is cleared
    input  wire [       1:0] wake_we_i,            // a wake writes {OUT_BYTES, IN_BYTES}
    input  wire [      31:0] wake_bytes_i,         // what it writes
    input  wire              awake_i,              // an image is awake
    input  wire              rram_busy_i,          // no run may begin
    input  wire [       7:0] rram_error_i,         // a code of ERROR, for a cycle
    input  wire              rram_ended_i,         // a command has ended, for a cycle
    input  wire              rram_retired_i,       // a line was given up, for a cycle
    input  wire              poison_i,             // a run has used an uncorrectable word
    input  wire              poisoned_i,           // it did now, for a cycle
    // runs
    output wire              arm_o,                // a run is armed: cycle 0 is two cycles later
    output wire              next_o,               // the next run follows in the cycle behind END
    input  wire              done_i,               // END: the last cycle of a run
    input  wire [      31:0] cycle_i,              // cycle of the run
    input  wire [    QW-1:0] row_i,                // row of the timetable that is next
    output wire [    QW-1:0] entry_o,              // row in which a run begins
    output wire [      15:0] pos_o,                // POS
    output wire [     127:0] tok_o,                // tokens, eight of 16 bits
    input  wire [      15:0] argmax_i,             // number of the largest value of the run
    input  wire [      12:0] events_i,             // by number: SYSTOLE_EVENT_*
    input  wire              x_write_i,            // a second word is written to X
    // IN buffer
    input  wire              in_re_i,              // reads an even and an odd word
    input  wire [    IW-2:0] in_even_addr_i,       // number of the even word, halved
    input  wire [    IW-2:0] in_odd_addr_i,        // number of the odd word, halved
    output wire [COLS*8-1:0] in_even_o,            // the even word, 2 cycles later
    output wire [COLS*8-1:0] in_odd_o,             // the odd word, 2 cycles later
    // OUT buffer
    input  wire              out_we_i,             // a word is written
    input  wire [    OW-1:0] out_addr_i,           // its address
    input  wire [COLS*8-1:0] out_data_i            // its bytes
);

  // registers <-> run control
  wire start, abandon, irq_clear_we, entry_we, waits, auto, stop, auto_step, auto_clear;
  wire [31:0] in_bytes, out_bytes, start_limit, error, cycles, runs, auto_cycles;
  wire [31:0] frames_in, frames_out, frames_dropped;
  wire [63:0] vectors;
  wire [ 9:0] status;
  wire [ 6:0] irq_status;
  wire [15:0] entry;
  assign entry_o = entry[QW-1:0];
  // registers <-> events
  wire [ 3:0] event_select;
  wire [31:0] event_value;
  // run control <-> buffers
  wire in_none, in_full, in_next_full, out_room, out_next_room, out_busy;
  wire good_frame, bad_frame, sent, flush, release_in;

  always @(posedge clk_i) state_o <= rst_i ? 4'd0 : {error != 32'd0, poison_i, run_on_o, awake_i};

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
      .error_clear_o   (error_clear_o),
      .irq_clear_we_o  (irq_clear_we),
      .wdata_o         (wdata_o),
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
      .seq_row_i       ({{32 - QW{1'b0}}, row_i}),
      .seq_cycle_i     (cycle_i),
      .wake_we_i       (wake_we_i),
      .wake_bytes_i    (wake_bytes_i),
      .event_select_o  (event_select),
      .pos_o           (pos_o),
      .tok_o           (tok_o),
      .entry_o         (entry),
      .entry_we_o      (entry_we),
      .waits_i         (waits),
      .argmax_i        (argmax_i),
      .auto_o          (auto),
      .stop_o          (stop),
      .step_i          (auto_step),
      .auto_clear_i    (auto_clear),
      .auto_cycles_i   (auto_cycles),
      .event_value_i   (event_value),
      .rram_we_o       (rram_we_o),
      .rram_waddr_o    (rram_waddr_o),
      .rram_raddr_o    (rram_raddr_o),
      .rram_rdata_i    (rram_rdata_i),
      .rram_budget_i   (rram_budget_i),
      .rram_inject_i   (rram_inject_i),
      .rram_slot_i     (rram_slot_i),
      .set_target_o    (set_target_o),
      .set_address_o   (set_address_o),
      .target_i        (target_i),
      .address_i       (address_i),
      .count_i         (count_i)
  );

  systole_control #(
      .AUTO(VEC_LANES != 0)
  ) u_control (
      .clk_i           (clk_i),
      .rst_i           (rst_i),
      .start_i         (start),
      .abandon_i       (abandon),
      .start_limit_i   (start_limit),
      .error_clear_i   (error_clear_o),
      .irq_clear_we_i  (irq_clear_we),
      .irq_clear_i     (wdata_o[6:0]),
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
      .uploading_i     (uploading_i),
      .entry_we_i      (entry_we),
      .waits_o         (waits),
      .refused_busy_i  (refused_busy_i),
      .refused_range_i (refused_range_i),
      .busy_o          (busy_o),
      .rram_busy_i     (rram_busy_i),
      .rram_error_i    (rram_error_i),
      .rram_ended_i    (rram_ended_i),
      .rram_retired_i  (rram_retired_i),
      .poison_i        (poison_i),
      .poisoned_i      (poisoned_i),
      .on_o            (run_on_o),
      .arm_o           (arm_o),
      .next_o          (next_o),
      .done_i          (done_i),
      .cycle_i         (cycle_i),
      .vector_i        (events_i[`SYSTOLE_EVENT_VECTORS])
  );

  generate
    if (EVENTS == 0) begin : g_no_events
      assign event_value = 32'd0;
      wire unused = &{event_select, x_write_i, events_i};
    end else begin : g_events
      localparam COUNTERS = VEC_LANES != 0 ? 13 : 9;
      wire unused = &events_i;
      systole_events #(
          .COUNTERS(COUNTERS)
      ) u_events (
          .clk_i    (clk_i),
          .rst_i    (rst_i),
          .events_i (events_i[COUNTERS-1:0]),
          .x_write_i(x_write_i),
          .select_i (event_select),
          .value_o  (event_value)
      );
    end
  endgenerate

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
      .re_i        (in_re_i),
      .even_addr_i (in_even_addr_i),
      .odd_addr_i  (in_odd_addr_i),
      .even_o      (in_even_o),
      .odd_o       (in_odd_o)
  );

  systole_out_buffer #(
      .COLS (COLS),
      .DEPTH(OUT_DEPTH)
  ) u_out (
      .clk_i      (clk_i),
      .rst_i      (rst_i),
      .bytes_i    (out_bytes),
      .we_i       (out_we_i),
      .addr_i     (out_addr_i),
      .data_i     (out_data_i),
      .room_o     (out_room),
      .next_room_o(out_next_room),
      .busy_o     (out_busy),
      .seal_i     (done_i),
      .sent_o     (sent),
      .m_tvalid_o (m_axis_out_tvalid_o),
      .m_tready_i (m_axis_out_tready_i),
      .m_tdata_o  (m_axis_out_tdata_o),
      .m_tkeep_o  (m_axis_out_tkeep_o),
      .m_tlast_o  (m_axis_out_tlast_o)
  );

endmodule

`default_nettype wire
