// SPDX-License-Identifier: Apache-2.0
// Memory of byte lanes with a write enable for each lane; one write and one read port. Read
// latency 2 cycles (output register). A read in the cycle of a write to its address is
// unspecified. Reset clears nothing.
`default_nettype none

module systole_ram_be #(
    parameter LANES = 8,    // bytes of a word
    parameter DEPTH = 256,  // words, a power of two
    parameter AW    = $clog2(DEPTH)
) (
    input  wire               clk_i,
    input  wire [  LANES-1:0] we_i,     // write enable of each byte
    input  wire [     AW-1:0] waddr_i,  // its address
    input  wire [LANES*8-1:0] wdata_i,  // what is written
    input  wire               re_i,     // read
    input  wire [     AW-1:0] raddr_i,  // word that is read
    output wire [LANES*8-1:0] rdata_o   // the word, 2 cycles later
);

  /* verilator coverage_off */
  (* no_rw_check *)
  reg [LANES*8-1:0] mem[0:DEPTH-1];
  /* verilator coverage_on */
  reg [LANES*8-1:0] raw_q;
  reg [LANES*8-1:0] out_q;

  integer lane;
  always @(posedge clk_i)
    for (lane = 0; lane < LANES; lane = lane + 1)
      if (we_i[lane]) mem[waddr_i][lane*8+:8] <= wdata_i[lane*8+:8];

  always @(posedge clk_i) if (re_i) raw_q <= mem[raddr_i];
  always @(posedge clk_i) out_q <= raw_q;

  assign rdata_o = out_q;

endmodule

`default_nettype wire
