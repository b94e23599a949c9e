// SPDX-License-Identifier: Apache-2.0
// A word on its way through the code, for tests: encoded for a line; and as it was read, its syndrome and what comes
// of it. Combinational.
`default_nettype none
`include "systole_isa.vh"

module systole_ecc_bench #(
    parameter ECC          = 1,
    parameter COLS         = 8,
    parameter WEIGHT_BEATS = 1,
    parameter CHECK        = `SYSTOLE_ECC_CHECK(ECC, COLS, WEIGHT_BEATS)
) (
    input  wire [COLS*8-1:0] data_i,
    input  wire [      15:0] line_i,
    output wire [ CHECK-1:0] check_o,
    input  wire [COLS*8-1:0] read_data_i,
    input  wire [ CHECK-1:0] read_check_i,
    input  wire [      15:0] read_line_i,
    output wire [COLS*8-1:0] data_o,
    output wire              corrected_o,
    output wire              uncorrectable_o
);

  systole_ecc_encode #(
      .ECC  (ECC),
      .COLS (COLS),
      .CHECK(CHECK),
      .AW   (16)
  ) u_encode (
      .data_i (data_i),
      .line_i (line_i),
      .check_o(check_o)
  );

  wire [CHECK-1:0] syndrome;
  systole_ecc_syndrome #(
      .ECC  (ECC),
      .COLS (COLS),
      .CHECK(CHECK),
      .AW   (16)
  ) u_syndrome (
      .data_i    (read_data_i),
      .check_i   (read_check_i),
      .line_i    (read_line_i),
      .syndrome_o(syndrome)
  );
  systole_ecc_decode #(
      .ECC  (ECC),
      .COLS (COLS),
      .CHECK(CHECK)
  ) u_decode (
      .data_i         (read_data_i),
      .syndrome_i     (syndrome),
      .data_o         (data_o),
      .corrected_o    (corrected_o),
      .uncorrectable_o(uncorrectable_o)
  );

endmodule

`default_nettype wire
