// SPDX-License-Identifier: Apache-2.0
// Proof about systole_link_tx, which includes this under SYSTOLE_PROOF: what is offered stays until it is taken, and what is taken is the
// frame of the buffer (docs/board.md): END, each byte once and in order, escaped where it has to be, its CRC-32, END. At the other end
// stands a receiver with a CRC of its own (crc32.v is about that). Assumed: the buffer keeps still while it is sent.

reg offered_q;
reg [7:0] offer_q;
always @(posedge clk_i) offered_q <= !rst_i && valid_o && !ready_i;
always @(posedge clk_i) offer_q <= data_o;

// One byte of the buffer, whichever it is; another one in each frame.
(* anyconst *) reg [AW-1:0] place;
(* anyseq *) reg [7:0] any;
reg [7:0] there_q;
reg [AW-1:0] asked_q;
always @(posedge clk_i) asked_q <= raddr_o;
always @(posedge clk_i) if (!busy_o) there_q <= any;
always @* if (asked_q == place) assume (rdata_i == there_q);

// The receiver.
reg open_q, after_esc_q;
reg [AW:0] got_q, length_q;
wire [31:0] crc_there;
wire [7:0] meant = after_esc_q ? (data_o == ESC_END ? END : ESC) : data_o;
wire got = take && open_q && data_o != END && (after_esc_q || data_o != ESC);
wire [AW:0] behind = got_q - length_q;
wire [31:0] sum = crc_there >> {behind[1:0], 3'd0};
always @(posedge clk_i) begin
  if (rst_i) {open_q, after_esc_q} <= 2'd0;
  else if (take) begin
    open_q      <= !open_q || data_o != END;
    after_esc_q <= open_q && !after_esc_q && data_o == ESC;
  end
  if (!busy_o && send_i) length_q <= {1'b0, length_i};
  if (!open_q) got_q <= {AW + 1{1'b0}};
  else if (got) got_q <= got_q + 1'b1;
end
systole_crc32 #(.BYTES(1)) u_there (
    .clk_i(clk_i), .rst_i(rst_i), .clear_i(!open_q), .valid_i(got && got_q < length_q), .data_i(meant), .crc_o(crc_there)
);

always @* begin
  if (offered_q) assert (valid_o && data_o == offer_q);
  // What was to be shown of the bytes.
  if (take && !open_q) assert (data_o == END);
  if (take && open_q && data_o == END) assert (!after_esc_q && got_q == length_q + 4);
  if (take && after_esc_q) assert (data_o == ESC_END || data_o == ESC_ESC);
  if (got) assert (got_q < length_q + 4);
  if (got && got_q < length_q && got_q == {1'b0, place}) assert (meant == there_q);
  if (got && got_q >= length_q) assert (meant == sum[7:0]);
  if (open_q) assert (busy_o);
  // What the states keep.
  assert (state_q != 3'd7);
  assert (open_q == (state_q != ST_IDLE && state_q != ST_FIRST));
  assert (after_esc_q == (state_q == ST_ESCAPED));
  if (busy_o) assert (end_q == length_q && !length_q[AW] && crc == crc_there);
  if (state_q == ST_FIRST) assert (at_q == {AW + 1{1'b0}} && crc_there == 32'd0 && got_q == {AW + 1{1'b0}});
  if (open_q) assert (at_q == got_q && got_q <= length_q + 4 && (state_q == ST_LAST) == (got_q == length_q + 4));
  if (state_q == ST_HOLD) assert (asked_q == at_q[AW-1:0]);
  if (state_q == ST_ESCAPED) assert (escape);
  if ((state_q == ST_BYTE || state_q == ST_ESCAPED) && in_crc) assert (value == sum[7:0]);
  if ((state_q == ST_BYTE || state_q == ST_ESCAPED) && !in_crc && at_q == {1'b0, place}) assert (value == there_q);
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
