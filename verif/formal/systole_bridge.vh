// SPDX-License-Identifier: Apache-2.0
// Proof about systole_bridge, which includes this under SYSTOLE_PROOF. What is offered to the chip, an address, a word to a register or a
// word of a stream, stays until it is taken, or for 2^LIMIT cycles. For each request there is one answer, and nothing is written into the
// answer before while it is sent; a register is accessed once at most, by the address and with the word of the request. The words of
// IMAGE and INPUT are the request's bytes, each once and in order, with their TKEEP and TLAST, all of them where the answer says
// DONE; the bytes of OUTPUT are those of the words that were taken, each once and in order, and fit. Assumed: what systole_link_rx
// (a request and its bytes stay until it is dealt with) and systole_link_tx (it sends when it is asked to) promise.

localparam [31:0] LONG = 1 << LIMIT;
reg up_q;
always @(posedge clk_i) up_q <= !rst_i;

// The links.
reg stood_q, done_q, sent_q, was_sending_q;
reg [AW-1:0] length_q, asked_q;
always @(posedge clk_i) begin
  stood_q       <= !rst_i && request_i && !done_o;
  done_q        <= !rst_i && done_o;
  sent_q        <= !rst_i && send_o;
  was_sending_q <= !rst_i && sending_i;
  length_q      <= length_i;
  asked_q       <= raddr_o;
end
(* anyconst *) reg [AW-1:0] place;               // a byte of the request, whichever it is
(* anyseq *) reg [7:0] any;
reg [7:0] there_q;
always @(posedge clk_i) if (!request_i || done_o) there_q <= any;
always @* begin
  if (stood_q) assume (request_i && length_i == length_q);
  if (done_q) assume (!request_i);
  if (request_i) assume (length_i >= 2 && length_i <= {AW{1'b1}} - 4);
  if (sent_q) assume (sending_i);
  if (sending_i) assume (sent_q || was_sending_q);
  if (asked_q == place) assume (rdata_i == there_q);
end

// Offers, and how long a request waits for the chip.
reg aw_was_q, w_was_q, ar_was_q, img_was_q, in_was_q;
reg [8:0] addr_was_q;
reg [31:0] wdata_was_q, patience_q;
reg [COLS*9:0] word_was_q;
always @(posedge clk_i) begin
  aw_was_q    <= !rst_i && awvalid_o && !awready_i;
  w_was_q     <= !rst_i && wvalid_o && !wready_i;
  ar_was_q    <= !rst_i && arvalid_o && !arready_i;
  img_was_q   <= !rst_i && img_tvalid_o && !img_tready_i;
  in_was_q    <= !rst_i && in_tvalid_o && !in_tready_i;
  addr_was_q  <= addr_o;
  wdata_was_q <= wdata_o;
  word_was_q  <= {in_tlast_o, in_tkeep_o, tdata_o};
  patience_q  <= deciding || (img_tvalid_o && img_tready_i) || (in_tvalid_o && in_tready_i) ? 32'd0 : patience_q + 32'd1;
end
wire given_up = patience_q > LONG;
always @* begin
  if (aw_was_q && !given_up) assert (awvalid_o);
  if (w_was_q && !given_up) assert (wvalid_o);
  if (ar_was_q && !given_up) assert (arvalid_o);
  if ((aw_was_q && awvalid_o) || (ar_was_q && arvalid_o)) assert (addr_o == addr_was_q);
  if (w_was_q && wvalid_o) assert (wdata_o == wdata_was_q);
  if (img_was_q && !given_up) assert (img_tvalid_o);
  if (in_was_q && !given_up) assert (in_tvalid_o);
  if (img_was_q && img_tvalid_o) assert (tdata_o == word_was_q[COLS*8-1:0]);
  if (in_was_q && in_tvalid_o) assert ({in_tlast_o, in_tkeep_o, tdata_o} == word_was_q);
  assert (awvalid_o + arvalid_o + img_tvalid_o + in_tvalid_o <= 1 && !(wvalid_o && (arvalid_o || img_tvalid_o || in_tvalid_o)));
  if (up_q) assert (patience_q == waited_q || state_q == ST_IDLE || state_q == ST_HEADER || deciding);
end

// One answer for each request, and one access for each of those to a register.
reg aw_taken_q, w_taken_q, ar_taken_q;
reg again_q;                                     // an answer that is sent again
always @(posedge clk_i) if (deciding) again_q <= resend;
wire at_work = state_q != ST_IDLE && state_q != ST_HEADER && !deciding;
always @(posedge clk_i)
  if (rst_i || deciding) {aw_taken_q, w_taken_q, ar_taken_q} <= 3'd0;
  else {aw_taken_q, w_taken_q, ar_taken_q} <=
      {aw_taken_q || (awvalid_o && awready_i), w_taken_q || (wvalid_o && wready_i), ar_taken_q || (arvalid_o && arready_i)};
always @* begin
  assume (!(bvalid_i && !(aw_taken_q && w_taken_q)));
  assume (!(rvalid_i && !ar_taken_q));
  assert (done_o == send_o && !(done_o && done_q) && !(done_o && !request_i));
  assert (!(sending_i && (answer_we_o || send_o)));
  assert (!(aw_taken_q && awvalid_o) && !(w_taken_q && wvalid_o) && !(ar_taken_q && arvalid_o) || !at_work);
  if (awvalid_o || wvalid_o) assert (state_q == ST_WRITE && op_q == `SYSTOLE_BOARD_WRITE);
  if (arvalid_o) assert (state_q == ST_READ && op_q == `SYSTOLE_BOARD_READ);
  if (state_q == ST_WRITE) assert ({aw_q, w_q} == ~{aw_taken_q, w_taken_q});
  if (state_q == ST_READ) assert (ar_q == !ar_taken_q);
  // What the states keep.
  assert (state_q != 4'd15);
  if (state_q != ST_IDLE) assert (stood_q && !sending_i);
  if (state_q != ST_WRITE) assert (!aw_q && !w_q);
  if (state_q != ST_READ) assert (!ar_q);
  if (state_q == ST_RESET) assert (op_q == `SYSTOLE_BOARD_RESET);
  if (state_q == ST_READ) assert (op_q == `SYSTOLE_BOARD_READ);
  if (state_q == ST_WRITE) assert (op_q == `SYSTOLE_BOARD_WRITE);
  if (state_q == ST_WAIT) assert (op_q == `SYSTOLE_BOARD_WAIT);
  if (state_q == ST_FETCH || state_q == ST_PUSH) assert (is_image || is_input);
  if (state_q == ST_POP || state_q == ST_UNPACK) assert (op_q == `SYSTOLE_BOARD_OUTPUT);
  if (at_work && state_q < ST_ANSWER) assert (result_q == `SYSTOLE_BOARD_DONE);
  if (at_work && state_q != ST_SEND) assert (!again_q);
end

// The request's bytes: the operands, then words of a stream.
wire [55:0] head = {arg_q, op_q, number_q};
wire [31:0] first_32 = op_q == `SYSTOLE_BOARD_IMAGE ? 32'd2 : 32'd3;
wire [31:0] length_32 = {{32 - AW{1'b0}}, length_i};
wire [31:0] at_32 = {{32 - AW{1'b0}}, at_q};
wire [31:0] place_32 = {{32 - AW{1'b0}}, place};
wire [31:0] gathered = {{32 - CW{1'b0}}, byte_q};
reg [31:0] base_q;                               // byte of the request with which the next word begins
always @(posedge clk_i)
  if (deciding) base_q <= first_32;
  else if ((img_tvalid_o && img_tready_i) || (in_tvalid_o && in_tready_i)) base_q <= base_q + COLS;
wire is_stream = is_image || is_input;
wire streams = state_q == ST_FETCH || state_q == ST_PUSH;
wire [31:0] offset = place_32 - base_q;
wire [31:0] slot = state_q == ST_PUSH ? offset : COLS - gathered + offset;
integer k;
always @* begin
  if (state_q == ST_HEADER && at_q != 0) assert (asked_q == at_q - 1'b1);
  if (state_q == ST_HEADER) assert (at_32 <= 7);
  if (state_q == ST_HEADER && place_32 + 1 < at_32) assert (head[(8 - at_32 + place_32)*8+:8] == there_q);
  if (state_q != ST_IDLE && state_q != ST_HEADER && place_32 < 7) assert (head[place_32[2:0]*8+:8] == there_q);
  if (streams) assert (base_q >= first_32 && base_q < length_32 && length_32 <= first_32 + `SYSTOLE_BOARD_PAYLOAD);
  if (state_q == ST_FETCH) assert (at_32 == base_q + gathered + {31'd0, primed_q} && (primed_q || byte_q == {CW{1'b0}}));
  if (state_q == ST_FETCH && primed_q) assert (asked_q == at_q - 1'b1);
  if (state_q == ST_FETCH) assert (patience_q == gathered + {31'd0, primed_q});
  if (state_q == ST_PUSH || state_q == ST_READ || state_q == ST_WRITE) assert (patience_q <= LONG);
  if (state_q == ST_PUSH) assert (at_32 == base_q + COLS);
  if (state_q != ST_FETCH) assert (!primed_q || state_q == ST_IDLE || !up_q);
  // A word of the stream, and what has come of it.
  if (state_q == ST_PUSH ? offset < COLS : state_q == ST_FETCH && offset < gathered) begin
    assert (word_q[slot[CW-1:0]*8+:8] == (place_32 < length_32 ? there_q : 8'd0));
    assert (keep_q[slot[CW-1:0]] == (place_32 < length_32));
  end
  if (in_tvalid_o) assert (in_tlast_o == (base_q + COLS >= length_32 && arg_q[0]));
  // All of it, where the answer says DONE.
  if (done_o && is_stream && result_q == `SYSTOLE_BOARD_DONE && !again_q) assert (base_q >= length_32 && base_q < length_32 + COLS);
end
always @* begin
  if (is_stream && !again_q && result_q == `SYSTOLE_BOARD_DONE && (state_q == ST_ANSWER || state_q == ST_RESULT || state_q == ST_FLAGS
      || state_q == ST_SEND)) assert (base_q >= length_32 && base_q < length_32 + COLS);
end

// The bytes of OUTPUT: one place of the answer, whichever it is.
(* anyconst *) reg [AW-1:0] answer_place;
reg [31:0] popped_q;                             // place of the next byte
reg [7:0] want_q;
reg written_q;
wire pop = out_tvalid_i && out_tready_o;
wire [31:0] beyond = {{32 - AW{1'b0}}, answer_place} - popped_q;
reg [31:0] ones;
always @* begin
  ones = 32'd0;
  for (k = 0; k < COLS; k = k + 1) ones = ones + {31'd0, out_tkeep_i[k]};
  assume ((out_tkeep_i & (out_tkeep_i + 1'b1)) == {COLS{1'b0}});   // from below, as the chip has it
end
reg [31:0] left;                                 // bytes of the word in hand
always @* begin
  left = 32'd0;
  for (k = 0; k < COLS; k = k + 1) left = left + {31'd0, keep_q[k]};
end
always @(posedge clk_i) begin
  if (deciding) popped_q <= 32'd3;
  else if (pop) popped_q <= popped_q + ones;
  if (pop && beyond < ones) want_q <= out_tdata_i[beyond[CW-1:0]*8+:8];
  if (deciding) written_q <= 1'b0;
  else if (answer_we_o && answer_addr_o == answer_place) written_q <= 1'b1;
end
wire pops = state_q == ST_POP || state_q == ST_UNPACK;
wire [31:0] out_32 = {{32 - AW{1'b0}}, out_q};
wire [31:0] answer_32 = {{32 - AW{1'b0}}, answer_place};
wire [31:0] lane = answer_32 - out_32;
wire output_done = op_q == `SYSTOLE_BOARD_OUTPUT && result_q == `SYSTOLE_BOARD_DONE && !again_q
    && (state_q == ST_ANSWER || state_q == ST_RESULT || state_q == ST_FLAGS || state_q == ST_SEND);
always @* begin
  if (pops || output_done) assert (out_32 >= 3 && popped_q <= `SYSTOLE_BOARD_PAYLOAD + 3);
  if (state_q == ST_POP || output_done) assert (popped_q == out_32);
  if (state_q == ST_UNPACK) assert (popped_q == out_32 + left && left + gathered <= COLS && (keep_q & (keep_q + 1'b1)) == {COLS{1'b0}});
  if (state_q == ST_UNPACK && lane < left) assert (word_q[lane[CW-1:0]*8+:8] == want_q);
  if (state_q == ST_UNPACK && answer_we_o) assert (answer_addr_o == out_q);
  if (state_q == ST_UNPACK && answer_we_o && answer_addr_o == answer_place) assert (answer_data_o == want_q && !written_q);
  if (pops && answer_32 >= 3) assert (written_q == (answer_32 < out_32));
  if (output_done && send_o) assert (length_o == out_q);
  if (op_q == `SYSTOLE_BOARD_OUTPUT && send_o && !again_q && result_q == `SYSTOLE_BOARD_DONE && answer_32 >= 3)
    assert (written_q == (answer_32 < {{32 - AW{1'b0}}, length_o}));
  if (output_done && answer_32 >= 3) assert (written_q == (answer_32 < out_32));
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
