// SPDX-License-Identifier: Apache-2.0
// Where a scrub is, and the SCRUB rows of runs: scrub_i looks at lines_i lines from place_o on, each at the one margin
// and at the other, a walk every ROWS cycles, the first one starting one cycle later. The place moves behind each
// good line; at the first weak one it stays and found_o is set. set_i sets the place and clears found_o. line_o and
// raw_o follow the place by 3 cycles, last_o by 1. Lines are counted through image, copy of the line table and
// record (docs/rram.md). A row ends where the engine goes to work. Reset begins at line 0.
`default_nettype none
`include "systole_isa.vh"

module systole_rram_pass #(
    parameter ROWS       = 8,
    parameter COLS       = 8,
    parameter RRAM_DEPTH = 2048,
    parameter RW         = $clog2(RRAM_DEPTH),
    parameter LW         = $clog2(ROWS)
) (
    input  wire          clk_i,
    input  wire          rst_i,
    // the image
    input  wire [   1:0] newest_i,      // {there is one, slot}
    input  wire [  RW:0] live_i,        // its lines
    input  wire [RW-1:0] record_i,      // first line of its record
    // the place
    input  wire          set_i,         // sets the place
    input  wire [RW-1:0] place_i,       // the new place
    output wire [RW-1:0] place_o,       // the place
    output wire [RW-1:0] line_o,        // its line
    output wire          raw_o,         // .. which is a physical one
    output wire          last_o,        // it is the last
    output wire          found_o,       // a weak line was found
    // a run's SCRUB
    input  wire          idle_i,        // nothing else walks
    input  wire          scrub_i,       // a SCRUB row begins
    input  wire [  11:0] lines_i,       // lines that it looks at
    output wire          busy_o,        // it is at work
    output wire          walk_o,        // a walk begins
    output wire          strong_0_o,    // the second margin
    input  wire          walk_valid_i,  // a word comes
    input  wire          walk_bad_i,    // with walk_valid_i: corrected, or beyond correction
    input  wire          walk_done_i    // it is the last
);

  localparam [31:0] TABLE_AT = `SYSTOLE_RRAM_SLOT_LINES(RRAM_DEPTH, ROWS, COLS);
  localparam [31:0] TABLE_LINES = `SYSTOLE_RRAM_TABLE_LINES(RRAM_DEPTH, ROWS, COLS);
  localparam [31:0] RECORD_LINES = `SYSTOLE_RRAM_RECORD_LINES(ROWS, COLS);

  reg          on_q, found_q, bad_q;
  reg [RW-1:0] place_q, ask_q, ask_line_q, line_q;
  reg [  12:0] asks_q, results_q;            // walks to begin, to end
  reg [LW-1:0] tick_q;
  reg [  RW:0] end_q, behind_q;
  reg          last_q, ask_last_q, in_slot_q, raw_q;

  wire ask = on_q && idle_i && tick_q == {LW{1'b0}} && asks_q != 13'd0;
  wire result = on_q && walk_done_i;
  wire bad = bad_q || walk_bad_i;

  always @(posedge clk_i)
    if (rst_i) begin
      {on_q, found_q} <= 2'b00;
      place_q <= {RW{1'b0}};
    end else begin
      if (idle_i && scrub_i && newest_i[1] && !found_q) on_q <= 1'b1;
      else if (results_q == 13'd0 || !idle_i) on_q <= 1'b0;  // it is never on while another walks
      if (set_i) begin
        place_q <= place_i;
        found_q <= 1'b0;
      end else if (result && results_q[0] && !found_q) begin
        if (bad) found_q <= 1'b1;
        else place_q <= last_q ? {RW{1'b0}} : place_q + 1'b1;
      end
    end

  always @(posedge clk_i)
    if (!on_q) begin
      asks_q    <= {lines_i, 1'b0};
      results_q <= {lines_i, 1'b0};
      ask_q     <= place_q;
      tick_q    <= {LW{1'b0}};
      bad_q     <= 1'b0;
    end else begin
      tick_q <= tick_q + 1'b1;
      if (ask) asks_q <= asks_q - 13'd1;
      if (ask && asks_q[0]) ask_q <= ask_last_q ? {RW{1'b0}} : ask_q + 1'b1;
      if (result) results_q <= results_q - 13'd1;
      if (walk_valid_i) bad_q <= bad && !(result && results_q[0]);
    end

  // From a place to its line, in two stages.
  always @(posedge clk_i) begin
    end_q      <= live_i + TABLE_LINES[RW:0] + RECORD_LINES[RW:0] - 1'b1;
    last_q     <= {1'b0, place_q} == end_q;
    ask_last_q <= {1'b0, ask_q} == end_q;
    ask_line_q <= ask_q;
    in_slot_q  <= {1'b0, ask_q} < live_i;
    behind_q   <= {1'b0, ask_q} - live_i;
    raw_q      <= !in_slot_q;
    line_q     <= in_slot_q ? {newest_i[0], {RW - 1{1'b0}}} + ask_line_q :
        behind_q < TABLE_LINES[RW:0] ? {newest_i[0], {RW - 1{1'b0}}} + TABLE_AT[RW-1:0] + behind_q[RW-1:0] :
        record_i + behind_q[RW-1:0] - TABLE_LINES[RW-1:0];
  end

  assign place_o    = place_q;
  assign line_o     = line_q;
  assign raw_o      = raw_q;
  assign last_o     = last_q;
  assign found_o    = found_q;
  assign busy_o     = on_q;
  assign walk_o     = ask;
  assign strong_0_o = asks_q[0];

endmodule

`default_nettype wire
