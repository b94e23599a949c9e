// SPDX-License-Identifier: Apache-2.0
// Signed 8 x 8 multiplier with a weight that is held: product of x_i and the weight last
// loaded, 2 cycles after x_i (input registers, product register), one a cycle. Behavioural;
// technology variants have the same ports. Reset clears nothing.
`default_nettype none

module systole_mul8 (
    input  wire        clk_i,
    input  wire        load_i,  // take w_i for this x_i and those that follow
    input  wire [ 7:0] x_i,
    input  wire [ 7:0] w_i,
    output wire [15:0] p_o
);

  reg signed [ 7:0] x_q;
  reg signed [ 7:0] w_q;
  reg signed [15:0] p_q;

  always @(posedge clk_i) begin
    x_q <= x_i;
    if (load_i) w_q <= w_i;
    p_q <= x_q * w_q;
  end

  assign p_o = p_q;

endmodule

`default_nettype wire
