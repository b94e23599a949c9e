// SPDX-License-Identifier: Apache-2.0
// Run control: starts wait until the input frame is complete and OUT has room, then launch by
// themselves; one more may be queued and launches in the cycle after END. Where auto_i stands at END the
// chip queues a start of its own. Counts events, keeps the first error and the interrupt causes. Reset
// clears everything.
`default_nettype none
`include "systole_isa.vh"

module systole_control #(
    parameter AUTO = 0  // 1: runs may follow by themselves
) (
    input  wire        clk_i,
    input  wire        rst_i,
    // registers
    input  wire        start_i,           // START was written
    input  wire        abandon_i,         // starts that wait are forgotten
    input  wire [31:0] start_limit_i,     // cycles that a start waits, 0: for ever
    input  wire        error_clear_i,     // ERROR is cleared
    input  wire        irq_clear_we_i,    // IRQ_STATUS was written
    input  wire [ 6:0] irq_clear_i,       // causes that are cleared
    output wire [ 9:0] status_o,          // STATUS
    output wire [31:0] error_o,           // ERROR
    output wire [31:0] cycles_o,          // CYCLES of the last run
    output wire [31:0] runs_o,            // RUNS
    output wire [ 6:0] irq_status_o,      // IRQ_STATUS
    output wire [31:0] frames_in_o,       // FRAMES_IN
    output wire [31:0] frames_out_o,      // FRAMES_OUT
    output wire [31:0] frames_dropped_o,  // FRAMES_DROPPED
    output wire [63:0] vectors_o,         // VECTORS
    // runs that follow by themselves
    input  wire        auto_i,            // as many are left: not 0
    input  wire        stop_i,            // the run that ends is the last
    output wire        step_o,            // END, and another run follows
    output wire        auto_clear_o,      // none follows
    output wire [31:0] auto_cycles_o,     // AUTO_CYCLES
    // buffers
    input  wire        in_none_i,         // the program has no input
    input  wire        in_full_i,         // the input frame is complete
    input  wire        in_next_full_i,    // .. of the run after the next, too
    input  wire        out_room_i,        // OUT has room for a frame
    input  wire        out_next_room_i,   // .. and for another
    input  wire        out_busy_i,        // an output frame is being sent
    input  wire        good_frame_i,      // an input frame was received
    input  wire        bad_frame_i,       // one was dropped
    input  wire        sent_i,            // an output frame has left
    output wire        flush_o,           // received input is forgotten
    output wire        release_o,         // the run that read the input is over
    // uploads
    input  wire        uploading_i,       // part of a unit has been uploaded
    input  wire        entry_we_i,        // the first row is another from the next cycle on
    output wire        waits_o,           // a start waits
    input  wire        refused_busy_i,    // upload while a run was on, for a cycle
    input  wire        refused_range_i,   // upload beyond a memory, for a cycle
    output wire        busy_o,            // a run is pending or on
    // RRAM controller
    input  wire        rram_busy_i,       // no run may begin
    input  wire [ 7:0] rram_error_i,      // a code, for a cycle
    input  wire        rram_ended_i,      // a command has ended, for a cycle
    input  wire        rram_retired_i,    // a line was given up, for a cycle
    input  wire        poison_i,          // a run has used an uncorrectable word
    input  wire        poisoned_i,        // for a cycle
    output wire        on_o,              // a run is on
    // sequencer
    output wire        arm_o,             // a run is armed: cycle 0 is two cycles later
    output wire        next_o,            // the next run follows in the cycle behind END
    input  wire        done_i,            // END: the last cycle of a run
    input  wire [31:0] cycle_i,           // cycle of the run
    input  wire        vector_i           // a vector entered the array
);

  reg  [ 1:0] starts_q;    // not yet launched
  reg         launched_q;  // from arming to END
  reg  [ 1:0] idle_q;      // the sequencer has the first row ready after two idle cycles
  reg  [31:0] waited_q;
  reg  [31:0] error_q;

  wire        in_ok = in_none_i || in_full_i;
  wire        in_next_ok = in_none_i || in_next_full_i;
  wire        pending = starts_q != 2'd0 && !launched_q;
  wire        arm = pending && in_ok && out_room_i && &idle_q && !uploading_i && !rram_busy_i;
  // At END a start of the chip's own joins those that wait.
  wire        halt = abandon_i || poison_i || poisoned_i || error_q != 32'd0;
  wire        own = AUTO != 0 && auto_i && !stop_i && !halt;
  wire        again = done_i && own;
  wire        next = (starts_q != 2'd0 || own) && in_next_ok && out_next_room_i;
  wire        launch = arm || (done_i && next);
  wire        due = pending && start_limit_i != 32'd0 && waited_q >= start_limit_i;
  wire        limit = due && !arm;
  wire        full = starts_q == 2'd2 || (launched_q && starts_q == 2'd1);
  wire        frees = done_i && next && !again;  // a queued start launches and leaves its place
  wire        overrun = start_i && full && !frees;
  wire        flush = abandon_i && !launched_q && !arm;

  always @(posedge clk_i)
    if (rst_i) begin
      starts_q   <= 2'd0;
      launched_q <= 1'b0;
      idle_q     <= 2'd0;
      waited_q   <= 32'd0;
    end else begin
      if (abandon_i) starts_q <= 2'd0;
      else starts_q <= starts_q + {1'b0, start_i && !overrun} + {1'b0, again} - {1'b0, launch || limit};
      if (arm) launched_q <= 1'b1;
      else if (done_i && !next) launched_q <= 1'b0;
      idle_q   <= {idle_q[0] && !entry_we_i, !launched_q && !uploading_i && !entry_we_i};
      waited_q <= pending && !due ? waited_q + 32'd1 : 32'd0;
    end

  // Cycles since the launch of a run that the host started, until no own start follows.
  generate
    if (AUTO != 0) begin : g_auto
      reg        series_q;
      reg [31:0] count_q;
      wire       first = arm && !series_q;
      always @(posedge clk_i)
        if (rst_i) begin
          series_q <= 1'b0;
          count_q  <= 32'd0;
        end else begin
          series_q <= first || (launch && !arm) || (series_q && !(done_i && !again) && !flush && !limit);
          // Armed in two cycles before the first.
          if (first) count_q <= 32'hffffffff;
          else if (done_i && next && !again) count_q <= 32'd0;
          else if (series_q && !(done_i && !again)) count_q <= count_q + 32'd1;
        end
      assign auto_cycles_o = count_q;
    end else begin : g_no_auto
      assign auto_cycles_o = 32'd0;
      wire unused = &{auto_i, stop_i};
    end
  endgenerate

  // Errors: the first one stays. What depends on a launch comes a cycle later.
  reg         limit_q, overrun_q;
  reg  [ 2:0] missing_q;
  always @(posedge clk_i)
    if (rst_i) {limit_q, overrun_q, missing_q} <= 5'd0;
    else {limit_q, overrun_q, missing_q} <= {limit, overrun, rram_busy_i, !out_room_i, !in_ok};
  reg  [31:0] error;
  always @* begin
    error = 32'd0;
    if (poisoned_i) error = `SYSTOLE_ERROR_RRAM_POISON;
    else if (limit_q) error = {21'd0, missing_q, 8'd`SYSTOLE_ERROR_START_LIMIT};
    else if (bad_frame_i) error = `SYSTOLE_ERROR_FRAME_LEN;
    else if (overrun_q) error = `SYSTOLE_ERROR_START_OVERRUN;
    else if (refused_busy_i) error = `SYSTOLE_ERROR_UPLOAD_RUNNING;
    else if (refused_range_i) error = `SYSTOLE_ERROR_UPLOAD_RANGE;
    else if (rram_error_i != 8'd0) error = {24'd0, rram_error_i};
  end

  reg [31:0] cycles_q, runs_q, frames_in_q, frames_out_q, frames_dropped_q;
  reg [63:0] vectors_q;
  reg [ 6:0] irq_q;
  wire [6:0] irq_set = {rram_retired_i, poisoned_i, rram_ended_i, sent_i, good_frame_i, error != 32'd0 && error_q == 32'd0, done_i};

  always @(posedge clk_i)
    if (rst_i) begin
      error_q          <= 32'd0;
      cycles_q         <= 32'd0;
      runs_q           <= 32'd0;
      frames_in_q      <= 32'd0;
      frames_out_q     <= 32'd0;
      frames_dropped_q <= 32'd0;
      vectors_q        <= 64'd0;
      irq_q            <= 7'd0;
    end else begin
      if (error_q == 32'd0 || error_clear_i) error_q <= error;
      if (done_i) cycles_q <= cycle_i;
      if (done_i) runs_q <= runs_q + 32'd1;
      if (good_frame_i) frames_in_q <= frames_in_q + 32'd1;
      if (sent_i) frames_out_q <= frames_out_q + 32'd1;
      if (bad_frame_i) frames_dropped_q <= frames_dropped_q + 32'd1;
      if (vector_i) vectors_q <= vectors_q + 64'd1;
      irq_q <= (irq_q & ~(irq_clear_we_i ? irq_clear_i : 7'd0)) | irq_set;
    end

  reg [9:0] status;
  always @* begin
    status = 10'd0;
    status[`SYSTOLE_STATUS_RUNNING]   = launched_q;
    status[`SYSTOLE_STATUS_PENDING]   = pending;
    status[`SYSTOLE_STATUS_QUEUED]    = full;
    status[`SYSTOLE_STATUS_WAIT_IN]   = pending && !in_ok;
    status[`SYSTOLE_STATUS_WAIT_OUT]  = pending && !out_room_i;
    status[`SYSTOLE_STATUS_IN_FULL]   = in_full_i;
    status[`SYSTOLE_STATUS_OUT_BUSY]  = out_busy_i;
    status[`SYSTOLE_STATUS_UPLOADING] = uploading_i;
    status[`SYSTOLE_STATUS_WAIT_RRAM] = pending && rram_busy_i;
    status[`SYSTOLE_STATUS_POISON]    = poison_i;
  end

  assign status_o         = status;
  assign error_o          = error_q;
  assign cycles_o         = cycles_q;
  assign runs_o           = runs_q;
  assign irq_status_o     = irq_q;
  assign frames_in_o      = frames_in_q;
  assign frames_out_o     = frames_out_q;
  assign frames_dropped_o = frames_dropped_q;
  assign vectors_o        = vectors_q;
  assign flush_o          = flush;
  assign release_o        = done_i && !in_none_i;
  assign busy_o           = launched_q || starts_q != 2'd0;
  assign waits_o          = starts_q != 2'd0;
  assign on_o             = launched_q;
  assign arm_o            = arm;
  assign next_o           = next;
  assign step_o           = again;
  assign auto_clear_o     = halt || (done_i && stop_i);

endmodule

`default_nettype wire
