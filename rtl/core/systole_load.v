// SPDX-License-Identifier: Apache-2.0
// LOAD: IN bytes at any offset to lanes of X. A step in cycle S reads the IN buffer in S (two
// neighbouring words, which come back in S + 2) and writes X in S + 4. One C-byte word a cycle.
// Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"

module systole_load #(
    parameter COLS     = 8,
    parameter IN_DEPTH = 1024,               // words
    parameter CW       = $clog2(COLS),
    parameter IW       = $clog2(IN_DEPTH)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    input  wire              desc_valid_i,    // a word of the unit's instruction comes
    input  wire [       3:0] desc_index_i,    // its number, from 0
    input  wire [     127:0] desc_word_i,     // the word
    input  wire              start_i,         // the instruction begins: its first step is in the next cycle
    output wire              active_o,        // steps, or gaps between them, are left
    // IN buffer: even and odd words
    output wire              in_re_o,         // reads an even and an odd word
    output wire [    IW-2:0] in_even_addr_o,  // number of the even word, halved
    output wire [    IW-2:0] in_odd_addr_o,   // number of the odd word, halved
    input  wire [COLS*8-1:0] in_even_i,       // the even word, 2 cycles later
    input  wire [COLS*8-1:0] in_odd_i,        // the odd word, 2 cycles later
    // X write
    output wire              we_o,            // a word is written
    output wire [      15:0] addr_o,          // C-byte words
    output wire [  COLS-1:0] mask_o,          // groups of rows that take it
    output wire [COLS*8-1:0] data_o           // C bytes
);

  wire         is_header = desc_valid_i && desc_index_i == 4'd0;
  wire [  3:0] loop_index = desc_index_i - 4'd1;
  reg  [127:0] next_q, header_q;
  always @(posedge clk_i) begin
    if (is_header) next_q <= desc_word_i;
    if (start_i) header_q <= next_q;
  end

  wire             valid;
  wire [     15:0] dst;
  wire [IW+CW-1:0] src;
  systole_nest #(
      .LOOPS(`SYSTOLE_LOOPS_LOAD),
      .GAPS (1),
      .W0   (16),
      .W1   (IW + CW),
      .W2   (1),
      .W3   (1),
      .W4   (1)
  ) u_nest (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .clear_i     (is_header),
      .loop_we_i   (desc_valid_i && !is_header),
      .loop_index_i(loop_index[2:0]),
      .loop_word_i (desc_word_i),
      .lenc_i      (14'd0),
      .start_i     (start_i),
      .base0_i     (next_q[`SYSTOLE_LOAD_DST_BASE]),
      .base1_i     (next_q[`SYSTOLE_LOAD_SRC_BASE_LSB+:IW+CW]),
      .base2_i     (1'b0),
      .base3_i     (1'b0),
      .base4_i     (1'b0),
      .step_i      (1'b1),
      .active_o    (active_o),
      .valid_o     (valid),
      .a0_o        (dst),
      .a1_o        (src),
      .a2_o        (),
      .a3_o        (),
      .a4_o        (),
      .at_first_o  (),
      .at_last_o   (),
      .reached_o   ()
  );

  wire [IW-1:0] word = src[IW+CW-1:CW];
  assign in_re_o        = valid;
  assign in_odd_addr_o  = word[IW-1:1];
  assign in_even_addr_o = word[IW-1:1] + {{IW - 2{1'b0}}, word[0]};

  // What travels with the step: {address, mask, fill, rotation, offset, parity}.
  localparam GW = 16 + COLS + 9 + CW + CW + 1;
  wire [CW-1:0] turn = src[CW-1:0] - header_q[`SYSTOLE_LOAD_ROTATE_LSB+:CW];
  wire          valid2, valid4;
  wire [GW-1:0] tag2;
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(2)
  ) u_valid2 (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (valid),
      .q_o  (valid2)
  );
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(2)
  ) u_valid4 (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (valid2),
      .q_o  (valid4)
  );
  systole_delay #(
      .WIDTH (GW),
      .CYCLES(2)
  ) u_tag2 (
      .clk_i(clk_i),
      .d_i({
        dst,
        header_q[`SYSTOLE_LOAD_MASK_LSB+:COLS],
        header_q[`SYSTOLE_LOAD_FILL_EN],
        header_q[`SYSTOLE_LOAD_FILL],
        turn,
        src[CW-1:0],
        word[0]
      }),
      .q_o(tag2)
  );

  // S + 2: lanes below the offset come from the next word.
  wire              odd2 = tag2[0];
  wire [    CW-1:0] offset2 = tag2[CW:1];
  wire [COLS*8-1:0] low = odd2 ? in_odd_i : in_even_i;
  wire [COLS*8-1:0] high = odd2 ? in_even_i : in_odd_i;
  reg  [COLS*8-1:0] merged_q;
  reg  [  GW-1:CW+1] tag_q3;
  integer           i;
  always @(posedge clk_i) begin
    for (i = 0; i < COLS; i = i + 1)
      merged_q[i*8+:8] <= i[CW-1:0] < offset2 ? high[i*8+:8] : low[i*8+:8];
    tag_q3 <= tag2[GW-1:CW+1];
  end

  // S + 3: rotation.
  wire [      CW-1:0] turn3 = tag_q3[2*CW:CW+1];
  wire [COLS*16-1:0] twice = {merged_q, merged_q} >> {turn3, 3'd0};
  wire [         7:0] fill3 = tag_q3[2*CW+8:2*CW+1];
  reg  [  COLS*8-1:0] data_q;
  reg  [ 16+COLS-1:0] tag_q4;
  always @(posedge clk_i) begin
    data_q <= tag_q3[2*CW+9] ? {COLS{fill3}} : twice[COLS*8-1:0];
    tag_q4 <= tag_q3[GW-1:2*CW+10];
  end

  assign we_o   = valid4;
  assign addr_o = tag_q4[16+COLS-1-:16];
  assign mask_o = tag_q4[COLS-1:0];
  assign data_o = data_q;

endmodule

`default_nettype wire
