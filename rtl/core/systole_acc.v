// SPDX-License-Identifier: Apache-2.0
// C accumulator lanes with common control. Control comes in cycle A (read applied), the column
// sums in A + 2, totals leave in A + 3. `last` totals are final: last_o rises in A + 1 (POST's
// take) and they are not written back. One vector a cycle. Reset clears valid bits.
`default_nettype none

module systole_acc #(
    parameter COLS  = 8,
    parameter DEPTH = 256,            // words
    parameter AW    = $clog2(DEPTH)
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire               valid_i,  // a vector, cycle A
    input  wire [     AW-1:0] addr_i,   // its accumulators
    input  wire               first_i,  // they begin anew
    input  wire               last_i,   // their totals are final
    input  wire [COLS*32-1:0] sum_i,    // column sums, A + 2
    output wire               last_o,   // totals will be final, A + 1
    output wire [COLS*32-1:0] total_o   // totals, A + 3
);

  // Stages 1 to 3 follow the vector: operand, addition, write.
  reg valid_q1, valid_q2, valid_q3;
  reg [AW-1:0] addr_q1, addr_q2, addr_q3;
  reg last_q1, last_q2, last_q3;
  reg first_q1, dist2_q1, dist3_q1, dist1_q1, dist1_q2;

  always @(posedge clk_i)
    if (rst_i) begin
      valid_q1 <= 1'b0;
      valid_q2 <= 1'b0;
      valid_q3 <= 1'b0;
    end else begin
      valid_q1 <= valid_i;
      valid_q2 <= valid_q1;
      valid_q3 <= valid_q2;
    end

  always @(posedge clk_i) begin
    addr_q1  <= addr_i;
    addr_q2  <= addr_q1;
    addr_q3  <= addr_q2;
    last_q1  <= last_i;
    last_q2  <= last_q1;
    last_q3  <= last_q2;
    first_q1 <= first_i;
    dist1_q1 <= valid_q1 && addr_q1 == addr_i && !first_i;
    dist2_q1 <= valid_q2 && addr_q2 == addr_i;
    dist3_q1 <= valid_q3 && addr_q3 == addr_i;
    dist1_q2 <= dist1_q1;
  end

  genvar c;
  generate
    for (c = 0; c < COLS; c = c + 1) begin : g_lane
      systole_acc_lane #(
          .DEPTH(DEPTH)
      ) u_lane (
          .clk_i  (clk_i),
          .re_i   (valid_i),
          .raddr_i(addr_i),
          .first_i(first_q1),
          .dist2_i(dist2_q1),
          .dist3_i(dist3_q1),
          .dist1_i(dist1_q2),
          .sum_i  (sum_i[c*32+:32]),
          .we_i   (valid_q3 && !last_q3),
          .waddr_i(addr_q3),
          .total_o(total_o[c*32+:32])
      );
    end
  endgenerate

  assign last_o = valid_q1 && last_q1;

endmodule

`default_nettype wire
