// SPDX-License-Identifier: Apache-2.0
// POST's RAW32 path: 32-bit sums of a vector become four words of OUT. Its last group comes in cycle P; from P + 3 on, when all
// biased sums stand, a quarter of them a cycle, each delayed as bytes are. Vectors come four cycles apart at least. Reset
// clears valid bits.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_post_raw32 #(
    parameter COLS = 8
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire               take_i,   // the last group of a vector, cycle P
    input  wire [       15:0] dst_i,    // address of its first word
    input  wire [COLS*32-1:0] sums_i,   // its biased sums, P + 3
    output wire               valid_o,  // a word is written, from P + 3 + REQUANT on
    output wire [       15:0] addr_o,   // its address
    output wire [ COLS*8-1:0] data_o    // its bytes
);

  wire              raw3;
  wire [      15:0] raw_dst3;
  reg  [       1:0] beat_q;  // next quarter; 0: none
  reg  [      15:0] raw_dst_q;
  reg  [COLS*32-1:0] hold_q;
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(3)
  ) u_raw3 (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (take_i),
      .q_o  (raw3)
  );
  systole_delay #(
      .WIDTH (16),
      .CYCLES(3)
  ) u_raw_dst3 (
      .clk_i(clk_i),
      .d_i  (dst_i),
      .q_o  (raw_dst3)
  );
  always @(posedge clk_i)
    if (rst_i) beat_q <= 2'd0;
    else if (raw3) beat_q <= 2'd1;
    else if (beat_q != 2'd0) beat_q <= beat_q + 2'd1;
  always @(posedge clk_i)
    if (raw3) begin
      hold_q    <= sums_i >> (COLS * 8);
      raw_dst_q <= raw_dst3 + 16'd1;
    end else if (beat_q != 2'd0) begin
      hold_q    <= hold_q >> (COLS * 8);
      raw_dst_q <= raw_dst_q + 16'd1;
    end
  `SYSTOLE_ASSERT(check_raw_distance, !(raw3 && beat_q != 2'd0))

  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(`SYSTOLE_LATENCY_REQUANT)
  ) u_raw_valid (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (raw3 || beat_q != 2'd0),
      .q_o  (valid_o)
  );
  systole_delay #(
      .WIDTH (COLS * 8 + 16),
      .CYCLES(`SYSTOLE_LATENCY_REQUANT)
  ) u_raw_word (
      .clk_i(clk_i),
      .d_i  (raw3 ? {raw_dst3, sums_i[COLS*8-1:0]} : {raw_dst_q, hold_q[COLS*8-1:0]}),
      .q_o  ({addr_o, data_o})
  );

endmodule

`default_nettype wire
