// SPDX-License-Identifier: Apache-2.0
// Bytes from a frame (docs/board.md): send_i sends length_i bytes of a buffer, which answers raddr_o one cycle later, and
// their CRC-32, escaped, between two END. busy_o until the last byte was taken. Reset sends nothing.
`default_nettype none
`include "systole_check.vh"

module systole_link_tx #(
    parameter AW = 9
) (
    input  wire          clk_i,
    input  wire          rst_i,
    input  wire          send_i,    // sends the buffer
    input  wire [AW-1:0] length_i,  // its bytes
    output wire          busy_o,    // it is at work
    output wire [AW-1:0] raddr_o,   // byte of it that is read
    input  wire [   7:0] rdata_i,   // that byte, a cycle later
    output wire          valid_o,   // a byte is offered
    input  wire          ready_i,   // it is taken
    output wire [   7:0] data_o     // the byte
);

  localparam [7:0] END = 8'hc0, ESC = 8'hdb, ESC_END = 8'hdc, ESC_ESC = 8'hdd;
  localparam [AW:0] LAST_CRC = 3;
  localparam ST_IDLE = 3'd0, ST_FIRST = 3'd1, ST_READ = 3'd2, ST_BYTE = 3'd3, ST_ESCAPED = 3'd4, ST_LAST = 3'd5,
      ST_HOLD = 3'd6;

  reg [2:0] state_q;
  reg [AW:0] at_q;                     // byte, those of the CRC behind the buffer's
  reg [AW:0] end_q;
  wire [31:0] crc;
  wire in_crc = at_q >= end_q;
  wire [1:0] crc_byte = at_q[1:0] - end_q[1:0];
  reg [7:0] value;                     // the byte: a block RAM is slow, and the line has time
  wire escape = value == END || value == ESC;
  wire take = valid_o && ready_i;
  wire next = take && (state_q == ST_ESCAPED || (state_q == ST_BYTE && !escape));
  wire last = at_q == end_q + LAST_CRC;

  always @(posedge clk_i)
    if (rst_i) state_q <= ST_IDLE;
    else
      case (state_q)
        ST_IDLE:    if (send_i) state_q <= ST_FIRST;
        ST_FIRST:   if (take) state_q <= ST_READ;
        ST_READ:    state_q <= ST_HOLD;
        ST_HOLD:    state_q <= ST_BYTE;
        ST_BYTE:    if (take) state_q <= escape ? ST_ESCAPED : last ? ST_LAST : ST_READ;
        ST_ESCAPED: if (take) state_q <= last ? ST_LAST : ST_READ;
        default:    if (take) state_q <= ST_IDLE;
      endcase
  always @(posedge clk_i)
    if (state_q == ST_IDLE) begin
      at_q  <= {AW + 1{1'b0}};
      end_q <= {1'b0, length_i};
    end else if (next) at_q <= at_q + 1'b1;
  always @(posedge clk_i) if (state_q == ST_HOLD) value <= in_crc ? crc[crc_byte*8+:8] : rdata_i;

  systole_crc32 #(
      .BYTES(1)
  ) u_crc (
      .clk_i  (clk_i),
      .rst_i  (rst_i),
      .clear_i(state_q == ST_IDLE),
      .valid_i(next && !in_crc),
      .data_i (value),
      .crc_o  (crc)
  );

  assign busy_o  = state_q != ST_IDLE;
  assign raddr_o = at_q[AW-1:0];
  assign valid_o = state_q != ST_IDLE && state_q != ST_READ && state_q != ST_HOLD;
  assign data_o  = state_q == ST_ESCAPED ? (value == END ? ESC_END : ESC_ESC) : state_q != ST_BYTE ? END : escape ? ESC : value;

  `SYSTOLE_COVER_STATES(cover_state, state_q, 3)

`ifdef SYSTOLE_WAVES
  // The state by its name, for waves alone (docs/waves.md): SystemVerilog, which nothing else reads.
  generate
    if (1) begin : waves
      typedef enum logic [2:0] {
        IDLE = ST_IDLE, FIRST = ST_FIRST, READ = ST_READ, BYTE = ST_BYTE, ESCAPED = ST_ESCAPED, LAST = ST_LAST,
        HOLD = ST_HOLD
      } state_name_t;
      state_name_t state_name;
      assign state_name = state_name_t'(state_q);
    end
  endgenerate
`endif

`ifdef SYSTOLE_PROOF
  `include "systole_link_tx.vh"
`endif

endmodule

`default_nettype wire
