// SPDX-License-Identifier: Apache-2.0
// Where each logical line of RRAM lies, and how often that place was written: {wear, physical line} for
// every line, in SRAM under the code. Reads of MATMUL (slot_i in the top bit of their line) and of the
// controller leave as a ripple word 3 cycles later; look_* shows the entry of what came 3 cycles ago.
// raw_i passes a line as it is. An entry is written 1 cycle after we_i. Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_line_table #(
    parameter RRAM_DEPTH = 2048,
    parameter BW         = 1,
    parameter RW         = $clog2(RRAM_DEPTH)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    input  wire              slot_i,           // slot that MATMUL reads from
    input  wire              m_en_i,           // MATMUL reads a sub-word
    input  wire [    RW-1:0] m_line_i,         // its line in the slot
    input  wire [    BW-1:0] m_beat_i,         // its number
    input  wire              c_en_i,           // the controller reads a sub-word
    input  wire [    RW-1:0] c_line_i,         // its line
    input  wire [    BW-1:0] c_beat_i,         // its number
    input  wire [       2:0] c_ref_i,          // read reference: SYSTOLE_REF_*
    input  wire              c_raw_i,          // the line is a physical one
    output wire [2*RW+BW+3:0] ripple_o,        // {enable, reference, line, physical line, beat}
    output wire              uncorrectable_o,  // an entry that was used, for a cycle
    output wire [    RW-1:0] look_line_o,      // physical line of the entry that is looked at
    output wire [      15:0] look_wear_o,      // its wear
    input  wire              we_i,             // an entry is written
    input  wire [    RW-1:0] waddr_i,          // its logical line
    input  wire [    RW-1:0] wline_i,          // its physical line
    input  wire [      15:0] wwear_i           // its wear
);

  `SYSTOLE_ASSERT(check_table_port, !(m_en_i && c_en_i))

  wire [RW-1:0] m_index = m_line_i ^ {slot_i, {RW - 1{1'b0}}};
  wire [RW-1:0] index = m_en_i ? m_index : c_line_i;

  // Write, one stage for the check bits.
  reg           we_q;
  reg  [RW-1:0] waddr_q;
  reg  [  31:0] wdata_q;
  wire [   7:0] wcheck;
  wire [  15:0] wline = {{16 - RW{1'b0}}, wline_i};
  wire [  15:0] waddr = {{16 - RW{1'b0}}, waddr_q};
  always @(posedge clk_i)
    if (rst_i) we_q <= 1'b0;
    else we_q <= we_i;
  always @(posedge clk_i) begin
    waddr_q <= waddr_i;
    wdata_q <= {wwear_i, wline};
  end
  systole_ecc_check #(
      .DATA(32)
  ) u_wcheck (
      .data_i (wdata_q),
      .addr_i (waddr),
      .check_o(wcheck)
  );

  wire [38:0] entry;
  systole_ram #(
      .WIDTH(39),
      .DEPTH(RRAM_DEPTH)
  ) u_table (
      .clk_i  (clk_i),
      .we_i   (we_q),
      .waddr_i(waddr_q),
      .wdata_i({wcheck[6:0], wdata_q}),
      .re_i   (1'b1),
      .raddr_i(index),
      .rdata_o(entry)
  );

  // Stage 1: the entry; 2: its syndrome; 3: corrected.
  reg en_q, en_q2, en_q3, raw_q, raw_q2, uncorrectable_q;
  always @(posedge clk_i)
    if (rst_i) {en_q, en_q2, en_q3, uncorrectable_q} <= 4'd0;
    else begin
      en_q            <= m_en_i || c_en_i;
      en_q2           <= en_q;
      en_q3           <= en_q2;
      uncorrectable_q <= en_q2 && !raw_q2 && uncorrectable;
    end

  reg [RW-1:0] line_q, line_q2, line_q3, phys_q3;
  reg [BW-1:0] beat_q, beat_q2, beat_q3;
  reg [   2:0] ref_q, ref_q2, ref_q3;
  reg [  31:0] data_q;
  reg [   7:0] syndrome_q;
  reg [  15:0] wear_q3;
  wire [  15:0] address = {{16 - RW{1'b0}}, line_q};
  wire [   7:0] check;
  wire [  31:0] data;
  wire          uncorrectable;
  systole_ecc_check #(
      .DATA(32)
  ) u_check (
      .data_i (entry[31:0]),
      .addr_i (address),
      .check_o(check)
  );
  systole_ecc_correct #(
      .DATA(32)
  ) u_correct (
      .data_i         (data_q),
      .syndrome_i     (syndrome_q),
      .data_o         (data),
      .corrected_o    (),
      .uncorrectable_o(uncorrectable)
  );
  always @(posedge clk_i) begin
    {line_q, line_q2, line_q3} <= {index, line_q, line_q2};
    {beat_q, beat_q2, beat_q3} <= {m_en_i ? m_beat_i : c_beat_i, beat_q, beat_q2};
    {ref_q, ref_q2, ref_q3}    <= {m_en_i ? `SYSTOLE_REF_NORMAL : c_ref_i, ref_q, ref_q2};
    {raw_q, raw_q2}            <= {!m_en_i && c_raw_i, raw_q};
    data_q                     <= entry[31:0];
    syndrome_q                 <= check ^ {1'b0, entry[38:32]};
    phys_q3                    <= raw_q2 ? line_q2 : data[RW-1:0];
    wear_q3                    <= data[31:16];
  end

  assign ripple_o        = {en_q3, ref_q3, line_q3, phys_q3, beat_q3};
  assign uncorrectable_o = uncorrectable_q;
  assign look_line_o     = phys_q3;
  assign look_wear_o     = wear_q3;

endmodule

`default_nettype wire
