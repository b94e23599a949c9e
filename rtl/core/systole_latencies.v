// SPDX-License-Identifier: Apache-2.0
// Asserts, in simulation, that the core keeps the latencies of the instruction set (sw/isa, latency.rs; docs/timing.md):
// what a row, a step or a take begins comes in exactly its cycle, and nothing comes that nothing began. No outputs: synthesis
// leaves it out. SCRUB's two are asserted by its block's bench. Reset forgets what is due.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_latencies #(
    parameter ROWS         = 8,
    parameter COLS         = 8,
    parameter WEIGHT_BEATS = 1,
    parameter RRAM_WAYS    = 2,
    parameter POST_LANES   = COLS
) (
    input wire       clk_i,
    input wire       rst_i,
    input wire       row_i,          // a row is in its cycle
    input wire [3:0] words_i,        // its descriptor words
    input wire       start_i,        // a unit is started: its first step is in the next cycle
    input wire       step_i,         // MATMUL steps
    input wire       step_sram_i,    // .. and loads from W SRAM
    input wire       step_end_i,     // .. and ends a sum
    input wire       line_i,         // a line of RRAM is asked for
    input wire       place_i,        // its place leaves for the rows
    input wire       x_i,            // an X address is applied at row 0
    input wire       sram_i,         // a W SRAM address is applied at row 0
    input wire       take_i,         // POST takes sums of the array
    input wire       take_any_i,     // .. or of the lane engine
    input wire       take_raw_i,     // its instruction: RAW32, lookup, residual add
    input wire       take_lut_i,     // .. with a lookup
    input wire       take_res_i,     // .. with a residual operand
    input wire       result_i,       // POST writes
    input wire       flat_i,         // a flat read is applied
    input wire       load_i,         // LOAD steps, and writes
    input wire       load_write_i,   // LOAD writes X
    input wire       store_i,        // STORE steps, and writes
    input wire       store_write_i,  // STORE writes OUT
    input wire       lane_i,         // the lane engine steps inside the image
    input wire       lane_end_i,     // .. ends a result
    input wire       lane_take_i     // the lane engine's sums are taken
);

  localparam TO_WRITE = `SYSTOLE_LATENCY_POST_WRITE(ROWS, COLS, COLS / POST_LANES) - `SYSTOLE_LATENCY_POST_TAKE(ROWS, COLS);
  localparam W_LEAD = `SYSTOLE_LATENCY_W_LEAD(RRAM_WAYS, WEIGHT_BEATS);

  // Bit n: due in n + 1 cycles.
  reg [63:0] start_q, x_q, sram_q, place_q, take_q, result_q, flat_q, load_q, store_q, lane_q;
  wire [5:0] late = (take_lut_i ? `SYSTOLE_LATENCY_LUT : 6'd0) + (take_res_i ? `SYSTOLE_LATENCY_RESIDUAL : 6'd0);
  wire [63:0] one = 64'd1;
  wire [63:0] result = take_raw_i ? 64'd15 << (TO_WRITE - 1) : one << (TO_WRITE - 1 + late);
  wire [63:0] operand = one << (`SYSTOLE_LATENCY_RESIDUAL_READ - 1 + (take_lut_i ? `SYSTOLE_LATENCY_LUT : 0));
  always @(posedge clk_i)
    if (rst_i) begin
      {start_q, x_q, sram_q, place_q, take_q} <= 320'd0;
      {result_q, flat_q, load_q, store_q, lane_q} <= 320'd0;
    end else begin
      start_q  <= start_q >> 1 | (row_i ? one << (words_i + `SYSTOLE_LATENCY_ISSUE - 2) : 64'd0);
      place_q  <= place_q >> 1 | (line_i ? one << (`SYSTOLE_LATENCY_LINE_TABLE - 1) : 64'd0);
      x_q      <= x_q >> 1 | (step_i ? one << (W_LEAD - 1) : 64'd0);
      sram_q   <= sram_q >> 1 |
          (step_sram_i ? one << (`SYSTOLE_LATENCY_W_SRAM_READ(RRAM_WAYS, WEIGHT_BEATS) - 1) : 64'd0);
      take_q   <= take_q >> 1 | (step_end_i ? one << (W_LEAD + `SYSTOLE_LATENCY_POST_TAKE(ROWS, COLS) - 1) : 64'd0);
      result_q <= result_q >> 1 | (take_any_i ? result : 64'd0);
      flat_q   <= flat_q >> 1 | (take_any_i && take_res_i && !take_raw_i ? operand : 64'd0) |
          (store_i ? one << (`SYSTOLE_LATENCY_STORE_READ - 1) : 64'd0) |
          (lane_i ? one << (`SYSTOLE_LATENCY_LANE_READ - 1) : 64'd0);
      load_q   <= load_q >> 1 | (load_i ? one << (`SYSTOLE_LATENCY_LOAD_WRITE - 1) : 64'd0);
      store_q  <= store_q >> 1 | (store_i ? one << (`SYSTOLE_LATENCY_STORE_WRITE - 1) : 64'd0);
      lane_q   <= lane_q >> 1 | (lane_end_i ? one << (`SYSTOLE_LATENCY_LANE_TAKE - 1) : 64'd0);
    end

  `SYSTOLE_ASSERT(check_latency_issue, start_i == start_q[0])
  `SYSTOLE_ASSERT(check_latency_line_table, place_i == place_q[0])
  `SYSTOLE_ASSERT(check_latency_w_lead, x_i == x_q[0])
  `SYSTOLE_ASSERT(check_latency_w_sram_read, sram_i == sram_q[0])
  `SYSTOLE_ASSERT(check_latency_post_take, take_i == take_q[0])
  `SYSTOLE_ASSERT(check_latency_post_write, result_i == result_q[0])
  `SYSTOLE_ASSERT(check_latency_flat_read, flat_i == flat_q[0])
  `SYSTOLE_ASSERT(check_latency_load_write, load_write_i == load_q[0])
  `SYSTOLE_ASSERT(check_latency_store_write, store_write_i == store_q[0])
  `SYSTOLE_ASSERT(check_latency_lane_take, lane_take_i == lane_q[0])

endmodule

`default_nettype wire
