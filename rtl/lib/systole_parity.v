// SPDX-License-Identifier: Apache-2.0
// Product of a matrix and a vector of bits: y_o[r] is the parity of the bits of x_i that row r names. The one
// form of all codes and CRCs here. Combinational.
`default_nettype none

module systole_parity #(
    parameter IN  = 8,
    parameter OUT = 8,
    parameter [IN*OUT-1:0] ROWS = {IN * OUT{1'b0}}  // row r at ROWS[IN*r+:IN]
) (
    input  wire [ IN-1:0] x_i,  // bits
    output wire [OUT-1:0] y_o   // a parity for each row of ROWS
);

  genvar r;
  generate
    for (r = 0; r < OUT; r = r + 1) begin : g_row
      assign y_o[r] = ^(x_i & ROWS[IN*r+:IN]);
    end
  endgenerate

endmodule

`default_nettype wire
