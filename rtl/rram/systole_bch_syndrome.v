// SPDX-License-Identifier: Apache-2.0
// Syndrome of a word as read under DEC-TED: the sum of X over its ones, of X^3, and their parity, where every data,
// address and check bit has an X of its own (docs/rram.md). All 0: no error. Combinational.
`default_nettype none
`include "systole_isa.vh"

module systole_bch_syndrome #(
    parameter DATA = 64,                                // 32, 64 or 128
    parameter M    = DATA > 64 ? 8 : DATA > 32 ? 7 : 6  // bits of the field, derived
) (
    input  wire [DATA-1:0] data_i,     // word as it was read
    input  wire [    15:0] addr_i,     // line, for the check bits
    input  wire [   2*M:0] check_i,    // check bits as they were read
    output wire [   2*M:0] syndrome_o  // {parity, sum of X^3, sum of X}
);

  localparam N = DATA + 16 + 2 * M;
  localparam [2559:0] ROWS =
      DATA > 64 ? `SYSTOLE_BCH128_SUMS : DATA > 32 ? {1244'd0, `SYSTOLE_BCH64_SUMS} : {1840'd0, `SYSTOLE_BCH32_SUMS};

  wire [N-1:0] bits = {check_i[2*M-1:0], addr_i, data_i};
  systole_parity #(
      .IN  (N),
      .OUT (2 * M),
      .ROWS(ROWS[N*2*M-1:0])
  ) u_sums (
      .x_i(bits),
      .y_o(syndrome_o[2*M-1:0])
  );
  assign syndrome_o[2*M] = ^{check_i[2*M], bits};

endmodule

`default_nettype wire
