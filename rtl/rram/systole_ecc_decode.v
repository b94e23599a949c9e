// SPDX-License-Identifier: Apache-2.0
// A C-byte word by its syndromes: each code corrects its part; uncorrectable where one of them is. Combinational.
`default_nettype none
`include "systole_isa.vh"

module systole_ecc_decode #(
    parameter ECC   = 0,  // 0: SECDED, 1: DEC-TED
    parameter COLS  = 8,
    parameter CHECK = 8   // stored check bits
) (
    input  wire [COLS*8-1:0] data_i,          // word as it was read
    input  wire [ CHECK-1:0] syndrome_i,      // syndrome
    output wire [COLS*8-1:0] data_o,          // word, corrected
    output wire              corrected_o,     // errors were corrected
    output wire              uncorrectable_o  // more errors than can be corrected
);

  localparam DATA = ECC == 0 ? (COLS < 8 ? 32 : 64) : COLS < 16 ? COLS * 8 : 128;
  localparam CODES = COLS * 8 / DATA;
  localparam BITS = `SYSTOLE_ECC_BITS(ECC, COLS) / CODES;
  wire [CODES-1:0] corrected, uncorrectable;

  genvar i;
  generate
    for (i = 0; i < CODES; i = i + 1) begin : g_code
      if (ECC == 0) begin : g_secded
        systole_ecc_correct #(
            .DATA(DATA)
        ) u_correct (
            .data_i         (data_i[i*DATA+:DATA]),
            .syndrome_i     (syndrome_i[i*BITS+:BITS]),
            .data_o         (data_o[i*DATA+:DATA]),
            .corrected_o    (corrected[i]),
            .uncorrectable_o(uncorrectable[i])
        );
      end else begin : g_dected
        systole_bch_correct #(
            .DATA(DATA)
        ) u_correct (
            .data_i         (data_i[i*DATA+:DATA]),
            .syndrome_i     (syndrome_i[i*BITS+:BITS]),
            .data_o         (data_o[i*DATA+:DATA]),
            .corrected_o    (corrected[i]),
            .uncorrectable_o(uncorrectable[i])
        );
      end
    end
  endgenerate
  assign corrected_o     = corrected != {CODES{1'b0}};
  assign uncorrectable_o = uncorrectable != {CODES{1'b0}};

endmodule

`default_nettype wire
