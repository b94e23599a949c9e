// SPDX-License-Identifier: Apache-2.0
// Weight bank of one row without RRAM: plain RAM that the host loads, and run-time SRAM with byte enables. Its words come
// in the cycles of systole_w_bank: the one asked for by the RRAM ripple in cycle S + row (its last beat in
// S + D - 1 + row) or by the X ripple (SRAM, in S + D + WAYS - 1 + row) stands on word_o in S + D + WAYS + row + 2.
// Reset clears valid bits.
`default_nettype none

module systole_w_ram #(
    parameter COLS         = 8,      // bytes of a word
    parameter WEIGHT_BEATS = 1,
    parameter DEPTH        = 2048,   // words
    parameter RRAM_WAYS    = 2,      // cycles that an RRAM would take
    parameter SRAM_DEPTH   = 256,    // words
    parameter BW           = 1,      // bits of a beat number
    parameter RW           = $clog2(DEPTH),
    parameter SW           = $clog2(SRAM_DEPTH)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    input  wire              r_en_i,       // reads a sub-word
    input  wire [    RW-1:0] r_line_i,     // its line
    input  wire [    BW-1:0] r_beat_i,     // its number
    input  wire              s_en_i,       // reads SRAM
    input  wire [    SW-1:0] s_addr_i,     // its word
    output wire [COLS*8-1:0] word_o,       // the word
    // the host's words, outside runs
    input  wire              we_i,         // write
    input  wire [    RW-1:0] waddr_i,      // its address
    input  wire [COLS*8-1:0] wdata_i,      // what is written
    // SRAM writes
    input  wire [  COLS-1:0] sram_we_i,    // write enable of each byte
    input  wire [    SW-1:0] sram_addr_i,  // word that is written
    input  wire [COLS*8-1:0] sram_data_i   // its bytes
);

  // A word is read whole, with its last beat, as late as an RRAM would have it.
  wire          re;
  wire [RW-1:0] line;
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(RRAM_WAYS)
  ) u_re (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (r_en_i && (WEIGHT_BEATS == 1 || &r_beat_i)),
      .q_o  (re)
  );
  systole_delay #(
      .WIDTH (RW),
      .CYCLES(RRAM_WAYS)
  ) u_line (
      .clk_i(clk_i),
      .d_i  (r_line_i),
      .q_o  (line)
  );

  wire [COLS*8-1:0] weights, sram_word;
  systole_ram #(
      .WIDTH (COLS * 8),
      .DEPTH (DEPTH),
      .OUTREG(1)
  ) u_weights (
      .clk_i  (clk_i),
      .we_i   (we_i),
      .waddr_i(waddr_i),
      .wdata_i(wdata_i),
      .re_i   (re),
      .raddr_i(line),
      .rdata_o(weights)
  );

  systole_ram_be #(
      .LANES(COLS),
      .DEPTH(SRAM_DEPTH)
  ) u_sram (
      .clk_i  (clk_i),
      .we_i   (sram_we_i),
      .waddr_i(sram_addr_i),
      .wdata_i(sram_data_i),
      .re_i   (s_en_i),
      .raddr_i(s_addr_i),
      .rdata_o(sram_word)
  );

  reg re_q, re_q2, sram_q, sram_q2;
  reg [COLS*8-1:0] word_q;
  always @(posedge clk_i)
    if (rst_i) {re_q, re_q2} <= 2'b00;
    else {re_q, re_q2} <= {re, re_q};
  always @(posedge clk_i) begin
    sram_q  <= s_en_i;
    sram_q2 <= sram_q;
    if (sram_q2) word_q <= sram_word;
    else if (re_q2) word_q <= weights;
  end
  assign word_o = word_q;

endmodule

`default_nettype wire
