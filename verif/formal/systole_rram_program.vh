// SPDX-License-Identifier: Apache-2.0
// Proof about systole_rram_program, which includes this under SYSTOLE_PROOF (P4 in docs/rram.md): whatever it
// is asked for, however long walks and pulses take and whatever wears out, a line never leaves its class.
// Assumed: the table shows, three cycles after a question, an entry that keeps the rule; a record names no
// more spares than there are; spares and classes change only between lines (an assertion in simulation). By
// induction: the table keeps the rule.

(* anyconst *) reg [1:0] turned;  // the class of even lines lies in odd ones, by slot

reg [RW-1:0] asked_q, asked_q2, asked_q3;
always @(posedge clk_i) {asked_q, asked_q2, asked_q3} <= {look_o, asked_q, asked_q2};

function keeps(input [RW-1:0] line, input [RW-1:0] phys);
  keeps = phys[RW-1] == line[RW-1] && phys[0] == (line[0] ^ turned[line[RW-1]]);
endfunction
function alike(input [RW-1:0] a, input [RW-1:0] b);
  alike = a[RW-1] == b[RW-1] && a[0] == b[0];
endfunction

always @* begin
  assume (keeps(asked_q3, look_line_i));
  assume (!((used_we_i || turn_i) && state_q != ST_IDLE));
  if (used_we_i) assume ({24'd0, used_i[7:0]} <= SPARES / 2 && {24'd0, used_i[15:8]} <= SPARES / 2);
end

// What the states keep.
wire [RW-1:0] spare = {slot, spare_index[RW-2:0]};
wire placed = state_q != ST_IDLE && state_q != ST_LOOK && state_q != ST_REST && !(state_q == ST_DONE && !managed);
wire retires = state_q == ST_RETIRE;
wire swaps = state_q == ST_SWAP || state_q == ST_KEEP || (state_q == ST_FILL && !retiring_q);
wire [RW:0] scan_span = {2'b00, scan_q[RW-2:0]};
// Registered answers fit what they were made of.
wire settled = !(state_q == ST_IDLE || state_q == ST_REST || (state_q == ST_LOOK && first) || (state_q == ST_RETIRE && !first));
integer i;
always @* begin
  if (settled) begin
    assert (spare_index == SLOT_LINES - CLASSES - used_lines + class_32);
    assert (scan_end == SLOT_LINES - used_lines + 32'd3);
    assert (any_spare == (used_lines < SPARES));
  end
  for (i = 0; i < 4; i = i + 1) assert ({24'd0, used_q[i*8+:8]} <= SPARES / 2);
  if (state_q == ST_LOOK || state_q == ST_SPARE) begin
    if (wait_q >= 4'd1) assert (asked_q == look_o);
    if (wait_q >= 4'd2) assert (asked_q2 == look_o);
    if (wait_q >= 4'd3) assert (asked_q3 == look_o);
    assert (wait_q <= 4'd4);
  end
  if (state_q == ST_SCAN) begin
    assert (!retiring_q && !resting_q && managed && move_q && scan_q[RW-1] == slot && {{31 - RW{1'b0}}, scan_span} <= scan_end);
    if (wait_q >= 4'd1) assert (asked_q == scan_q - 1'b1);
    if (wait_q >= 4'd2) assert (asked_q2 == scan_q - 2'd2);
    if (wait_q >= 4'd3) assert (asked_q3 == scan_q - 2'd3);
    assert (wait_q == 4'd15 ? scan_q[RW-2:0] >= 15 : scan_q[RW-2:0] == {{RW - 5{1'b0}}, wait_q});
    assert (half_q == (wait_q >= 4'd4));
    if (!first) assert (best_wear_q == 16'hffff || (alike(best_q, line_q) && keeps(best_q, best_phys_q)));
  end
  if (state_q == ST_SPARE || retires || swaps || state_q == ST_FILL) assert (managed);
  if (state_q == ST_SPARE || (state_q == ST_FILL && retiring_q)) assert (any_spare);
  if (placed && managed) assert (keeps(line_q, phys_q));
  if (state_q == ST_FILL) assert (retiring_q || swapping_q);
  if (state_q == ST_SWAP || state_q == ST_KEEP) assert (!retiring_q && swapping_q);
  if (retires || swaps) assert (alike(other_q, line_q) && keeps(other_q, other_phys_q));

  // What was to be shown.
  if (table_we_o) assert (keeps(table_addr_o, table_line_o));
end
