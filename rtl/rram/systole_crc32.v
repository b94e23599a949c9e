// SPDX-License-Identifier: Apache-2.0
// CRC-32 (IEEE 802.3, reflected) over words of BYTES bytes, byte 0 first. clear_i begins anew; a word is
// taken in each cycle with valid_i and counts in crc_o from the next cycle on. Reset begins anew.
`default_nettype none

module systole_crc32 #(
    parameter BYTES = 8
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire               clear_i,  // begins anew
    input  wire               valid_i,  // a word comes
    input  wire [BYTES*8-1:0] data_i,   // its bytes, byte 0 lowest
    output wire [       31:0] crc_o     // CRC of the words before
);

  localparam [31:0] POLYNOMIAL = 32'hedb8_8320;

  // Linear: what each bit of state and data adds to the next state, by itself. The word's last bit adds the polynomial, one before it
  // that with one zero bit more behind it. A bit of the state meets the data bit of its number, or where there is none moves down.
  localparam N = 32 + BYTES * 8;
  function [32*N-1:0] rows(input [31:0] polynomial);
    reg [31:0] column;
    integer i, r;
    begin
      column = polynomial;
      for (i = BYTES * 8 - 1; i >= 0; i = i - 1) begin
        for (r = 0; r < 32; r = r + 1) begin
          rows[r*N+32+i] = column[r];
          if (i < 32) rows[r*N+i] = column[r];
        end
        column = {1'b0, column[31:1]} ^ (column[0] ? polynomial : 32'd0);
      end
      for (i = BYTES * 8; i < 32; i = i + 1)
        for (r = 0; r < 32; r = r + 1) rows[r*N+i] = r == i - BYTES * 8;
    end
  endfunction

  reg  [31:0] state_q;
  wire [31:0] next;
  systole_parity #(
      .IN  (N),
      .OUT (32),
      .ROWS(rows(POLYNOMIAL))
  ) u_next (
      .x_i({data_i, state_q}),
      .y_o(next)
  );

  always @(posedge clk_i)
    if (rst_i || clear_i) state_q <= 32'hffff_ffff;
    else if (valid_i) state_q <= next;

  assign crc_o = ~state_q;

endmodule

`default_nettype wire
