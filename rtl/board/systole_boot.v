// SPDX-License-Identifier: Apache-2.0
// Requests out of an SPI flash, so that a board starts without a host (docs/board.md): reads from byte AT on, mode 0, a bit
// every 2 HALF cycles; gives each byte to the link, and waits while a request is done. Begins with reset.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_boot #(
    parameter [23:0] AT   = 24'h20_0000,  // byte of the flash
    parameter        HALF = 2,            // cycles of half a bit, at least 2
    parameter        AW   = 9
) (
    input  wire          clk_i,
    input  wire          rst_i,
    output wire          cs_n_o,         // flash: select, low
    output wire          sck_o,          // flash: clock
    output wire          mosi_o,         // flash: bits to it
    input  wire          miso_i,         // flash: bits from it
    output wire          valid_o,        // a byte for the link, for a cycle
    output wire [   7:0] data_o,         // the byte
    input  wire          request_i,      // a frame stands
    input  wire          done_i,         // it was answered
    input  wire          answer_we_i,    // a byte of the answer
    input  wire [AW-1:0] answer_addr_i,  // its number
    input  wire [   7:0] answer_data_i,  // the byte
    output wire          active_o,       // the line is the flash's
    output wire          failed_o        // a request was not done: it has ended there
);

  localparam [7:0] READ = 8'h03, END = 8'hc0;
  localparam [2:0] ST_WARM = 3'd0, ST_COMMAND = 3'd1, ST_MAGIC = 3'd2, ST_LENGTH = 3'd3, ST_FRAMES = 3'd4;
  localparam [2:0] ST_SETTLE = 3'd5, ST_DONE = 3'd6, ST_OFF = 3'd7;
  localparam HW = $clog2(HALF);
  localparam [HW-1:0] HALF_LAST = HALF - 1;

  reg [2:0] state_q;
  reg [HW-1:0] half_q;
  reg sck_q, cs_n_q, miso_q, body_q, failed_q, wrong_q;
  reg [4:0] bit_q;                        // of 32, or of a byte by its low three bits
  reg [31:0] shift_q, left_q;

  wire bytes = state_q == ST_FRAMES;
  wire clocks = state_q == ST_WARM || state_q == ST_COMMAND || state_q == ST_MAGIC || state_q == ST_LENGTH || bytes;
  wire half_end = clocks && half_q == HALF_LAST;
  wire bit_end = half_end && sck_q;       // the flash changes its bit behind this edge: it is taken here
  wire last = bit_end && (bytes ? &bit_q[2:0] : &bit_q);
  wire [31:0] shifted = {shift_q[30:0], miso_q};
  wire [31:0] word = {shifted[7:0], shifted[15:8], shifted[23:16], shifted[31:24]};
  wire frame_end = bytes && last && shifted[7:0] == END && body_q;

  always @(posedge clk_i) miso_q <= miso_i;

  always @(posedge clk_i)
    if (rst_i) begin
      state_q <= ST_WARM;
      half_q  <= {HW{1'b0}};
      {sck_q, body_q, failed_q, wrong_q} <= 4'd0;
      cs_n_q  <= 1'b1;
      bit_q   <= 5'd16;
      shift_q <= {READ, AT};
      left_q  <= 32'd0;
    end else begin
      if (clocks) half_q <= half_end ? {HW{1'b0}} : half_q + 1'b1;
      if (half_end) sck_q <= !sck_q;
      if (bit_end) bit_q <= bytes ? {2'd0, bit_q[2:0] + 3'd1} : bit_q + 5'd1;
      if (bit_end && state_q != ST_WARM) shift_q <= shifted;
      if (answer_we_i && answer_addr_i == 1) wrong_q <= answer_data_i != 8'd0;
      case (state_q)
        ST_WARM:
        if (last) begin
          state_q <= ST_COMMAND;
          cs_n_q  <= 1'b0;
        end
        ST_COMMAND: if (last) state_q <= ST_MAGIC;
        ST_MAGIC: if (last) state_q <= word == `SYSTOLE_BOARD_BOOT_MAGIC ? ST_LENGTH : ST_OFF;
        ST_LENGTH:
        if (last) begin
          state_q <= word == 32'd0 ? ST_OFF : ST_FRAMES;
          left_q  <= word;
        end
        ST_FRAMES:
        if (last) begin
          left_q <= left_q - 32'd1;
          body_q <= shifted[7:0] != END;
          if (frame_end) state_q <= ST_SETTLE;
          else if (left_q == 32'd1) begin       // the last byte ends no frame
            state_q  <= ST_OFF;
            failed_q <= 1'b1;
          end
        end
        ST_SETTLE: state_q <= ST_DONE;          // link_rx has looked at the frame's end
        ST_DONE:
        if (!request_i || done_i) begin
          state_q <= left_q == 32'd0 || !request_i || wrong_q ? ST_OFF : ST_FRAMES;
          if (!request_i || wrong_q) failed_q <= 1'b1;
        end
        default: cs_n_q <= 1'b1;
      endcase
      if (state_q == ST_OFF) sck_q <= 1'b0;
    end

  assign cs_n_o   = cs_n_q;
  assign sck_o    = sck_q;
  assign mosi_o   = state_q == ST_COMMAND && shift_q[31];
  assign valid_o  = bytes && last;
  assign data_o   = shifted[7:0];
  assign active_o = state_q != ST_OFF;
  assign failed_o = failed_q;

  `SYSTOLE_COVER_STATES(cover_state, state_q, 3)

`ifdef SYSTOLE_WAVES
  // The state by its name, for waves alone (docs/waves.md): SystemVerilog, which nothing else reads.
  generate
    if (1) begin : waves
      typedef enum logic [2:0] {
        WARM = ST_WARM, COMMAND = ST_COMMAND, MAGIC = ST_MAGIC, LENGTH = ST_LENGTH, FRAMES = ST_FRAMES,
        SETTLE = ST_SETTLE, DONE = ST_DONE, OFF = ST_OFF
      } state_name_t;
      state_name_t state_name;
      assign state_name = state_name_t'(state_q);
    end
  endgenerate
`endif

endmodule

`default_nettype wire
