// SPDX-License-Identifier: Apache-2.0
// The ECP5's 18 x 18 multiplier in simulation: Yosys knows its ports but not what it does. Written from
// Lattice's description (ECP5 sysDSP usage guide, FPGA-TN-02205): operand, pipeline and output registers,
// each with a clock enable of its choice; no shift chains, no C operand, no reset but to zero, one clock.
// A setting that is not modelled stops the simulation.
`timescale 1ns / 1ps
`default_nettype wire

module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE",   parameter REG_INPUTA_CE = "CE0",   parameter REG_INPUTA_RST = "RST0",
    parameter REG_INPUTB_CLK = "NONE",   parameter REG_INPUTB_CE = "CE0",   parameter REG_INPUTB_RST = "RST0",
    parameter REG_INPUTC_CLK = "NONE",   parameter REG_INPUTC_CE = "CE0",   parameter REG_INPUTC_RST = "RST0",
    parameter REG_PIPELINE_CLK = "NONE", parameter REG_PIPELINE_CE = "CE0", parameter REG_PIPELINE_RST = "RST0",
    parameter REG_OUTPUT_CLK = "NONE",   parameter REG_OUTPUT_CE = "CE0",   parameter REG_OUTPUT_RST = "RST0",
    parameter CLK0_DIV = "ENABLED", parameter CLK1_DIV = "ENABLED",
    parameter CLK2_DIV = "ENABLED", parameter CLK3_DIV = "ENABLED",
    parameter HIGHSPEED_CLK = "NONE", parameter GSR = "ENABLED", parameter CAS_MATCH_REG = "FALSE",
    parameter SOURCEB_MODE = "B_SHIFT", parameter MULT_BYPASS = "DISABLED", parameter RESETMODE = "SYNC"
) (
    input A0, A1, A2, A3, A4, A5, A6, A7, A8,
    input A9, A10, A11, A12, A13, A14, A15, A16, A17,
    input B0, B1, B2, B3, B4, B5, B6, B7, B8,
    input B9, B10, B11, B12, B13, B14, B15, B16, B17,
    input C0, C1, C2, C3, C4, C5, C6, C7, C8,
    input C9, C10, C11, C12, C13, C14, C15, C16, C17,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input CLK0, CLK1, CLK2, CLK3,
    input CE0, CE1, CE2, CE3,
    input RST0, RST1, RST2, RST3,
    output P0, P1, P2, P3, P4, P5, P6, P7, P8,
    output P9, P10, P11, P12, P13, P14, P15, P16, P17,
    output P18, P19, P20, P21, P22, P23, P24, P25, P26,
    output P27, P28, P29, P30, P31, P32, P33, P34, P35,
    output SIGNEDP
);

  wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
  wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
  wire [3:0] ce = {CE3, CE2, CE1, CE0};

  reg signed [18:0] a_q, b_q;
  reg signed [37:0] pipe_q, out_q;
  wire signed [18:0] a_in = {SIGNEDA & A17, a};
  wire signed [18:0] b_in = {SIGNEDB & B17, b};
  wire signed [18:0] a_s = REG_INPUTA_CLK == "NONE" ? a_in : a_q;
  wire signed [18:0] b_s = REG_INPUTB_CLK == "NONE" ? b_in : b_q;
  wire signed [37:0] product = a_s * b_s;
  wire signed [37:0] piped = REG_PIPELINE_CLK == "NONE" ? product : pipe_q;
  wire signed [37:0] p = REG_OUTPUT_CLK == "NONE" ? piped : out_q;

  function enabled(input [23:0] name, input [3:0] enables);
    case (name)
      "CE1":   enabled = enables[1];
      "CE2":   enabled = enables[2];
      "CE3":   enabled = enables[3];
      default: enabled = enables[0];
    endcase
  endfunction

  always @(posedge CLK0) begin
    if (enabled(REG_INPUTA_CE, ce)) a_q <= a_in;
    if (enabled(REG_INPUTB_CE, ce)) b_q <= b_in;
    if (enabled(REG_PIPELINE_CE, ce)) pipe_q <= product;
    if (enabled(REG_OUTPUT_CE, ce)) out_q <= piped;
  end

  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15,
      P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = p[35:0];
  assign SIGNEDP = SIGNEDA | SIGNEDB;

  // Resets are not modelled: the design leaves these inputs open (place and route ties them low; tied in the source they take
  // wires that nextpnr does not find), and an open input of a simulation begins at random.
  wire unused = &{1'b0, RST0, RST1, RST2, RST3};

  // What else is not modelled must not be used.
  always @(posedge CLK0)
    if (SOURCEA || SOURCEB || REG_INPUTC_CLK != "NONE"
        || MULT_BYPASS != "DISABLED" || SOURCEB_MODE != "B_SHIFT"
        || (REG_INPUTA_CLK != "NONE" && REG_INPUTA_CLK != "CLK0")
        || (REG_INPUTB_CLK != "NONE" && REG_INPUTB_CLK != "CLK0")
        || (REG_PIPELINE_CLK != "NONE" && REG_PIPELINE_CLK != "CLK0")
        || (REG_OUTPUT_CLK != "NONE" && REG_OUTPUT_CLK != "CLK0")) begin
      $display("MULT18X18D: a setting that this model does not know");
      $stop;
    end

endmodule
