// SPDX-License-Identifier: Apache-2.0
// Weight bank of one row: RRAM read in D sub-words, and run-time SRAM with byte enables. The
// word asked for by the RRAM ripple (in cycle S + row) or the X ripple (SRAM, in S + W_LEAD + row)
// stands on word_o in S + W_LEAD + row + 3. Two pipeline stages behind the RRAM are the place of
// the error correction. Reset clears nothing.
`default_nettype none

module systole_w_bank #(
    parameter COLS         = 8,      // bytes of a word
    parameter WEIGHT_BEATS = 1,
    parameter RRAM_DEPTH   = 2048,   // words
    parameter RRAM_WAYS    = 2,
    parameter SRAM_DEPTH   = 256,    // words
    parameter BW           = 1,      // bits of a beat number
    parameter RW           = $clog2(RRAM_DEPTH),
    parameter SW           = $clog2(SRAM_DEPTH)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    input  wire              r_en_i,
    input  wire [    RW-1:0] r_addr_i,
    input  wire [    BW-1:0] r_beat_i,
    input  wire              s_en_i,
    input  wire [    SW-1:0] s_addr_i,
    output wire [COLS*8-1:0] word_o,
    // RRAM program path, outside runs
    input  wire              prog_we_i,
    input  wire [    RW-1:0] prog_addr_i,
    input  wire [    BW-1:0] prog_beat_i,
    input  wire [COLS*8-1:0] prog_data_i,
    // SRAM writes
    input  wire [  COLS-1:0] sram_we_i,
    input  wire [    SW-1:0] sram_addr_i,
    input  wire [COLS*8-1:0] sram_data_i
);

  localparam SUB = COLS * 8 / WEIGHT_BEATS;  // bits of a sub-word

  wire [SUB-1:0] sub;
  wire [COLS*8-1:0] sram_word;
  reg  [COLS*8-1:0] raw_q;   // the word as read; syndrome stage
  reg  [COLS*8-1:0] word_q;  // corrected

  wire arrives;              // a sub-word leaves the RRAM
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(RRAM_WAYS + 1)
  ) u_arrives (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (r_en_i),
      .q_o  (arrives)
  );

  generate
    if (WEIGHT_BEATS == 1) begin : g_one_beat
      systole_rram_macro #(
          .WIDTH(SUB),
          .DEPTH(RRAM_DEPTH),
          .WAYS (RRAM_WAYS)
      ) u_rram (
          .clk_i  (clk_i),
          .rst_i  (rst_i),
          .re_i   (r_en_i),
          .raddr_i(r_addr_i),
          .rdata_o(sub),
          .we_i   (prog_we_i),
          .waddr_i(prog_addr_i),
          .wdata_i(prog_data_i)
      );
      always @(posedge clk_i) if (arrives) raw_q <= sub;
    end else begin : g_beats
      systole_rram_macro #(
          .WIDTH(SUB),
          .DEPTH(RRAM_DEPTH * WEIGHT_BEATS),
          .WAYS (RRAM_WAYS)
      ) u_rram (
          .clk_i  (clk_i),
          .rst_i  (rst_i),
          .re_i   (r_en_i),
          .raddr_i({r_addr_i, r_beat_i}),
          .rdata_o(sub),
          .we_i   (prog_we_i),
          .waddr_i({prog_addr_i, prog_beat_i}),
          .wdata_i(prog_data_i[prog_beat_i*SUB+:SUB])
      );
      // Sub-words shift in from the top; after D of them the first is lowest.
      always @(posedge clk_i) if (arrives) raw_q <= {sub, raw_q[COLS*8-1:SUB]};
    end
  endgenerate

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

  reg sram_q, sram_q2, arrived_q;
  always @(posedge clk_i) begin
    sram_q    <= s_en_i;
    sram_q2   <= sram_q;
    arrived_q <= arrives;
    if (sram_q2) word_q <= sram_word;
    else if (arrived_q) word_q <= raw_q;
  end

  assign word_o = word_q;

endmodule

`default_nettype wire
