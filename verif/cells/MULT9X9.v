// SPDX-License-Identifier: Apache-2.0
// Gowin's 9 x 9 multiplier in simulation: Yosys knows its ports but not what it does. Written from Gowin's description (DSP user
// guide, UG287), as far as Yosys uses it: no registers, no shift chains, each operand signed or not. A setting that is not
// modelled stops the simulation.
`timescale 1ns / 1ps
`default_nettype wire

/* verilator lint_off DECLFILENAME */
module MULT9X9 #(
    parameter AREG = 1'b0, parameter BREG = 1'b0, parameter OUT_REG = 1'b0, parameter PIPE_REG = 1'b0,
    parameter ASIGN_REG = 1'b0, parameter BSIGN_REG = 1'b0, parameter SOA_REG = 1'b0, parameter MULT_RESET_MODE = "SYNC"
) (
    input [8:0] A, SIA, B, SIB,
    input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [17:0] DOUT,
    output [8:0] SOA, SOB
);

  wire signed [9:0] a = {ASIGN & A[8], A}, b = {BSIGN & B[8], B};
  wire signed [19:0] product = a * b;
  assign DOUT = product[17:0];
  assign {SOA, SOB} = {A, B};

  initial
    if (AREG || BREG || OUT_REG || PIPE_REG || ASIGN_REG || BSIGN_REG || SOA_REG) begin
      $display("MULT9X9: a setting that is not modelled");
      $stop;
    end
  always @*
    if (ASEL || BSEL) begin
      $display("MULT9X9: a pin that is not modelled");
      $stop;
    end

endmodule
