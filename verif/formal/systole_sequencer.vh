// SPDX-License-Identifier: Apache-2.0
// Proof about systole_sequencer, which includes this under SYSTOLE_PROOF: each row acts in exactly the cycle that it names, none
// is left out, and the unit's start comes words + 2 cycles later, for it alone (docs/timing.md, From row to step).
// Assumed of the timetable, as the compiler's checker does: rows stand in order, max(words, 2) cycles apart, and name
// units that there are. Of a machine without run-time lengths, in a run that no other one follows at once.

wire [31:0] row_cycle = row_q[`SYSTOLE_ROW_CYCLE];
wire [3:0] row_unit = row_q[`SYSTOLE_ROW_UNIT];
wire [3:0] row_words = row_q[`SYSTOLE_ROW_WORDS];
wire [31:0] distance = row_words < 4'd2 ? 32'd2 : {28'd0, row_words};
wire [3:0] raw_unit = row_raw[`SYSTOLE_ROW_UNIT];
always @* begin
  assume (!next_i);
  assume (raw_unit <= `SYSTOLE_UNIT_LANE);
  assume (row_raw[`SYSTOLE_ROW_WORDS] != 4'd0 || raw_unit == `SYSTOLE_UNIT_END);
  assume (cycle_q < 32'hffff_0000);                      // a run ends before its counter does
  if (act && !is_end) assume (row_raw[`SYSTOLE_ROW_CYCLE] >= row_cycle + distance);
end

// Starts that are due, by the cycles until then.
reg [17:0] due_q;
wire [17:0] fresh = begin_fetch ? 18'd1 << ({1'b0, row_words} + 5'd1) : 18'd0;
always @(posedge clk_i)
  if (rst_i) due_q <= 18'd0;
  else due_q <= (due_q >> 1) | fresh;

wire [17:0] fetching = left_q != 4'd0 ? 18'd1 << ({1'b0, left_q} + 5'd2) : 18'd0;
always @* begin
  // Rows.
  assert (state_q != 2'd3);
  if (running) begin
    assert (next_cycle_q == cycle_q + 32'd1);
    assert (row_cycle >= cycle_q);                       // none was missed
    assert (match_q == (row_cycle == cycle_q));          // and each acts in its cycle
    assert (row_unit <= `SYSTOLE_UNIT_LANE && (row_words != 4'd0 || row_unit == `SYSTOLE_UNIT_END));
  end
  if (state_q == ST_ARM) assert (row_unit <= `SYSTOLE_UNIT_LANE && (row_words != 4'd0 || row_unit == `SYSTOLE_UNIT_END));
  if (!running) assert (!match_q && left_q == 4'd0);
  // A row's words are out before the next one acts.
  if (running) assert (left_q == 4'd0 || row_cycle >= cycle_q + {28'd0, left_q});
  // Starts.
  assert (due_q == (fetching | {15'd0, last_q, desc_last_q, start_q != 9'd0}));
  assert ((start_q & (start_q - 9'd1)) == 9'd0);
  if (left_q != 4'd0 || word_q) assert (unit_q <= `SYSTOLE_UNIT_LANE);
  if (desc_valid_q) assert (desc_unit_q <= `SYSTOLE_UNIT_LANE);
  if (last_q) assert (word_q);
  if (desc_last_q) assert (desc_valid_q);
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
