// SPDX-License-Identifier: Apache-2.0
// The ECP5's way to the clock pin of its configuration, for linters and simulation: a pin outside, and so nothing here.
`default_nettype wire

/* verilator lint_off DECLFILENAME */
/* verilator lint_off UNUSEDSIGNAL */
module USRMCLK (
    input USRMCLKI, USRMCLKTS
);
endmodule
