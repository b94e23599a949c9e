// SPDX-License-Identifier: Apache-2.0
// Asserts, in simulation, that the vector unit keeps its latencies (sw/isa, latency.rs; docs/vector.md): what a step begins
// comes in exactly its cycle, and nothing comes that nothing began. No outputs: synthesis leaves it out. Reset forgets
// what is due.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_vec_latencies #(
    parameter COLS      = 8,
    parameter VEC_LANES = COLS
) (
    input wire       clk_i,
    input wire       rst_i,
    input wire       step_i,         // a VECTOR steps, or takes sums
    input wire       fn_i,           // .. its function is on
    input wire       to_v_i,         // .. it writes V, codes, OUT float32, a maximum, the end of a sum
    input wire       to_code_i,      // .. codes
    input wire       to_float_i,     // .. OUT float32
    input wire       max_i,          // .. a maximum
    input wire       sum_i,          // .. the end of a sum
    input wire       read_i,         // V is read, S is read
    input wire       s_read_i,       // S is read
    input wire       v_write_i,      // V is written
    input wire       result_i,       // codes or OUT float32 are written
    input wire       max_write_i,    // a maximum is written
    input wire       sum_write_i,    // a sum is written
    input wire       scalar_i,       // SCALAR steps
    input wire [2:0] op_i,           // its operation
    input wire       scalar_read_i,  // its operands are read
    input wire       scalar_write_i  // its result is written
);

  localparam G = COLS / VEC_LANES;
  localparam WRITE = `SYSTOLE_LATENCY_VEC_WRITE;
  localparam CODE = `SYSTOLE_LATENCY_VEC_CODE(COLS / VEC_LANES);
  localparam MOST = `SYSTOLE_LATENCY_VEC_MAX(COLS / VEC_LANES);
  localparam SUM = `SYSTOLE_LATENCY_VEC_SUM(COLS / VEC_LANES);

  // Bit n: due in n + 1 cycles. A word's groups come one behind the other.
  reg [63:0] read_q, s_read_q, v_q, result_q, max_q, sum_q, scalar_read_q, scalar_q;
  wire [63:0] one = 64'd1;
  wire [63:0] groups = (one << G) - one;
  wire [31:0] late = fn_i ? `SYSTOLE_LATENCY_VEC_FN : 32'd0;
  wire [63:0] scalar_write = op_i == 3'd1 ? one << (`SYSTOLE_LATENCY_SCALAR_ADD - 1) :
      op_i >= 3'd3 ? one << (`SYSTOLE_LATENCY_SCALAR_RECIP - 1) : one << (`SYSTOLE_LATENCY_SCALAR_MUL - 1);
  always @(posedge clk_i)
    if (rst_i) begin
      {read_q, s_read_q, v_q, result_q} <= 256'd0;
      {max_q, sum_q, scalar_read_q, scalar_q} <= 256'd0;
    end else begin
      read_q        <= read_q >> 1 | (step_i ? groups << (`SYSTOLE_LATENCY_VEC_READ - 1) : 64'd0);
      s_read_q      <= s_read_q >> 1 | (step_i ? groups << (`SYSTOLE_LATENCY_VEC_SCALAR - 1) : 64'd0);
      v_q           <= v_q >> 1 | (step_i && to_v_i ? groups << (WRITE - 1 + late) : 64'd0);
      result_q      <= result_q >> 1 | (step_i && to_code_i ? one << (CODE - 1 + late) : 64'd0) |
          (step_i && to_float_i ? 64'd15 << (CODE - 1 + late) : 64'd0);
      max_q         <= max_q >> 1 | (step_i && max_i ? groups << (MOST - G) : 64'd0);
      sum_q         <= sum_q >> 1 | (step_i && sum_i ? one << (SUM - 1 + late) : 64'd0);
      scalar_read_q <= scalar_read_q >> 1 | (scalar_i ? one << (`SYSTOLE_LATENCY_SCALAR_READ - 1) : 64'd0);
      scalar_q      <= scalar_q >> 1 | (scalar_i ? scalar_write : 64'd0);
    end

  `SYSTOLE_ASSERT(check_latency_vec_read, read_i == read_q[0])
  `SYSTOLE_ASSERT(check_latency_vec_scalar, s_read_i == s_read_q[0])
  `SYSTOLE_ASSERT(check_latency_vec_write, v_write_i == v_q[0])
  `SYSTOLE_ASSERT(check_latency_vec_code, result_i == result_q[0])
  `SYSTOLE_ASSERT(check_latency_vec_max, max_write_i == max_q[0])
  `SYSTOLE_ASSERT(check_latency_vec_sum, sum_write_i == sum_q[0])
  `SYSTOLE_ASSERT(check_latency_scalar_read, scalar_read_i == scalar_read_q[0])
  `SYSTOLE_ASSERT(check_latency_scalar_write, scalar_write_i == scalar_q[0])

endmodule

`default_nettype wire
