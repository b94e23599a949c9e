// SPDX-License-Identifier: Apache-2.0
// Proof about systole_link_rx, which includes this under SYSTOLE_PROOF: a frame stands exactly where docs/board.md says so, whole, with a
// right CRC, begun while none stood, and stays with its length until it is dealt with; its bytes are in bounded/. Beside it stands a
// receiver with a CRC of its own (crc32.v is about that). Assumed: what stands is dealt with, and nothing else; a cycle has a byte or a lost one.

always @* begin
  if (done_i) assume (request_o);
  assume (!(valid_i && bad_i));
end

reg whole_q, after_esc_q, stands_q;             // so far; behind ESC; a frame stands
reg [AW-1:0] come_q, length_q;                  // bytes since END, of the frame that stands
wire [31:0] crc_there;
wire ends = valid_i && data_i == 8'hc0;
wire [7:0] meant = !after_esc_q ? data_i : data_i == 8'hdc ? 8'hc0 : 8'hdb;
wire counts = valid_i && !ends && (after_esc_q || data_i != 8'hdb);
wire wrong = bad_i || (counts && after_esc_q && data_i != 8'hdc && data_i != 8'hdd) || (counts && &come_q);
wire accepts = ends && whole_q && !after_esc_q && !stands_q && come_q >= 6 && crc_there == 32'h2144_df1c;
always @(posedge clk_i)
  if (rst_i) {whole_q, after_esc_q, stands_q} <= 3'd0;
  else begin
    stands_q <= accepts || (stands_q && !done_i);
    if (ends) whole_q <= !accepts && (!stands_q || done_i);
    else if (wrong || stands_q) whole_q <= 1'b0;
    if (valid_i || bad_i) after_esc_q <= valid_i && !ends && !after_esc_q && data_i == 8'hdb;
  end
always @(posedge clk_i) begin
  if (ends) come_q <= {AW{1'b0}};
  else if (counts) come_q <= come_q + 1'b1;
  if (accepts) length_q <= come_q - CRC_BYTES;
end
systole_crc32 #(.BYTES(1)) u_there (
    .clk_i(clk_i), .rst_i(rst_i), .clear_i(ends), .valid_i(counts), .data_i(meant), .crc_o(crc_there)
);

always @* begin
  assert (request_o == stands_q);
  if (stands_q) assert (length_o == length_q && length_q >= 2 && length_q <= {AW{1'b1}} - CRC_BYTES);
  // What the states keep.
  assert (escaped_q == after_esc_q);
  assert (whole_q == !damaged_q && !(whole_q && stands_q));
  if (whole_q) assert (count_q == come_q && crc == crc_there);
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
