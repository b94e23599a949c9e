// SPDX-License-Identifier: Apache-2.0
// Check bits of an RRAM word at its address: SECDED in Hsiao's form (sw/isa, ecc.rs). XORed with the check bits that
// were read they are the syndrome. Combinational. 32 data bits have 7 check bits, 64 have 8; the rest of check_o is 0.
`default_nettype none
`include "systole_isa.vh"

module systole_ecc_check #(
    parameter DATA = 64  // 32 or 64
) (
    input  wire [DATA-1:0] data_i,  // word
    input  wire [    15:0] addr_i,  // line, for the check bits
    output wire [     7:0] check_o  // check bits
);

  localparam N = DATA + 16;
  localparam [8*80-1:0] ROWS = DATA == 64 ? `SYSTOLE_ECC64_CHECK : {256'd0, `SYSTOLE_ECC32_CHECK};

  systole_parity #(
      .IN  (N),
      .OUT (8),
      .ROWS(ROWS[8*N-1:0])
  ) u_check (
      .x_i({addr_i, data_i}),
      .y_o(check_o)
  );

endmodule

`default_nettype wire
