// SPDX-License-Identifier: Apache-2.0
// SCALAR (docs/vector.md): one operation on numbers of S a step. A step in cycle S reads in S + 1 and writes in S + 4
// (products, maxima), S + 7 (sums), S + 9 (reciprocals). Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_scalar (
    input  wire         clk_i,
    input  wire         rst_i,
    input  wire         desc_valid_i,  // a word of the unit's instruction comes
    input  wire [  3:0] desc_index_i,  // its number, from 0
    input  wire [127:0] desc_word_i,   // the word
    input  wire         start_i,       // the instruction begins: its first step is in the next cycle
    input  wire [ 13:0] lenc_i,        // more iterations of loops with len
    output wire         active_o,      // steps, or gaps between them, are left
    // S: read in the cycle
    output wire [  5:0] a_addr_o,      // number of S that is operand a
    output wire [  5:0] b_addr_o,      // .. and b
    input  wire [ 23:0] a_i,           // operand a
    input  wire [ 23:0] b_i,           // operand b
    output wire         we_o,          // a number of S is written
    output wire [  5:0] waddr_o,       // which
    output wire [ 23:0] wdata_o        // its value
);

  localparam MUL = 3'd0, ADD = 3'd1, MAX = 3'd2, RECIP = 3'd3;
  localparam LAST = {1'b0, 8'd254, 15'h7fff};

  wire         is_header = desc_valid_i && desc_index_i == 4'd0;
  wire [  3:0] loop_index = desc_index_i - 4'd1;
  reg  [127:0] next_q, header_q;
  always @(posedge clk_i) begin
    if (is_header) next_q <= desc_word_i;
    if (start_i) header_q <= next_q;
  end

  wire       valid;
  wire [5:0] dst, a_addr, b_addr;
  systole_nest #(
      .LOOPS(`SYSTOLE_LOOPS_SCALAR),
      .GAPS (1),
      .W0   (6),
      .W1   (6),
      .W2   (6),
      .W3   (1),
      .W4   (1)
  ) u_nest (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .clear_i     (is_header),
      .loop_we_i   (desc_valid_i && !is_header),
      .loop_index_i(loop_index[2:0]),
      .loop_word_i (desc_word_i),
      .lenc_i      (lenc_i),
      .start_i     (start_i),
      .base0_i     (next_q[`SYSTOLE_SCALAR_DST_BASE]),
      .base1_i     (next_q[`SYSTOLE_SCALAR_A_BASE]),
      .base2_i     (next_q[`SYSTOLE_SCALAR_B_BASE]),
      .base3_i     (1'b0),
      .base4_i     (1'b0),
      .step_i      (1'b1),
      .active_o    (active_o),
      .valid_o     (valid),
      .a0_o        (dst),
      .a1_o        (a_addr),
      .a2_o        (b_addr),
      .a3_o        (),
      .a4_o        (),
      .at_first_o  (),
      .at_last_o   (),
      .reached_o   ()
  );

  // Steps on their way: bit k in S + k.
  reg [9:1] way_q;
  always @(posedge clk_i)
    if (rst_i) way_q <= 9'd0;
    else way_q <= {way_q[8:1], valid};

  // S + 1: read.  S + 2: operands.
  reg  [ 5:0] a_addr_q, b_addr_q;
  reg  [ 2:0] op_q1, op_q2;
  reg         imm_en_q1;
  reg  [23:0] imm_q1, a_q2, b_q2;
  always @(posedge clk_i) begin
    if (valid) begin
      {a_addr_q, b_addr_q} <= {a_addr, b_addr};
      op_q1     <= header_q[`SYSTOLE_SCALAR_OP];
      imm_en_q1 <= header_q[`SYSTOLE_SCALAR_IMM_EN];
      imm_q1    <= header_q[`SYSTOLE_SCALAR_IMM];
    end
    if (way_q[1]) begin
      op_q2 <= op_q1;
      a_q2  <= a_i;
      b_q2  <= imm_en_q1 ? imm_q1 : b_i;
    end
  end
  assign a_addr_o = a_addr_q;
  assign b_addr_o = b_addr_q;

  // What a step does, along its way.
  wire [2:0] op4, op7, op9;
  wire [5:0] dst4, dst7, dst9;
  systole_delay #(
      .WIDTH (9),
      .CYCLES(4)
  ) u_4 (
      .clk_i(clk_i),
      .d_i  ({header_q[`SYSTOLE_SCALAR_OP], dst}),
      .q_o  ({op4, dst4})
  );
  systole_delay #(
      .WIDTH (9),
      .CYCLES(3)
  ) u_7 (
      .clk_i(clk_i),
      .d_i  ({op4, dst4}),
      .q_o  ({op7, dst7})
  );
  systole_delay #(
      .WIDTH (9),
      .CYCLES(2)
  ) u_9 (
      .clk_i(clk_i),
      .d_i  ({op7, dst7}),
      .q_o  ({op9, dst9})
  );

  // Products and maxima, S + 4.
  wire [23:0] product;
  systole_f24_mul u_mul (
      .clk_i(clk_i),
      .en_i (way_q[3:2]),
      .a_i  (a_q2),
      .b_i  (b_q2),
      .p_o  (product)
  );
  wire [23:0] key_a = a_q2[23] ? ~a_q2 : {1'b1, a_q2[22:0]};
  wire [23:0] key_b = b_q2[23] ? ~b_q2 : {1'b1, b_q2[22:0]};
  reg  [23:0] larger_q3, larger_q4;
  always @(posedge clk_i) begin
    if (way_q[2]) larger_q3 <= key_b > key_a ? b_q2 : a_q2;
    if (way_q[3]) larger_q4 <= larger_q3;
  end

  // Sums, S + 7.
  wire [23:0] sum;
  systole_f24_add u_add (
      .clk_i(clk_i),
      .en_i (way_q[6:2]),
      .a_i  (a_q2),
      .b_i  (b_q2),
      .s_o  (sum)
  );

  // 1 / a and 1 / sqrt(a), S + 9: a first value from a table, and one step of Newton's.
  localparam [4095:0] RECIP_TABLE = `SYSTOLE_RECIP_TABLE;
  localparam [4095:0] RSQRT_TABLE = `SYSTOLE_RSQRT_TABLE;
  wire        odd = !a_q2[15];                       // exponent - 127 is odd
  reg  [15:0] t_q3, t_q4, t_q5, t_q6;
  reg  [16:0] v_q3, v_q4;
  reg  [ 9:0] exponent_q3, exponent_q4, exponent_q5, exponent_q6, exponent_q7;
  reg         recip_q3, recip_q4, recip_q5, recip_q6, recip_q7;
  reg         sign_q3, sign_q4, sign_q5, sign_q6, sign_q7;
  reg         zero_q3, zero_q4, zero_q5, zero_q6, zero_q7;
  reg  [31:0] square_q4;                             // t * t, or m * t
  reg  [34:0] product_q5;
  reg  [20:0] d_q6;
  reg  [36:0] y_q7;
  wire [ 9:0] root_exponent = {2'b00, a_q2[22:15]} - 10'd127 - {9'd0, odd};
  always @(posedge clk_i) begin
    if (way_q[2]) begin
      t_q3        <= op_q2 == RECIP ? RECIP_TABLE[{a_q2[14:7], 4'd0}+:16] : RSQRT_TABLE[{odd, a_q2[14:8], 4'd0}+:16];
      v_q3        <= op_q2 != RECIP && odd ? {1'b1, a_q2[14:0], 1'b0} : {2'b01, a_q2[14:0]};
      // Of a result with its first bit at 2^34 of y (2^35 of a root's).
      exponent_q3 <= op_q2 == RECIP ? 10'd253 - {2'b00, a_q2[22:15]} : 10'd126 - {root_exponent[9], root_exponent[9:1]};
      recip_q3    <= op_q2 == RECIP;
      sign_q3     <= op_q2 == RECIP && a_q2[23];
      zero_q3     <= a_q2[22:15] == 8'd0;
    end
    if (way_q[3]) begin
      square_q4 <= recip_q3 ? t_q3 * v_q3[15:0] : t_q3 * t_q3;
      {t_q4, v_q4, exponent_q4, recip_q4, sign_q4, zero_q4} <= {t_q3, v_q3, exponent_q3, recip_q3, sign_q3, zero_q3};
    end
    if (way_q[4]) begin
      product_q5 <= recip_q4 ? {3'd0, square_q4} : square_q4[31:14] * v_q4;
      {t_q5, exponent_q5, recip_q5, sign_q5, zero_q5} <= {t_q4, exponent_q4, recip_q4, sign_q4, zero_q4};
    end
    if (way_q[5]) begin
      d_q6 <= recip_q5 ? {1'b0, less_recip[31:12]} : less_root[34:14];
      {t_q6, exponent_q6, recip_q6, sign_q6, zero_q6} <= {t_q5, exponent_q5, recip_q5, sign_q5, zero_q5};
    end
    if (way_q[6]) begin
      y_q7 <= t_q6 * d_q6;
      {exponent_q7, recip_q7, sign_q7, zero_q7} <= {exponent_q6, recip_q6, sign_q6, zero_q6};
    end
  end
  wire [32:0] less_recip = 33'h1_0000_0000 - product_q5[32:0];
  wire [34:0] less_root = 35'h6_0000_0000 - product_q5;

  // A reciprocal's y has its first bit at 34 or 35, a root's at 35 or 36.
  wire [36:0] y = recip_q7 ? {y_q7[35:0], 1'b0} : y_q7;
  wire        high = y[36];
  wire [23:0] rounded;
  systole_f24_round u_round (
      .sign_i    (sign_q7),
      .zero_i    (1'b0),
      .exponent_i(exponent_q7 + {9'd0, high}),
      .keep_i    (high ? y[36:21] : y[35:20]),
      .half_i    (high ? y[20] : y[19]),
      .rest_i    (y[18:0] != 19'd0 || (high && y[19])),
      .f_o       (rounded)
  );
  reg [23:0] inverse_q8, inverse_q9;
  always @(posedge clk_i) begin
    if (way_q[7]) inverse_q8 <= zero_q7 ? LAST : rounded;
    if (way_q[8]) inverse_q9 <= inverse_q8;
  end

  wire we4 = way_q[4] && (op4 == MUL || op4 == MAX);
  wire we7 = way_q[7] && op7 == ADD;
  wire we9 = way_q[9] && op9 >= RECIP;
  `SYSTOLE_ASSERT(check_one_write, {1'b0, we4} + {1'b0, we7} + {1'b0, we9} <= 2'd1)
  assign we_o    = we4 || we7 || we9;
  assign waddr_o = we9 ? dst9 : we7 ? dst7 : dst4;
  assign wdata_o = we9 ? inverse_q9 : we7 ? sum : op4 == MAX ? larger_q4 : product;

endmodule

`default_nettype wire
