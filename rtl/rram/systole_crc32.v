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

  function [31:0] through(input [31:0] from, input [BYTES*8-1:0] data);
    integer i;
    begin
      through = from;
      for (i = 0; i < BYTES * 8; i = i + 1)
        through = {1'b0, through[31:1]} ^ (through[0] ^ data[i] ? POLYNOMIAL : 32'd0);
    end
  endfunction

  // Linear: what each bit of state and data adds to the next state, by itself.
  localparam N = 32 + BYTES * 8;
  function [32*N-1:0] rows(input integer inputs);
    reg [N-1:0] one;
    reg [31:0] column;
    integer i, r;
    begin
      for (i = 0; i < inputs; i = i + 1) begin
        one    = {{N - 1{1'b0}}, 1'b1} << i;
        column = through(one[31:0], one[N-1:32]);
        for (r = 0; r < 32; r = r + 1) rows[r*N+i] = column[r];
      end
    end
  endfunction

  reg  [31:0] state_q;
  wire [31:0] next;
  systole_parity #(
      .IN  (N),
      .OUT (32),
      .ROWS(rows(N))
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
