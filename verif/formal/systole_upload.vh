// SPDX-License-Identifier: Apache-2.0
// Proof about systole_upload, which includes this under SYSTOLE_PROOF: every word that is taken while no run is on is part of exactly one
// unit, of the stream's order, and each unit is written once, to the memory and address that are its own, or refused where that
// address is beyond the memory; what is refused changes nothing else. A word for the RRAM stays until it is taken. Assumed: target and
// address are written while no word is under way, the address between units. That words pass the skid buffer is proven of it by itself, and
// here again.

wire any_set = set_target_i || set_address_i;
always @* begin
  if (any_set) assume (!valid && left_q == 6'd0 && !write_q);
  if (set_address_i && !set_target_i) assume (filled_q == 4'd0);
end

// Units that have come whole since the address was written, and the number of the one that is written next, with its byte where it is one
// of a lookup table; then those of the units in the two stages behind.
reg [31:0] base_q, units_q, number_q, number_q2, number_q3;
reg [2:0] byte_q, byte_q2, byte_q3;
reg part_q;                                   // half a unit has come
reg out_q;
wire accept = take && !busy_i;
wire completes = rram || WORDS == 1 || part_q;
wire [31:0] fresh = rram ? 32'd1 : CHUNKS;
always @(posedge clk_i) begin
  if (rst_i || any_set) {base_q, units_q, number_q, byte_q} <= {set_address_i && !rst_i ? set_data_i : 32'd0, 67'd0};
  else begin
    if (accept && completes) units_q <= units_q + fresh;
    if (write) byte_q <= lut ? byte_q + 3'd1 : 3'd0;
    if (write && (!lut || byte_q == 3'd7)) number_q <= number_q + 32'd1;
  end
  if (rst_i || set_target_i) part_q <= 1'b0;
  else if (accept && !rram && WORDS == 2) part_q <= !part_q;
  if (write) {number_q2, byte_q2} <= {number_q, byte_q};
  if (write_q) {number_q3, byte_q3} <= {number_q2, byte_q2};
  out_q <= !rst_i && write_q;
end

// One unit, whichever it is: its bytes as they came.
(* anyconst *) reg [31:0] watched;
reg [63:0] want_q;
reg [COLS*8-1:0] want_rram_q;
wire [31:0] ahead = watched - units_q;
wire [WW+63:0] shifted_in = {{WW + 64 - COLS * 8{1'b0}}, data} >> {ahead[1:0], 6'd0};
always @(posedge clk_i)
  if (accept) begin
    if (ahead == 32'd0) want_rram_q <= data;
    if (WORDS == 1 && ahead < CHUNKS) want_q <= shifted_in[63:0];
    if (WORDS == 2 && ahead == 32'd0) want_q <= part_q ? {data, want_q[31:0]} : {32'd0, data};
  end

reg [31:0] depth;                              // units in the target's memory
always @*
  case (target_q)
    `SYSTOLE_UPLOAD_TIMETABLE: depth = TIMETABLE_DEPTH;
    `SYSTOLE_UPLOAD_DESC:      depth = 2 * DESC_DEPTH;
    `SYSTOLE_UPLOAD_PARAM:     depth = PARAM_DEPTH * COLS;
    `SYSTOLE_UPLOAD_LUT:       depth = LUT_COUNT * 32 + 256 + VEC_PARAM_DEPTH * COLS;
    `SYSTOLE_UPLOAD_RRAM:      depth = RRAM_DEPTH * ROWS;
    `SYSTOLE_UPLOAD_RECORD:    depth = 64 / COLS;
    `SYSTOLE_UPLOAD_TAP:       depth = 4 * TAP_DEPTH * COLS;
    default:                   depth = 32'd0;
  endcase

// What the states keep.
wire [31:0] in_hand = units_q - number_q;
wire [34:0] step = lut ? 35'd1 : 35'd8;        // from a write to the next one, in bytes of units
wire [31:0] next = watched - number_q;
wire [WW+63:0] aligned = {64'd0, work_q} << (lut ? {byte_q, 3'd0} : 6'd0);
wire [WW+63:0] unit = aligned >> {next[1:0], 6'd0};
wire [63:0] rest = next == 32'd0 && lut ? 64'hffff_ffff_ffff_ffff << {byte_q, 3'd0} : 64'hffff_ffff_ffff_ffff;
wire [63:0] want_2 = want_q >> (lut ? {byte_q2, 3'd0} : 6'd0);
wire [63:0] rest_2 = 64'hffff_ffff_ffff_ffff >> (lut ? {byte_q2, 3'd0} : 6'd0);
wire [63:0] want_3 = want_q >> (lut ? {byte_q3, 3'd0} : 6'd0);
wire [63:0] rest_3 = 64'hffff_ffff_ffff_ffff >> (lut ? {byte_q3, 3'd0} : 6'd0);
always @* begin
  assert (filled_q == {3'd0, part_q} && !(part_q && (rram || WORDS == 1)));
  assert (address_q == base_q + number_q);
  assert (in_hand <= (rram ? 32'd1 : CHUNKS) && byte_q == (lut && left_q != 6'd0 ? done_q[2:0] : 3'd0));
  assert ({26'd0, left_q} == (lut ? in_hand * 8 - {29'd0, byte_q} : in_hand));
  if (left_q != 6'd0) assert (done_q + left_q == writes);
  if (left_q != 6'd0 || write_q) assert (limit_q == depth);
  if (write_q) assert (index_q == base_q + number_q2 && (!lut || step_q[2:0] == byte_q2));
  if (write_q) assert ({number_q2, byte_q2} + step == {number_q, byte_q});
  if (out_q) assert ({number_q3, byte_q3} + step == (write_q ? {number_q2, byte_q2} : {number_q, byte_q}));
  if (!rram && part_q && ahead == 32'd0) assert (work_q[WW-1-:32] == want_q[31:0]);
  if (!rram && next < in_hand) assert (((unit[63:0] ^ want_q) & rest) == 64'd0);
  if (rram && in_hand != 32'd0 && next == 32'd0) assert (work_q[COLS*8-1:0] == want_rram_q);
  if (write_q && !rram && number_q2 == watched) assert (((chunk_q ^ want_2) & rest_2) == 64'd0);
end

// What was to be shown: each write is of the next unit, in its place, or refused; there is no other. No unit is left where none is in hand.
wire [31:0] at = base_q + number_q3;
wire [31:0] beside = at - LUT_COUNT * 32;
wire inside = out_q && at < depth;
wire lut_there = lut && at < LUT_COUNT * 32;
always @* begin
  assert (row_we_o == (inside && target_q == `SYSTOLE_UPLOAD_TIMETABLE));
  assert (desc_we_o == (inside && target_q == `SYSTOLE_UPLOAD_DESC));
  assert (param_we_o == (inside && target_q == `SYSTOLE_UPLOAD_PARAM));
  assert (tap_we_o == (inside && target_q == `SYSTOLE_UPLOAD_TAP));
  assert (lut_we_o == (inside && lut_there));
  assert (vec_we_o == (inside && lut && !lut_there && byte_q3 == 3'd0));
  assert (refused_range_o == (out_q && !inside));
  if (row_we_o || desc_we_o) assert ({{31 - DW{1'b0}}, program_addr_o} == at);
  if (param_we_o) assert ({{32 - PW - CW{1'b0}}, param_addr_o} == at);
  if (tap_we_o) assert ({{32 - TPW - CW{1'b0}}, tap_addr_o} == at);
  if (lut_we_o) assert ({{32 - TW{1'b0}}, lut_addr_o} == {at[28:0], byte_q3});
  if (vec_we_o) assert ({{32 - UW{1'b0}}, vec_addr_o} == beside);
  if (out_q && !rram && number_q3 == watched) assert (((data_o ^ want_3) & rest_3) == 64'd0);
  if (rram_valid_o) assert (rram && rram_index_o == base_q + number_q && rram_index_o < depth);
  if (rram_valid_o && number_q == watched) assert (rram_data_o == want_rram_q);
  if (rram && left_q != 6'd0) assert (rram_valid_o == (address_q < depth));
end

// The offer to the RRAM's controller, words that a run refuses, and the count of words, as registers.
reg [COLS*8+32:0] offer_q;
reg offered_q, refused_q, settled_q;
reg [31:0] count_was_q, address_was_q;
reg partial_was_q;
always @(posedge clk_i) begin
  offered_q     <= !rst_i && rram_valid_o && !rram_ready_i;
  offer_q       <= {rram_record_o, rram_index_o, rram_data_o};
  refused_q     <= !rst_i && take && busy_i;
  settled_q     <= !rst_i && !any_set;
  count_was_q   <= count_q + {31'd0, take};
  address_was_q <= address_q;
  partial_was_q <= part_q;
end
always @* begin
  if (offered_q) assert (rram_valid_o && {rram_record_o, rram_index_o, rram_data_o} == offer_q);
  assert (refused_busy_o == refused_q);
  if (settled_q) assert (count_o == count_was_q);
  if (refused_q && settled_q) assert (address_o == address_was_q && part_q == partial_was_q && left_q == 6'd0);
end

`ifdef SYSTOLE_SBY
initial assume (rst_i);
`endif
