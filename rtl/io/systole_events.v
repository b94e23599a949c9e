// SPDX-License-Identifier: Apache-2.0
// Counts what costs energy (docs/energy.md): one 32-bit counter for each event, chosen by select_i, two cycles
// later on value_o; events from COUNTERS on are none and read 0. Two words may be written to X in a cycle. Reset clears.
`default_nettype none
`include "systole_isa.vh"

module systole_events #(
    parameter COUNTERS = 9
) (
    input  wire                clk_i,
    input  wire                rst_i,
    input  wire [COUNTERS-1:0] events_i,   // by number
    input  wire                x_write_i,  // a second word to X
    input  wire [         3:0] select_i,   // number of the counter that is read
    output wire [        31:0] value_o     // its value, two cycles later
);

  localparam [3:0] ALL = COUNTERS;
  reg  [COUNTERS-1:0] events_q;
  reg                 second_q;
  reg  [        31:0] value_q;
  wire [COUNTERS*32-1:0] counts;
  always @(posedge clk_i)
    if (rst_i) {events_q, second_q} <= {COUNTERS + 1{1'b0}};
    else {events_q, second_q} <= {events_i, x_write_i};

  genvar e;
  generate
    for (e = 0; e < COUNTERS; e = e + 1) begin : g_event
      reg [31:0] count_q;
      wire second = e == `SYSTOLE_EVENT_X_WRITE && second_q;
      always @(posedge clk_i)
        if (rst_i) count_q <= 32'd0;
        else count_q <= count_q + {31'd0, events_q[e]} + {31'd0, second};
      assign counts[e*32+:32] = count_q;
    end
  endgenerate

  always @(posedge clk_i) value_q <= select_i < ALL ? counts[select_i*32+:32] : 32'd0;
  assign value_o = value_q;

endmodule

`default_nettype wire
