// SPDX-License-Identifier: Apache-2.0
// Unsigned 25 x 24 multiplier from products that fit one 18 x 18 multiplier each. Latency
// 2 cycles, one a cycle; a stage without enable keeps still. Reset clears nothing.
`default_nettype none

module systole_mul24 (
    input  wire        clk_i,
    input  wire [ 1:0] en_i,  // operands are there; products are there
    input  wire [24:0] a_i,
    input  wire [23:0] b_i,
    output wire [48:0] p_o
);

  reg [33:0] ll_q;
  reg [24:0] hl_q;
  reg [23:0] lh_q;
  reg [14:0] hh_q;
  reg [48:0] p_q;

  always @(posedge clk_i) begin
    if (en_i[0]) begin
      ll_q <= a_i[16:0] * b_i[16:0];
      hl_q <= a_i[24:17] * b_i[16:0];
      lh_q <= a_i[16:0] * b_i[23:17];
      hh_q <= a_i[24:17] * b_i[23:17];
    end
    if (en_i[1]) p_q <= {15'd0, ll_q} + {7'd0, hl_q, 17'd0} + {8'd0, lh_q, 17'd0} + {hh_q, 34'd0};
  end

  assign p_o = p_q;

endmodule

`default_nettype wire
