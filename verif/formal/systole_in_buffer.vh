// SPDX-License-Identifier: Apache-2.0
// Proof about systole_in_buffer, which includes this under SYSTOLE_PROOF: a buffer that is complete is never written
// until it is released, a frame that is kept had exactly its words with exactly their TKEEP, and buffers are filled and
// read in turn. Assumed: a run releases what it has (an input frame that was complete), and flushes and other lengths come
// between frames. What systole_skid promises is proven of it by itself, and here again.

reg begun_q;                    // part of a frame has come
reg [31:0] length_q;            // bytes of the frame that comes
reg [31:0] came_q;              // bytes of it that have come, if it was right so far
always @(posedge clk_i) begin
  length_q <= bytes_i;
  if (rst_i || flush_i) begun_q <= 1'b0;
  else if (take) begun_q <= !last;
  if (rst_i || flush_i || (take && last)) came_q <= 32'd0;
  else if (take) came_q <= came_q + COLS;
end
always @* begin
  assume (bytes_i == length_q);
  assume (bytes_i != 32'd0 && bytes_i <= DEPTH * COLS);
  if (release_i) assume (full_q[read_q]);
end

wire [31:0] word = {{32 - IW{1'b0}}, word_q};
always @* begin
  // In turn.
  assert (full_q[0] == full_q[1] ? fill_q == read_q : (full_q[read_q] && !full_q[fill_q]));
  // Writes go into the buffer that is being filled, and it is not complete; the last write of a frame is a cycle late.
  if (we_q && !good_q) assert (!full_q[waddr_q[IW]]);
  if (begun_q) assert (!full_q[fill_q]);
  if (drop_q) assert (begun_q);
  if (!drop_q && begun_q) assert (came_q == word * COLS && word <= {{CW{1'b0}}, last_word_q});
  if (!begun_q) assert (word_q == {IW{1'b0}} && came_q == 32'd0);
  assert (last_word_q == last_byte[31:CW] && !none_q && end_keep_q == ~({COLS{1'b1}} << 1 << last_byte[CW-1:0]));
end
// What is kept: the frame's length to the byte.
reg [31:0] ones;
integer k;
always @* begin
  ones = 32'd0;
  for (k = 0; k < COLS; k = k + 1) ones = ones + {31'd0, keep[k]};
  if (take && !drop_q && right && last && !rst_i) assert (came_q + ones == bytes_i);
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
