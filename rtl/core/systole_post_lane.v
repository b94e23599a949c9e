// SPDX-License-Identifier: Apache-2.0
// POST of one lane: requantiser, lookup, residual add, clamp, wired. The result's cycle depends on
// what is switched on (docs/timing.md); systole_post says by the select inputs where the byte of
// the cycle comes from. Parameter and lookup memories are here. Reset clears nothing.
`default_nettype none

module systole_post_lane #(
    parameter RESIDUAL    = 1,                               // 0: no residual add
    parameter PRODUCT     = 1,                               // 0: no product in its place
    parameter PARAM_DEPTH = 128,                             // words
    parameter LUT_COUNT   = 2,
    parameter PW          = $clog2(PARAM_DEPTH),
    parameter TW          = $clog2(LUT_COUNT * 256),
    parameter TB          = LUT_COUNT > 1 ? $clog2(LUT_COUNT) : 1
) (
    input  wire          clk_i,
    // uploads
    input  wire          param_we_i,      // a parameter is written
    input  wire [PW-1:0] param_waddr_i,   // its word
    input  wire [  61:0] param_wdata_i,   // {shift, q, bias}
    input  wire          lut_we_i,        // a byte of a lookup table is written
    input  wire [TW-1:0] lut_waddr_i,     // {table, index}
    input  wire [   7:0] lut_wdata_i,     // the byte
    // V - 2: parameter address (bias); V + 1: the same again (scale)
    input  wire [   7:0] en_i,            // bit k: a vector is in V + k
    input  wire [   5:0] res_en_i,        // the same for the stages of the residual add
    input  wire          bias_re_i,       // reads a bias
    input  wire [PW-1:0] bias_addr_i,     // its parameter word
    input  wire          scale_re_i,      // reads a scale
    input  wire [PW-1:0] scale_addr_i,    // its parameter word
    input  wire [  31:0] total_i,         // V
    output wire [  31:0] biased_o,        // V + 1
    input  wire [   7:0] zero_point_i,    // V + 7
    // V + 8
    input  wire          lut_re_i,        // looks up
    input  wire [TB-1:0] lut_i,           // table
    input  wire          res_from_lut_i,  // operand a: lookup result (else requantised)
    input  wire [   7:0] res_b_i,         // operand b
    input  wire [  25:0] res_ma_i,        // multiplier of a
    input  wire [  25:0] res_mb_i,        // multiplier of b, or two zero points
    input  wire          res_mul_i,       // the product instead of the sum
    input  wire [  47:0] res_offset_i,    // constant that is added
    input  wire [   5:0] res_shift_i,     // bits that are shifted out
    input  wire [   7:0] res_zp_i,        // zero point of the result
    input  wire          res_max_i,       // the larger operand instead
    // the cycle before the write
    input  wire          out_en_i,        // a byte is there
    input  wire          out_lut_i,       // the byte comes from the lookup
    input  wire          out_res_i,       // .. from the residual add
    input  wire [   7:0] out_lo_i,        // smallest value
    input  wire [   7:0] out_hi_i,        // largest value
    output wire [   7:0] out_o            // the write's cycle
);

  wire [31:0] bias;
  wire [29:0] scale;
  wire [ 7:0] y;
  wire [ 7:0] looked_up;
  wire [ 7:0] added;

  systole_ram #(
      .WIDTH (32),
      .DEPTH (PARAM_DEPTH),
      .OUTREG(1)
  ) u_bias (
      .clk_i  (clk_i),
      .we_i   (param_we_i),
      .waddr_i(param_waddr_i),
      .wdata_i(param_wdata_i[31:0]),
      .re_i   (bias_re_i),
      .raddr_i(bias_addr_i),
      .rdata_o(bias)
  );

  systole_ram #(
      .WIDTH (30),
      .DEPTH (PARAM_DEPTH),
      .OUTREG(1)
  ) u_scale (
      .clk_i  (clk_i),
      .we_i   (param_we_i),
      .waddr_i(param_waddr_i),
      .wdata_i(param_wdata_i[61:32]),
      .re_i   (scale_re_i),
      .raddr_i(scale_addr_i),
      .rdata_o(scale)
  );

  systole_requant u_requant (
      .clk_i       (clk_i),
      .en_i        (en_i),
      .total_i     (total_i),
      .bias_i      (bias),
      .biased_o    (biased_o),
      .q_i         (scale[23:0]),
      .shift_i     (scale[29:24]),
      .zero_point_i(zero_point_i),
      .y_o         (y)
  );

  wire [TB+7:0] lut_addr = {lut_i, y};
  systole_ram #(
      .WIDTH (8),
      .DEPTH (LUT_COUNT * 256),
      .OUTREG(1)
  ) u_lut (
      .clk_i  (clk_i),
      .we_i   (lut_we_i),
      .waddr_i(lut_waddr_i),
      .wdata_i(lut_wdata_i),
      .re_i   (lut_re_i),
      .raddr_i(lut_addr[TW-1:0]),
      .rdata_o(looked_up)
  );

  generate
    if (RESIDUAL != 0) begin : g_residual
      systole_residual #(
          .PRODUCT(PRODUCT)
      ) u_residual (
          .clk_i       (clk_i),
          .en_i        (res_en_i),
          .a_i         (res_from_lut_i ? looked_up : y),
          .b_i         (res_b_i),
          .ma_i        (res_ma_i),
          .mb_i        (res_mb_i),
          .mul_i       (res_mul_i),
          .offset_i    (res_offset_i),
          .shift_i     (res_shift_i),
          .zero_point_i(res_zp_i),
          .max_i       (res_max_i),
          .y_o         (added)
      );
    end else begin : g_no_residual
      assign added = 8'd0;
    end
  endgenerate

  wire signed [7:0] chosen = out_res_i ? added : out_lut_i ? looked_up : y;
  wire signed [7:0] lo = out_lo_i;
  wire signed [7:0] hi = out_hi_i;
  reg         [7:0] out_q;
  always @(posedge clk_i) if (out_en_i) out_q <= chosen < lo ? lo : chosen > hi ? hi : chosen;

  assign out_o = out_q;

endmodule

`default_nettype wire
