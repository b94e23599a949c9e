// SPDX-License-Identifier: Apache-2.0
// POST's instructions: header, perhaps constants of the residual add, loops; a vector that is handed over gets what the
// instruction that runs says, and its addresses of the nest, in the same cycle. The next instruction's words come while
// one runs. Constants have numbers, sixteen in turn. Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_post_front #(
    parameter RESIDUAL    = 1,  // 0: no second operand
    parameter PRODUCT     = 1,  // 0: it is added or compared, never multiplied
    parameter PARAM_DEPTH = 128,
    parameter LUT_COUNT   = 2,
    parameter PW          = $clog2(PARAM_DEPTH),
    parameter TB          = LUT_COUNT > 1 ? $clog2(LUT_COUNT) : 1
) (
    input  wire          clk_i,
    input  wire          rst_i,
    input  wire          desc_valid_i,  // a word of the unit's instruction comes
    input  wire [   3:0] desc_index_i,  // its number, from 0
    input  wire [ 127:0] desc_word_i,   // the word
    input  wire          start_i,       // the instruction begins: its first step is in the next cycle
    // constants of the residual add
    output wire          res_we_o,      // the word is one of them
    output wire [   3:0] res_next_o,    // its number
    // vectors
    input  wire          take_i,        // one is handed over
    output wire          take_o,        // .. to the instruction that runs
    output wire [   3:0] res_ctx_o,     // what it carries: number of its constants
    output wire [TB-1:0] lut_o,         // lookup table
    output wire [   7:0] lo_o,          // lower clamp
    output wire [   7:0] hi_o,          // upper clamp
    output wire [   2:0] dest_o,        // where its result goes
    output wire [  15:0] dst_o,         // .. and to which address
    output wire [   7:0] zero_point_o,  // zero point of the requantised byte
    output wire [PW-1:0] param_o,       // word of its parameters
    output wire          lut_en_o,      // it is looked up
    output wire          res_en_o,      // it is joined with a second operand
    output wire [  15:0] res_addr_o     // C-byte word of X of that operand
);

  // Descriptor: header, perhaps residual constants, loops.
  reg  [127:0] next_q;
  reg  [127:0] header_q;
  reg  [  3:0] res_next_q;  // where the next residual constants go
  reg  [  3:0] res_ctx_q;   // those of the running instruction
  wire         is_header = desc_valid_i && desc_index_i == 4'd0;
  wire         res_next = next_q[`SYSTOLE_POST_RES_EN];
  wire         is_residual = desc_valid_i && desc_index_i == 4'd1 && res_next;
  wire [  3:0] loop_index = desc_index_i - 4'd1 - {3'd0, res_next};

  always @(posedge clk_i) begin
    if (is_header) next_q <= desc_word_i;
    if (start_i) begin
      header_q  <= next_q;
      res_ctx_q <= res_next_q;
    end
  end
  always @(posedge clk_i)
    if (rst_i) res_next_q <= 4'd0;
    else if (start_i && res_next) res_next_q <= res_next_q + 4'd1;

  wire          armed;
  wire          valid;
  systole_nest #(
      .LOOPS(`SYSTOLE_LOOPS_POST),
      .GAPS (0),
      .W0   (16),
      .W1   (PW),
      .W2   (16),
      .W3   (1),
      .W4   (1)
  ) u_nest (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .clear_i     (is_header),
      .loop_we_i   (desc_valid_i && !is_header && !is_residual),
      .loop_index_i(loop_index[2:0]),
      .loop_word_i (desc_word_i),
      .lenc_i      (14'd0),
      .start_i     (start_i),
      .base0_i     (next_q[`SYSTOLE_POST_DST_BASE]),
      .base1_i     (next_q[`SYSTOLE_POST_PARAM_BASE_LSB+:PW]),
      .base2_i     (next_q[`SYSTOLE_POST_RES_BASE]),
      .base3_i     (1'b0),
      .base4_i     (1'b0),
      .step_i      (take_i),
      .active_o    (armed),
      .valid_o     (valid),
      .a0_o        (dst_o),
      .a1_o        (param_o),
      .a2_o        (res_addr_o),
      .a3_o        (),
      .a4_o        (),
      .at_first_o  (),
      .at_last_o   (),
      .reached_o   ()
  );

  `SYSTOLE_ASSERT(check_armed, !(take_i && !armed))

  assign res_we_o     = is_residual;
  assign res_next_o   = res_next_q;
  assign take_o       = take_i && valid;
  assign res_ctx_o    = res_ctx_q;
  assign lut_o        = header_q[`SYSTOLE_POST_LUT_LSB+:TB];
  assign lo_o         = header_q[`SYSTOLE_POST_LO];
  assign hi_o         = header_q[`SYSTOLE_POST_HI];
  assign dest_o       = header_q[`SYSTOLE_POST_DEST];
  assign zero_point_o = header_q[`SYSTOLE_POST_ZERO_POINT];
  assign lut_en_o     = header_q[`SYSTOLE_POST_LUT_EN];
  assign res_en_o     = RESIDUAL != 0 && header_q[`SYSTOLE_POST_RES_EN];
  `SYSTOLE_ASSERT(check_product_there, PRODUCT != 0 || !(is_residual && desc_word_i[`SYSTOLE_RESIDUAL_MUL]))
  `SYSTOLE_ASSERT(check_residual_there, RESIDUAL != 0 || !(take_o && header_q[`SYSTOLE_POST_RES_EN]))

endmodule

`default_nettype wire
