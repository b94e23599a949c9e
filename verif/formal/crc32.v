// SPDX-License-Identifier: Apache-2.0
// Proof about systole_crc32 of a byte a step, as the board's line has it: the CRC-32 of IEEE 802.3, a bit a step, beside it.
`default_nettype none

module crc32 (
    input wire clk_i,
    input wire rst_i
);

  (* anyseq *) reg clear, valid;
  (* anyseq *) reg [7:0] data;
  wire [31:0] crc;
  systole_crc32 #(.BYTES(1)) u_crc (.clk_i(clk_i), .rst_i(rst_i), .clear_i(clear), .valid_i(valid), .data_i(data), .crc_o(crc));

  function [31:0] next_of(input [31:0] state, input [7:0] value);
    integer k;
    begin
      next_of = state ^ {24'd0, value};
      for (k = 0; k < 8; k = k + 1) next_of = (next_of >> 1) ^ (next_of[0] ? 32'hedb8_8320 : 32'd0);
    end
  endfunction

  reg [31:0] there_q;
  always @(posedge clk_i)
    if (rst_i || clear) there_q <= 32'hffff_ffff;
    else if (valid) there_q <= next_of(there_q, data);
  always @* assert (crc == ~there_q);

`ifdef SYSTOLE_SBY
  initial assume (rst_i);
`endif

endmodule

`default_nettype wire
