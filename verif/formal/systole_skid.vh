// SPDX-License-Identifier: Apache-2.0
// Proof about systole_skid, which includes this under SYSTOLE_PROOF: beside it stands a queue of two words, in which each
// word that is taken goes in and each that is given comes out. Word by word they agree, so nothing is lost, doubled or
// turned around; what is offered stays until it is taken.

reg [1:0] held_q;              // words in the queue
reg [WIDTH-1:0] first_q, second_q;
wire out = valid_q && m_ready_i;
always @(posedge clk_i)
  if (rst_i) held_q <= 2'd0;
  else held_q <= held_q + {1'b0, take} - {1'b0, out};
always @(posedge clk_i) begin
  if (out) first_q <= held_q == 2'd2 ? second_q : s_data_i;
  else if (held_q == 2'd0) first_q <= s_data_i;
  second_q <= take && (held_q == 2'd1) && !out ? s_data_i : second_q;
end

reg offered_q;
reg [WIDTH-1:0] offer_q;
always @(posedge clk_i) offered_q <= !rst_i && valid_q && !m_ready_i;
always @(posedge clk_i) offer_q <= data_q;

always @* begin
  assert (held_q <= 2'd2);
  assert (valid_q == (held_q != 2'd0));
  assert (full_q == (held_q == 2'd2));
  assert (!(ready_q && full_q));                        // so the queue never overflows
  if (valid_q) assert (m_data_o == first_q);
  if (full_q) assert (spare_q == second_q);
  if (offered_q) assert (m_valid_o && m_data_o == offer_q);
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
