// SPDX-License-Identifier: Apache-2.0
// A C-byte word by its syndromes: each code corrects its part; uncorrectable where one of them is. Combinational.
`default_nettype none

module systole_ecc_decode #(
    parameter COLS  = 8,
    parameter CHECK = 8
) (
    input  wire [COLS*8-1:0] data_i,
    input  wire [ CHECK-1:0] syndrome_i,
    output wire [COLS*8-1:0] data_o,
    output wire              corrected_o,
    output wire              uncorrectable_o
);

  localparam DATA = COLS < 8 ? 32 : 64;
  wire [CHECK/8-1:0] corrected, uncorrectable;

  genvar i;
  generate
    for (i = 0; i < CHECK / 8; i = i + 1) begin : g_code
      systole_ecc_correct #(
          .DATA(DATA)
      ) u_correct (
          .data_i         (data_i[i*DATA+:DATA]),
          .syndrome_i     (syndrome_i[i*8+:8]),
          .data_o         (data_o[i*DATA+:DATA]),
          .corrected_o    (corrected[i]),
          .uncorrectable_o(uncorrectable[i])
      );
    end
  endgenerate
  assign corrected_o     = corrected != {CHECK / 8{1'b0}};
  assign uncorrectable_o = uncorrectable != {CHECK / 8{1'b0}};

endmodule

`default_nettype wire
