// SPDX-License-Identifier: Apache-2.0
// What a syndrome of DEC-TED says (docs/rram.md): a wrong bit's X solves S1 X^2 + S1^2 X = S1^3 + S3. The left side is
// a fixed matrix times S1 for every X, so each bit is looked at by itself. One or two bits are turned; where the word
// is uncorrectable, data_o is worth nothing. Combinational.
`default_nettype none
`include "systole_isa.vh"

module systole_bch_correct #(
    parameter DATA = 64,                                // 32, 64 or 128
    parameter M    = DATA > 64 ? 8 : DATA > 32 ? 7 : 6  // bits of the field, derived
) (
    input  wire [DATA-1:0] data_i,          // word as it was read
    input  wire [   2*M:0] syndrome_i,      // {parity, S3, S1}
    output wire [DATA-1:0] data_o,          // word, corrected
    output wire            corrected_o,     // one or two bits were wrong
    output wire            uncorrectable_o  // more errors than can be corrected
);

  localparam N = DATA + 2 * M;  // stored bits, without the parity
  localparam [9215:0] LEFT =
      DATA > 64 ? `SYSTOLE_BCH128_LEFT : DATA > 32 ? {5394'd0, `SYSTOLE_BCH64_LEFT} : {7632'd0, `SYSTOLE_BCH32_LEFT};
  localparam [8:0] FIELD = DATA > 64 ? `SYSTOLE_BCH128_FIELD : DATA > 32 ? `SYSTOLE_BCH64_FIELD : `SYSTOLE_BCH32_FIELD;

  // Product of two elements of the field.
  function [8:0] times;
    input [8:0] a, b;
    integer j;
    begin
      times = 9'd0;
      for (j = M - 1; j >= 0; j = j - 1) begin
        times = {times[7:0], 1'b0};
        if (times[M]) times = times ^ FIELD;
        if (b[j]) times = times ^ a;
      end
    end
  endfunction

  wire [M-1:0] s1 = syndrome_i[M-1:0];
  wire [M-1:0] s3 = syndrome_i[2*M-1:M];
  wire         odd = syndrome_i[2*M];
  wire [  8:0] a = {{9 - M{1'b0}}, s1};
  wire [  8:0] cube = times(times(a, a), a);
  wire [M-1:0] rest = cube[M-1:0] ^ s3;
  wire         some = s1 != {M{1'b0}};
  wire         alone = rest == {M{1'b0}};  // one X, or none: S3 = S1^3

  reg [N-1:0] wrong;
  reg [M-1:0] left;
  integer i, r;
  always @* begin
    wrong = {N{1'b0}};
    left  = {M{1'b0}};
    if (some)
      for (i = 0; i < N; i = i + 1) begin
        for (r = 0; r < M; r = r + 1) left[r] = ^(s1 & LEFT[M*(M*i+r)+:M]);
        wrong[i] = left == rest;
      end
  end

  // Two stored bits are found, or one where one is looked for (perhaps with the parity bit), or the parity bit alone.
  // One of two: the other is an address bit, or none at all.
  wire found = wrong != {N{1'b0}} && (^wrong) == alone;
  wire none  = !some && alone;
  assign data_o          = data_i ^ wrong[DATA-1:0];
  assign corrected_o     = none ? odd : found && (alone || !odd);
  assign uncorrectable_o = !none && !corrected_o;

endmodule

`default_nettype wire
