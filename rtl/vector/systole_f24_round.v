// SPDX-License-Identifier: Apache-2.0
// The end of every F24 operation (docs/arithmetic.md): a significand with its first bit set, the bit below it, whether
// anything is below that, and the biased exponent (signed) become a number: to nearest, ties to even; too large is the largest
// number, too small zero. Combinational.
`default_nettype none

module systole_f24_round (
    input  wire        sign_i,      // the result is negative
    input  wire        zero_i,      // the result is zero, whatever else is said
    input  wire [ 9:0] exponent_i,  // biased, signed
    input  wire [15:0] keep_i,      // significand, its first bit set
    input  wire        half_i,      // the bit below it
    input  wire        rest_i,      // anything is below that
    output wire [23:0] f_o          // the number
);

  wire [16:0] sum = {1'b0, keep_i} + {16'd0, half_i && (rest_i || keep_i[0])};
  wire [ 9:0] exponent = exponent_i + {9'd0, sum[16]};
  wire        low = exponent[9] || exponent == 10'd0;
  wire        high = !exponent[9] && exponent >= 10'd255;
  assign f_o = zero_i || low ? 24'd0 : high ? {sign_i, 8'd254, 15'h7fff} : {sign_i, exponent[7:0], sum[14:0]};

endmodule

`default_nettype wire
