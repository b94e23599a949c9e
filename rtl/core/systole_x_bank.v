// SPDX-License-Identifier: Apache-2.0
// Activation bank of one row: one byte wide, sub-banks by the top address bits, each with one
// read and one write port. A rippled read leaves on x_o 3 cycles after it is applied (block RAM,
// its output register, sub-bank and padding); a flat read likewise on flat_o. Reset clears
// nothing.
`default_nettype none
`include "systole_check.vh"

module systole_x_bank #(
    parameter DEPTH = 2048,          // words, all sub-banks
    parameter BANKS = 2,             // sub-banks, a power of two
    parameter AW    = $clog2(DEPTH)
) (
    input  wire          clk_i,
    input  wire          rst_i,
    input  wire          r_valid_i,      // rippled read
    input  wire [AW-1:0] r_addr_i,       // its address
    input  wire          r_pad_i,        // take r_pad_value_i instead
    input  wire [   7:0] r_pad_value_i,  // value in the place of what is read
    output wire [   7:0] x_o,            // the byte, 3 cycles later
    input  wire          flat_valid_i,   // flat read
    input  wire [AW-1:0] flat_addr_i,    // its address
    output wire [   7:0] flat_o,         // its byte, 3 cycles later
    input  wire          post_we_i,      // POST writes
    input  wire [AW-1:0] post_addr_i,    // its address
    input  wire [   7:0] post_data_i,    // its byte
    input  wire          load_we_i,      // LOAD writes
    input  wire [AW-1:0] load_addr_i,    // its address
    input  wire [   7:0] load_data_i     // its byte
);

  localparam BW = $clog2(BANKS);
  localparam IW = AW - BW;  // address in a sub-bank

  wire [BW-1:0] r_bank = r_addr_i[AW-1-:BW];
  wire [BW-1:0] flat_bank = flat_addr_i[AW-1-:BW];
  wire [BANKS*8-1:0] q;
  wire          read = r_valid_i && !r_pad_i;

  genvar b;
  generate
    for (b = 0; b < BANKS; b = b + 1) begin : g_bank
      wire r_here = read && r_bank == b;
      wire flat_here = flat_valid_i && flat_bank == b;
      wire post_here = post_we_i && post_addr_i[AW-1-:BW] == b;
      wire load_here = load_we_i && load_addr_i[AW-1-:BW] == b;

      systole_ram #(
          .WIDTH (8),
          .DEPTH (DEPTH / BANKS),
          .OUTREG(1)
      ) u_ram (
          .clk_i  (clk_i),
          .we_i   (post_here || load_here),
          .waddr_i(post_here ? post_addr_i[IW-1:0] : load_addr_i[IW-1:0]),
          .wdata_i(post_here ? post_data_i : load_data_i),
          .re_i   (r_here || flat_here),
          .raddr_i(r_here ? r_addr_i[IW-1:0] : flat_addr_i[IW-1:0]),
          .rdata_o(q[b*8+:8])
      );

      `SYSTOLE_ASSERT(check_one_reader, !(r_here && flat_here))
      `SYSTOLE_ASSERT(check_one_writer, !(post_here && load_here))
    end
  endgenerate

  reg [BW-1:0] r_bank_q, r_bank_q2, flat_bank_q, flat_bank_q2;
  reg [7:0] pad_value_q, pad_value_q2, x_q, flat_q;
  reg pad_q, pad_q2;

  always @(posedge clk_i) begin
    r_bank_q     <= r_bank;
    r_bank_q2    <= r_bank_q;
    pad_q        <= r_pad_i;
    pad_q2       <= pad_q;
    pad_value_q  <= r_pad_value_i;
    pad_value_q2 <= pad_value_q;
    flat_bank_q  <= flat_bank;
    flat_bank_q2 <= flat_bank_q;
    x_q          <= pad_q2 ? pad_value_q2 : q[r_bank_q2*8+:8];
    flat_q       <= q[flat_bank_q2*8+:8];
  end

  assign x_o    = x_q;
  assign flat_o = flat_q;

endmodule

`default_nettype wire
