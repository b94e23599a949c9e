// SPDX-License-Identifier: Apache-2.0
// Check bits of a C-byte word that belongs to a line: one code over 32 bits (C = 4), else a code for each 64 bits.
// Combinational; 8 check bits a code, code i at check_o[8*i+:8].
`default_nettype none

module systole_ecc_encode #(
    parameter COLS  = 8,
    parameter CHECK = 8,  // COLS, at least 8
    parameter AW    = 11  // bits of a line number, at most 16
) (
    input  wire [COLS*8-1:0] data_i,
    input  wire [    AW-1:0] line_i,
    output wire [ CHECK-1:0] check_o
);

  localparam DATA = COLS < 8 ? 32 : 64;
  wire [AW+15:0] line = {16'd0, line_i};

  genvar i;
  generate
    for (i = 0; i < CHECK / 8; i = i + 1) begin : g_code
      systole_ecc_check #(
          .DATA(DATA)
      ) u_check (
          .data_i (data_i[i*DATA+:DATA]),
          .addr_i (line[15:0]),
          .check_o(check_o[i*8+:8])
      );
    end
  endgenerate

endmodule

`default_nettype wire
