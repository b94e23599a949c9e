// SPDX-License-Identifier: Apache-2.0
// Signed multiplier with a product register: p_o is a_i x b_i of one cycle ago, where en_i stood
// with them; without it p_o is not to be used (here it keeps still, which simulates faster). Operands
// of up to 18 bits. Behavioural; rtl/ecp5 has the same module for that FPGA. Reset clears nothing.
`default_nettype none

module systole_mul #(
    parameter A_W  = 8,
    parameter B_W  = 8,
    parameter SOFT = 0                 // for rtl/ecp5 alone
) (
    input  wire               clk_i,
    input  wire               en_i,   // operands are there
    input  wire [    A_W-1:0] a_i,    // one factor, signed
    input  wire [    B_W-1:0] b_i,    // the other
    output wire [A_W+B_W-1:0] p_o     // their product, a cycle later
);

  wire unused = SOFT != 0;
  reg signed [A_W+B_W-1:0] p_q;
  always @(posedge clk_i) if (en_i) p_q <= $signed(a_i) * $signed(b_i);
  assign p_o = p_q;

endmodule

`default_nettype wire
