// SPDX-License-Identifier: Apache-2.0
// R row slices, wired: ripples and column sums go down, flat reads and writes reach all rows at
// once. A vector whose X read is applied at row 0 in cycle T leaves its R x C sums on sum_o in
// T + R + 5 (+ 1 if COLS > 16), all columns together. The zero point of weights that it loads is applied
// in T + 3. A C-byte word with group g belongs to rows
// g*C .. g*C + C-1. Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"

module systole_array #(
    parameter ROWS         = 8,
    parameter COLS         = 8,
    parameter WEIGHT_BEATS = 1,
    parameter WEIGHT_ZERO  = 0,
    parameter X_DEPTH      = 2048,
    parameter X_BANKS      = 2,
    parameter RRAM_DEPTH   = 2048,
    parameter RRAM_WAYS    = 2,
    parameter W_SRAM_DEPTH = 256,
    parameter BW           = 1,
    parameter RRAM_CTRL    = 1,
    parameter ECC          = 0,
    parameter CHECK        = 8,
    parameter XW           = $clog2(X_DEPTH),
    parameter RW           = $clog2(RRAM_DEPTH),
    parameter SW           = $clog2(W_SRAM_DEPTH),
    parameter LW           = $clog2(ROWS)
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire [2*RW+BW+3:0] r_ripple_i,        // {enable, reference, line, physical line, beat} of row 0's RRAM read
    input  wire [XW+SW+12:0] x_ripple_i,         // {valid, x address, one-hot, pad, pad value, load, from SRAM, SRAM address} of row 0
    input  wire [        7:0] w_zero_i,          // zero point of the word that is loaded, for row 0
    output wire [COLS*32-1:0] sum_o,             // column sums, 32 bits each
    input  wire               flat_valid_i,      // flat read
    input  wire [     XW-1:0] flat_addr_i,       // its address
    output wire [ ROWS*8-1:0] flat_o,            // 3 cycles after it is applied
    input  wire [   ROWS-1:0] post_we_i,         // by row
    input  wire [     XW-1:0] post_addr_i,       // its address
    input  wire [ COLS*8-1:0] post_data_i,       // C bytes for the rows of a group
    input  wire [   ROWS-1:0] load_we_i,         // by row
    input  wire [     XW-1:0] load_addr_i,       // its address
    input  wire [ COLS*8-1:0] load_data_i,       // C bytes for the rows of a group
    // weight banks, for the RRAM controller: by row
    output wire [ROWS*COLS*8-1:0] words_o,       // words of the banks, as they stand behind the correction
    output wire [   ROWS-1:0] fresh_o,           // first cycle of a word that was read at the normal reference
    output wire [   ROWS-1:0] corrected_o,       // errors were corrected in it
    output wire [   ROWS-1:0] uncorrectable_o,   // it has more errors than can be corrected
    output wire [ROWS*RW-1:0] lines_o,           // logical lines of the words
    input  wire [   ROWS-1:0] prog_load_i,       // takes the word that is to be programmed
    input  wire [COLS*8+CHECK-1:0] prog_data_i,  // that word, {check bits, data}
    output wire [   ROWS-1:0] need_set_o,        // bits that should read 1 read 0
    output wire [   ROWS-1:0] need_reset_o,      // bits that should read 0 read 1
    input  wire [   ROWS-1:0] pulse_i,           // begins a pulse
    input  wire               pulse_reset_i,     // 0: SET to 1, 1: RESET to 0
    input  wire [        3:0] pulse_level_i,     // number of the pulse in its ladder
    input  wire [     RW-1:0] pulse_addr_i,      // its physical line
    input  wire [     BW-1:0] pulse_beat_i,      // its sub-word
    input  wire               enable_a_i,        // one of two enables, without which no pulse is given
    input  wire               enable_b_i,        // the other one
    output wire               pulsing_o,         // a pulse is on
    input  wire [   ROWS-1:0] sram_we_i,         // by row
    input  wire [   COLS-1:0] sram_lanes_i,      // by byte lane
    input  wire               sram_column_i,     // row r takes byte r mod C for its lane; else the whole word
    input  wire [     SW-1:0] sram_addr_i,       // word that is written
    input  wire [ COLS*8-1:0] sram_data_i        // its bytes
);

  // R products of at most 128 x 255 each stay below 2^(15 + LW), whether weights have a zero point or not.
  localparam SUM_W = 16 + LW;
  localparam LOAD = ROWS + RW + COLS * 8;
  wire [ROWS-1:0] pulsing;
  assign pulsing_o = pulsing != {ROWS{1'b0}};

  genvar r;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : g_row
      localparam LANE = r % COLS;
      wire [7:0] column_byte = sram_data_i[LANE*8+:8];
      wire [2*RW+BW+3:0] r_ripple_in, r_ripple_out;
      wire [XW+SW+12:0] x_ripple_in, x_ripple_out;
      wire [7:0] zero_ripple_in, zero_ripple_out;
      wire [COLS*32-1:0] sum_in, sum_out;
      // Without RRAM the host's words come down the rows, too: one wire to all of them would be the longest of the chip.
      wire [LOAD-1:0] load_ripple_in, load_ripple_out;
      wire            load_here;
      wire [  RW-1:0] load_line;
      wire [COLS*8+CHECK-1:0] load_word;
      if (RRAM_CTRL == 0) begin : g_load
        reg [LOAD-1:0] load_q;
        always @(posedge clk_i) load_q <= load_ripple_in;
        assign load_ripple_out  = load_q;
        assign load_here = load_q[COLS*8+RW+r];
        assign load_line = load_q[COLS*8+:RW];
        assign load_word = {{CHECK{1'b0}}, load_q[COLS*8-1:0]};
      end else begin : g_program
        assign load_ripple_out  = {LOAD{1'b0}};
        assign load_here = prog_load_i[r];
        assign load_line = pulse_addr_i;
        assign load_word = prog_data_i;
        wire unused = &{load_ripple_in, load_ripple_out};
      end
      if (r == 0) begin : g_top
        assign load_ripple_in     = {prog_load_i, pulse_addr_i, prog_data_i[COLS*8-1:0]};
        assign r_ripple_in = r_ripple_i;
        assign x_ripple_in = x_ripple_i;
        assign zero_ripple_in = w_zero_i;
        assign sum_in      = {COLS * 32{1'b0}};
      end else begin : g_below
        assign load_ripple_in     = g_row[r-1].load_ripple_out;
        assign r_ripple_in = g_row[r-1].r_ripple_out;
        assign x_ripple_in = g_row[r-1].x_ripple_out;
        assign zero_ripple_in = g_row[r-1].zero_ripple_out;
        assign sum_in      = g_row[r-1].sum_out;
      end
      systole_row_slice #(
`ifndef YOSYS
          .ROW         (r),     // simulations tell macros apart; Yosys takes all rows as one module
`endif
          .LW          (LW),
          .COLS        (COLS),
          .SUM_W       (SUM_W),
          .WEIGHT_ZERO (WEIGHT_ZERO),
          .WEIGHT_BEATS(WEIGHT_BEATS),
          .X_DEPTH     (X_DEPTH),
          .X_BANKS     (X_BANKS),
          .RRAM_DEPTH  (RRAM_DEPTH),
          .RRAM_WAYS   (RRAM_WAYS),
          .W_SRAM_DEPTH(W_SRAM_DEPTH),
          .BW          (BW),
          .RRAM_CTRL   (RRAM_CTRL),
          .ECC         (ECC),
          .CHECK       (CHECK)
      ) u_slice (
          .clk_i       (clk_i),
          .rst_i       (rst_i),
          .r_ripple_i  (r_ripple_in),
          .r_ripple_o  (r_ripple_out),
          .x_ripple_i  (x_ripple_in),
          .x_ripple_o  (x_ripple_out),
          .w_zero_i    (zero_ripple_in),
          .w_zero_o    (zero_ripple_out),
          .sum_i       (sum_in),
          .sum_o       (sum_out),
          .flat_valid_i(flat_valid_i),
          .flat_addr_i (flat_addr_i),
          .flat_o      (flat_o[r*8+:8]),
          .post_we_i   (post_we_i[r]),
          .post_addr_i (post_addr_i),
          .post_data_i (post_data_i[LANE*8+:8]),
          .load_we_i   (load_we_i[r]),
          .load_addr_i (load_addr_i),
          .load_data_i (load_data_i[LANE*8+:8]),
          .word_o         (words_o[r*COLS*8+:COLS*8]),
          .fresh_o        (fresh_o[r]),
          .corrected_o    (corrected_o[r]),
          .uncorrectable_o(uncorrectable_o[r]),
          .line_o         (lines_o[r*RW+:RW]),
          .prog_load_i    (load_here),
          .prog_data_i    (load_word),
          .need_set_o     (need_set_o[r]),
          .need_reset_o   (need_reset_o[r]),
          .pulse_i        (pulse_i[r]),
          .pulse_reset_i  (pulse_reset_i),
          .pulse_level_i  (pulse_level_i),
          .pulse_addr_i   (load_line),
          .pulse_beat_i   (pulse_beat_i),
          .enable_a_i     (enable_a_i),
          .enable_b_i     (enable_b_i),
          .pulsing_o      (pulsing[r]),
          .sram_we_i   (sram_we_i[r] ? sram_lanes_i : {COLS{1'b0}}),
          .sram_addr_i (sram_addr_i),
          .sram_data_i (sram_column_i ? {COLS{column_byte}} : sram_data_i)
      );
    end
  endgenerate

  // Columns below 16 wait for the others where there are more.
  generate
    if (COLS > 16) begin : g_align
      reg [16*32-1:0] near_q;
      always @(posedge clk_i) near_q <= g_row[ROWS-1].sum_out[16*32-1:0];
      assign sum_o = {g_row[ROWS-1].sum_out[COLS*32-1:16*32], near_q};
    end else begin : g_direct
      assign sum_o = g_row[ROWS-1].sum_out;
    end
  endgenerate

endmodule

`default_nettype wire
