// SPDX-License-Identifier: Apache-2.0
// systole_mul on a Lattice ECP5: one MULT18X18D with its output register, which Yosys does not infer.
// The register runs free: the clock enables of a DSP block are shared by its multipliers. RST0 to RST3 stay open: tied
// low in the source they take wires that nextpnr does not find; open, it ties them itself. SOFT products, for parts with too
// few multipliers, are a tree of adders.
`default_nettype none

module systole_mul #(
    parameter A_W  = 8,
    parameter B_W  = 8,
    parameter SOFT = 0                 // of LUTs: b of 8 bits
) (
    input  wire               clk_i,
    input  wire               en_i,   // operands are there
    input  wire [    A_W-1:0] a_i,    // one factor, signed
    input  wire [    B_W-1:0] b_i,    // the other
    output wire [A_W+B_W-1:0] p_o     // their product, a cycle later
);

  wire unused = en_i;

  generate
    if (SOFT) begin : g_soft
      // Of each two bits of b a sum, two bits wider than a; of those two, two bits wider again, and of these one with all bits. The
      // sign bit's part is taken away.
      // Yosys would make columns of compressors of all of it, which are deeper: it may not look through the sums.
      wire signed [A_W+1:0] part[0:7];
      (* keep *) wire signed [A_W+2:0] pair[0:3];
      (* keep *) wire signed [A_W+5:0] quad[0:1];
      genvar i;
      for (i = 0; i < 8; i = i + 1) begin : g_part
        assign part[i] = b_i[i] ? {{2{a_i[A_W-1]}}, a_i} : {A_W + 2{1'b0}};
      end
      for (i = 0; i < 3; i = i + 1) begin : g_pair
        assign pair[i] = part[2*i] + (part[2*i+1] <<< 1);
      end
      assign pair[3] = part[6] - (part[7] <<< 1);
      assign quad[0] = pair[0] + (pair[1] <<< 2);
      assign quad[1] = pair[2] + (pair[3] <<< 2);
      reg signed [A_W+7:0] p_q;
      always @(posedge clk_i) p_q <= quad[0] + (quad[1] <<< 4);
      assign p_o = p_q;
    end else begin : g_dsp
      wire [17:0] a = {{18 - A_W{a_i[A_W-1]}}, a_i};
      wire [17:0] b = {{18 - B_W{b_i[B_W-1]}}, b_i};
      wire [35:0] p;
      assign p_o = p[A_W+B_W-1:0];

      MULT18X18D #(
          .REG_OUTPUT_CLK("CLK0"),
          .REG_OUTPUT_CE ("CE0"),
          .REG_OUTPUT_RST("RST0"),
          .GSR           ("DISABLED"),
          .RESETMODE     ("SYNC")
      ) u_mult (
          .CLK0(clk_i), .CE0(1'b1),
          .SIGNEDA(1'b1), .SIGNEDB(1'b1), .SOURCEA(1'b0), .SOURCEB(1'b0),
          .A0(a[0]), .A1(a[1]), .A2(a[2]), .A3(a[3]), .A4(a[4]), .A5(a[5]),
          .A6(a[6]), .A7(a[7]), .A8(a[8]), .A9(a[9]), .A10(a[10]), .A11(a[11]),
          .A12(a[12]), .A13(a[13]), .A14(a[14]), .A15(a[15]), .A16(a[16]), .A17(a[17]),
          .B0(b[0]), .B1(b[1]), .B2(b[2]), .B3(b[3]), .B4(b[4]), .B5(b[5]),
          .B6(b[6]), .B7(b[7]), .B8(b[8]), .B9(b[9]), .B10(b[10]), .B11(b[11]),
          .B12(b[12]), .B13(b[13]), .B14(b[14]), .B15(b[15]), .B16(b[16]), .B17(b[17]),
          .P0(p[0]), .P1(p[1]), .P2(p[2]), .P3(p[3]), .P4(p[4]), .P5(p[5]),
          .P6(p[6]), .P7(p[7]), .P8(p[8]), .P9(p[9]), .P10(p[10]), .P11(p[11]),
          .P12(p[12]), .P13(p[13]), .P14(p[14]), .P15(p[15]), .P16(p[16]), .P17(p[17]),
          .P18(p[18]), .P19(p[19]), .P20(p[20]), .P21(p[21]), .P22(p[22]), .P23(p[23]),
          .P24(p[24]), .P25(p[25]), .P26(p[26]), .P27(p[27]), .P28(p[28]), .P29(p[29]),
          .P30(p[30]), .P31(p[31]), .P32(p[32]), .P33(p[33]), .P34(p[34]), .P35(p[35])
      );
    end
  endgenerate

endmodule

`default_nettype wire
