// SPDX-License-Identifier: Apache-2.0
// Receiver of a serial line: 8 data bits, no parity, 1 stop bit, DIVISOR cycles a bit. A byte stands for one cycle with
// valid_o, or with bad_o where its stop bit was none: a break, noise, another baud rate. The bit's value is that of the
// majority of three samples around its middle. Reset waits for an idle line.
`default_nettype none

module systole_uart_rx #(
    parameter DIVISOR = 100  // at least 8
) (
    input  wire       clk_i,
    input  wire       rst_i,
    input  wire       rx_i,     // of another clock, high when idle
    output reg        valid_o,  // a byte came, for a cycle
    output reg        bad_o,    // one without a stop bit, for a cycle
    output wire [7:0] data_o    // the byte
);

  localparam [31:0] LAST = DIVISOR - 1;
  localparam [31:0] MIDDLE = DIVISOR / 2;
  localparam DW = $clog2(DIVISOR);

  reg [1:0] sync_q;
  reg [2:0] seen_q;              // the line in the last cycles
  reg on_q, ready_q;             // in a byte; the line was idle since
  reg [DW-1:0] tick_q;
  reg [3:0] bit_q;               // 0: start, 1 to 8: data, 9: stop
  reg [7:0] data_q;
  wire line = sync_q[1];
  wire value = (seen_q[0] && seen_q[1]) || (seen_q[0] && seen_q[2]) || (seen_q[1] && seen_q[2]);
  wire sample = on_q && tick_q == MIDDLE[DW-1:0] + 1'b1;
  wire begins = !on_q || (sample && bit_q == 4'd9);

  always @(posedge clk_i) sync_q <= {sync_q[0], rx_i};
  always @(posedge clk_i) seen_q <= {seen_q[1:0], line};
  always @(posedge clk_i)
    if (rst_i) {on_q, ready_q, valid_o, bad_o} <= 4'b0000;
    else begin
      {valid_o, bad_o} <= 2'b00;
      if (!on_q) begin
        ready_q <= ready_q || line;
        on_q    <= ready_q && !line;
      end else if (sample) begin
        if (bit_q == 4'd0 && value) on_q <= 1'b0;  // no start bit, a spike
        if (bit_q == 4'd9) begin
          on_q    <= value && !line;  // a sender that is faster begins the next byte already
          ready_q <= value;
          valid_o <= value;
          bad_o   <= !value;
        end
      end
    end
  always @(posedge clk_i) begin
    if (begins) begin
      tick_q <= {DW{1'b0}};
      bit_q  <= 4'd0;
    end else begin
      tick_q <= tick_q == LAST[DW-1:0] ? {DW{1'b0}} : tick_q + 1'b1;
      if (tick_q == LAST[DW-1:0]) bit_q <= bit_q + 4'd1;
    end
    if (sample && bit_q != 4'd9) data_q <= {value, data_q[7:1]};
  end

  assign data_o = data_q;

endmodule

`default_nettype wire
