// SPDX-License-Identifier: Apache-2.0
// Weight bank of one row: RRAM read in D sub-words, its error correction, and run-time SRAM with byte
// enables. The word asked for by the RRAM ripple (in cycle S + row) or the X ripple (SRAM, in
// S + D + WAYS - 1 + row) stands on word_o in S + D + WAYS + row + 2. For programming it keeps one word
// and says which way it differs from what was read last. Reset clears the bookkeeping of errors.
`default_nettype none
`include "systole_isa.vh"

module systole_w_bank #(
    parameter ROW          = 0,
    parameter COLS         = 8,      // bytes of a word
    parameter WEIGHT_BEATS = 1,
    parameter RRAM_DEPTH   = 2048,   // words
    parameter RRAM_WAYS    = 2,
    parameter SRAM_DEPTH   = 256,    // words
    parameter BW           = 1,      // bits of a beat number
    parameter ECC          = 0,      // code of RRAM words
    parameter CHECK        = `SYSTOLE_ECC_CHECK(ECC, COLS, WEIGHT_BEATS),  // stored check bits
    parameter RW           = $clog2(RRAM_DEPTH),
    parameter SW           = $clog2(SRAM_DEPTH)
) (
    input  wire                    clk_i,
    input  wire                    rst_i,
    // RRAM read: physical line, and the logical line that the check bits cover
    input  wire                    r_en_i,           // reads a sub-word
    input  wire [             2:0] r_ref_i,          // read reference: SYSTOLE_REF_*
    input  wire [          RW-1:0] r_line_i,         // logical line
    input  wire [          RW-1:0] r_addr_i,         // physical line
    input  wire [          BW-1:0] r_beat_i,         // number of the sub-word
    input  wire                    s_en_i,           // reads SRAM
    input  wire [          SW-1:0] s_addr_i,         // its word
    output wire [      COLS*8-1:0] word_o,           // the word
    // the decoder's verdict on word_o; fresh_o in the first cycle of each word that was read at the normal reference
    output wire                    fresh_o,          // first cycle of a word that was read at the normal reference
    output wire                    corrected_o,      // errors were corrected in it
    output wire                    uncorrectable_o,  // it has more errors than can be corrected
    output wire [          RW-1:0] line_o,           // logical line of the word
    // programming, outside runs
    input  wire                    prog_load_i,      // takes the word that is to be programmed
    input  wire [COLS*8+CHECK-1:0] prog_data_i,      // that word, {check bits, data}
    output wire                    need_set_o,       // bits that should read 1 and do not
    output wire                    need_reset_o,     // bits that should read 0 read 1
    input  wire                    pulse_i,          // begins a pulse
    input  wire                    pulse_reset_i,    // 0: SET to 1, 1: RESET to 0
    input  wire [             3:0] pulse_level_i,    // number of the pulse in its ladder
    input  wire [          RW-1:0] pulse_addr_i,     // its physical line
    input  wire [          BW-1:0] pulse_beat_i,     // its sub-word
    input  wire                    enable_a_i,       // one of two enables, without which no pulse is given
    input  wire                    enable_b_i,       // the other one
    output wire                    pulsing_o,        // a pulse is on
    // SRAM writes
    input  wire [        COLS-1:0] sram_we_i,        // write enable of each byte
    input  wire [          SW-1:0] sram_addr_i,      // word that is written
    input  wire [      COLS*8-1:0] sram_data_i       // its bytes
);

  localparam FULL = COLS * 8 + CHECK;    // bits of a word with its check bits
  localparam SUB = FULL / WEIGHT_BEATS;  // bits of a sub-word
  localparam BITS = `SYSTOLE_ECC_BITS(ECC, COLS);
  localparam [FULL-1:0] USED = {FULL{1'b1}} >> (CHECK - BITS);  // the others only fill it up, and are not looked at

  wire [       SUB-1:0] sub;
  wire [    COLS*8-1:0] sram_word;
  reg  [      FULL-1:0] raw_q;           // the word as read
  reg  [     CHECK-1:0] syndrome_q;
  reg  [    COLS*8-1:0] word_q;          // corrected
  reg  [      FULL-1:0] prog_q;          // the word to be programmed

  wire arrives, whole, normal;           // a sub-word leaves the RRAM; it is the last of its word; read as in runs
  systole_delay_ctl #(
      .WIDTH (3),
      .CYCLES(RRAM_WAYS + 1)
  ) u_arrives (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  ({r_ref_i == `SYSTOLE_REF_NORMAL, r_en_i, r_en_i && (WEIGHT_BEATS == 1 || &r_beat_i)}),
      .q_o  ({normal, arrives, whole})
  );

  wire [RW-1:0] line;
  systole_delay #(
      .WIDTH (RW),
      .CYCLES(RRAM_WAYS + 1)
  ) u_line (
      .clk_i(clk_i),
      .d_i  (r_line_i),
      .q_o  (line)
  );

  wire [FULL-1:0] raw;
  wire [FULL-1:0] set = prog_q & ~raw_q & USED;
  wire [FULL-1:0] reset = raw_q & ~prog_q & USED;
  wire [FULL-1:0] mask = pulse_reset_i ? reset : set;

  generate
    if (WEIGHT_BEATS == 1) begin : g_one_beat
      systole_rram_macro #(
          .ROW  (ROW),
          .WIDTH(SUB),
          .DEPTH(RRAM_DEPTH),
          .WAYS (RRAM_WAYS)
      ) u_rram (
          .clk_i     (clk_i),
          .rst_i     (rst_i),
          .re_i      (r_en_i),
          .raddr_i   (r_addr_i),
          .ref_i     (r_ref_i),
          .rdata_o   (sub),
          .pulse_i   (pulse_i),
          .reset_i   (pulse_reset_i),
          .level_i   (pulse_level_i),
          .paddr_i   (pulse_addr_i),
          .mask_i    (mask),
          .enable_a_i(enable_a_i),
          .enable_b_i(enable_b_i),
          .busy_o    (pulsing_o)
      );
      assign raw = sub;
    end else begin : g_beats
      systole_rram_macro #(
          .ROW  (ROW),
          .WIDTH(SUB),
          .DEPTH(RRAM_DEPTH * WEIGHT_BEATS),
          .WAYS (RRAM_WAYS)
      ) u_rram (
          .clk_i     (clk_i),
          .rst_i     (rst_i),
          .re_i      (r_en_i),
          .raddr_i   ({r_addr_i, r_beat_i}),
          .ref_i     (r_ref_i),
          .rdata_o   (sub),
          .pulse_i   (pulse_i),
          .reset_i   (pulse_reset_i),
          .level_i   (pulse_level_i),
          .paddr_i   ({pulse_addr_i, pulse_beat_i}),
          .mask_i    (mask[pulse_beat_i*SUB+:SUB]),
          .enable_a_i(enable_a_i),
          .enable_b_i(enable_b_i),
          .busy_o    (pulsing_o)
      );
      // Sub-words shift in from the top; after D of them the first is lowest.
      assign raw = {sub, raw_q[FULL-1:SUB]};
    end
  endgenerate

  // Stage 1: the word and its syndrome. Stage 2: corrected.
  wire [CHECK-1:0] syndrome;
  systole_ecc_syndrome #(
      .ECC  (ECC),
      .COLS (COLS),
      .CHECK(CHECK),
      .AW   (RW)
  ) u_syndrome (
      .data_i    (raw[COLS*8-1:0]),
      .check_i   (raw[FULL-1:COLS*8]),
      .line_i    (line),
      .syndrome_o(syndrome)
  );

  wire [COLS*8-1:0] corrected_word;
  wire              corrected, uncorrectable;
  systole_ecc_decode #(
      .ECC  (ECC),
      .COLS (COLS),
      .CHECK(CHECK)
  ) u_correct (
      .data_i         (raw_q[COLS*8-1:0]),
      .syndrome_i     (syndrome_q),
      .data_o         (corrected_word),
      .corrected_o    (corrected),
      .uncorrectable_o(uncorrectable)
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

  reg sram_q, sram_q2, whole_q, normal_q, fresh_q, corrected_q, uncorrectable_q, need_set_q, need_reset_q;
  reg [RW-1:0] line_q, line_q2;
  always @(posedge clk_i)
    if (rst_i) {whole_q, normal_q, fresh_q, corrected_q, uncorrectable_q} <= 5'd0;
    else begin
      whole_q  <= whole;
      normal_q <= normal;
      fresh_q  <= whole_q && normal_q;
      if (whole_q) {corrected_q, uncorrectable_q} <= {corrected, uncorrectable};
    end
  always @(posedge clk_i) begin
    if (arrives) {raw_q, syndrome_q} <= {raw, syndrome};
    if (arrives) line_q <= line;
    if (whole_q) line_q2 <= line_q;
    if (prog_load_i) prog_q <= prog_data_i;
    sram_q  <= s_en_i;
    sram_q2 <= sram_q;
    if (sram_q2) word_q <= sram_word;
    else if (whole_q) word_q <= corrected_word;
    need_set_q   <= set != {FULL{1'b0}};
    need_reset_q <= reset != {FULL{1'b0}};
  end

  assign word_o          = word_q;
  assign fresh_o         = fresh_q;
  assign corrected_o     = corrected_q;
  assign uncorrectable_o = uncorrectable_q;
  assign line_o          = line_q2;
  assign need_set_o      = need_set_q;
  assign need_reset_o    = need_reset_q;

endmodule

`default_nettype wire
