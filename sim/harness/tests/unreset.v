// SPDX-License-Identifier: Apache-2.0
// A job of four cycles. GOOD = 0 leaves out the reset of busy_q, as one does.
`default_nettype none
module unreset #(
    parameter GOOD = 0
) (
    input  wire       clk_i,
    input  wire       rst_i,
    input  wire       start_i,
    output reg        done_o,
    output reg  [7:0] seen_o
);
  reg       busy_q;
  reg [1:0] left_q;
  always @(posedge clk_i) begin
    done_o <= busy_q && left_q == 0;
    if (start_i && !busy_q) begin
      busy_q <= 1'b1;
      left_q <= 2'd3;
    end else if (busy_q) begin
      left_q <= left_q - 2'd1;
      if (left_q == 0) busy_q <= 1'b0;
    end
    if (rst_i) begin
      done_o <= 1'b0;
      left_q <= 2'd3;
      if (GOOD) busy_q <= 1'b0;
    end
    if (start_i) seen_o <= seen_o + 8'd1;
  end
endmodule
`default_nettype wire
