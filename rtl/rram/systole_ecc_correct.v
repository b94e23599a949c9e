// SPDX-License-Identifier: Apache-2.0
// What a syndrome says (sw/isa, ecc.rs): the data bit whose column it is, is turned; a syndrome of one bit is a wrong
// check bit; any other than zero is more than one error, or a word from another address. Combinational.
`default_nettype none
`include "systole_isa.vh"

module systole_ecc_correct #(
    parameter DATA = 64  // 32 or 64
) (
    input  wire [DATA-1:0] data_i,          // word as it was read
    input  wire [     7:0] syndrome_i,      // syndrome
    output wire [DATA-1:0] data_o,          // word, corrected
    output wire            corrected_o,     // one bit was wrong
    output wire            uncorrectable_o  // more errors than can be corrected
);

  localparam [8*64-1:0] COLUMNS = DATA == 64 ? `SYSTOLE_ECC64_COLUMNS : {256'd0, `SYSTOLE_ECC32_COLUMNS};

  reg [DATA-1:0] turn;
  integer i;
  always @* for (i = 0; i < DATA; i = i + 1) turn[i] = syndrome_i == COLUMNS[8*i+:8];

  wire check_bit = syndrome_i != 8'd0 && (syndrome_i & (syndrome_i - 8'd1)) == 8'd0;
  assign data_o          = data_i ^ turn;
  assign corrected_o     = |turn || check_bit;
  assign uncorrectable_o = syndrome_i != 8'd0 && !corrected_o;

endmodule

`default_nettype wire
