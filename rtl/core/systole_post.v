// SPDX-License-Identifier: Apache-2.0
// POST, the output stage: what each vector carries through it, and LANES lanes. take_i in cycle P hands over a vector whose
// totals come in P + 2. It passes in G = COLS / LANES groups, a cycle each, lowest columns first, so that vectors come G
// cycles apart. The result is written in P + 2 + REQUANT + G, 2 cycles later with lookup, 6 with residual add. RAW32 writes
// four OUT words from there on. The residual operand's flat read leaves on res_* in P + REQUANT - 3 (+ 2), one cycle before
// it is applied; its word comes back on res_word_i 5 cycles later. Numbers in names count from P for REQUANT = 8. A vector
// carries what its instruction says, so instructions follow without a gap. Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_post #(
    parameter COLS        = 8,
    parameter LANES       = COLS,   // 1, 2, .. COLS
    parameter RESIDUAL    = 1,      // 0: no second operand
    parameter PRODUCT     = 1,      // 0: it is added or compared, never multiplied
    parameter PARAM_DEPTH = 128,
    parameter LUT_COUNT   = 2,
    parameter PW          = $clog2(PARAM_DEPTH),
    parameter TW          = $clog2(LUT_COUNT * 256),
    parameter TB          = LUT_COUNT > 1 ? $clog2(LUT_COUNT) : 1,
    parameter CW          = $clog2(COLS)
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire               desc_valid_i,   // a word of the unit's instruction comes
    input  wire [        3:0] desc_index_i,   // its number, from 0
    input  wire [      127:0] desc_word_i,    // the word
    input  wire               start_i,        // the instruction begins: its first step is in the next cycle
    // uploads
    input  wire               param_we_i,     // a parameter is written
    input  wire [  PW+CW-1:0] param_waddr_i,  // {word, lane}
    input  wire [       61:0] param_wdata_i,  // {shift, q, bias}
    input  wire               lut_we_i,       // a byte of a lookup table is written
    input  wire [     TW-1:0] lut_waddr_i,    // {table, index}
    input  wire [        7:0] lut_wdata_i,    // the byte
    // vectors
    input  wire               take_i,         // cycle P
    input  wire [COLS*32-1:0] total_i,        // its sums, P + 2
    // residual operand
    output wire               res_valid_o,    // a flat read for the residual operand
    output wire [       15:0] res_addr_o,     // its C-byte word of X
    input  wire [ COLS*8-1:0] res_word_i,     // the word, 5 cycles later
    // results: one write a cycle
    output wire               out_valid_o,    // a result is written
    output wire [        2:0] out_dest_o,     // where to
    output wire [       15:0] out_addr_o,     // its address
    output wire [ COLS*8-1:0] out_data_o      // its bytes
);

  localparam DEST_RAW32 = 3'd4;
  localparam REQUANT = `SYSTOLE_LATENCY_REQUANT;
  localparam GROUPS = COLS / LANES;
  localparam LB = $clog2(LANES);
  localparam GB = CW - LB;               // bits of a group's number
  localparam PGW = PW + GB;              // .. of a lane's parameter address

  // What the instruction that runs says of a vector that is handed over.
  wire          take, res_we, take_lut, take_res;
  wire [   3:0] res_next, res_ctx;
  wire [TB-1:0] lut;
  wire [   7:0] lo, hi, take_zero_point;
  wire [   2:0] dest;
  wire [  15:0] dst, res_addr;
  wire [PW-1:0] param;
  systole_post_front #(
      .RESIDUAL   (RESIDUAL),
      .PRODUCT    (PRODUCT),
      .PARAM_DEPTH(PARAM_DEPTH),
      .LUT_COUNT  (LUT_COUNT)
  ) u_front (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .desc_valid_i(desc_valid_i),
      .desc_index_i(desc_index_i),
      .desc_word_i (desc_word_i),
      .start_i     (start_i),
      .res_we_o    (res_we),
      .res_next_o  (res_next),
      .take_i      (take_i),
      .take_o      (take),
      .res_ctx_o   (res_ctx),
      .lut_o       (lut),
      .lo_o        (lo),
      .hi_o        (hi),
      .dest_o      (dest),
      .dst_o       (dst),
      .zero_point_o(take_zero_point),
      .param_o     (param),
      .lut_en_o    (take_lut),
      .res_en_o    (take_res),
      .res_addr_o  (res_addr)
  );

  // P: what the vector carries. Tags: {constants' number, lookup table, lower and upper clamp, dest, dst}.
  localparam TAG = 4 + TB + 16 + 3 + 16;
  localparam NW = TAG + 8 + PW + 2;
  wire [NW-1:0] now = {res_ctx, lut, lo, hi, dest, dst, take_zero_point, param, take_lut, take_res};

  // From P on: group after group.
  wire           go, first, last;
  wire [ NW-1:0] what;
  wire [PGW-1:0] param_group;
  generate
    if (GROUPS == 1) begin : g_whole
      assign go          = take;
      assign what        = now;
      assign param_group = what[2+:PW];
      assign {first, last} = 2'b11;
    end else begin : g_groups
      reg [GB-1:0] group_q;  // next group; 0: none
      reg [NW-1:0] what_q;
      always @(posedge clk_i)
        if (rst_i) group_q <= {GB{1'b0}};
        else if (go) group_q <= group_q + 1'b1;
      always @(posedge clk_i) if (take) what_q <= now;
      assign go          = take || !first;
      assign what        = first ? now : what_q;
      assign param_group = {what[2+:PW], group_q};
      assign first       = group_q == {GB{1'b0}};
      assign last        = &group_q;
      `SYSTOLE_ASSERT(check_post_distance, !(take_i && !first))
    end
  endgenerate
  wire [TAG-1:0] what_tag = what[NW-1-:TAG];
  wire           raw = what_tag[18:16] == DEST_RAW32;
  wire           lut_en = what[1];
  wire           res_en = what[0];

  // P + 3: the scale is read. P + 9: the zero point is added.
  wire           scale_re;
  wire [PGW-1:0] scale_addr;
  systole_delay #(
      .WIDTH (PGW + 1),
      .CYCLES(3)
  ) u_scale_addr (
      .clk_i(clk_i),
      .d_i  ({go, param_group}),
      .q_o  ({scale_re, scale_addr})
  );
  wire [7:0] zero_point;
  systole_delay #(
      .WIDTH (8),
      .CYCLES(9)
  ) u_zero_point (
      .clk_i(clk_i),
      .d_i  (what[2+PW+:8]),
      .q_o  (zero_point)
  );

  // Residual operand: read in P + RESIDUAL_READ, behind a lookup two cycles later.
  wire        res5, res7;
  wire [15:0] res_addr5, res_addr7;
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(REQUANT - 3)
  ) u_res5 (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (take && res_en && !lut_en && !raw),
      .q_o  (res5)
  );
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(REQUANT - 1)
  ) u_res7 (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (take && res_en && lut_en && !raw),
      .q_o  (res7)
  );
  systole_delay #(
      .WIDTH (16),
      .CYCLES(REQUANT - 3)
  ) u_res_addr5 (
      .clk_i(clk_i),
      .d_i  (res_addr),
      .q_o  (res_addr5)
  );
  systole_delay #(
      .WIDTH (16),
      .CYCLES(2)
  ) u_res_addr7 (
      .clk_i(clk_i),
      .d_i  (res_addr5),
      .q_o  (res_addr7)
  );
  assign res_valid_o = res5 || res7;
  assign res_addr_o  = res7 ? res_addr7 : res_addr5;
  `SYSTOLE_ASSERT(check_one_residual_read, !(res5 && res7))

  // A tag goes along with each group: {first, last, tag of its vector}.
  localparam GW = TAG + 2;
  wire [GW-1:0] tag_p = {first, last, what_tag};
  // At P + 10 the requantised byte stands, at P + 12 the looked up one.
  wire [   3:0] kind9;
  wire [GW-1:0] tag9;
  reg           direct10, lut10, res10, lut_res10;
  reg           lut11, lut_res11, lut12, lut_res12;
  reg  [GW-1:0] tag10, tag11, tag12;
  systole_delay_ctl #(
      .WIDTH (4),
      .CYCLES(REQUANT + 1)
  ) u_kind9 (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  ({4{go && !raw}} & {!lut_en && !res_en, lut_en && !res_en, !lut_en && res_en, lut_en && res_en}),
      .q_o  (kind9)
  );
  systole_delay #(
      .WIDTH (GW),
      .CYCLES(REQUANT + 1)
  ) u_tag9 (
      .clk_i(clk_i),
      .d_i  (tag_p),
      .q_o  (tag9)
  );
  always @(posedge clk_i)
    if (rst_i) begin
      {direct10, lut10, res10, lut_res10} <= 4'd0;
      {lut11, lut_res11, lut12, lut_res12} <= 4'd0;
    end else begin
      {direct10, lut10, res10, lut_res10} <= kind9;
      {lut11, lut_res11, lut12, lut_res12} <= {lut10, lut_res10, lut11, lut_res11};
    end
  always @(posedge clk_i) begin
    tag10 <= tag9;
    tag11 <= tag10;
    tag12 <= tag11;
  end

  // The residual adder takes from the requantiser or from the lookup.
  wire          res_in = res10 || lut_res12;
  wire [GW-1:0] res_tag = lut_res12 ? tag12 : tag10;
  reg  [   5:0] res_stage_q;  // bit k: operands were taken k + 1 cycles ago
  wire          res_out = res_stage_q[5];
  wire [GW-1:0] res_out_tag;
  always @(posedge clk_i)
    if (rst_i) res_stage_q <= 6'd0;
    else res_stage_q <= {res_stage_q[4:0], res_in};
  systole_delay #(
      .WIDTH (GW),
      .CYCLES(6)
  ) u_res_out_tag (
      .clk_i(clk_i),
      .d_i  (res_tag),
      .q_o  (res_out_tag)
  );
  `SYSTOLE_ASSERT(check_one_into_adder, !(res10 && lut_res12))

  // Constants of the residual add, by number.
  wire [25:0] res_ma, res_mb;
  wire        res_mul, res_max;
  wire [47:0] res_offset;
  wire [ 5:0] res_shift;
  wire [ 7:0] res_zp;
  systole_post_consts u_consts (
      .clk_i       (clk_i),
      .we_i        (res_we),
      .waddr_i     (res_next),
      .word_i      (desc_word_i),
      .number_i    (res_tag[TAG-1-:4]),
      .ma_o        (res_ma),
      .mb_o        (res_mb),
      .mul_o       (res_mul),
      .offset_o    (res_offset),
      .shift_o     (res_shift),
      .zero_point_o(res_zp),
      .max_o       (res_max)
  );

  // Where the byte of this cycle comes from; written in the next.
  wire          pick = direct10 || lut12 || res_out;
  wire [GW-1:0] pick_tag = res_out ? res_out_tag : lut12 ? tag12 : tag10;
  `SYSTOLE_ASSERT(check_one_result, {1'b0, direct10} + {1'b0, lut12} + {1'b0, res_out} <= 2'd1)

  // Vectors on their way: bit k in P + k + 1, so from bit 1 on in V + k - 1.
  reg [8:0] way_q;
  always @(posedge clk_i)
    if (rst_i) way_q <= 9'd0;
    else way_q <= {way_q[7:0], go};

  // A vector's totals, and its residual operand, stand until their group's cycle.
  wire [LANES*32-1:0] total;
  wire [ LANES*8-1:0] res_b;
  generate
    if (GROUPS == 1) begin : g_all
      assign total = total_i;
      assign res_b = res_word_i;
    end else begin : g_shift
      wire first2;
      systole_delay #(
          .WIDTH (1),
          .CYCLES(2)
      ) u_first2 (
          .clk_i(clk_i),
          .d_i  (first),
          .q_o  (first2)
      );
      reg [COLS*32-1:0] total_q;
      reg [ COLS*8-1:0] res_q;
      wire [COLS*32-1:0] totals = first2 ? total_i : total_q;
      wire [ COLS*8-1:0] operands = res_tag[GW-1] ? res_word_i : res_q;
      always @(posedge clk_i) begin
        total_q <= totals >> (LANES * 32);
        res_q   <= operands >> (LANES * 8);
      end
      assign total = totals[LANES*32-1:0];
      assign res_b = operands[LANES*8-1:0];
    end
  endgenerate

  wire [LANES*32-1:0] biased;
  wire [LANES*8-1:0] result;
  genvar c;
  generate
    for (c = 0; c < LANES; c = c + 1) begin : g_lane
      systole_post_lane #(
          .RESIDUAL   (RESIDUAL),
          .PRODUCT    (PRODUCT),
          .PARAM_DEPTH(PARAM_DEPTH * GROUPS),
          .LUT_COUNT  (LUT_COUNT)
      ) u_lane (
          .clk_i         (clk_i),
          .param_we_i    (param_we_i && {1'b0, param_waddr_i[CW-1:0]} % LANES == c),
          .param_waddr_i (param_waddr_i[PW+CW-1:LB]),
          .param_wdata_i (param_wdata_i),
          .lut_we_i      (lut_we_i),
          .lut_waddr_i   (lut_waddr_i),
          .lut_wdata_i   (lut_wdata_i),
          .en_i          (way_q[8:1]),
          .res_en_i      ({res_stage_q[4:0], res_in}),
          .bias_re_i     (go),
          .bias_addr_i   (param_group),
          .scale_re_i    (scale_re),
          .scale_addr_i  (scale_addr),
          .total_i       (total[c*32+:32]),
          .biased_o      (biased[c*32+:32]),
          .zero_point_i  (zero_point),
          .lut_re_i      (lut10 || lut_res10),
          .lut_i         (tag10[TAG-5-:TB]),
          .res_from_lut_i(lut_res12),
          .res_b_i       (res_b[c*8+:8]),
          .res_ma_i      (res_ma),
          .res_mb_i      (res_mb),
          .res_mul_i     (res_mul),
          .res_offset_i  (res_offset),
          .res_shift_i   (res_shift),
          .res_zp_i      (res_zp),
          .res_max_i     (res_max),
          .out_en_i      (pick),
          .out_lut_i     (lut12),
          .out_res_i     (res_out),
          .out_lo_i      (pick_tag[34:27]),
          .out_hi_i      (pick_tag[26:19]),
          .out_o         (result[c*8+:8])
      );
    end
  endgenerate

  // Groups join until the last of them, bytes and, for RAW32, sums.
  reg         pick_q;
  reg  [18:0] pick_tag_q;
  always @(posedge clk_i)
    if (rst_i) pick_q <= 1'b0;
    else pick_q <= pick && pick_tag[GW-2];
  always @(posedge clk_i) pick_tag_q <= pick_tag[18:0];
  wire [ COLS*8-1:0] results;
  wire [COLS*32-1:0] sums;
  generate
    if (GROUPS == 1) begin : g_at_once
      assign results = result;
      assign sums    = biased;
    end else begin : g_join
      reg [ (COLS-LANES)*8-1:0] results_q;
      reg [(COLS-LANES)*32-1:0] sums_q;
      always @(posedge clk_i) begin
        results_q <= results[COLS*8-1:LANES*8];
        sums_q    <= sums[COLS*32-1:LANES*32];
      end
      assign results = {result, results_q};
      assign sums    = {biased, sums_q};
    end
  endgenerate

  // RAW32: four words of sums.
  wire              raw_valid;
  wire [      15:0] raw_dst;
  wire [COLS*8-1:0] raw_data;
  systole_post_raw32 #(
      .COLS(COLS)
  ) u_raw32 (
      .clk_i  (clk_i),
      .rst_i  (rst_i),
      .take_i (go && last && raw),
      .dst_i  (what_tag[15:0]),
      .sums_i (sums),
      .valid_o(raw_valid),
      .addr_o (raw_dst),
      .data_o (raw_data)
  );
  `SYSTOLE_ASSERT(check_one_write, !(raw_valid && pick_q))

  assign out_valid_o = pick_q || raw_valid;
  assign out_dest_o  = raw_valid ? DEST_RAW32 : pick_tag_q[18:16];
  assign out_addr_o  = raw_valid ? raw_dst : pick_tag_q[15:0];
  assign out_data_o  = raw_valid ? raw_data : results;

endmodule

`default_nettype wire
