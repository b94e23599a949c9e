// SPDX-License-Identifier: Apache-2.0
// One lane of the vector unit (docs/vector.md): its part of V, of the parameters and of the functions, and the
// arithmetic between them. Times count from a step's P: operands are read in P + 3, a total comes in P + 2,
// s stands in P + 14, f in M + 2 and the code in M + 4, where M is P + 14, or P + 22 behind a function. What an operation
// selects comes in the cycle in which it is used. Bit k of en_i says that a step is in P + k, of fn_en_i that one with a
// function is in P + 14 + k, of m_en_i that one is in M + k. Reset clears nothing.
`default_nettype none
`include "systole_isa.vh"

module systole_vec_lane #(
    parameter V_DEPTH     = 512,  // words of V, groups and all
    parameter PARAM_DEPTH = 256,
    parameter VW          = $clog2(V_DEPTH),
    parameter PW          = $clog2(PARAM_DEPTH)
) (
    input  wire          clk_i,
    // uploads
    input  wire          param_we_i,       // a parameter is written
    input  wire [PW-1:0] param_waddr_i,    // its word
    input  wire [  47:0] param_wdata_i,    // {bias, scale}
    input  wire          segment_we_i,     // a segment of a function is written
    input  wire [   7:0] segment_waddr_i,  // {function, segment}
    input  wire [  35:0] segment_wdata_i,  // {slope, base}
    // steps
    input  wire [  13:0] en_i,             // bit k: a step is in P + k
    input  wire [   7:0] fn_en_i,          // bit k: one with a function is in P + 14 + k
    input  wire [   3:0] m_en_i,           // bit k: one is in M + k
    input  wire [   4:0] now_i,            // counts cycles
    input  wire [  31:0] total_i,          // P + 2
    input  wire [VW-1:0] a_addr_i,         // P + 3
    input  wire [VW-1:0] b_addr_i,         // P + 3
    input  wire [VW-1:0] c_addr_i,         // P + 3
    input  wire [PW-1:0] param_addr_i,     // P + 3
    input  wire          src_v_i,          // P + 5
    input  wire [   1:0] mul1_i,           // P + 5
    input  wire [   1:0] mul2_i,           // P + 7
    input  wire [  23:0] partner_i,        // P + 7
    input  wire [  23:0] scalar7_i,        // P + 7
    output wire [  23:0] a7_o,             // P + 7
    input  wire [   2:0] add_i,            // P + 9
    input  wire [  23:0] scalar9_i,        // P + 9
    input  wire          tail_i,           // P + 14
    output wire [  23:0] s_o,              // P + 14
    output wire          mute_o,           // P + 14: its scale is 0, so the lane does not count
    input  wire [   1:0] fn_i,             // P + 14
    input  wire          from_fn_i,        // M
    input  wire [   1:0] mul3_i,           // M
    input  wire [  23:0] scalar_m_i,       // M
    output wire [  23:0] f_o,              // M + 2
    input  wire          v_we_i,           // M + 2
    input  wire [VW-1:0] v_waddr_i,        // M + 2
    input  wire [   7:0] zero_point_i,     // M + 3
    input  wire [   7:0] lo_i,             // M + 3
    input  wire [   7:0] hi_i,             // M + 3
    output wire [   7:0] code_o,           // M + 4
    output wire [  12:0] t_o               // M + 4
);

  localparam ONE = {1'b0, 8'd127, 15'd0};
  localparam LOWEST = {1'b1, 8'd254, 15'h7fff};

  // P + 3: operands are read, for P + 5.
  wire [23:0] f;
  wire [23:0] v_a, v_b, v_c;
  genvar n;
  generate
    for (n = 0; n < 3; n = n + 1) begin : g_v
      wire [23:0] word;
      systole_ram #(
          .WIDTH (24),
          .DEPTH (V_DEPTH),
          .OUTREG(1)
      ) u_v (
          .clk_i  (clk_i),
          .we_i   (v_we_i),
          .waddr_i(v_waddr_i),
          .wdata_i(f),
          .re_i   (en_i[3]),
          .raddr_i(n == 0 ? a_addr_i : n == 1 ? b_addr_i : c_addr_i),
          .rdata_o(word)
      );
    end
  endgenerate
  assign v_a = g_v[0].word;
  assign v_b = g_v[1].word;
  assign v_c = g_v[2].word;
  wire [47:0] param;
  systole_ram #(
      .WIDTH (48),
      .DEPTH (PARAM_DEPTH),
      .OUTREG(1)
  ) u_param (
      .clk_i  (clk_i),
      .we_i   (param_we_i),
      .waddr_i(param_waddr_i),
      .wdata_i(param_wdata_i),
      .re_i   (en_i[3]),
      .raddr_i(param_addr_i),
      .rdata_o(param)
  );
  wire [23:0] number;
  systole_f24_int #(
      .WIDTH(32)
  ) u_int (
      .clk_i(clk_i),
      .en_i (en_i[4:2]),
      .x_i  (total_i),
      .f_o  (number)
  );

  // P + 5: m1.
  wire [23:0] a = src_v_i ? v_a : number;
  reg  [23:0] by1;
  always @*
    case (mul1_i)
      2'd0: by1 = ONE;
      2'd1: by1 = param[23:0];
      2'd2: by1 = v_b;
      default: by1 = a;
    endcase
  wire [23:0] m1;
  systole_f24_mul u_m1 (
      .clk_i(clk_i),
      .en_i (en_i[6:5]),
      .a_i  (a),
      .b_i  (by1),
      .p_o  (m1)
  );
  reg [23:0] a_q6, a_q7, c_q6, c_q7, c_q8, c_q9, bias_q6, bias_q7, bias_q8, bias_q9;
  always @(posedge clk_i) begin
    if (en_i[5]) {a_q6, c_q6, bias_q6} <= {a, v_c, param[47:24]};
    if (en_i[6]) {a_q7, c_q7, bias_q7} <= {a_q6, c_q6, bias_q6};
    if (en_i[7]) {c_q8, bias_q8} <= {c_q7, bias_q7};
    if (en_i[8]) {c_q9, bias_q9} <= {c_q8, bias_q8};
  end
  assign a7_o = a_q7;

  systole_delay #(
      .WIDTH (1),
      .CYCLES(9)
  ) u_mute (
      .clk_i(clk_i),
      .d_i  (mul1_i == 2'd1 && param[22:15] == 8'd0),
      .q_o  (mute_o)
  );

  // P + 7: m2.
  wire [23:0] m2;
  systole_f24_mul u_m2 (
      .clk_i(clk_i),
      .en_i (en_i[8:7]),
      .a_i  (mul2_i == 2'd3 ? partner_i : m1),
      .b_i  (mul2_i == 2'd0 ? ONE : mul2_i == 2'd1 ? scalar7_i : c_q7),
      .p_o  (m2)
  );
  reg [23:0] m1_q8, m1_q9;
  always @(posedge clk_i) begin
    if (en_i[7]) m1_q8 <= m1;
    if (en_i[8]) m1_q9 <= m1_q8;
  end

  // P + 9: s.
  reg  [23:0] addend;
  always @*
    case (add_i)
      3'd0: addend = 24'd0;
      3'd1: addend = scalar9_i ^ {scalar9_i[22:15] != 8'd0, 23'd0};
      3'd2: addend = bias_q9;
      3'd3: addend = c_q9;
      default: addend = m1_q9;
    endcase
  wire [23:0] sum;
  systole_f24_add u_add (
      .clk_i(clk_i),
      .en_i (en_i[13:9]),
      .a_i  (m2),
      .b_i  (addend),
      .s_o  (sum)
  );
  wire [23:0] s = tail_i ? LOWEST : sum;
  assign s_o = s;

  // P + 14: the function.
  wire [23:0] of_fn;
  systole_f24_fn u_fn (
      .clk_i  (clk_i),
      .we_i   (segment_we_i),
      .waddr_i(segment_waddr_i),
      .wdata_i(segment_wdata_i),
      .en_i   (fn_en_i),
      .x_i    (s),
      .fn_i   (fn_i),
      .f_o    (of_fn)
  );

  // M: b of 9 or 17 cycles ago, s of 8.
  wire [23:0] b_late, s_late;
  systole_regfile #(
      .WIDTH(24),
      .DEPTH(32)
  ) u_b_late (
      .clk_i  (clk_i),
      .we_i   (en_i[5]),
      .waddr_i(now_i),
      .wdata_i(v_b),
      .raddr_i(now_i - (from_fn_i ? 5'd17 : 5'd9)),
      .rdata_o(b_late)
  );
  systole_regfile #(
      .WIDTH(24),
      .DEPTH(16)
  ) u_s_late (
      .clk_i  (clk_i),
      .we_i   (fn_en_i[0]),
      .waddr_i(now_i[3:0]),
      .wdata_i(s),
      .raddr_i(now_i[3:0] - 4'd8),
      .rdata_o(s_late)
  );
  reg [23:0] by3;
  always @*
    case (mul3_i)
      2'd0: by3 = ONE;
      2'd1: by3 = from_fn_i ? s_late : s;
      2'd2: by3 = b_late;
      default: by3 = scalar_m_i;
    endcase
  systole_f24_mul u_m3 (
      .clk_i(clk_i),
      .en_i (m_en_i[1:0]),
      .a_i  (from_fn_i ? of_fn : s),
      .b_i  (by3),
      .p_o  (f)
  );
  assign f_o = f;

  systole_f24_code u_code (
      .clk_i       (clk_i),
      .en_i        (m_en_i[3:2]),
      .f_i         (f),
      .zero_point_i(zero_point_i),
      .lo_i        (lo_i),
      .hi_i        (hi_i),
      .code_o      (code_o),
      .t_o         (t_o)
  );

endmodule

`default_nettype wire
