// SPDX-License-Identifier: Apache-2.0
// What is asked of the engine: lines of the stream that are complete, the host's commands, scrubs after runs. The words
// of a line go to the line programmer as they come, those of a record to the engine's memory; a line is complete
// when its last word came, when a word of another one waits, or after 32 cycles without a word. request_o stands
// until take_i. When the engine has stopped (stopped_i), words are dropped. Reset forgets everything.
`default_nettype none
`include "systole_isa.vh"

module systole_rram_request #(
    parameter ROWS       = 8,
    parameter RRAM_DEPTH = 2048,
    parameter RW         = $clog2(RRAM_DEPTH),
    parameter LW         = $clog2(ROWS)
) (
    input  wire          clk_i,
    input  wire          rst_i,
    // registers
    input  wire          command_we_i,  // RRAM_COMMAND is written
    input  wire          slot_we_i,     // RRAM_SLOT is written
    input  wire          budget_we_i,   // RRAM_BUDGET is written
    input  wire [  31:0] wdata_i,       // what is written
    input  wire          slot_set_i,    // the engine chooses a slot
    input  wire          slot_data_i,   // that slot
    output wire          slot_o,        // RRAM_SLOT
    output wire [  31:0] budget_o,      // RRAM_BUDGET
    // what is so
    input  wire          unlocked_i,    // both keys were given
    input  wire [   1:0] newest_i,      // {there is one, slot}
    input  wire          found_i,       // a run found a weak line
    input  wire          run_on_i,      // a run is on
    input  wire          run_wait_i,    // a start waits
    input  wire          run_done_i,    // a run ends
    // the engine
    input  wire          idle_i,        // it waits for a request
    input  wire          stopped_i,     // it has stopped at a fault
    input  wire          take_i,        // it takes the request
    output wire          valid_o,       // a request stands
    output wire [  31:0] request_o,     // code, line in the upper half
    output wire [  31:0] lines_o,       // that a scrub after a run may look at
    output wire          busy_o,        // something is asked for, or a line is open
    // the stream
    input  wire          s_valid_i,     // a word is offered
    output wire          s_ready_o,     // it is taken
    input  wire          s_record_i,    // it is one of a record
    input  wire [  31:0] s_index_i,     // its number, {line, row}
    input  wire          moving_i,      // words are under way
    output wire          word_o,        // it goes to the word register
    output wire [RW-1:0] line_o,        // that is open
    // a code of ERROR, for a cycle
    output reg  [   7:0] error_o        // the code
);

  localparam [31:0] LAST_ROW = ROWS - 1;
  localparam [2:0] CLOSE = 3'd5, BUDGET = 3'd6, NONE = 3'd7;
  localparam [5:0] IDLE_CYCLES = 6'd32;

  // A line is open where both say so: an upset of one opens none, which would begin to work in the middle of a run.
  (* keep *) reg open_a_q, open_b_q;
  reg slot_q, full_q, pending_q, scrubbing_q;
  reg [2:0] command_q;
  reg [5:0] still_q;
  reg [RW-1:0] line_q;
  reg [31:0] budget_q, lines_q;

  wire [RW-1:0] line = s_index_i[LW+:RW] ^ {slot_q, {RW - 1{1'b0}}};
  wire [31:0] row = s_index_i & LAST_ROW;
  wire open = open_a_q && open_b_q;
  wire refuse = !s_record_i && (!unlocked_i || (newest_i[1] && newest_i[0] == line[RW-1]));
  wire same = open && line == line_q;
  wire close = open && (full_q || (s_valid_i && !s_record_i && !refuse && !same) || still_q == IDLE_CYCLES);
  wire free = idle_i && !moving_i && !close;
  wire take = s_valid_i && (stopped_i || (idle_i && (s_record_i || refuse ? free : !close && (!open || same))));
  wire load = take && !stopped_i && !s_record_i && !refuse;
  wire acceptable = idle_i && !run_on_i && !run_wait_i && !pending_q;
  wire quiet = idle_i && !open && !s_valid_i && !run_on_i && !run_wait_i && !moving_i;
  wire command = quiet && pending_q;
  wire budget = quiet && scrubbing_q && newest_i[1];
  wire close_take = take_i && close;

  always @(posedge clk_i)
    if (rst_i) begin
      {slot_q, open_a_q, open_b_q, full_q, pending_q, scrubbing_q} <= 6'd0;
      command_q <= 3'd0;
      still_q   <= 6'd0;
      budget_q  <= 32'd0;
    end else begin
      if (slot_we_i) slot_q <= wdata_i[0];
      else if (slot_set_i) slot_q <= slot_data_i;
      if (budget_we_i) budget_q <= wdata_i;
      if (load) {open_a_q, open_b_q} <= 2'b11;
      else if (close_take || !open) {open_a_q, open_b_q} <= 2'b00;
      full_q  <= load ? row[LW-1:0] == LAST_ROW[LW-1:0] : full_q && !close_take;
      still_q <= !idle_i || !open || take ? 6'd0 : still_q + {5'd0, still_q != IDLE_CYCLES};
      if (command_we_i && acceptable) {pending_q, command_q} <= {1'b1, wdata_i == 32'd0 || wdata_i > 32'd4 ? NONE : wdata_i[2:0]};
      else if (take_i && !close) pending_q <= 1'b0;
      if (run_done_i && (budget_q != 32'd0 || found_i)) scrubbing_q <= 1'b1;
      else if (take_i && !close && !pending_q) scrubbing_q <= 1'b0;  // a command comes first, then it
    end
  always @(posedge clk_i) begin
    if (load && !open) line_q <= line;
    if (run_done_i) lines_q <= budget_q == 32'd0 ? 32'd1 : budget_q;
  end

  always @* begin
    error_o = 8'd0;
    if (take && !stopped_i && refuse) error_o = unlocked_i ? `SYSTOLE_ERROR_RRAM_SLOT : `SYSTOLE_ERROR_RRAM_LOCKED;
    else if (command_we_i && !acceptable) error_o = `SYSTOLE_ERROR_RRAM_BUSY;
  end

  assign slot_o    = slot_q;
  assign budget_o  = budget_q;
  assign valid_o   = (close && !moving_i) || command || budget;
  assign request_o = {{16 - RW{1'b0}}, line_q, 13'd0, close ? CLOSE : pending_q ? command_q : BUDGET};
  assign lines_o   = lines_q;
  assign busy_o    = open || pending_q;
  assign s_ready_o = take;
  assign word_o    = take && !stopped_i && !refuse;
  assign line_o    = line_q;

endmodule

`default_nettype wire
