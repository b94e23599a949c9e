// SPDX-License-Identifier: Apache-2.0
// An integer as F24 (docs/arithmetic.md): x_i, signed, in cycle V, the number in V + 3. One a cycle. Bit k of en_i
// says that one was there k cycles ago. Reset clears nothing.
`default_nettype none

module systole_f24_int #(
    parameter WIDTH = 32  // bits of the integer, 17 to 64
) (
    input  wire             clk_i,
    input  wire [      2:0] en_i,   // bit k: an integer was there k cycles ago
    input  wire [WIDTH-1:0] x_i,    // the integer, signed, cycle V
    output wire [     23:0] f_o     // the number, V + 3
);

  localparam ZW = $clog2(WIDTH + 1);

  // V: magnitude.
  reg [WIDTH-1:0] magnitude_q;
  reg             sign_q1;
  always @(posedge clk_i)
    if (en_i[0]) begin
      magnitude_q <= x_i[WIDTH-1] ? {WIDTH{1'b0}} - x_i : x_i;
      sign_q1     <= x_i[WIDTH-1];
    end

  // V + 1: the first bit to the front.
  // (A function, so that a simulator looks for it only where there is an integer.)
  function [ZW-1:0] zeros(input [WIDTH-1:0] x);
    integer i, from;
    begin
      zeros = {ZW{1'b0}};
      from  = WIDTH - 1;
      for (i = 0; i < WIDTH; i = i + 1) begin
        if (x[i]) zeros = from[ZW-1:0];
        from = from - 1;
      end
    end
  endfunction
  reg [WIDTH-1:0] front_q;
  reg [      9:0] exponent_q;
  reg             sign_q2;
  always @(posedge clk_i)
    if (en_i[1]) begin
      front_q    <= magnitude_q << zeros(magnitude_q);
      exponent_q <= 10'd126 + WIDTH[9:0] - {{10 - ZW{1'b0}}, zeros(magnitude_q)};
      sign_q2    <= sign_q1;
    end

  // V + 2: round.
  wire [23:0] rounded;
  systole_f24_round u_round (
      .sign_i    (sign_q2),
      .zero_i    (!front_q[WIDTH-1]),
      .exponent_i(exponent_q),
      .keep_i    (front_q[WIDTH-1-:16]),
      .half_i    (front_q[WIDTH-17]),
      .rest_i    (front_q[WIDTH-18:0] != {WIDTH - 17{1'b0}}),
      .f_o       (rounded)
  );
  reg [23:0] f_q;
  always @(posedge clk_i) if (en_i[2]) f_q <= rounded;
  assign f_o = f_q;

endmodule

`default_nettype wire
