// SPDX-License-Identifier: Apache-2.0
// Proof about SECDED in RTL (P1 in docs/rram.md), for every word, every line and every error: none is clean, one wrong bit is
// corrected, two are flagged, and so is a line that is wrong in one bit. The code is linear, and the check bits of what
// is wrong alone are its syndrome; that the check of a sum is the sum of the checks is proven first (LINEAR = 1), with
// any second word.
`default_nettype none

module ecc #(
    parameter DATA   = 32,
    parameter LINEAR = 0
) (
    input wire rst_i
);

  localparam CHECK = DATA == 64 ? 8 : 7;
  (* anyconst *) reg [DATA-1:0] data, other;
  (* anyconst *) reg [15:0] line, other_line;
  (* anyconst *) reg [6:0] one, two;
  (* anyconst *) reg [3:0] line_bit;

  // What is wrong: bit `one` of {check, data}, and bit `two`; both, one, or none where they name no bit.
  localparam N = DATA + CHECK;
  wire [N-1:0] turned_1 = one < N ? {{N - 1{1'b0}}, 1'b1} << one : {N{1'b0}};
  wire [N-1:0] turned_2 = two < N && two != one ? {{N - 1{1'b0}}, 1'b1} << two : {N{1'b0}};
  wire [N-1:0] turned = turned_1 ^ turned_2;

  wire [7:0] of_data, of_other, of_sum;
  systole_ecc_check #(.DATA(DATA)) u_data (.data_i(data), .addr_i(line), .check_o(of_data));
  systole_ecc_check #(.DATA(DATA)) u_other (
      .data_i(LINEAR ? other : turned[DATA-1:0]), .addr_i(LINEAR ? other_line : 16'd0), .check_o(of_other)
  );
  systole_ecc_check #(.DATA(DATA)) u_sum (.data_i(data ^ other), .addr_i(line ^ other_line), .check_o(of_sum));

  // The syndrome of the word as it was read: what is read XOR what belongs there.
  wire [7:0] syndrome = of_other ^ {{8 - CHECK{1'b0}}, turned[N-1:DATA]};
  wire [DATA-1:0] right;
  wire corrected, bad;
  systole_ecc_correct #(.DATA(DATA)) u_correct (
      .data_i(data ^ turned[DATA-1:0]), .syndrome_i(syndrome), .data_o(right), .corrected_o(corrected), .uncorrectable_o(bad)
  );
  // A wrong line, in the same way.
  wire [7:0] of_line;
  systole_ecc_check #(.DATA(DATA)) u_line (.data_i({DATA{1'b0}}), .addr_i(16'd1 << line_bit), .check_o(of_line));
  wire line_bad;
  systole_ecc_correct #(.DATA(DATA)) u_line_correct (
      .data_i(data), .syndrome_i(of_line), .data_o(), .corrected_o(), .uncorrectable_o(line_bad)
  );

  wire none = turned == {N{1'b0}};
  wire two_wrong = turned_1 != {N{1'b0}} && turned_2 != {N{1'b0}};
  always @*
    if (LINEAR) assert (of_sum == (of_data ^ of_other));
    else begin
      if (none) assert (right == data && !corrected && !bad);
      else if (two_wrong) assert (bad && !corrected);
      else assert (right == data && corrected && !bad);
      assert (line_bad);
    end

endmodule

`default_nettype wire
