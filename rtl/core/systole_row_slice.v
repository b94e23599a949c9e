// SPDX-License-Identifier: Apache-2.0
// The unit that repeats: activation bank, weight bank, C multipliers with held weights, one stage
// of the column sums. The ripple words are applied to the banks as they come and leave to the next
// row one cycle later. A vector whose X read is applied in cycle t leaves its products added to
// sum_i on sum_o in t + 6 (columns 16 and up: t + 7); sums are sign-extended to 32-bit lanes. With
// WEIGHT_ZERO the zero point of a weight word comes 3 cycles behind its load, when the word stands, and is
// subtracted on its way into the multipliers. Reset clears valid bits.
`default_nettype none
// Columns from here on multiply in LUTs, where a technology has that: for parts with too few multipliers.
`ifndef SYSTOLE_DSP_COLS
`define SYSTOLE_DSP_COLS 256
`endif

module systole_row_slice #(
    parameter ROW          = 0,
    parameter LW           = 3,    // log2 of ROWS
    parameter COLS         = 8,
    parameter SUM_W        = 20,   // bits of a column sum
    parameter WEIGHT_ZERO  = 0,    // 1: weights have a zero point
    parameter WEIGHT_BEATS = 1,
    parameter X_DEPTH      = 2048,
    parameter X_BANKS      = 2,
    parameter RRAM_DEPTH   = 2048,
    parameter RRAM_WAYS    = 2,
    parameter W_SRAM_DEPTH = 256,
    parameter BW           = 1,
    parameter RRAM_CTRL    = 1,    // 0: weights in plain RAM; prog_load_i writes prog_data_i to line pulse_addr_i
    parameter ECC          = 0,    // code of weight words
    parameter CHECK        = 8,    // check bits of a weight word
    parameter XW           = $clog2(X_DEPTH),
    parameter RW           = $clog2(RRAM_DEPTH),
    parameter SW           = $clog2(W_SRAM_DEPTH)
) (
    input  wire               clk_i,
    input  wire               rst_i,
    // ripple in and out: {enable, reference, line, physical line, beat} of the RRAM read
    input  wire [2*RW+BW+3:0] r_ripple_i,        // RRAM ripple from the row above
    output wire [2*RW+BW+3:0] r_ripple_o,        // to the row below, a cycle later
    // ripple in and out: {valid, x address, one-hot, pad, pad value, load, from SRAM, SRAM address}
    input  wire [XW+SW+12:0] x_ripple_i,         // X ripple from the row above
    output wire [XW+SW+12:0] x_ripple_o,         // to the row below, a cycle later
    input  wire [        7:0] w_zero_i,          // zero point of the word that the x ripple of 3 cycles ago loads
    output wire [        7:0] w_zero_o,          // to the row below, a cycle later
    input  wire [COLS*32-1:0] sum_i,             // column sums from the row above, 32 bits each
    output wire [COLS*32-1:0] sum_o,             // with this row's products, to the row below
    input  wire               flat_valid_i,      // flat read
    input  wire [     XW-1:0] flat_addr_i,       // its address
    output wire [        7:0] flat_o,            // its byte, 3 cycles later
    input  wire               post_we_i,         // POST writes
    input  wire [     XW-1:0] post_addr_i,       // its address
    input  wire [        7:0] post_data_i,       // its byte
    input  wire               load_we_i,         // LOAD writes
    input  wire [     XW-1:0] load_addr_i,       // its address
    input  wire [        7:0] load_data_i,       // its byte
    // weight bank, for the RRAM controller
    output wire [ COLS*8-1:0] word_o,            // the bank's word
    output wire               fresh_o,           // first cycle of a word that was read at the normal reference
    output wire               corrected_o,       // errors were corrected in it
    output wire               uncorrectable_o,   // it has more errors than can be corrected
    output wire [     RW-1:0] line_o,            // logical line of the word
    input  wire               prog_load_i,       // takes the word that is to be programmed
    input  wire [COLS*8+CHECK-1:0] prog_data_i,  // that word, {check bits, data}
    output wire               need_set_o,        // bits that should read 1 read 0
    output wire               need_reset_o,      // bits that should read 0 read 1
    input  wire               pulse_i,           // begins a pulse
    input  wire               pulse_reset_i,     // 0: SET to 1, 1: RESET to 0
    input  wire [        3:0] pulse_level_i,     // number of the pulse in its ladder
    input  wire [     RW-1:0] pulse_addr_i,      // its physical line
    input  wire [     BW-1:0] pulse_beat_i,      // its sub-word
    input  wire               enable_a_i,        // one of two enables, without which no pulse is given
    input  wire               enable_b_i,        // the other one
    output wire               pulsing_o,         // a pulse is on
    input  wire [   COLS-1:0] sram_we_i,         // write enable of each byte
    input  wire [     SW-1:0] sram_addr_i,       // word that is written
    input  wire [ COLS*8-1:0] sram_data_i        // its bytes
);

  reg [XW+SW+12:0] x_ripple_q;
  reg [2*RW+BW+3:0] r_ripple_q;

  always @(posedge clk_i)
    if (rst_i) begin
      x_ripple_q[XW+SW+12] <= 1'b0;
      r_ripple_q[2*RW+BW+3] <= 1'b0;
    end else begin
      x_ripple_q[XW+SW+12] <= x_ripple_i[XW+SW+12];
      r_ripple_q[2*RW+BW+3] <= r_ripple_i[2*RW+BW+3];
    end
  always @(posedge clk_i) begin
    x_ripple_q[XW+SW+11:0] <= x_ripple_i[XW+SW+11:0];
    r_ripple_q[2*RW+BW+2:0] <= r_ripple_i[2*RW+BW+2:0];
  end
  // One-hot vectors count their row down in the X address: the row where it is 0 multiplies.
  assign x_ripple_o = {x_ripple_q[XW+SW+12], x_ripple_q[XW+SW+11-:XW] - {{XW - 1{1'b0}}, x_ripple_q[SW+11]}, x_ripple_q[SW+11:0]};
  assign r_ripple_o = r_ripple_q;

  wire          x_valid, x_hot, x_pad, x_load, x_sram;
  wire [XW-1:0] x_addr;
  wire [   7:0] x_pad_value;
  wire [SW-1:0] x_sram_addr;
  assign {x_valid, x_addr, x_hot, x_pad, x_pad_value, x_load, x_sram, x_sram_addr} = x_ripple_i;

  wire          r_en;
  wire [RW-1:0] r_line, r_addr;
  wire [   2:0] r_ref;
  wire [BW-1:0] r_beat;
  assign {r_en, r_ref, r_line, r_addr, r_beat} = r_ripple_i;

  wire [7:0] x;
  systole_x_bank #(
      .DEPTH(X_DEPTH),
      .BANKS(X_BANKS)
  ) u_x (
      .clk_i        (clk_i),
      .rst_i        (rst_i),
      .r_valid_i    (x_valid),
      .r_addr_i     (x_addr),
      .r_pad_i      (x_pad || x_hot),
      .r_pad_value_i(x_hot && x_addr[LW-1:0] != {LW{1'b0}} ? 8'd0 : x_pad_value),
      .x_o          (x),
      .flat_valid_i (flat_valid_i),
      .flat_addr_i  (flat_addr_i),
      .flat_o       (flat_o),
      .post_we_i    (post_we_i),
      .post_addr_i  (post_addr_i),
      .post_data_i  (post_data_i),
      .load_we_i    (load_we_i),
      .load_addr_i  (load_addr_i),
      .load_data_i  (load_data_i)
  );

  wire [COLS*8-1:0] word;
  generate
    if (RRAM_CTRL == 0) begin : g_ram
      systole_w_ram #(
          .COLS        (COLS),
          .WEIGHT_BEATS(WEIGHT_BEATS),
          .DEPTH       (RRAM_DEPTH),
          .RRAM_WAYS   (RRAM_WAYS),
          .SRAM_DEPTH  (W_SRAM_DEPTH),
          .BW          (BW)
      ) u_w (
          .clk_i      (clk_i),
          .rst_i      (rst_i),
          .r_en_i     (r_en),
          .r_line_i   (r_addr),
          .r_beat_i   (r_beat),
          .s_en_i     (x_valid && x_load && x_sram),
          .s_addr_i   (x_sram_addr),
          .word_o     (word),
          .we_i       (prog_load_i),
          .waddr_i    (pulse_addr_i),
          .wdata_i    (prog_data_i[COLS*8-1:0]),
          .sram_we_i  (sram_we_i),
          .sram_addr_i(sram_addr_i),
          .sram_data_i(sram_data_i)
      );
      assign {fresh_o, corrected_o, uncorrectable_o, need_set_o, need_reset_o, pulsing_o} = 6'd0;
      assign line_o = {RW{1'b0}};
      wire unused = &{pulse_i, pulse_reset_i, pulse_level_i, pulse_beat_i, enable_a_i, enable_b_i, r_line, r_ref};
    end else begin : g_rram
      systole_w_bank #(
          .ROW         (ROW),
          .COLS        (COLS),
          .WEIGHT_BEATS(WEIGHT_BEATS),
          .RRAM_DEPTH  (RRAM_DEPTH),
          .RRAM_WAYS   (RRAM_WAYS),
          .SRAM_DEPTH  (W_SRAM_DEPTH),
          .BW          (BW),
          .ECC         (ECC),
          .CHECK       (CHECK)
      ) u_w (
          .clk_i          (clk_i),
          .rst_i          (rst_i),
          .r_en_i         (r_en),
          .r_ref_i        (r_ref),
          .r_line_i       (r_line),
          .r_addr_i       (r_addr),
          .r_beat_i       (r_beat),
          .s_en_i         (x_valid && x_load && x_sram),
          .s_addr_i       (x_sram_addr),
          .word_o         (word),
          .fresh_o        (fresh_o),
          .corrected_o    (corrected_o),
          .uncorrectable_o(uncorrectable_o),
          .line_o         (line_o),
          .prog_load_i    (prog_load_i),
          .prog_data_i    (prog_data_i),
          .need_set_o     (need_set_o),
          .need_reset_o   (need_reset_o),
          .pulse_i        (pulse_i),
          .pulse_reset_i  (pulse_reset_i),
          .pulse_level_i  (pulse_level_i),
          .pulse_addr_i   (pulse_addr_i),
          .pulse_beat_i   (pulse_beat_i),
          .enable_a_i     (enable_a_i),
          .enable_b_i     (enable_b_i),
          .pulsing_o      (pulsing_o),
          .sram_we_i      (sram_we_i),
          .sram_addr_i    (sram_addr_i),
          .sram_data_i    (sram_data_i)
      );
    end
  endgenerate
  assign word_o = word;

  wire load;
  systole_delay_ctl #(
      .WIDTH (1),
      .CYCLES(3)
  ) u_load (
      .clk_i(clk_i),
      .rst_i(rst_i),
      .d_i  (x_valid && x_load),
      .q_o  (load)
  );

  // The broadcast is registered again for columns 16 and up.
  wire [7:0] x_far;
  wire       load_far;
  wire [COLS*8-1:0] word_far;
  systole_delay #(
      .WIDTH (COLS * 8 + 9),
      .CYCLES(COLS > 16 ? 1 : 0)
  ) u_far (
      .clk_i(clk_i),
      .d_i  ({x, load, word}),
      .q_o  ({x_far, load_far, word_far})
  );

  wire [7:0] zero_far;
  generate
    if (WEIGHT_ZERO != 0) begin : g_zero
      reg [7:0] w_zero_q;
      always @(posedge clk_i) w_zero_q <= w_zero_i;
      assign w_zero_o = w_zero_q;
      // Behind the register to the next row stands what this row had a cycle ago.
      assign zero_far = COLS > 16 ? w_zero_q : w_zero_i;
    end else begin : g_no_zero
      assign w_zero_o = 8'd0;
      assign zero_far = 8'd0;
    end
  endgenerate

  genvar c;
  generate
    for (c = 0; c < COLS; c = c + 1) begin : g_col
      wire signed [15:0] product;
      systole_mul8 #(
          .ZERO(WEIGHT_ZERO),
          .SOFT(c >= `SYSTOLE_DSP_COLS)
      ) u_mul (
          .clk_i (clk_i),
          .load_i(c < 16 ? load : load_far),
          .x_i   (c < 16 ? x : x_far),
          .w_i   (c < 16 ? word[c*8+:8] : word_far[c*8+:8]),
          .zero_i(c < 16 ? w_zero_i : zero_far),
          .p_o   (product)
      );
      reg signed [SUM_W-1:0] sum_q;
      always @(posedge clk_i) sum_q <= $signed(sum_i[c*32+:SUM_W]) + {{SUM_W-16{product[15]}}, product};
      assign sum_o[c*32+:32] = {{32 - SUM_W{sum_q[SUM_W-1]}}, sum_q};
    end
  endgenerate

endmodule

`default_nettype wire
