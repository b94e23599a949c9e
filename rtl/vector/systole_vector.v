// SPDX-License-Identifier: Apache-2.0
// The vector unit (docs/vector.md): control, LANES lanes, reductions, S and its unit. A step of the array's sums is taken
// in P (take_i, while take_ready_o says that they are for this unit) and its totals come in P + 2; others begin in P by
// themselves. A word passes in G = COLS / LANES groups, lowest lanes first, one a cycle. Results leave in P + 17 + G
// (8 later behind a function), OUT float32 in four words from there on. Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_vector #(
    parameter COLS        = 8,
    parameter LANES       = COLS,   // COLS, COLS / 2 or COLS / 4
    parameter V_DEPTH     = 512,
    parameter PARAM_DEPTH = 256,
    parameter LG          = 0,      // log2 of ROWS / COLS
    parameter CW          = $clog2(COLS),
    parameter UW          = $clog2(PARAM_DEPTH * COLS + 256)
) (
    input  wire               clk_i,
    input  wire               rst_i,
    // descriptors, of both units
    input  wire               desc_valid_i,         // a word of the unit's instruction comes
    input  wire [        3:0] desc_index_i,         // its number, from 0
    input  wire [      127:0] desc_word_i,          // the word
    input  wire               start_i,              // the instruction begins: its first step is in the next cycle
    input  wire               scalar_desc_valid_i,  // the word is SCALAR's
    input  wire               scalar_start_i,       // SCALAR's instruction begins
    // uploads: 256 segments, then parameters {word, lane}
    input  wire               we_i,                 // a segment or a parameter is written
    input  wire [     UW-1:0] waddr_i,              // 256 segments, then {word, lane}
    input  wire [       63:0] wdata_i,              // what is written
    // the run's registers
    input  wire [       15:0] pos_i,                // POS of the run
    input  wire [       13:0] lenc_i,               // more iterations of loops with len
    // the array's sums
    output wire               take_ready_o,         // the array's sums are for this unit
    input  wire               take_i,               // a vector, cycle P
    input  wire [COLS*32-1:0] total_i,              // its sums, P + 2
    output wire               active_o,             // steps, or gaps between them, are left
    // results, as POST's
    output wire               out_valid_o,          // a result is written
    output wire [        2:0] out_dest_o,           // POST's numbers
    output wire [       15:0] out_addr_o,           // its address
    output wire [ COLS*8-1:0] out_data_o,           // its bytes
    output wire [       15:0] argmax_o,             // number of the largest value of the run
    output wire [        3:0] events_o              // steps, of them with a function, of them to V; of SCALAR
);

  localparam G = COLS / LANES;
  localparam GB = G > 1 ? $clog2(G) : 1;
  localparam VW = $clog2(V_DEPTH);
  localparam PW = $clog2(PARAM_DEPTH);
  localparam VGW = $clog2(V_DEPTH * G);
  localparam PGW = $clog2(PARAM_DEPTH * G);
  localparam LB = $clog2(LANES);
  localparam [23:0] LOWEST = {1'b1, 8'd254, 15'h7fff};
  localparam [2:0] DEST_NONE = 3'd0, DEST_V = 3'd1, DEST_COLUMN = 3'd3, DEST_FLOAT = 3'd6;

  // Descriptor: two header words, loops.
  wire         is_header = desc_valid_i && desc_index_i == 4'd0;
  wire         is_ops = desc_valid_i && desc_index_i == 4'd1;
  wire [  3:0] loop_index = desc_index_i - 4'd2;
  reg  [127:0] next_q, header_q;
  reg  [ 29:0] next_ops_q, ops_q;
  always @(posedge clk_i) begin
    if (is_header) next_q <= desc_word_i;
    if (is_ops) next_ops_q <= desc_word_i[29:0];
    if (start_i) begin
      header_q <= next_q;
      ops_q    <= next_ops_q;
    end
  end

  wire          of_array = ops_q[`SYSTOLE_VECTOR_OPS_SRC] == 2'd0;
  wire          active, valid;
  wire [  15:0] dst;
  wire [PW-1:0] param;
  wire [VW-1:0] a_word, bc_offset;
  wire [   5:0] s_offset;
  wire [   3:0] at_first, at_last;
  wire          take = valid && (!of_array || take_i);
  systole_nest #(
      .LOOPS(`SYSTOLE_LOOPS_VECTOR),
      .GAPS (1),
      .W0   (16),
      .W1   (PW),
      .W2   (VW),
      .W3   (VW),
      .W4   (6)
  ) u_nest (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .clear_i     (is_header),
      .loop_we_i   (desc_valid_i && !is_header && !is_ops),
      .loop_index_i(loop_index[2:0]),
      .loop_word_i (desc_word_i),
      .lenc_i      (lenc_i),
      .start_i     (start_i),
      .base0_i     (next_q[`SYSTOLE_VECTOR_DST_BASE]),
      .base1_i     (next_q[`SYSTOLE_VECTOR_PARAM_BASE_LSB+:PW]),
      .base2_i     (next_q[`SYSTOLE_VECTOR_A_BASE_LSB+:VW]),
      .base3_i     ({VW{1'b0}}),
      .base4_i     (6'd0),
      .step_i      (take),
      .active_o    (active),
      .valid_o     (valid),
      .a0_o        (dst),
      .a1_o        (param),
      .a2_o        (a_word),
      .a3_o        (bc_offset),
      .a4_o        (s_offset),
      .at_first_o  (at_first),
      .at_last_o   (at_last),
      .reached_o   ()
  );
  assign take_ready_o = active && of_array;
  `SYSTOLE_ASSERT(check_valid_at_take, !(take_i && of_array && active && !valid))

  // P: what a step carries. Addresses, then what becomes of s, then what becomes of f.
  wire [ 2:0] loops = header_q[`SYSTOLE_VECTOR_LOOPS];
  wire        at_outer = at_last[loops[1:0]-2'd1];
  wire [ 3:0] reduce = header_q[`SYSTOLE_VECTOR_REDUCE];
  wire        starts = &(at_first | ~reduce);
  wire        ends = &(at_last | ~reduce);
  localparam EARLY = 8;                                        // src_v, mul1, mul2, add
  localparam MID = 9;                                          // tail_row, tail, fn_en, fn, max
  localparam LATE = 2 + 3 + 2 + 24 + 11 + 6 + 2 + 16;          // mul3, dest, sum, code, lanes, red, starts, ends, dst
  wire [EARLY+MID+LATE-1:0] now = {
    !of_array,
    ops_q[`SYSTOLE_VECTOR_OPS_MUL1],
    ops_q[`SYSTOLE_VECTOR_OPS_MUL2],
    ops_q[`SYSTOLE_VECTOR_OPS_ADD],
    ops_q[`SYSTOLE_VECTOR_OPS_TAIL_ROW],
    header_q[`SYSTOLE_VECTOR_TAIL] && at_outer,
    ops_q[`SYSTOLE_VECTOR_OPS_FN_EN],
    ops_q[`SYSTOLE_VECTOR_OPS_FN],
    ops_q[`SYSTOLE_VECTOR_OPS_MAX],
    ops_q[`SYSTOLE_VECTOR_OPS_MUL3],
    ops_q[`SYSTOLE_VECTOR_OPS_DEST],
    ops_q[`SYSTOLE_VECTOR_OPS_SUM],
    header_q[`SYSTOLE_VECTOR_ZERO_POINT],
    header_q[`SYSTOLE_VECTOR_LO],
    header_q[`SYSTOLE_VECTOR_HI],
    header_q[`SYSTOLE_VECTOR_LANE_LO],
    ops_q[`SYSTOLE_VECTOR_OPS_LANE_N],
    header_q[`SYSTOLE_VECTOR_RED_BASE] + (header_q[`SYSTOLE_VECTOR_RED_FIXED] ? 6'd0 : s_offset),
    starts,
    ends,
    dst + (!header_q[`SYSTOLE_VECTOR_APPEND] ? 16'd0 : ops_q[`SYSTOLE_VECTOR_OPS_DEST] == DEST_COLUMN ? pos_i << LG : pos_i)
  };
  wire [3*VW+PW+5:0] reads = {
    a_word,
    header_q[`SYSTOLE_VECTOR_B_BASE_LSB+:VW] + bc_offset,
    header_q[`SYSTOLE_VECTOR_C_BASE_LSB+:VW] + bc_offset,
    param,
    header_q[`SYSTOLE_VECTOR_S_BASE] + (header_q[`SYSTOLE_VECTOR_S_FIXED] ? 6'd0 : s_offset)
  };

  // From P on: group after group.
  localparam NW = EARLY + MID + LATE + 3 * VW + PW + 6;
  wire          go;
  wire [NW-1:0] what;
  wire [GB-1:0] group;
  generate
    if (G == 1) begin : g_whole
      assign go    = take;
      assign what  = {now, reads};
      assign group = 1'b0;
    end else begin : g_groups
      reg [GB-1:0] group_q;  // next group; 0: none
      reg [NW-1:0] what_q;
      wire         begins = group_q == {GB{1'b0}};
      always @(posedge clk_i)
        if (rst_i) group_q <= {GB{1'b0}};
        else if (go) group_q <= group_q + 1'b1;
      always @(posedge clk_i) if (take) what_q <= {now, reads};
      assign go    = take || !begins;
      assign what  = begins ? {now, reads} : what_q;
      assign group = group_q;
      `SYSTOLE_ASSERT(check_distance, !(take && !begins))
    end
  endgenerate

  // Steps on their way: bit k in P + k.
  reg [17:1] way_q;
  always @(posedge clk_i)
    if (rst_i) way_q <= 17'd0;
    else way_q <= {way_q[16:1], go};
  reg [4:0] now_q;
  always @(posedge clk_i) now_q <= rst_i ? 5'd0 : now_q + 5'd1;

  // P + 3: V and parameters are read.  P + 6: S.
  wire [ VW-1:0] a_addr, b_addr, c_addr;
  wire [ PW-1:0] param_addr;
  wire [    5:0] s_addr3, s_addr6;
  wire [ GB-1:0] group3;
  systole_delay #(
      .WIDTH (3 * VW + PW + 6 + GB),
      .CYCLES(3)
  ) u_reads (
      .clk_i(clk_i),
      .d_i  ({what[3*VW+PW+5:0], group}),
      .q_o  ({a_addr, b_addr, c_addr, param_addr, s_addr3, group3})
  );
  systole_delay #(
      .WIDTH (6),
      .CYCLES(3)
  ) u_s_addr (
      .clk_i(clk_i),
      .d_i  (s_addr3),
      .q_o  (s_addr6)
  );

  // P + 5, P + 7, P + 9: products and sum.
  localparam TAG = EARLY + MID + LATE + GB;
  wire [TAG-1:0] tag5, tag7, tag9, tag14;
  systole_delay #(
      .WIDTH (TAG),
      .CYCLES(5)
  ) u_tag5 (
      .clk_i(clk_i),
      .d_i  ({what[NW-1-:EARLY+MID+LATE], group}),
      .q_o  (tag5)
  );
  systole_delay #(
      .WIDTH (TAG),
      .CYCLES(2)
  ) u_tag7 (
      .clk_i(clk_i),
      .d_i  (tag5),
      .q_o  (tag7)
  );
  systole_delay #(
      .WIDTH (TAG),
      .CYCLES(2)
  ) u_tag9 (
      .clk_i(clk_i),
      .d_i  (tag7),
      .q_o  (tag9)
  );
  systole_delay #(
      .WIDTH (TAG),
      .CYCLES(5)
  ) u_tag14 (
      .clk_i(clk_i),
      .d_i  (tag9),
      .q_o  (tag14)
  );
  wire       src_v5 = tag5[TAG-1];
  wire [1:0] mul1_5 = tag5[TAG-2-:2];
  wire [1:0] mul2_7 = tag7[TAG-4-:2];
  wire [2:0] add_9 = tag9[TAG-6-:3];

  // S: read for steps, for the running maximum, and for its own unit.
  wire        s_we;
  wire [ 5:0] s_waddr;
  wire [23:0] s_wdata, s_step, s_max, s_a, s_b;
  wire [ 5:0] s_max_addr, s_a_addr, s_b_addr;
  genvar n;
  generate
    for (n = 0; n < 4; n = n + 1) begin : g_s
      wire [23:0] word;
      systole_regfile #(
          .WIDTH(24),
          .DEPTH(64)
      ) u_s (
          .clk_i  (clk_i),
          .we_i   (s_we),
          .waddr_i(s_waddr),
          .wdata_i(s_wdata),
          .raddr_i(n == 0 ? s_addr6 : n == 1 ? s_max_addr : n == 2 ? s_a_addr : s_b_addr),
          .rdata_o(word)
      );
    end
  endgenerate
  assign s_step = g_s[0].word;
  assign s_max  = g_s[1].word;
  assign s_a    = g_s[2].word;
  assign s_b    = g_s[3].word;
  reg  [23:0] scalar7_q;
  always @(posedge clk_i) if (way_q[6]) scalar7_q <= s_step;
  wire [23:0] scalar9, scalar14, scalar22;
  systole_delay #(
      .WIDTH (24),
      .CYCLES(2)
  ) u_scalar9 (
      .clk_i(clk_i),
      .d_i  (scalar7_q),
      .q_o  (scalar9)
  );
  systole_delay #(
      .WIDTH (24),
      .CYCLES(5)
  ) u_scalar14 (
      .clk_i(clk_i),
      .d_i  (scalar9),
      .q_o  (scalar14)
  );
  systole_delay #(
      .WIDTH (24),
      .CYCLES(8)
  ) u_scalar22 (
      .clk_i(clk_i),
      .d_i  (scalar14),
      .q_o  (scalar22)
  );

  // P + 14: s. Lanes that count, lanes beyond POS.
  wire [ 2:0] tail_row14 = tag14[LATE+GB+6+:3];
  wire        tail14 = tag14[LATE+GB+5];
  wire        fn_en14 = tag14[LATE+GB+4];
  wire [ 1:0] fn14 = tag14[LATE+GB+2+:2];
  wire [ 1:0] max14 = tag14[LATE+GB+:2];
  wire [LATE+GB-1:0] late14 = tag14[LATE+GB-1:0];
  wire [LANES-1:0] count14, beyond14, mute14;
  wire [ 4:0] lane_lo14 = late14[GB+30+:5];
  wire [ 5:0] lane_n14 = late14[GB+24+:6];
  wire [ 6:0] last_lane = {{7 - CW{1'b0}}, pos_i[CW-1:0]} + {4'd0, tail_row14};
  generate
    for (n = 0; n < LANES; n = n + 1) begin : g_count
      localparam [4:0] LANE = n;
      wire [4:0] lane = G == 1 ? LANE : LANE + ({{5 - GB{1'b0}}, late14[GB-1:0]} << LB);
      wire [5:0] from_lo = {1'b0, lane} - {1'b0, lane_lo14};
      assign count14[n]  = !from_lo[5] && from_lo < lane_n14 && !mute14[n];
      wire [6:0] to_pos = last_lane - {2'd0, lane};
      assign beyond14[n] = tail14 && to_pos[6];
    end
  endgenerate

  // M: what has no function at once, what has one 8 cycles later. M + 2: f.  M + 4: the code.
  localparam MT = LATE + GB + LANES;
  wire          fn_go = way_q[14] && fn_en14;
  wire          fn_comes;
  wire [MT-1:0] fn_tag, tag_m;
  reg  [   7:1] fn_way_q;
  always @(posedge clk_i)
    if (rst_i) fn_way_q <= 7'd0;
    else fn_way_q <= {fn_way_q[6:1], fn_go};
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(8)
  ) u_fn_comes (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (fn_go),
      .q_o  (fn_comes)
  );
  systole_delay #(
      .WIDTH (MT),
      .CYCLES(8)
  ) u_fn_tag (
      .clk_i(clk_i),
      .d_i  ({late14, count14}),
      .q_o  (fn_tag)
  );
  wire m_go = fn_comes || (way_q[14] && !fn_en14);
  assign tag_m = fn_comes ? fn_tag : {late14, count14};
  `SYSTOLE_ASSERT(check_one_product, !(fn_comes && way_q[14] && !fn_en14))
  reg [12:1] m_way_q;
  always @(posedge clk_i)
    if (rst_i) m_way_q <= 12'd0;
    else m_way_q <= {m_way_q[11:1], m_go};
  wire [MT-1:0] tag_m2, tag_m4;
  systole_delay #(
      .WIDTH (MT),
      .CYCLES(2)
  ) u_m2 (
      .clk_i(clk_i),
      .d_i  (tag_m),
      .q_o  (tag_m2)
  );
  systole_delay #(
      .WIDTH (MT),
      .CYCLES(2)
  ) u_m4 (
      .clk_i(clk_i),
      .d_i  (tag_m2),
      .q_o  (tag_m4)
  );
  reg [23:0] limits_q3;  // zero point, lo, hi
  always @(posedge clk_i) limits_q3 <= tag_m2[LANES+GB+35+:24];
  wire [LANES-1:0] count_m2 = tag_m2[LANES-1:0];
  wire [   GB-1:0] group_m2 = tag_m2[LANES+:GB];
  wire [     15:0] dst_m2 = tag_m2[LANES+GB+:16];
  wire [      2:0] dest_m2 = tag_m2[LANES+GB+61+:3];
  wire [LANES-1:0] count_m4 = tag_m4[LANES-1:0];
  wire [   GB-1:0] group_m4 = tag_m4[LANES+:GB];
  wire [     15:0] dst_m4 = tag_m4[LANES+GB+:16];
  wire             ends_m4 = tag_m4[LANES+GB+16];
  wire             starts_m4 = tag_m4[LANES+GB+17];
  wire [      5:0] red_m4 = tag_m4[LANES+GB+18+:6];
  wire [      1:0] sum_m4 = tag_m4[LANES+GB+59+:2];
  wire [      2:0] dest_m4 = tag_m4[LANES+GB+61+:3];
  wire             to_v = m_way_q[2] && dest_m2 == DEST_V;

  // Totals stand until their group's cycle.
  wire [LANES*32-1:0] total;
  generate
    if (G == 1) begin : g_all
      assign total = total_i;
    end else begin : g_shift
      wire [GB-1:0] group2;
      systole_delay #(
          .WIDTH (GB),
          .CYCLES(2)
      ) u_group2 (
          .clk_i(clk_i),
          .d_i  (group),
          .q_o  (group2)
      );
      reg  [COLS*32-1:0] total_q;
      wire [COLS*32-1:0] totals = group2 == {GB{1'b0}} ? total_i : total_q;
      always @(posedge clk_i) if (way_q[2]) total_q <= totals >> (LANES * 32);
      assign total = totals[LANES*32-1:0];
    end
  endgenerate

  // Uploads: segments to all lanes, parameters to theirs.
  localparam [UW-1:0] FIRST_PARAM = 256;
  reg           segment_we_q, param_we_q;
  reg  [UW-1:0] param_index_q;
  reg  [   7:0] segment_addr_q;
  reg  [  63:0] upload_q;
  wire          is_segment = waddr_i[UW-1:8] == {UW - 8{1'b0}};
  always @(posedge clk_i)
    if (rst_i) {segment_we_q, param_we_q} <= 2'b00;
    else {segment_we_q, param_we_q} <= {we_i && is_segment, we_i && !is_segment};
  always @(posedge clk_i)
    if (we_i) begin
      param_index_q  <= waddr_i - FIRST_PARAM;
      segment_addr_q <= waddr_i[7:0];
      upload_q       <= wdata_i;
    end

  // Where a group lies.
  wire [VGW-1:0] a_at, b_at, c_at, dst_at;
  wire [PGW-1:0] param_at;
  generate
    if (G == 1) begin : g_words
      wire unused = &group3;
      assign {a_at, b_at, c_at, param_at, dst_at} = {a_addr, b_addr, c_addr, param_addr, dst_m2[VW-1:0]};
    end else begin : g_word_groups
      assign a_at     = {a_addr, group3};
      assign b_at     = {b_addr, group3};
      assign c_at     = {c_addr, group3};
      assign param_at = {param_addr, group3};
      assign dst_at   = {dst_m2[VW-1:0], group_m2};
    end
  endgenerate

  wire [LANES*24-1:0] a7, s14, f_m2;
  wire [ LANES*8-1:0] code;
  wire [LANES*13-1:0] value;
  generate
    for (n = 0; n < LANES; n = n + 1) begin : g_lane
      localparam [LB-1:0] LANE = n;
      wire [12:0] t;
      systole_vec_lane #(
          .V_DEPTH    (V_DEPTH * G),
          .PARAM_DEPTH(PARAM_DEPTH * G)
      ) u_lane (
          .clk_i          (clk_i),
          .param_we_i     (param_we_q && param_index_q[LB-1:0] == LANE),
          .param_waddr_i  (param_index_q[LB+:PGW]),
          .param_wdata_i  (upload_q[47:0]),
          .segment_we_i   (segment_we_q),
          .segment_waddr_i(segment_addr_q),
          .segment_wdata_i(upload_q[35:0]),
          .en_i           ({way_q[13:1], go}),
          .fn_en_i        ({fn_way_q, fn_go}),
          .m_en_i         ({m_way_q[3:1], m_go}),
          .now_i          (now_q),
          .total_i        (total[n*32+:32]),
          .a_addr_i       (a_at),
          .b_addr_i       (b_at),
          .c_addr_i       (c_at),
          .param_addr_i   (param_at),
          .src_v_i        (src_v5),
          .mul1_i         (mul1_5),
          .mul2_i         (mul2_7),
          .partner_i      (a7[(n^1)*24+:24]),
          .scalar7_i      (scalar7_q),
          .a7_o           (a7[n*24+:24]),
          .add_i          (add_9),
          .scalar9_i      (scalar9),
          .tail_i         (beyond14[n]),
          .s_o            (s14[n*24+:24]),
          .mute_o         (mute14[n]),
          .fn_i           (fn14),
          .from_fn_i      (fn_comes),
          .mul3_i         (tag_m[LANES+GB+64+:2]),
          .scalar_m_i     (fn_comes ? scalar22 : scalar14),
          .f_o            (f_m2[n*24+:24]),
          .v_we_i         (to_v && count_m2[n]),
          .v_waddr_i      (dst_at),
          .zero_point_i   (limits_q3[23:16]),
          .lo_i           (limits_q3[15:8]),
          .hi_i           (limits_q3[7:0]),
          .code_o         (code[n*8+:8]),
          .t_o            (t)
      );
      assign value[n*13+:13] = sum_m4 == 2'd1 ? {{5{code[n*8+7]}}, code[n*8+:8]} : t;
    end
  endgenerate

  // The running maximum: P + 17.
  wire [23:0] key;
  wire [ 4:0] key_lane;
  wire        starts17, first17;
  wire [ 1:0] max17;
  wire [ 5:0] red17;
  wire [GB-1:0] group17;
  systole_vec_max #(
      .LANES(LANES)
  ) u_max (
      .clk_i      (clk_i),
      .en_i       (way_q[16:14]),
      .s_i        (s14),
      .count_i    (count14),
      .magnitude_i(max14 == 2'd2),
      .key_o      (key),
      .lane_o     (key_lane)
  );
  systole_delay #(
      .WIDTH (9 + GB),
      .CYCLES(3)
  ) u_17 (
      .clk_i(clk_i),
      .d_i  ({max14, late14[GB+17], late14[GB+18+:6], late14[GB-1:0]}),
      .q_o  ({max17, starts17, red17, group17})
  );
  assign first17    = starts17 && group17 == {GB{1'b0}};
  assign s_max_addr = red17;
  wire [23:0] key_before = s_max[23] ? ~s_max : {1'b1, s_max[22:0]};
  // Groups of a starting step in which no lane counts leave the start to the next one.
  reg         none_q;
  always @(posedge clk_i) if (way_q[17]) none_q <= key == 24'd0 && (group17 == {GB{1'b0}} || none_q);
  wire        still_first = starts17 && group17 != {GB{1'b0}} && none_q && key != 24'd0;
  wire        larger = first17 || still_first || key > key_before;
  wire        max_we = way_q[17] && max17 != 2'd0;
  wire [23:0] max_data = !larger ? s_max : key[23] ? {1'b0, key[22:0]} : key != 24'd0 ? ~key : max17 == 2'd2 ? 24'd0 : LOWEST;
  localparam [15:0] WORD = COLS;
  reg  [15:0] arg_base_q, argmax_q;   // C * step of the next one
  wire [15:0] arg_base = starts17 ? 16'd0 : arg_base_q;
  always @(posedge clk_i)
    if (rst_i) argmax_q <= 16'd0;
    else if (way_q[17] && max17 == 2'd3 && larger) argmax_q <= arg_base + {11'd0, key_lane} + (G == 1 ? 16'd0 : {{16 - GB{1'b0}}, group17} << LB);
  always @(posedge clk_i) if (way_q[17] && (G == 1 || &group17)) arg_base_q <= arg_base + WORD;
  assign argmax_o = argmax_q;

  // Sums: values in M + 4, S in M + 12.
  wire [ 5:0] red_m8, red_m12;
  wire        first_m8, last_m8, last_m12, sum_on8, sum_on12;
  wire [23:0] sum_data;
  systole_delay #(
      .WIDTH (9),
      .CYCLES(4)
  ) u_m8 (
      .clk_i(clk_i),
      .d_i  ({
        sum_m4 != 2'd0, starts_m4 && group_m4 == {GB{1'b0}}, ends_m4 && (G == 1 || &group_m4), red_m4
      }),
      .q_o  ({sum_on8, first_m8, last_m8, red_m8})
  );
  systole_delay #(
      .WIDTH (8),
      .CYCLES(4)
  ) u_m12 (
      .clk_i(clk_i),
      .d_i  ({sum_on8, last_m8, red_m8}),
      .q_o  ({sum_on12, last_m12, red_m12})
  );
  wire sum_go = m_way_q[4] && sum_m4 != 2'd0;
  reg [7:1] sum_way_q;
  always @(posedge clk_i)
    if (rst_i) sum_way_q <= 7'd0;
    else sum_way_q <= {sum_way_q[6:1], sum_go};
  systole_vec_sum #(
      .LANES(LANES)
  ) u_sum (
      .clk_i   (clk_i),
      .en_i    ({sum_way_q, sum_go}),
      .value_i (value),
      .count_i (count_m4),
      .square_i(sum_m4 == 2'd3),
      .slot_i  (red_m8[3:0]),
      .first_i (first_m8),
      .sum_o   (sum_data)
  );
  wire sum_we = m_way_q[12] && sum_on12 && last_m12;

  // SCALAR.
  wire        scalar_active, scalar_we;
  wire [ 5:0] scalar_waddr;
  wire [23:0] scalar_wdata;
  systole_scalar u_scalar (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .desc_valid_i(scalar_desc_valid_i),
      .desc_index_i(desc_index_i),
      .desc_word_i (desc_word_i),
      .start_i     (scalar_start_i),
      .lenc_i      (lenc_i),
      .active_o    (scalar_active),
      .a_addr_o    (s_a_addr),
      .b_addr_o    (s_b_addr),
      .a_i         (s_a),
      .b_i         (s_b),
      .we_o        (scalar_we),
      .waddr_o     (scalar_waddr),
      .wdata_o     (scalar_wdata)
  );
  assign active_o = active || scalar_active;
  `SYSTOLE_ASSERT(check_one_s_write, {1'b0, max_we} + {1'b0, sum_we} + {1'b0, scalar_we} <= 2'd1)
  assign s_we    = max_we || sum_we || scalar_we;
  assign s_waddr = max_we ? red17 : sum_we ? red_m12 : scalar_waddr;
  assign s_wdata = max_we ? max_data : sum_we ? sum_data : scalar_wdata;

  // Codes of a word, and its floats two cycles before: groups join until the last.
  wire [ LANES*8-1:0] code_counted;
  wire [ COLS*8-1:0] codes;
  wire [COLS*24-1:0] floats;
  generate
    for (n = 0; n < LANES; n = n + 1) begin : g_code
      assign code_counted[n*8+:8] = count_m4[n] ? code[n*8+:8] : 8'd0;
    end
    if (G == 1) begin : g_at_once
      assign codes  = code_counted;
      assign floats = f_m2;
    end else begin : g_join
      reg [ (COLS-LANES)*8-1:0] codes_q;
      reg [(COLS-LANES)*24-1:0] floats_q;
      always @(posedge clk_i) begin
        if (m_way_q[4]) codes_q <= codes[COLS*8-1:LANES*8];
        if (m_way_q[2]) floats_q <= floats[COLS*24-1:LANES*24];
      end
      assign codes  = {code_counted, codes_q};
      assign floats = {f_m2, floats_q};
    end
  endgenerate
  wire last_m2 = G == 1 || &group_m2;
  wire last_m4 = G == 1 || &group_m4;
  wire code_valid = m_way_q[4] && last_m4 && dest_m4 != DEST_NONE && dest_m4 != DEST_V && dest_m4 != DEST_FLOAT;

  // OUT float32: a quarter of the floats a cycle, from M + 4 on.
  reg               float_q3;
  reg  [      15:0] float_dst_q3, float_dst_q;
  reg  [COLS*24-1:0] floats_q3, hold_q;
  reg  [       2:0] beats_q;   // quarters left
  always @(posedge clk_i)
    if (rst_i) begin
      float_q3 <= 1'b0;
      beats_q  <= 3'd0;
    end else begin
      float_q3 <= m_way_q[2] && last_m2 && dest_m2 == DEST_FLOAT;
      beats_q  <= float_q3 ? 3'd4 : beats_q - {2'd0, beats_q != 3'd0};
    end
  always @(posedge clk_i) begin
    if (m_way_q[2]) {floats_q3, float_dst_q3} <= {floats, dst_m2};
    if (float_q3) {hold_q, float_dst_q} <= {floats_q3, float_dst_q3};
    else if (beats_q != 3'd0) {hold_q, float_dst_q} <= {hold_q >> (COLS * 6), float_dst_q + 16'd1};
  end
  `SYSTOLE_ASSERT(check_float_distance, !(float_q3 && beats_q > 3'd1))
  wire [COLS*8-1:0] quarter;
  generate
    for (n = 0; n < COLS / 4; n = n + 1) begin : g_quarter
      assign quarter[n*32+:32] = {hold_q[n*24+:24], 8'd0};
    end
  endgenerate
  wire float_valid = beats_q != 3'd0;
  `SYSTOLE_ASSERT(check_one_write, !(float_valid && code_valid))

`ifndef SYNTHESIS
`ifndef FORMAL
  systole_vec_latencies #(
      .COLS     (COLS),
      .VEC_LANES(LANES)
  ) u_latencies (
      .clk_i         (clk_i),
      .rst_i         (rst_i),
      .step_i        (take),
      .fn_i          (ops_q[`SYSTOLE_VECTOR_OPS_FN_EN]),
      .to_v_i        (ops_q[`SYSTOLE_VECTOR_OPS_DEST] == DEST_V),
      .to_code_i     (ops_q[`SYSTOLE_VECTOR_OPS_DEST] > DEST_V && ops_q[`SYSTOLE_VECTOR_OPS_DEST] != DEST_FLOAT),
      .to_float_i    (ops_q[`SYSTOLE_VECTOR_OPS_DEST] == DEST_FLOAT),
      .max_i         (ops_q[`SYSTOLE_VECTOR_OPS_MAX] != 2'd0),
      .sum_i         (ops_q[`SYSTOLE_VECTOR_OPS_SUM] != 2'd0 && ends),
      .read_i        (way_q[3]),
      .s_read_i      (way_q[6]),
      .v_write_i     (to_v),
      .result_i      (out_valid_o),
      .max_write_i   (max_we),
      .sum_write_i   (sum_we),
      .scalar_i      (u_scalar.valid),
      .op_i          (u_scalar.header_q[`SYSTOLE_SCALAR_OP]),
      .scalar_read_i (u_scalar.way_q[1]),
      .scalar_write_i(scalar_we)
  );
`endif
`endif

  assign out_valid_o = code_valid || float_valid;
  assign out_dest_o  = float_valid ? 3'd4 : dest_m4 - 3'd2;
  assign out_addr_o  = float_valid ? float_dst_q : dst_m4;
  assign out_data_o  = float_valid ? quarter : codes;
  assign events_o    = {scalar_we, take && ops_q[`SYSTOLE_VECTOR_OPS_DEST] == DEST_V,
                        take && ops_q[`SYSTOLE_VECTOR_OPS_FN_EN], take};

endmodule

`default_nettype wire
