// SPDX-License-Identifier: Apache-2.0
// Small register file: write at the clock edge, read at once (distributed RAM on an FPGA).
// Reset clears nothing.
`default_nettype none

module systole_regfile #(
    parameter WIDTH = 32,  // bits
    parameter DEPTH = 16,  // words, a power of two
    parameter AW    = $clog2(DEPTH)
) (
    input  wire             clk_i,
    input  wire             we_i,     // write at the edge
    input  wire [   AW-1:0] waddr_i,  // its address
    input  wire [WIDTH-1:0] wdata_i,  // what is written
    input  wire [   AW-1:0] raddr_i,  // word that is read
    output wire [WIDTH-1:0] rdata_o   // the word, at once
);

  /* verilator coverage_off */
  reg [WIDTH-1:0] mem[0:DEPTH-1];
  /* verilator coverage_on */

  always @(posedge clk_i) if (we_i) mem[waddr_i] <= wdata_i;

  assign rdata_o = mem[raddr_i];

endmodule

`default_nettype wire
