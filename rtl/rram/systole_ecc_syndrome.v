// SPDX-License-Identifier: Apache-2.0
// Syndromes of the codes of a C-byte word as it was read from a line, at the places of their check bits; 0 at bits that
// only fill up the word. Combinational.
`default_nettype none
`include "systole_isa.vh"

module systole_ecc_syndrome #(
    parameter ECC   = 0,   // 0: SECDED, 1: DEC-TED
    parameter COLS  = 8,
    parameter CHECK = 8,   // stored check bits
    parameter AW    = 11   // bits of a line number, at most 16
) (
    input  wire [COLS*8-1:0] data_i,     // word as it was read
    input  wire [ CHECK-1:0] check_i,    // check bits as they were read
    input  wire [    AW-1:0] line_i,     // its logical line
    output wire [ CHECK-1:0] syndrome_o  // syndrome, 0: no error
);

  genvar i;
  generate
    if (ECC == 0) begin : g_secded
      wire [CHECK-1:0] check;
      systole_ecc_encode #(
          .ECC  (ECC),
          .COLS (COLS),
          .CHECK(CHECK),
          .AW   (AW)
      ) u_check (
          .data_i (data_i),
          .line_i (line_i),
          .check_o(check)
      );
      assign syndrome_o = check ^ check_i;
    end else begin : g_dected
      localparam DATA = COLS < 16 ? COLS * 8 : 128;
      localparam CODES = COLS * 8 / DATA;
      localparam BITS = `SYSTOLE_ECC_BITS(ECC, COLS) / CODES;
      wire [AW+15:0] line = {16'd0, line_i};
      for (i = 0; i < CODES; i = i + 1) begin : g_code
        systole_bch_syndrome #(
            .DATA(DATA)
        ) u_syndrome (
            .data_i    (data_i[i*DATA+:DATA]),
            .addr_i    (line[15:0]),
            .check_i   (check_i[i*BITS+:BITS]),
            .syndrome_o(syndrome_o[i*BITS+:BITS])
        );
      end
      if (CHECK > CODES * BITS) begin : g_fill
        assign syndrome_o[CHECK-1:CODES*BITS] = {CHECK - CODES * BITS{1'b0}};
      end
    end
  endgenerate

endmodule

`default_nettype wire
