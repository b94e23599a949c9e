// SPDX-License-Identifier: Apache-2.0
// Sender of a serial line: 8 data bits, no parity, 1 stop bit, DIVISOR cycles a bit. A byte is taken with valid_i and
// ready_o. The line is idle in reset.
`default_nettype none

module systole_uart_tx #(
    parameter DIVISOR = 100  // at least 8
) (
    input  wire       clk_i,
    input  wire       rst_i,
    input  wire       valid_i,  // a byte comes
    output wire       ready_o,  // it is taken
    input  wire [7:0] data_i,   // the byte
    output wire       tx_o      // serial line to the host
);

  localparam [31:0] LAST = DIVISOR - 1;
  localparam DW = $clog2(DIVISOR);

  reg [9:0] shift_q;  // the next bits, stop bits behind them
  reg [3:0] left_q;   // bits
  reg [DW-1:0] tick_q;
  wire on = left_q != 4'd0;

  always @(posedge clk_i)
    if (rst_i) begin
      shift_q <= 10'h3ff;
      left_q  <= 4'd0;
    end else if (!on) begin
      if (valid_i) begin
        shift_q <= {1'b1, data_i, 1'b0};
        left_q  <= 4'd10;
      end
    end else if (tick_q == LAST[DW-1:0]) begin
      shift_q <= {1'b1, shift_q[9:1]};
      left_q  <= left_q - 4'd1;
    end
  always @(posedge clk_i) tick_q <= !on || tick_q == LAST[DW-1:0] ? {DW{1'b0}} : tick_q + 1'b1;

  assign ready_o = !on;
  assign tx_o    = shift_q[0];

endmodule

`default_nettype wire
