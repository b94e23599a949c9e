// SPDX-License-Identifier: Apache-2.0
// Proof about systole_rram_guard, which includes this under SYSTOLE_PROOF: both copies of a lock and of the keys agree, the macros
// are enabled with both keys, in their order, and no lock, or in a job of the controller's own and no lock, and never
// else. Nothing is assumed.

reg key_1_q, key_2_q;  // keys, as docs/rram.md tells them
always @(posedge clk_i)
  if (rst_i) {key_1_q, key_2_q} <= 2'b00;
  else if (relock_i || (unlock_we_i && wdata_i != `SYSTOLE_RRAM_KEY_1 && wdata_i != `SYSTOLE_RRAM_KEY_2)) {key_1_q, key_2_q} <= 2'b00;
  else if (unlock_we_i && wdata_i == `SYSTOLE_RRAM_KEY_1) {key_1_q, key_2_q} <= 2'b10;
  else if (unlock_we_i) key_2_q <= key_1_q;
reg was_locked_q;
always @(posedge clk_i) was_locked_q <= !rst_i && (was_locked_q || (lock_we_i && wdata_i[0]));

always @* begin
  assert (lock_a_q == lock_b_q && locked_o == was_locked_q);
  assert (arm_a_q == key_1_q && arm_b_q == key_2_q);
  assert (unlocked_o == (key_1_q && key_2_q && !was_locked_q));
  assert (enable_a_o == enable_b_o);
  if (enable_a_o) assert (!was_locked_q && ((key_1_q && key_2_q) || internal_i));
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
