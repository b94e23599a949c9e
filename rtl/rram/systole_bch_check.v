// SPDX-License-Identifier: Apache-2.0
// Check bits of an RRAM word at its address under DEC-TED: 2 M coefficients of a BCH code's word, and the parity
// of everything on top (sw/isa, ecc.rs). Combinational.
`default_nettype none
`include "systole_isa.vh"

module systole_bch_check #(
    parameter DATA = 64,                                // 32, 64 or 128
    parameter M    = DATA > 64 ? 8 : DATA > 32 ? 7 : 6  // bits of the field, derived
) (
    input  wire [DATA-1:0] data_i,  // word
    input  wire [    15:0] addr_i,  // line, for the check bits
    output wire [   2*M:0] check_o  // check bits
);

  localparam N = DATA + 16;
  localparam [2447:0] ROWS =
      DATA > 64 ? `SYSTOLE_BCH128_CHECK : DATA > 32 ? {1248'd0, `SYSTOLE_BCH64_CHECK} : {1824'd0, `SYSTOLE_BCH32_CHECK};

  systole_parity #(
      .IN  (N),
      .OUT (2 * M + 1),
      .ROWS(ROWS[N*(2*M+1)-1:0])
  ) u_check (
      .x_i({addr_i, data_i}),
      .y_o(check_o)
  );

endmodule

`default_nettype wire
