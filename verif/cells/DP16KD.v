// SPDX-License-Identifier: Apache-2.0
// The ECP5's block RAM in simulation: Yosys knows its ports but not what it does. Written from Lattice's description
// (ECP5 memory usage guide, FPGA-TN-02204), as far as Yosys uses it: words of 9, 18 or 36 bits (the last: port A writes, port
// B reads, A's data are the low half), byte enables in the low bits of the address from 18 bits on, no output registers, no
// reset, no chip selects. The memory begins with anything. A setting that is not modelled stops the simulation.
`timescale 1ns / 1ps
`default_nettype wire

/* verilator lint_off DECLFILENAME */
module DP16KD #(
    parameter DATA_WIDTH_A = 18, parameter DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG", parameter REGMODE_B = "NOREG",
    parameter WRITEMODE_A = "NORMAL", parameter WRITEMODE_B = "NORMAL",
    parameter CSDECODE_A = "0b000", parameter CSDECODE_B = "0b000",
    parameter CLKAMUX = "CLKA", parameter CLKBMUX = "CLKB",
    parameter RESETMODE = "SYNC", parameter ASYNC_RESET_RELEASE = "SYNC", parameter GSR = "ENABLED"
) (
    input DIA0, DIA1, DIA2, DIA3, DIA4, DIA5, DIA6, DIA7, DIA8,
    input DIA9, DIA10, DIA11, DIA12, DIA13, DIA14, DIA15, DIA16, DIA17,
    input DIB0, DIB1, DIB2, DIB3, DIB4, DIB5, DIB6, DIB7, DIB8,
    input DIB9, DIB10, DIB11, DIB12, DIB13, DIB14, DIB15, DIB16, DIB17,
    input ADA0, ADA1, ADA2, ADA3, ADA4, ADA5, ADA6, ADA7, ADA8, ADA9, ADA10, ADA11, ADA12, ADA13,
    input ADB0, ADB1, ADB2, ADB3, ADB4, ADB5, ADB6, ADB7, ADB8, ADB9, ADB10, ADB11, ADB12, ADB13,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA0, CSA1, CSA2,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB0, CSB1, CSB2,
    output DOA0, DOA1, DOA2, DOA3, DOA4, DOA5, DOA6, DOA7, DOA8,
    output DOA9, DOA10, DOA11, DOA12, DOA13, DOA14, DOA15, DOA16, DOA17,
    output DOB0, DOB1, DOB2, DOB3, DOB4, DOB5, DOB6, DOB7, DOB8,
    output DOB9, DOB10, DOB11, DOB12, DOB13, DOB14, DOB15, DOB16, DOB17
);

  wire [17:0] dia = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
                     DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
  wire [17:0] dib = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
                     DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
  wire [13:0] ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [13:0] adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  reg  [17:0] doa, dob;
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
          DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = doa;
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
          DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = dob;

  // 2048 bytes of nine bits, by the address from bit 3 on.
  reg [8:0] bytes[0:2047];
  wire [10:0] at = ada[13:3], bt = adb[13:3];

  generate
    if (DATA_WIDTH_A == 36) begin : g_wide
      wire [35:0] in = {dib, dia};
      integer i;
      always @(posedge CLKA)
        if (CEA && WEA)
          for (i = 0; i < 4; i = i + 1) if (ada[i]) bytes[{at[10:2], i[1:0]}] <= in[9*i+:9];
      always @(posedge CLKB)
        if (CEB) {dob, doa} <= {bytes[{bt[10:2], 2'd3}], bytes[{bt[10:2], 2'd2}], bytes[{bt[10:2], 2'd1}], bytes[{bt[10:2], 2'd0}]};
    end else begin : g_true
      always @(posedge CLKA)
        if (CEA) begin
          if (DATA_WIDTH_A == 18) begin
            doa <= {bytes[{at[10:1], 1'b1}], bytes[{at[10:1], 1'b0}]};
            if (WEA && ada[0]) bytes[{at[10:1], 1'b0}] <= dia[8:0];
            if (WEA && ada[1]) bytes[{at[10:1], 1'b1}] <= dia[17:9];
          end else begin
            doa <= {9'd0, bytes[at]};
            if (WEA) bytes[at] <= dia[8:0];
          end
        end
      always @(posedge CLKB)
        if (CEB) begin
          if (DATA_WIDTH_B == 18) dob <= {bytes[{bt[10:1], 1'b1}], bytes[{bt[10:1], 1'b0}]};
          else dob <= {9'd0, bytes[bt]};
        end
    end
  endgenerate

  initial
    if (!(DATA_WIDTH_A == DATA_WIDTH_B && (DATA_WIDTH_A == 9 || DATA_WIDTH_A == 18 || DATA_WIDTH_A == 36)) ||
        REGMODE_A != "NOREG" || REGMODE_B != "NOREG" || CSDECODE_A != "0b000" || CSDECODE_B != "0b000") begin
      $display("DP16KD: a setting that is not modelled");
      $stop;
    end
  // Writes of port B, resets and chip selects are not modelled.
  always @(posedge CLKA)
    if (WEB || RSTA || RSTB || CSA0 || CSA1 || CSA2 || CSB0 || CSB1 || CSB2) begin
      $display("DP16KD: a pin that is not modelled");
      $stop;
    end

endmodule
