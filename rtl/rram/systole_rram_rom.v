// SPDX-License-Identifier: Apache-2.0
// The program of the RRAM controller: word and parity of addr_i, one cycle later. Reset clears nothing.
`default_nettype none

module systole_rram_rom (
    input  wire        clk_i,
    input  wire [ 9:0] addr_i,  // instruction
    output reg  [32:0] data_o   // its word, a cycle later, parity bit on top
);

  reg [32:0] rom[0:1023];
  initial begin
    `include "systole_rram_rom.vh"
  end

  always @(posedge clk_i) data_o <= rom[addr_i];

endmodule

`default_nettype wire
