// SPDX-License-Identifier: Apache-2.0
// The rules of a configuration (docs/architecture.md). One that breaks a rule stops elaboration: it instantiates a
// module that does not exist, whose name is the rule. No ports and no logic.
`default_nettype none
`include "systole_isa.vh"

module systole_legal #(
    parameter ROWS            = 8,
    parameter COLS            = 8,
    parameter WEIGHT_BEATS    = 1,
    parameter ECC             = 0,
    parameter RRAM_CTRL       = 1,
    parameter WEIGHT_ZERO     = 1,
    parameter POST_LANES      = COLS,
    parameter RESIDUAL        = 1,
    parameter PRODUCT         = 1,
    parameter EVENTS          = 1,
    parameter X_DEPTH         = 2048,
    parameter X_BANKS         = 2,
    parameter W_SRAM_DEPTH    = 256,
    parameter RRAM_DEPTH      = 2048,
    parameter RRAM_WAYS       = 2,
    parameter ACC_DEPTH       = 256,
    parameter PARAM_DEPTH     = 128,
    parameter LUT_COUNT       = 2,
    parameter LANE_TAPS       = 0,
    parameter VEC_LANES       = 0,
    parameter IN_DEPTH        = 1024,
    parameter OUT_DEPTH       = 1024,
    parameter TIMETABLE_DEPTH = 512,
    parameter DESC_DEPTH      = 512
) ();

  localparam RW = $clog2(RRAM_DEPTH);
  localparam QW = $clog2(TIMETABLE_DEPTH);
  localparam DW = $clog2(DESC_DEPTH);

  generate
    if (ROWS != COLS && ROWS != 2 * COLS) systole_error_ROWS_must_be_COLS_or_twice_COLS u_error_rows ();
    if (COLS != 4 && COLS != 8 && COLS != 16 && COLS != 32) systole_error_COLS_must_be_4_8_16_or_32 u_error_cols ();
    if (WEIGHT_BEATS != 1 && WEIGHT_BEATS != 2 && WEIGHT_BEATS != 4)
      systole_error_WEIGHT_BEATS_must_be_1_2_or_4 u_error_beats ();
    if (ECC != 0 && ECC != 1) systole_error_ECC_must_be_0_or_1 u_error_ecc ();
    if (RRAM_CTRL != 0 && RRAM_CTRL != 1) systole_error_RRAM_CTRL_must_be_0_or_1 u_error_ctrl ();
    if (RRAM_CTRL == 1 && (RRAM_DEPTH < 128 || `SYSTOLE_RRAM_TABLE_LINES(RRAM_DEPTH, ROWS, COLS) * ROWS * COLS <
        4 * (`SYSTOLE_RRAM_SLOT_LINES(RRAM_DEPTH, ROWS, COLS) + (COLS < 8 ? 2 : COLS / 4))))
      systole_error_RRAM_DEPTH_too_small_for_slots_tables_and_records u_error_slots ();
    if (ACC_DEPTH < 4 || PARAM_DEPTH < 2 || IN_DEPTH < 4 || OUT_DEPTH < 4 || DESC_DEPTH < 4 || TIMETABLE_DEPTH < 4 ||
        W_SRAM_DEPTH < 2 || RRAM_DEPTH < 4 || X_DEPTH < 2 * X_BANKS) systole_error_a_memory_is_too_small u_error_small ();
    if (RRAM_CTRL == 0 && ECC != 0) systole_error_ECC_must_be_0_where_RRAM_CTRL_is_0 u_error_ctrl_ecc ();
    if (WEIGHT_ZERO != 0 && WEIGHT_ZERO != 1) systole_error_WEIGHT_ZERO_must_be_0_or_1 u_error_zero ();
    if (RESIDUAL != 0 && RESIDUAL != 1) systole_error_RESIDUAL_must_be_0_or_1 u_error_residual ();
    if (PRODUCT != 0 && PRODUCT != 1) systole_error_PRODUCT_must_be_0_or_1 u_error_product ();
    if (PRODUCT != 0 && RESIDUAL == 0) systole_error_PRODUCT_must_be_0_where_RESIDUAL_is_0 u_error_product_residual ();
    if (EVENTS != 0 && EVENTS != 1) systole_error_EVENTS_must_be_0_or_1 u_error_events ();
    if (POST_LANES != 1 << $clog2(POST_LANES) || POST_LANES > COLS)
      systole_error_POST_LANES_must_be_a_power_of_two_up_to_COLS u_error_post ();
    if (LANE_TAPS != 0 && POST_LANES != COLS) systole_error_POST_LANES_must_be_COLS_with_a_lane_engine u_error_post_lane ();
    if (X_BANKS != 2 && X_BANKS != 4) systole_error_X_BANKS_must_be_2_or_4 u_error_banks ();
    if (RRAM_WAYS != 1 && RRAM_WAYS != 2 && RRAM_WAYS != 4) systole_error_RRAM_WAYS_must_be_1_2_or_4 u_error_ways ();
    if (RRAM_WAYS > 2 * WEIGHT_BEATS) systole_error_RRAM_WAYS_must_be_at_most_2_WEIGHT_BEATS u_error_classes ();
    if (X_DEPTH != 1 << $clog2(X_DEPTH)) systole_error_X_DEPTH_must_be_a_power_of_two u_error_x ();
    if (RRAM_DEPTH != 1 << RW || RRAM_DEPTH > 65536)
      systole_error_RRAM_DEPTH_must_be_a_power_of_two_up_to_65536 u_error_rram ();
    if (W_SRAM_DEPTH * ROWS > 65536) systole_error_W_SRAM_DEPTH_times_ROWS_exceeds_65536 u_error_sram ();
    if (ACC_DEPTH > 4096) systole_error_ACC_DEPTH_exceeds_4096 u_error_acc ();
    if (VEC_LANES != 0 && (VEC_LANES < 2 || (VEC_LANES != COLS && 2 * VEC_LANES != COLS && 4 * VEC_LANES != COLS)))
      systole_error_VEC_LANES_must_be_0_or_COLS_or_a_half_or_a_quarter u_error_vec ();
    if (LANE_TAPS != 0 && LANE_TAPS != 9) systole_error_LANE_TAPS_must_be_0_or_9 u_error_lane ();
    if (LUT_COUNT > 16) systole_error_LUT_COUNT_exceeds_16 u_error_lut ();
    if (IN_DEPTH * COLS > 131072) systole_error_IN_DEPTH_times_COLS_exceeds_131072 u_error_in ();
    if (DESC_DEPTH > 65536 || QW > DW + 1) systole_error_TIMETABLE_DEPTH_exceeds_twice_DESC_DEPTH u_error_desc ();
  endgenerate

endmodule

`default_nettype wire
