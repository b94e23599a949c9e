// SPDX-License-Identifier: Apache-2.0
// The result side of the core: accumulators, lane engine, vector unit and POST, wired. What it decides: whose totals of two
// are handed over, who takes them (the vector unit while it waits for some, else POST), and whose result is written. A
// hand-over in cycle P has its totals in P + 2. Timing: docs/timing.md. Reset stops units; memories keep their content.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_results #(
    parameter LG              = 0,  // 1: the rows are two groups of C
    parameter COLS            = 8,
    parameter POST_LANES      = COLS,
    parameter RESIDUAL        = 1,
    parameter PRODUCT         = 1,
    parameter ACC_DEPTH       = 256,
    parameter PARAM_DEPTH     = 128,
    parameter LUT_COUNT       = 2,
    parameter LANE_TAPS       = 0,
    parameter TAP_DEPTH       = 32,
    parameter LINE_DEPTH      = 64,
    parameter VEC_LANES       = 0,
    parameter V_DEPTH         = 512,
    parameter VEC_PARAM_DEPTH = 256,
    // derived
    parameter CW              = $clog2(COLS),
    parameter AW              = $clog2(ACC_DEPTH),
    parameter PW              = $clog2(PARAM_DEPTH),
    parameter TW              = $clog2(LUT_COUNT * 256),
    parameter TPW             = $clog2(4 * TAP_DEPTH),
    parameter UW              = $clog2(VEC_PARAM_DEPTH * COLS + 256)
) (
    input  wire               clk_i,
    input  wire               rst_i,
    // instructions
    input  wire               desc_valid_i,   // a word of an instruction comes
    input  wire [        3:0] desc_unit_i,    // its unit
    input  wire [        3:0] desc_index_i,   // its number, from 0
    input  wire [      127:0] desc_word_i,    // the word
    input  wire [        8:0] start_i,        // by unit: the instruction begins, its first step is in the next cycle
    input  wire [       15:0] pos_i,          // POS
    input  wire [       13:0] lenc_i,         // POS in words of C
    // uploads, outside runs
    input  wire               param_we_i,     // a parameter is written
    input  wire [  PW+CW-1:0] param_addr_i,   // {word, lane}
    input  wire [       63:0] upload_data_i,  // what is written
    input  wire               tap_we_i,       // a tap is written
    input  wire [ TPW+CW-1:0] tap_addr_i,     // {word, line, lane}
    input  wire               lut_we_i,       // a byte of a lookup table is written
    input  wire [     TW-1:0] lut_addr_i,     // {table, index}
    input  wire [        7:0] lut_data_i,     // the byte
    input  wire               vec_we_i,       // a segment or a parameter of the vector unit is written
    input  wire [     UW-1:0] vec_addr_i,     // 256 segments, then {word, lane}
    // column sums
    input  wire               acc_valid_i,    // a vector, cycle A
    input  wire [     AW-1:0] acc_addr_i,     // its accumulators
    input  wire               acc_first_i,    // they begin anew
    input  wire               acc_last_i,     // their totals are final
    input  wire [COLS*32-1:0] sum_i,          // its column sums, A + 2
    // flat reads
    output wire               res_read_o,     // POST's residual operand
    output wire [       15:0] res_addr_o,     // its C-byte word of X
    output wire               lane_read_o,    // the lane engine
    output wire [       15:0] lane_addr_o,    // its C-byte word of X
    input  wire [ COLS*8-1:0] flat_word_i,    // the word, 5 cycles later
    // results: one write a cycle
    output wire               out_valid_o,    // a result is written
    output wire [        2:0] out_dest_o,     // where to
    output wire [       15:0] out_addr_o,     // its address
    output wire [ COLS*8-1:0] out_data_o,     // its bytes
    // state
    output wire               lane_active_o,  // the lane engine has steps left
    output wire               vec_active_o,   // the vector unit has steps left
    output wire               post_take_o,    // POST takes totals
    output wire [        3:0] vec_events_o,   // events 12:9 of SYSTOLE_EVENT_*
    output wire [       15:0] argmax_o        // number of the largest value of the run
);

  // Totals: of the accumulators, or of the lane engine.
  wire              acc_take, lane_take, lane_end;  // a step that ends a result
  wire [COLS*32-1:0] acc_totals, totals;
  systole_acc #(
      .COLS (COLS),
      .DEPTH(ACC_DEPTH)
  ) u_acc (
      .clk_i  (clk_i),
      .rst_i  (rst_i),
      .valid_i(acc_valid_i),
      .addr_i (acc_addr_i),
      .first_i(acc_first_i),
      .last_i (acc_last_i),
      .sum_i  (sum_i),
      .last_o (acc_take),
      .total_o(acc_totals)
  );

  generate
    if (LANE_TAPS != 0) begin : g_lane
      wire [COLS*32-1:0] lane_totals;
      wire               lane_select;
      systole_lane #(
          .COLS      (COLS),
          .TAP_DEPTH (TAP_DEPTH),
          .LINE_DEPTH(LINE_DEPTH)
      ) u_lane (
          .clk_i       (clk_i),
          .rst_i       (rst_i),
          .desc_valid_i(desc_valid_i && desc_unit_i == `SYSTOLE_UNIT_LANE),
          .desc_index_i(desc_index_i),
          .desc_word_i (desc_word_i),
          .start_i     (start_i[`SYSTOLE_UNIT_LANE_BIT]),
          .active_o    (lane_active_o),
          .tap_we_i    (tap_we_i),
          .tap_waddr_i (tap_addr_i),
          .tap_wdata_i (upload_data_i[26:0]),
          .read_o      (lane_read_o),
          .read_addr_o (lane_addr_o),
          .word_i      (flat_word_i),
          .take_o      (lane_take),
          .total_o     (lane_totals)
      );
      systole_delay #(
          .WIDTH (1),
          .CYCLES(2)
      ) u_lane_select (
          .clk_i(clk_i),
          .d_i  (lane_take),
          .q_o  (lane_select)
      );
      assign totals = lane_select ? lane_totals : acc_totals;
`ifdef SYNTHESIS
      assign lane_end = 1'b0;
`else
      assign lane_end = u_lane.valid && u_lane.ends;
`endif
      `SYSTOLE_ASSERT(check_one_take, !(acc_take && lane_take))
    end else begin : g_no_lane
      assign lane_read_o   = 1'b0;
      assign lane_addr_o   = 16'd0;
      assign lane_take   = 1'b0;
      assign lane_active_o = 1'b0;
      assign lane_end    = 1'b0;
      assign totals      = acc_totals;
      `SYSTOLE_ASSERT(check_no_lane, !start_i[`SYSTOLE_UNIT_LANE_BIT])
    end
  endgenerate

  // Sums go to the vector unit while it waits for some, else to POST.
  wire take = acc_take || lane_take;
  wire vec_ready;
  assign post_take_o = take && !vec_ready;

  // Writes to X, W SRAM and OUT: of POST, or of the vector unit.
  wire              requant_valid, vec_valid;
  wire [       2:0] requant_dest, vec_dest;
  wire [      15:0] requant_addr, vec_addr;
  wire [COLS*8-1:0] requant_data, vec_data;
  assign out_valid_o = requant_valid || vec_valid;
  assign out_dest_o  = vec_valid ? vec_dest : requant_dest;
  assign out_addr_o  = vec_valid ? vec_addr : requant_addr;
  assign out_data_o  = vec_valid ? vec_data : requant_data;
  `SYSTOLE_ASSERT(check_one_result, !(requant_valid && vec_valid))

  generate
    if (VEC_LANES != 0) begin : g_vector
      systole_vector #(
          .COLS       (COLS),
          .LANES      (VEC_LANES),
          .V_DEPTH    (V_DEPTH),
          .PARAM_DEPTH(VEC_PARAM_DEPTH),
          .LG         (LG)
      ) u_vector (
          .clk_i              (clk_i),
          .rst_i              (rst_i),
          .desc_valid_i       (desc_valid_i && desc_unit_i == `SYSTOLE_UNIT_VECTOR),
          .desc_index_i       (desc_index_i),
          .desc_word_i        (desc_word_i),
          .start_i            (start_i[`SYSTOLE_UNIT_VECTOR_BIT]),
          .scalar_desc_valid_i(desc_valid_i && desc_unit_i == `SYSTOLE_UNIT_SCALAR),
          .scalar_start_i     (start_i[`SYSTOLE_UNIT_SCALAR_BIT]),
          .we_i               (vec_we_i),
          .waddr_i            (vec_addr_i),
          .wdata_i            (upload_data_i),
          .pos_i              (pos_i),
          .lenc_i             (lenc_i),
          .take_ready_o       (vec_ready),
          .take_i             (take),
          .total_i            (totals),
          .active_o           (vec_active_o),
          .out_valid_o        (vec_valid),
          .out_dest_o         (vec_dest),
          .out_addr_o         (vec_addr),
          .out_data_o         (vec_data),
          .argmax_o           (argmax_o),
          .events_o           (vec_events_o)
      );
      `SYSTOLE_ASSERT(check_one_taker, !(take && vec_ready && u_post.u_front.armed))
    end else begin : g_no_vector
      assign {vec_ready, vec_active_o, vec_valid, vec_dest} = 6'd0;
      assign vec_addr = 16'd0;
      assign vec_data = {COLS * 8{1'b0}};
      assign argmax_o = 16'd0;
      assign vec_events_o = 4'd0;
      wire unused = &{vec_we_i, vec_addr_i, pos_i, lenc_i, start_i[`SYSTOLE_UNIT_VECTOR_BIT], start_i[`SYSTOLE_UNIT_SCALAR_BIT]};
      `SYSTOLE_ASSERT(check_no_vector, !(start_i[`SYSTOLE_UNIT_VECTOR_BIT] || start_i[`SYSTOLE_UNIT_SCALAR_BIT]))
    end
  endgenerate

  systole_post #(
      .COLS       (COLS),
      .LANES      (POST_LANES),
      .RESIDUAL   (RESIDUAL),
      .PRODUCT    (PRODUCT),
      .PARAM_DEPTH(PARAM_DEPTH),
      .LUT_COUNT  (LUT_COUNT)
  ) u_post (
      .clk_i        (clk_i),
      .rst_i        (rst_i),
      .desc_valid_i (desc_valid_i && desc_unit_i == `SYSTOLE_UNIT_POST),
      .desc_index_i (desc_index_i),
      .desc_word_i  (desc_word_i),
      .start_i      (start_i[`SYSTOLE_UNIT_POST_BIT]),
      .param_we_i   (param_we_i),
      .param_waddr_i(param_addr_i),
      .param_wdata_i(upload_data_i[61:0]),
      .lut_we_i     (lut_we_i),
      .lut_waddr_i  (lut_addr_i),
      .lut_wdata_i  (lut_data_i),
      .take_i       (post_take_o),
      .total_i      (totals),
      .res_valid_o  (res_read_o),
      .res_addr_o   (res_addr_o),
      .res_word_i   (flat_word_i),
      .out_valid_o  (requant_valid),
      .out_dest_o   (requant_dest),
      .out_addr_o   (requant_addr),
      .out_data_o   (requant_data)
  );

endmodule

`default_nettype wire
