// SPDX-License-Identifier: Apache-2.0
// Memory with one write and one read port. Read latency 1 cycle, or 2 with OUTREG = 1 (the
// output register of a block RAM). A read in the cycle of a write to its address is
// unspecified. Reset clears nothing.
`default_nettype none

module systole_ram #(
    parameter WIDTH  = 8,    // bits
    parameter DEPTH  = 256,  // words, a power of two
    parameter OUTREG = 0,    // 1: second register at the output
    parameter AW     = $clog2(DEPTH)
) (
    input  wire             clk_i,
    input  wire             we_i,     // write
    input  wire [   AW-1:0] waddr_i,  // its address
    input  wire [WIDTH-1:0] wdata_i,  // what is written
    input  wire             re_i,     // read in this cycle
    input  wire [   AW-1:0] raddr_i,  // word that is read
    output wire [WIDTH-1:0] rdata_o   // the word, OUTREG + 1 cycles later
);

  /* verilator coverage_off */
  (* no_rw_check *)
  reg [WIDTH-1:0] mem[0:DEPTH-1];
  /* verilator coverage_on */
  reg [WIDTH-1:0] raw_q;

  always @(posedge clk_i) if (we_i) mem[waddr_i] <= wdata_i;
  always @(posedge clk_i) if (re_i) raw_q <= mem[raddr_i];

  systole_delay #(
      .WIDTH (WIDTH),
      .CYCLES(OUTREG)
  ) u_outreg (
      .clk_i(clk_i),
      .d_i  (raw_q),
      .q_o  (rdata_o)
  );

endmodule

`default_nettype wire
