// SPDX-License-Identifier: Apache-2.0
// Proof about DEC-TED in RTL (P1 in docs/rram.md), for every word, every line and every error of up to three bits, those of the line
// among them: none is clean, one and two stored bits are corrected, what has three or one of the line is flagged and corrected
// nowhere. In parts. LINEAR 0: the errors alone, whose syndrome is that of the word as it was read, for the word itself adds none.
// LINEAR 1: that is so, for the syndrome and the check bits of a sum are the sums of both, with any two words. LINEAR 2: and the
// syndrome of a word of one bit with its check bits is 0, so of all words, which are sums of those.
`default_nettype none

module bch #(
    parameter DATA   = 32,
    parameter LINEAR = 0
) (
    input wire rst_i
);

  localparam M = DATA > 64 ? 8 : DATA > 32 ? 7 : 6;
  localparam CHECK = 2 * M + 1;
  localparam N = DATA + CHECK + 16;  // {line, check, data}

  (* anyconst *) reg [DATA-1:0] data, other;
  (* anyconst *) reg [15:0] line, other_line;
  (* anyconst *) reg [CHECK-1:0] check, other_check;
  (* anyconst *) reg [7:0] one, two, three;

  generate
    if (LINEAR == 1) begin : g_sums
      wire [CHECK-1:0] of_data, of_other, of_sum;
      systole_bch_check #(.DATA(DATA)) u_data (.data_i(data), .addr_i(line), .check_o(of_data));
      systole_bch_check #(.DATA(DATA)) u_other (.data_i(other), .addr_i(other_line), .check_o(of_other));
      systole_bch_check #(.DATA(DATA)) u_sum (.data_i(data ^ other), .addr_i(line ^ other_line), .check_o(of_sum));
      wire [CHECK-1:0] read, read_other, read_sum;
      systole_bch_syndrome #(.DATA(DATA)) u_read (.data_i(data), .addr_i(line), .check_i(check), .syndrome_o(read));
      systole_bch_syndrome #(.DATA(DATA)) u_read_other (
          .data_i(other), .addr_i(other_line), .check_i(other_check), .syndrome_o(read_other)
      );
      systole_bch_syndrome #(.DATA(DATA)) u_read_sum (
          .data_i(data ^ other), .addr_i(line ^ other_line), .check_i(check ^ other_check), .syndrome_o(read_sum)
      );
      always @* begin
        assert (of_sum == (of_data ^ of_other));
        assert (read_sum == (read ^ read_other));
      end
    end else if (LINEAR == 2) begin : g_words
      wire [DATA+15:0] word = one < DATA + 16 ? {{DATA + 15{1'b0}}, 1'b1} << one : {DATA + 16{1'b0}};
      wire [CHECK-1:0] stored, syndrome;
      systole_bch_check #(.DATA(DATA)) u_check (.data_i(word[DATA-1:0]), .addr_i(word[DATA+:16]), .check_o(stored));
      systole_bch_syndrome #(.DATA(DATA)) u_syndrome (
          .data_i(word[DATA-1:0]), .addr_i(word[DATA+:16]), .check_i(stored), .syndrome_o(syndrome)
      );
      always @* assert (syndrome == {CHECK{1'b0}});
    end else begin : g_errors
      // What is wrong: bits `one`, `two`, `three`, in their order; a number that names no bit is no error.
      wire [N-1:0] bit_1 = one < N ? {{N - 1{1'b0}}, 1'b1} << one : {N{1'b0}};
      wire [N-1:0] bit_2 = two < N ? {{N - 1{1'b0}}, 1'b1} << two : {N{1'b0}};
      wire [N-1:0] bit_3 = three < N ? {{N - 1{1'b0}}, 1'b1} << three : {N{1'b0}};
      wire [N-1:0] turned = bit_1 | bit_2 | bit_3;
      always @* assume ((one < two || two >= N) && (two < three || three >= N) && (one < N || two >= N) && (two < N || three >= N));

      // The syndrome of a sum is the sum of syndromes (LINEAR 1).
      wire [CHECK-1:0] of_1, of_2, of_3;
      systole_bch_syndrome #(.DATA(DATA)) u_1 (
          .data_i(bit_1[DATA-1:0]), .addr_i(bit_1[DATA+CHECK+:16]), .check_i(bit_1[DATA+:CHECK]), .syndrome_o(of_1)
      );
      systole_bch_syndrome #(.DATA(DATA)) u_2 (
          .data_i(bit_2[DATA-1:0]), .addr_i(bit_2[DATA+CHECK+:16]), .check_i(bit_2[DATA+:CHECK]), .syndrome_o(of_2)
      );
      systole_bch_syndrome #(.DATA(DATA)) u_3 (
          .data_i(bit_3[DATA-1:0]), .addr_i(bit_3[DATA+CHECK+:16]), .check_i(bit_3[DATA+:CHECK]), .syndrome_o(of_3)
      );
      wire [CHECK-1:0] syndrome = of_1 ^ of_2 ^ of_3;
      wire [DATA-1:0] right;
      wire corrected, bad;
      systole_bch_correct #(.DATA(DATA)) u_correct (
          .data_i(data ^ turned[DATA-1:0]), .syndrome_i(syndrome), .data_o(right), .corrected_o(corrected), .uncorrectable_o(bad)
      );

      wire none = one >= N;
      wire flagged = three < N || turned[DATA+CHECK+:16] != 16'd0;
      always @*
        if (none) assert (right == data && !corrected && !bad);
        else if (flagged) assert (bad && !corrected);
        else assert (right == data && corrected && !bad);
    end
  endgenerate

endmodule

`default_nettype wire
