// SPDX-License-Identifier: Apache-2.0
// F24 product (docs/arithmetic.md): operands in cycle V, the product in V + 2. One a cycle. Bit k of en_i
// says that operands were there k cycles ago; stages without them keep still. Reset clears nothing.
`default_nettype none

module systole_f24_mul (
    input  wire        clk_i,
    input  wire [ 1:0] en_i,   // bit k: operands were there k cycles ago
    input  wire [23:0] a_i,    // one operand, F24
    input  wire [23:0] b_i,    // the other
    output wire [23:0] p_o     // the product, 2 cycles later
);

  // V: significands and exponents.
  reg [31:0] product_q;
  reg [ 9:0] exponent_q;  // biased, signed
  reg        sign_q, zero_q;
  always @(posedge clk_i)
    if (en_i[0]) begin
      product_q  <= {16'd0, 1'b1, a_i[14:0]} * {16'd0, 1'b1, b_i[14:0]};
      exponent_q <= {2'b00, a_i[22:15]} + {2'b00, b_i[22:15]} - 10'd127;
      sign_q     <= a_i[23] ^ b_i[23];
      zero_q     <= a_i[22:15] == 8'd0 || b_i[22:15] == 8'd0;
    end

  // V + 1: normalise, round.
  wire        high = product_q[31];
  wire [15:0] keep = high ? product_q[31:16] : product_q[30:15];
  wire        half = high ? product_q[15] : product_q[14];
  wire        rest = product_q[13:0] != 14'd0 || (high && product_q[14]);
  wire [23:0] rounded;
  systole_f24_round u_round (
      .sign_i    (sign_q),
      .zero_i    (zero_q),
      .exponent_i(exponent_q + {9'd0, high}),
      .keep_i    (keep),
      .half_i    (half),
      .rest_i    (rest),
      .f_o       (rounded)
  );
  reg [23:0] p_q;
  always @(posedge clk_i) if (en_i[1]) p_q <= rounded;
  assign p_o = p_q;

endmodule

`default_nettype wire
