// SPDX-License-Identifier: Apache-2.0
// CRC-32 (IEEE 802.3, reflected) over words of BYTES bytes, byte 0 first. clear_i begins anew; a word is
// taken in each cycle with valid_i and counts in crc_o from the next cycle on. Reset begins anew.
`default_nettype none

module systole_crc32 #(
    parameter BYTES = 8
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire               clear_i,
    input  wire               valid_i,
    input  wire [BYTES*8-1:0] data_i,
    output wire [       31:0] crc_o
);

  localparam [31:0] POLYNOMIAL = 32'hedb8_8320;

  function [31:0] through(input [31:0] from, input [BYTES*8-1:0] data);
    integer i;
    begin
      through = from;
      for (i = 0; i < BYTES * 8; i = i + 1)
        through = {1'b0, through[31:1]} ^ (through[0] ^ data[i] ? POLYNOMIAL : 32'd0);
    end
  endfunction

  reg [31:0] state_q;
  always @(posedge clk_i)
    if (rst_i || clear_i) state_q <= 32'hffff_ffff;
    else if (valid_i) state_q <= through(state_q, data_i);

  assign crc_o = ~state_q;

endmodule

`default_nettype wire
