// SPDX-License-Identifier: Apache-2.0
// Gowin's block RAM with a port that writes and one that reads in simulation: Yosys knows its ports but not what it does.
// Written from Gowin's description (BSRAM user guide, UG285), as far as Yosys uses it: words of 9, 18 or 36 bits, byte enables in
// the low bits of the address from 18 bits on, no output registers, no reset. The memory begins with anything. A setting that
// is not modelled stops the simulation.
`timescale 1ns / 1ps
`default_nettype wire

/* verilator lint_off DECLFILENAME */
module SDPX9B #(
    parameter READ_MODE = 1'b0, parameter BIT_WIDTH_0 = 36, parameter BIT_WIDTH_1 = 36,
    parameter BLK_SEL_0 = 3'b000, parameter BLK_SEL_1 = 3'b000, parameter RESET_MODE = "SYNC"
) (
    input CLKA, CEA, CLKB, CEB, OCE, RESETA, RESETB,
    input [13:0] ADA, ADB,
    input [2:0] BLKSELA, BLKSELB,
    input [35:0] DI,
    output reg [35:0] DO
);

  // 2048 bytes of nine bits, by the address from bit 3 on.
  reg [8:0] bytes[0:2047];
  localparam WRITES = BIT_WIDTH_0 / 9, READS = BIT_WIDTH_1 / 9;
  wire [10:0] to = ADA[13:3] / WRITES * WRITES, from = ADB[13:3] / READS * READS;

  integer i;
  always @(posedge CLKA)
    if (CEA) for (i = 0; i < WRITES; i = i + 1) if (WRITES == 1 || ADA[i]) bytes[to + i] <= DI[9*i+:9];
  always @(posedge CLKB)
    if (CEB) for (i = 0; i < READS; i = i + 1) DO[9*i+:9] <= bytes[from + i];

  initial
    if (!(BIT_WIDTH_0 == 9 || BIT_WIDTH_0 == 18 || BIT_WIDTH_0 == 36) || !(BIT_WIDTH_1 == 9 || BIT_WIDTH_1 == 18 || BIT_WIDTH_1 == 36)
        || READ_MODE || BLK_SEL_0 != 0 || BLK_SEL_1 != 0) begin
      $display("SDPX9B: a setting that is not modelled");
      $stop;
    end
  always @(posedge CLKB)
    if (CLKA != CLKB || RESETA || RESETB || BLKSELA != 0 || BLKSELB != 0 || !OCE) begin
      $display("SDPX9B: a pin that is not modelled");
      $stop;
    end

endmodule
