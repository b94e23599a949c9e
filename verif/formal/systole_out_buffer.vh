// SPDX-License-Identifier: Apache-2.0
// Proof about systole_out_buffer, which includes this under SYSTOLE_PROOF: the rule of AXI4-Stream that what is offered
// stays until it is taken, and no loss behind the memory: every word that is read leaves in its order, for the queue
// never has more words than places, and one word that was read, whichever it is, is the one that leaves in its turn.

reg offered_q;
reg [QW-1:0] offer_q;
always @(posedge clk_i) offered_q <= !rst_i && m_tvalid_o && !m_tready_i;
always @(posedge clk_i) offer_q <= {m_tlast_o, m_tkeep_o, m_tdata_o};

// A number for each word that is put into the queue and for each that goes to the output, beside the words.
reg [3:0] in_q, out_count_q, number_q [0:3], out_number_q;
always @(posedge clk_i)
  if (rst_i) {in_q, out_count_q} <= 8'd0;
  else begin
    in_q        <= in_q + {3'd0, read_q2};
    out_count_q <= out_count_q + {3'd0, move};
  end
always @(posedge clk_i) begin
  if (read_q2) number_q[tail_q] <= in_q;
  if (move) out_number_q <= number_q[head_q];
end

wire [3:0] inside = in_q - out_count_q;
integer n;
always @* begin
  if (offered_q) assert (m_tvalid_o && {m_tlast_o, m_tkeep_o, m_tdata_o} == offer_q);
  assert (owed_q <= 3'd4);
  assert ({1'b0, owed_q} == {3'd0, read_q1} + {3'd0, read_q2} + {1'b0, count_q} + {3'd0, out_valid_q});
  assert (inside == {1'b0, count_q});
  assert (tail_q == in_q[1:0] && head_q == out_count_q[1:0]);
  for (n = 0; n < 4; n = n + 1)
    if (n < count_q) assert (number_q[head_q + n[1:0]] == out_count_q + n[3:0]);
  if (out_valid_q) assert (out_number_q == out_count_q - 4'd1);
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
