// SPDX-License-Identifier: Apache-2.0
// Gowin's block RAM with two ports in simulation: Yosys knows its ports but not what it does. Written from Gowin's description
// (BSRAM user guide, UG285), as far as Yosys uses it: words of 9 or 18 bits, byte enables in the low bits of the address at 18,
// write through (what is written is read) or normal, no output registers, no reset. The memory begins with anything.
// A setting that is not modelled stops the simulation.
`timescale 1ns / 1ps
`default_nettype wire

/* verilator lint_off DECLFILENAME */
module DPX9B #(
    parameter READ_MODE0 = 1'b0, parameter READ_MODE1 = 1'b0,
    parameter WRITE_MODE0 = 2'b00, parameter WRITE_MODE1 = 2'b00,
    parameter BIT_WIDTH_0 = 18, parameter BIT_WIDTH_1 = 18,
    parameter BLK_SEL_0 = 3'b000, parameter BLK_SEL_1 = 3'b000, parameter RESET_MODE = "SYNC"
) (
    input CLKA, CEA, CLKB, CEB, OCEA, OCEB, RESETA, RESETB, WREA, WREB,
    input [13:0] ADA, ADB,
    input [17:0] DIA, DIB,
    input [2:0] BLKSELA, BLKSELB,
    output reg [17:0] DOA, DOB
);

  // 2048 bytes of nine bits, by the address from bit 3 on.
  reg [8:0] bytes[0:2047];

  // One clock: what both ports do in a cycle is done in one place, port A first. Reads see what stood before, but for the
  // word that the port itself writes through.
  reg [17:0] read_a, read_b, next_a, next_b;
  always @(posedge CLKA) begin
    read_a = BIT_WIDTH_0 == 18 ? {bytes[{ADA[13:4], 1'b1}], bytes[{ADA[13:4], 1'b0}]} : {9'd0, bytes[ADA[13:3]]};
    read_b = BIT_WIDTH_1 == 18 ? {bytes[{ADB[13:4], 1'b1}], bytes[{ADB[13:4], 1'b0}]} : {9'd0, bytes[ADB[13:3]]};
    next_a = {BIT_WIDTH_0 == 18 && !ADA[1] ? read_a[17:9] : DIA[17:9], BIT_WIDTH_0 == 18 && !ADA[0] ? read_a[8:0] : DIA[8:0]};
    next_b = {BIT_WIDTH_1 == 18 && !ADB[1] ? read_b[17:9] : DIB[17:9], BIT_WIDTH_1 == 18 && !ADB[0] ? read_b[8:0] : DIB[8:0]};
    if (CEA && WREA) begin
      bytes[BIT_WIDTH_0 == 18 ? {ADA[13:4], 1'b0} : ADA[13:3]] <= next_a[8:0];
      if (BIT_WIDTH_0 == 18) bytes[{ADA[13:4], 1'b1}] <= next_a[17:9];
    end
    if (CEB && WREB) begin
      bytes[BIT_WIDTH_1 == 18 ? {ADB[13:4], 1'b0} : ADB[13:3]] <= next_b[8:0];
      if (BIT_WIDTH_1 == 18) bytes[{ADB[13:4], 1'b1}] <= next_b[17:9];
    end
    if (CEA && !WREA) DOA <= read_a;
    if (CEA && WREA && WRITE_MODE0 == 2'b01) DOA <= next_a;
    if (CEB && !WREB) DOB <= read_b;
    if (CEB && WREB && WRITE_MODE1 == 2'b01) DOB <= next_b;
  end

  initial
    if (!((BIT_WIDTH_0 == 9 || BIT_WIDTH_0 == 18) && (BIT_WIDTH_1 == 9 || BIT_WIDTH_1 == 18)) || READ_MODE0 || READ_MODE1 ||
        WRITE_MODE0 == 2'b10 || WRITE_MODE1 == 2'b10 || BLK_SEL_0 != 0 || BLK_SEL_1 != 0) begin
      $display("DPX9B: a setting that is not modelled");
      $stop;
    end
  always @(posedge CLKB)
    if (CLKA != CLKB || RESETA || RESETB || BLKSELA != 0 || BLKSELB != 0 || !OCEA || !OCEB) begin
      $display("DPX9B: a pin that is not modelled");
      $stop;
    end

endmodule
