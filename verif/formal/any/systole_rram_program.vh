// SPDX-License-Identifier: Apache-2.0
// Proof about systole_rram_program, which includes this under SYSTOLE_PROOF: whatever the line table says, a line of a
// slot is pulsed in its slot, so that no upset of an entry writes over another image, a copy or a record. Nothing is
// assumed. By induction: the places in hand lie in the slot.

function inside(input [RW-1:0] place);
  inside = place[RW-1] == slot && {{33 - RW{1'b0}}, place[RW-2:0]} < SLOT_LINES;
endfunction

wire placed = state_q != ST_IDLE && state_q != ST_LOOK && state_q != ST_REST && state_q != ST_DONE;
wire swaps = state_q == ST_SWAP || state_q == ST_KEEP || (state_q == ST_FILL && !retiring_q);
always @* begin
  if (managed && placed) assert (inside(phys_q));
  if (state_q == ST_SCAN && !first) assert (best_wear_q == 16'hffff || inside(best_phys_q));
  if (state_q == ST_SCAN || state_q == ST_SPARE || state_q == ST_RETIRE || state_q == ST_FILL || swaps) assert (managed);
  if (state_q == ST_RETIRE || swaps) assert (inside(other_phys_q));

  // What was to be shown.
  if (managed && pulse_o != {ROWS{1'b0}}) assert (inside(pulse_addr_o));
end
