// SPDX-License-Identifier: Apache-2.0
// Frames from bytes (docs/board.md): END before and behind, escapes, a CRC-32 at the end. A frame whose CRC is right
// stands with request_o, length_o bytes without the CRC, until done_i; its bytes are read through raddr_i, one cycle
// later. What comes meanwhile, and a frame that is damaged, too long or too short, is dropped. Reset forgets everything.
`default_nettype none

module systole_link_rx #(
    parameter AW = 9                     // the buffer has 2^AW bytes
) (
    input  wire          clk_i,
    input  wire          rst_i,
    input  wire          valid_i,    // a byte comes
    input  wire          bad_i,      // a byte was lost
    input  wire [   7:0] data_i,     // the byte
    output wire          request_o,  // a frame stands
    output wire [AW-1:0] length_o,   // its bytes, without the CRC
    input  wire          done_i,     // it was dealt with
    input  wire [AW-1:0] raddr_i,    // byte of it that is read
    output wire [   7:0] rdata_o     // that byte, a cycle later
);

  localparam [7:0] END = 8'hc0, ESC = 8'hdb, ESC_END = 8'hdc, ESC_ESC = 8'hdd;
  localparam [AW-1:0] CRC_BYTES = 4;
  localparam [31:0] RESIDUE = 32'h2144_df1c;  // CRC-32 of bytes and their CRC-32

  reg request_q, escaped_q, damaged_q;
  reg [AW-1:0] count_q;
  wire is_end = valid_i && data_i == END;
  wire is_esc = valid_i && !escaped_q && data_i == ESC;
  wire is_byte = valid_i && !is_end && !is_esc;
  wire right = !escaped_q || data_i == ESC_END || data_i == ESC_ESC;
  wire [7:0] value = !escaped_q ? data_i : data_i == ESC_END ? END : ESC;
  wire full = &count_q;
  wire [31:0] crc;
  wire good = !damaged_q && !escaped_q && crc == RESIDUE && count_q >= 6;

  always @(posedge clk_i)
    if (rst_i) begin
      {request_q, escaped_q} <= 2'b00;
      damaged_q <= 1'b1;                 // the first frame begins behind an END
      count_q   <= {AW{1'b0}};
    end else begin
      if (done_i) request_q <= 1'b0;
      else if (is_end && good && !request_q) request_q <= 1'b1;
      escaped_q <= is_esc || (escaped_q && !valid_i && !bad_i);
      if (is_end) damaged_q <= request_q ? !done_i : good;  // while a frame stands all others are dropped
      else if (bad_i || (is_byte && (!right || full)) || request_q) damaged_q <= 1'b1;
      if (done_i || (is_end && !good && !request_q)) count_q <= {AW{1'b0}};
      else if (is_byte && !request_q && !full) count_q <= count_q + 1'b1;
    end

  systole_crc32 #(
      .BYTES(1)
  ) u_crc (
      .clk_i  (clk_i),
      .rst_i  (rst_i),
      .clear_i(is_end),
      .valid_i(is_byte),
      .data_i (value),
      .crc_o  (crc)
  );
  systole_ram #(
      .WIDTH(8),
      .DEPTH(1 << AW)
  ) u_buffer (
      .clk_i  (clk_i),
      .we_i   (is_byte && !request_q),
      .waddr_i(count_q),
      .wdata_i(value),
      .re_i   (1'b1),
      .raddr_i(raddr_i),
      .rdata_o(rdata_o)
  );

  assign request_o = request_q;
  assign length_o  = count_q - CRC_BYTES;

`ifdef SYSTOLE_PROOF
  `include "systole_link_rx.vh"
`endif

endmodule

`default_nettype wire
