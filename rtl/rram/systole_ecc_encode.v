// SPDX-License-Identifier: Apache-2.0
// Check bits of a C-byte word that belongs to a line. SECDED: one code over 32 bits (C = 4), else a code for each 64
// bits, 8 check bits a code. DEC-TED: one code up to C = 16, two of them for C = 32. Code i at the i-th equal part of
// the bits in use; bits that only fill up the word are 0. Combinational.
`default_nettype none
`include "systole_isa.vh"

module systole_ecc_encode #(
    parameter ECC   = 0,   // 0: SECDED, 1: DEC-TED
    parameter COLS  = 8,
    parameter CHECK = 8,   // stored check bits
    parameter AW    = 11   // bits of a line number, at most 16
) (
    input  wire [COLS*8-1:0] data_i,  // word
    input  wire [    AW-1:0] line_i,  // its logical line
    output wire [ CHECK-1:0] check_o  // check bits
);

  wire [AW+15:0] line = {16'd0, line_i};

  genvar i;
  generate
    if (ECC == 0) begin : g_secded
      localparam DATA = COLS < 8 ? 32 : 64;
      for (i = 0; i < CHECK / 8; i = i + 1) begin : g_code
        systole_ecc_check #(
            .DATA(DATA)
        ) u_check (
            .data_i (data_i[i*DATA+:DATA]),
            .addr_i (line[15:0]),
            .check_o(check_o[i*8+:8])
        );
      end
    end else begin : g_dected
      localparam DATA = COLS < 16 ? COLS * 8 : 128;
      localparam CODES = COLS * 8 / DATA;
      localparam BITS = `SYSTOLE_ECC_BITS(ECC, COLS) / CODES;
      for (i = 0; i < CODES; i = i + 1) begin : g_code
        systole_bch_check #(
            .DATA(DATA)
        ) u_check (
            .data_i (data_i[i*DATA+:DATA]),
            .addr_i (line[15:0]),
            .check_o(check_o[i*BITS+:BITS])
        );
      end
      if (CHECK > CODES * BITS) begin : g_fill
        assign check_o[CHECK-1:CODES*BITS] = {CHECK - CODES * BITS{1'b0}};
      end
    end
  endgenerate

endmodule

`default_nettype wire
