// SPDX-License-Identifier: Apache-2.0
// Reads lines and hands out their words in order, one every PACE cycles: the ripple reads row r one cycle
// after row r - 1, so that the words of a line come one behind the other by themselves. The first word
// leaves W_LEAD + 5 cycles after start_i. A walk may start when the one before has asked for everything.
// line_i counts up; it names logical lines, or physical ones with
// raw_i. Reset stops it.
`default_nettype none
`include "systole_isa.vh"

module systole_rram_walk #(
    parameter ROWS         = 8,
    parameter COLS         = 8,
    parameter WEIGHT_BEATS = 1,
    parameter RRAM_WAYS    = 2,
    parameter RW           = 11,
    parameter BW           = 1,
    parameter LW           = $clog2(ROWS)
) (
    input  wire                   clk_i,
    input  wire                   rst_i,
    input  wire                   start_i,          // a walk begins
    input  wire [         RW-1:0] line_i,           // its first line
    input  wire [           RW:0] lines_i,          // at least 1
    input  wire [            5:0] pace_i,           // cycles for a word, at least 1
    input  wire [         LW-1:0] last_row_i,       // of each line
    input  wire [            2:0] ref_i,            // read reference: SYSTOLE_REF_*
    input  wire                   raw_i,            // lines are physical ones
    // to the line table
    output wire                   c_en_o,           // the controller reads a sub-word
    output wire [         RW-1:0] c_line_o,         // its line
    output wire [         BW-1:0] c_beat_o,         // its number
    output wire [            2:0] c_ref_o,          // read reference: SYSTOLE_REF_*
    output wire                   c_raw_o,          // the line is a physical one
    // from the banks
    input  wire [ROWS*COLS*8-1:0] words_i,          // words of the banks, as they stand behind the correction
    input  wire [       ROWS-1:0] corrected_i,      // errors were corrected in it
    input  wire [       ROWS-1:0] uncorrectable_i,  // it has more errors than can be corrected
    // the stream
    output wire                   busy_o,           // it asks, or may
    output wire                   valid_o,          // a word
    output wire [     COLS*8-1:0] word_o,           // the word
    output wire [         LW-1:0] row_o,            // its row
    output wire                   corrected_o,      // errors were corrected in it
    output wire                   uncorrectable_o,  // it has more errors than can be corrected
    output wire                   done_o            // with the last word
);

  localparam LATENCY = `SYSTOLE_LATENCY_W_LEAD(RRAM_WAYS, WEIGHT_BEATS) + 3;
  localparam [31:0] LAST_BEAT = WEIGHT_BEATS - 1;

  reg          active_q, raw_q;
  reg [RW-1:0] line_q;
  reg [  RW:0] left_q;
  reg [   5:0] pace_q, tick_q;
  reg [   2:0] ref_q;
  reg [LW-1:0] row_q, last_row_q;
  reg [BW-1:0] beat_q;   // next sub-word; 0: none

  wire tick_end = tick_q == pace_q - 6'd1;
  wire row_end = row_q == last_row_q;
  wire ask = active_q && row_q == {LW{1'b0}} && tick_q == 6'd0;
  wire last = left_q == {{RW{1'b0}}, 1'b1} && row_end;
  wire take = active_q && tick_q == 6'd0;

  always @(posedge clk_i)
    if (rst_i) begin
      active_q <= 1'b0;
      beat_q   <= {BW{1'b0}};
    end else begin
      if (start_i) active_q <= 1'b1;
      else if (active_q && tick_end && last) active_q <= 1'b0;
      if (ask) beat_q <= WEIGHT_BEATS > 1 ? {{BW - 1{1'b0}}, 1'b1} : {BW{1'b0}};
      else if (beat_q == LAST_BEAT[BW-1:0]) beat_q <= {BW{1'b0}};
      else if (beat_q != {BW{1'b0}}) beat_q <= beat_q + 1'b1;
    end

  always @(posedge clk_i)
    if (start_i) begin
      line_q <= line_i;
      left_q <= lines_i;
      pace_q <= pace_i;
      last_row_q <= last_row_i;
      ref_q  <= ref_i;
      raw_q  <= raw_i;
      row_q  <= {LW{1'b0}};
      tick_q <= 6'd0;
    end else if (active_q) begin
      tick_q <= tick_end ? 6'd0 : tick_q + 6'd1;
      if (tick_end) row_q <= row_end ? {LW{1'b0}} : row_q + 1'b1;
      if (tick_end && row_end) begin
        line_q <= line_q + 1'b1;
        left_q <= left_q - 1'b1;
      end
    end

  assign c_en_o   = ask || beat_q != {BW{1'b0}};
  assign c_line_o = line_q;
  assign c_beat_o = ask ? {BW{1'b0}} : beat_q;
  assign c_ref_o  = ref_q;
  assign c_raw_o  = raw_q && c_en_o;  // a look between walks sees the entry

  wire          out, out_last;
  wire [LW-1:0] out_row;
  systole_delay_ctl #(
      .WIDTH (2),
      .CYCLES(LATENCY)
  ) u_out (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  ({take, take && last}),
      .q_o  ({out, out_last})
  );
  systole_delay #(
      .WIDTH (LW),
      .CYCLES(LATENCY)
  ) u_row (
      .clk_i(clk_i),
      .d_i  (row_q),
      .q_o  (out_row)
  );

  reg valid_q, done_q, corrected_q, uncorrectable_q;
  reg [COLS*8-1:0] word_q;
  reg [LW-1:0] out_row_q;
  always @(posedge clk_i)
    if (rst_i) {valid_q, done_q} <= 2'b00;
    else {valid_q, done_q} <= {out, out_last};
  always @(posedge clk_i) begin
    word_q          <= words_i[out_row*COLS*8+:COLS*8];
    corrected_q     <= corrected_i[out_row];
    uncorrectable_q <= uncorrectable_i[out_row];
    out_row_q       <= out_row;
  end

  assign busy_o          = active_q || beat_q != {BW{1'b0}};
  assign valid_o         = valid_q;
  assign word_o          = word_q;
  assign row_o           = out_row_q;
  assign corrected_o     = corrected_q;
  assign uncorrectable_o = uncorrectable_q;
  assign done_o          = done_q;

endmodule

`default_nettype wire
