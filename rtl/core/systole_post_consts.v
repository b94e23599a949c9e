// SPDX-License-Identifier: Apache-2.0
// Constants of the residual add by number: each is read a cycle before it is used, multipliers (and mul) 1, offset 3,
// shift, zero point and larger 4 cycles after the operands whose number stands here. No reset: memories and what is read.
`default_nettype none
`include "systole_isa.vh"

module systole_post_consts (
    input  wire         clk_i,
    input  wire         we_i,          // constants are written
    input  wire [  3:0] waddr_i,       // their number
    input  wire [127:0] word_i,        // their word of the instruction
    input  wire [  3:0] number_i,      // number of the constants of the operands of this cycle, T
    output wire [ 25:0] ma_o,          // multiplier of the first operand, T + 1
    output wire [ 25:0] mb_o,          // .. of the second, T + 1
    output wire         mul_o,         // 1: product of the operands, T + 1
    output wire [ 47:0] offset_o,      // what is added, T + 3
    output wire [  5:0] shift_o,       // places to the right, T + 4
    output wire [  7:0] zero_point_o,  // zero point of the sum, T + 4
    output wire         max_o          // 1: the larger operand, T + 4
);

  reg [3:0] ctx_1, ctx_2, ctx_3;
  wire [52:0] res_m;  // mul, mb, ma
  wire [47:0] res_offset;
  wire [14:0] res_end;  // larger, zero point and shift
  reg [52:0] res_m_q;
  reg [47:0] res_offset_q;
  reg [14:0] res_end_q;
  always @(posedge clk_i) begin
    ctx_1        <= number_i;
    ctx_2        <= ctx_1;
    ctx_3        <= ctx_2;
    res_m_q      <= res_m;
    res_offset_q <= res_offset;
    res_end_q    <= res_end;
  end
  systole_regfile #(
      .WIDTH(53),
      .DEPTH(16)
  ) u_res_m (
      .clk_i  (clk_i),
      .we_i   (we_i),
      .waddr_i(waddr_i),
      .wdata_i({word_i[`SYSTOLE_RESIDUAL_MUL], word_i[`SYSTOLE_RESIDUAL_MB], word_i[`SYSTOLE_RESIDUAL_MA]}),
      .raddr_i(number_i),
      .rdata_o(res_m)
  );
  systole_regfile #(
      .WIDTH(48),
      .DEPTH(16)
  ) u_res_offset (
      .clk_i  (clk_i),
      .we_i   (we_i),
      .waddr_i(waddr_i),
      .wdata_i(word_i[`SYSTOLE_RESIDUAL_OFFSET]),
      .raddr_i(ctx_2),
      .rdata_o(res_offset)
  );
  systole_regfile #(
      .WIDTH(15),
      .DEPTH(16)
  ) u_res_end (
      .clk_i  (clk_i),
      .we_i   (we_i),
      .waddr_i(waddr_i),
      .wdata_i({word_i[`SYSTOLE_RESIDUAL_MAX], word_i[`SYSTOLE_RESIDUAL_SUM_ZERO_POINT], word_i[`SYSTOLE_RESIDUAL_SHIFT]}),
      .raddr_i(ctx_3),
      .rdata_o(res_end)
  );

  assign {mul_o, mb_o, ma_o}            = res_m_q;
  assign offset_o                       = res_offset_q;
  assign {max_o, zero_point_o, shift_o} = res_end_q;

endmodule

`default_nettype wire
