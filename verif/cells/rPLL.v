// SPDX-License-Identifier: Apache-2.0
// Gowin's PLL as far as rtl/board uses it, for linters and simulation: the clock passes as it is, locked from the beginning.
`default_nettype wire

/* verilator lint_off DECLFILENAME */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off UNUSEDPARAM */
module rPLL #(
    parameter DEVICE = "GW2A-18C", parameter FCLKIN = "27", parameter IDIV_SEL = 0, parameter FBDIV_SEL = 0, parameter ODIV_SEL = 8,
    parameter CLKFB_SEL = "internal", parameter CLKOUTD_SRC = "CLKOUT", parameter CLKOUTD3_SRC = "CLKOUT",
    parameter CLKOUT_BYPASS = "false", parameter CLKOUTP_BYPASS = "false", parameter CLKOUTD_BYPASS = "false",
    parameter DYN_IDIV_SEL = "false", parameter DYN_FBDIV_SEL = "false", parameter DYN_ODIV_SEL = "false",
    parameter DYN_DA_EN = "false", parameter PSDA_SEL = "0000", parameter DUTYDA_SEL = "1000",
    parameter CLKOUT_FT_DIR = 1'b1, parameter CLKOUTP_FT_DIR = 1'b1, parameter CLKOUT_DLY_STEP = 0,
    parameter CLKOUTP_DLY_STEP = 0, parameter DYN_SDIV_SEL = 2
) (
    input CLKIN, CLKFB, RESET, RESET_P,
    input [5:0] FBDSEL, IDSEL, ODSEL,
    input [3:0] PSDA, DUTYDA, FDLY,
    output CLKOUT, LOCK, CLKOUTP, CLKOUTD, CLKOUTD3
);
  assign CLKOUT = CLKIN;
  assign {CLKOUTP, CLKOUTD, CLKOUTD3} = 3'd0;
  assign LOCK = 1'b1;
endmodule
