// SPDX-License-Identifier: Apache-2.0
// Gowin's 18 x 18 multiplier in simulation: Yosys knows its ports but not what it does. Written from Gowin's description (DSP user
// guide, UG287), as far as Yosys uses it: no registers, no shift chains, each operand signed or not. A setting that is not
// modelled stops the simulation.
`timescale 1ns / 1ps
`default_nettype wire

/* verilator lint_off DECLFILENAME */
module MULT18X18 #(
    parameter AREG = 1'b0, parameter BREG = 1'b0, parameter OUT_REG = 1'b0, parameter PIPE_REG = 1'b0,
    parameter ASIGN_REG = 1'b0, parameter BSIGN_REG = 1'b0, parameter SOA_REG = 1'b0, parameter MULT_RESET_MODE = "SYNC"
) (
    input [17:0] A, SIA, B, SIB,
    input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [35:0] DOUT,
    output [17:0] SOA, SOB
);

  wire signed [18:0] a = {ASIGN & A[17], A}, b = {BSIGN & B[17], B};
  wire signed [37:0] product = a * b;
  assign DOUT = product[35:0];
  assign {SOA, SOB} = {A, B};

  initial
    if (AREG || BREG || OUT_REG || PIPE_REG || ASIGN_REG || BSIGN_REG || SOA_REG) begin
      $display("MULT18X18: a setting that is not modelled");
      $stop;
    end
  always @*
    if (ASEL || BSEL) begin
      $display("MULT18X18: a pin that is not modelled");
      $stop;
    end

endmodule
