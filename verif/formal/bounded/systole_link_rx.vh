// SPDX-License-Identifier: Apache-2.0
// Proof about systole_link_rx, which includes this under SYSTOLE_PROOF: the bytes of a frame that stands are those that came, without
// escapes, each in its place, and stay until the frame is dealt with. From reset on, for as many cycles as a frame of the shortest length
// takes with an escape, read behind it; the memory has no name here for an invariant. Assumed: what stands is dealt with, and nothing else.

always @* if (done_i) assume (request_o);

(* anyconst *) reg [AW-1:0] place;
reg after_esc_q;
reg [AW-1:0] come_q;
reg [7:0] want_q;
reg asked_q;
wire ends = valid_i && data_i == 8'hc0;
wire counts = valid_i && !ends && (after_esc_q || data_i != 8'hdb);
always @(posedge clk_i) begin
  if (valid_i || bad_i || rst_i) after_esc_q <= !rst_i && valid_i && !ends && !after_esc_q && data_i == 8'hdb;
  if (rst_i || ends) come_q <= {AW{1'b0}};
  else if (counts) come_q <= come_q + 1'b1;
  if (counts && !request_o && come_q == place) want_q <= !after_esc_q ? data_i : data_i == 8'hdc ? 8'hc0 : 8'hdb;
  asked_q <= !rst_i && request_o && !done_i && raddr_i == place && place < length_o;
end
always @* if (asked_q) assert (rdata_o == want_q);
