// SPDX-License-Identifier: Apache-2.0
// Proof about systole_regs, which includes this under SYSTOLE_PROOF: the rules of AXI4-Lite on the chip's own port. An answer
// that is offered stays, with its data, until it is taken; every address of a write and every word of data is answered
// once, none without both; every address of a read once; and a register is written once for each.

reg b_q, r_q;
reg [1:0] b_was_q;
reg [33:0] r_was_q;
always @(posedge clk_i) begin
  b_q     <= !rst_i && s_bvalid_o && !s_bready_i;
  r_q     <= !rst_i && s_rvalid_o && !s_rready_i;
  b_was_q <= s_bresp_o;
  r_was_q <= {s_rresp_o, s_rdata_o};
end

// Taken and not yet answered.
reg [1:0] addresses_q, words_q, reads_q;
reg acted_q;  // for the write that is under way
wire answer_b = s_bvalid_o && s_bready_i;
wire answer_r = s_rvalid_o && s_rready_i;
always @(posedge clk_i)
  if (rst_i) {addresses_q, words_q, reads_q, acted_q} <= 7'd0;
  else begin
    addresses_q <= addresses_q + {1'b0, s_awvalid_i && s_awready_o} - {1'b0, answer_b};
    words_q     <= words_q + {1'b0, s_wvalid_i && s_wready_o} - {1'b0, answer_b};
    reads_q     <= reads_q + {1'b0, s_arvalid_i && s_arready_o} - {1'b0, answer_r};
    acted_q     <= (acted_q || act) && !answer_b;
  end

always @* begin
  if (b_q) assert (s_bvalid_o && s_bresp_o == b_was_q);
  if (r_q) assert (s_rvalid_o && {s_rresp_o, s_rdata_o} == r_was_q);
  // One of each kind at most, and an answer only to what has come whole.
  assert (addresses_q <= 2'd1 && words_q <= 2'd1 && reads_q <= 2'd1);
  assert ({1'b0, aw_q} == addresses_q && {1'b0, w_q} == words_q);
  assert (!(awready_q && (aw_q || bvalid_q)) && !(wready_q && (w_q || bvalid_q)));
  if (bvalid_q) assert (aw_q && w_q);
  assert (acted_q == bvalid_q);       // acted once, and then it is answered
  if (act) assert (!acted_q);
  assert (reads_q == {1'b0, ar_q} + {1'b0, found_q} + {1'b0, rvalid_q});
  assert (!(arready_q && (ar_q || found_q || rvalid_q)));
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
