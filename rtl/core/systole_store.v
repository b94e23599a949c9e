// SPDX-License-Identifier: Apache-2.0
// STORE: C-byte words of X to the OUT buffer. A step in cycle S asks for the flat read (applied in
// S + 1, word back in S + 5) and writes OUT in S + 5. One word a cycle. Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"

module systole_store (
    input  wire         clk_i,
    input  wire         rst_i,
    input  wire         desc_valid_i,  // a word of the unit's instruction comes
    input  wire [  3:0] desc_index_i,  // its number, from 0
    input  wire [127:0] desc_word_i,   // the word
    input  wire         start_i,       // the instruction begins: its first step is in the next cycle
    output wire         active_o,      // steps, or gaps between them, are left
    output wire         read_o,        // cycle S
    output wire [ 15:0] read_addr_o,   // C-byte words of X
    output wire         we_o,          // cycle S + 5
    output wire [ 15:0] waddr_o        // OUT words
);

  wire         is_header = desc_valid_i && desc_index_i == 4'd0;
  wire [  3:0] loop_index = desc_index_i - 4'd1;
  reg  [127:0] next_q;
  always @(posedge clk_i) if (is_header) next_q <= desc_word_i;

  wire [15:0] dst;
  systole_nest #(
      .LOOPS(`SYSTOLE_LOOPS_STORE),
      .GAPS (1),
      .W0   (16),
      .W1   (16),
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
      .base0_i     (next_q[`SYSTOLE_STORE_DST_BASE]),
      .base1_i     (next_q[`SYSTOLE_STORE_SRC_BASE]),
      .base2_i     (1'b0),
      .base3_i     (1'b0),
      .base4_i     (1'b0),
      .step_i      (1'b1),
      .active_o    (active_o),
      .valid_o     (read_o),
      .a0_o        (dst),
      .a1_o        (read_addr_o),
      .a2_o        (),
      .a3_o        (),
      .a4_o        (),
      .at_first_o  (),
      .at_last_o   (),
      .reached_o   ()
  );

  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(5)
  ) u_we (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (read_o),
      .q_o  (we_o)
  );
  systole_delay #(
      .WIDTH (16),
      .CYCLES(5)
  ) u_waddr (
      .clk_i(clk_i),
      .d_i  (dst),
      .q_o  (waddr_o)
  );

endmodule

`default_nettype wire
