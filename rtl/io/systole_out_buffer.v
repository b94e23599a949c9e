// SPDX-License-Identifier: Apache-2.0
// OUT: the run writes one of two frame buffers while the other leaves on an AXI4-Stream master:
// bytes_i bytes, TKEEP all ones but in the last word, TLAST on it. seal_i hands the written buffer
// to the sender. One word a cycle; outputs registered. Reset empties both buffers.
`default_nettype none

module systole_out_buffer #(
    parameter COLS  = 8,               // bytes of a word
    parameter DEPTH = 1024,            // words of a frame buffer
    parameter OW    = $clog2(DEPTH),
    parameter CW    = $clog2(COLS)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    input  wire [      31:0] bytes_i,      // frame length; 0: no output
    // the run's writes
    input  wire              we_i,         // a word is written
    input  wire [    OW-1:0] addr_i,       // its number in the frame
    input  wire [COLS*8-1:0] data_i,       // its bytes
    // run control
    output wire              room_o,       // the buffer that is written next is free
    output wire              next_room_o,  // the one after it is too
    output wire              busy_o,       // a frame is being sent
    input  wire              seal_i,       // the run that wrote it is over
    output wire              sent_o,       // a frame has left
    // AXI4-Stream
    output wire              m_tvalid_o,   // a word is offered
    input  wire              m_tready_i,   // it is taken
    output wire [COLS*8-1:0] m_tdata_o,    // its bytes
    output wire [  COLS-1:0] m_tkeep_o,    // which of them are the frame's
    output wire              m_tlast_o     // the frame's last word
);

  reg  [     1:0] full_q;
  reg             write_q;  // buffer being written
  reg             send_q;   // buffer being sent
  reg  [  OW-1:0] word_q;   // next word to read
  reg             sent_q;
  reg  [    31:0] length_q[0:1];
  reg             none_q;

  // Of the frame that is next to be sent: its last word and that word's TKEEP.
  wire [    31:0] last_byte = length_q[send_q] - 32'd1;
  reg  [31-CW:0]  last_word_q;
  reg  [COLS-1:0] end_keep_q;
  reg             known_q;
  always @(posedge clk_i) begin
    none_q      <= bytes_i == 32'd0;
    last_word_q <= last_byte[31:CW];
    end_keep_q  <= ~({COLS{1'b1}} << 1 << last_byte[CW-1:0]);
    known_q     <= full_q[send_q] && !finish;
  end
  wire            at_end = {{32 - OW - CW{1'b0}}, word_q} == last_word_q;

  // Reads are two cycles long: one is begun only where the four-word queue has room for it and
  // for those under way.
  reg             read_q1, read_q2;
  reg  [COLS:0] tag_q1, tag_q2;
  wire [COLS*8-1:0] rdata;
  wire            pop;
  reg  [     2:0] owed_q;   // words in the queue and under way
  wire            read = full_q[send_q] && known_q && owed_q < 3'd4;
  wire            finish = read && at_end;

  systole_ram #(
      .WIDTH (COLS * 8),
      .DEPTH (2 * DEPTH),
      .OUTREG(1)
  ) u_ram (
      .clk_i  (clk_i),
      .we_i   (we_i),
      .waddr_i({write_q, addr_i}),
      .wdata_i(data_i),
      .re_i   (read),
      .raddr_i({send_q, word_q}),
      .rdata_o(rdata)
  );

  always @(posedge clk_i)
    if (rst_i) begin
      full_q  <= 2'd0;
      write_q <= 1'b0;
      send_q  <= 1'b0;
      word_q  <= {OW{1'b0}};
      read_q1 <= 1'b0;
      read_q2 <= 1'b0;
      owed_q  <= 3'd0;
      sent_q  <= 1'b0;
    end else begin
      if (seal_i && !none_q) begin
        full_q[write_q] <= 1'b1;
        write_q         <= !write_q;
      end
      if (read) word_q <= at_end ? {OW{1'b0}} : word_q + 1'b1;
      if (finish) begin
        full_q[send_q] <= 1'b0;
        send_q         <= !send_q;
      end
      read_q1 <= read;
      read_q2 <= read_q1;
      owed_q  <= owed_q + {2'd0, read} - {2'd0, pop};
      sent_q  <= pop && m_tlast_o;
    end
  always @(posedge clk_i) begin
    if (seal_i) length_q[write_q] <= bytes_i;
    tag_q1 <= {at_end, at_end ? end_keep_q : {COLS{1'b1}}};
    tag_q2 <= tag_q1;
  end

  // Queue of four words; its head is the output register.
  localparam QW = COLS * 9 + 1;
  reg  [QW-1:0] queue_q [0:3];
  reg  [     1:0] head_q, tail_q;
  reg  [     2:0] count_q;
  reg             out_valid_q;
  reg  [  QW-1:0] out_q;
  wire            advance = !out_valid_q || m_tready_i;
  wire            move = advance && count_q != 3'd0;
  assign pop = out_valid_q && m_tready_i;

  always @(posedge clk_i)
    if (rst_i) begin
      head_q      <= 2'd0;
      tail_q      <= 2'd0;
      count_q     <= 3'd0;
      out_valid_q <= 1'b0;
    end else begin
      if (read_q2) tail_q <= tail_q + 2'd1;
      if (move) head_q <= head_q + 2'd1;
      count_q <= count_q + {2'd0, read_q2} - {2'd0, move};
      if (advance) out_valid_q <= count_q != 3'd0;
    end
  always @(posedge clk_i) begin
    if (read_q2) queue_q[tail_q] <= {tag_q2, rdata};
    if (move) out_q <= queue_q[head_q];
  end

  assign m_tvalid_o  = out_valid_q;
  assign m_tlast_o   = out_q[QW-1];
  assign m_tkeep_o   = out_q[COLS*8+:COLS];
  assign m_tdata_o   = out_q[COLS*8-1:0];
  assign room_o      = !full_q[write_q] || none_q;
  assign next_room_o = !full_q[!write_q] || none_q;
  assign busy_o      = full_q != 2'd0 || owed_q != 3'd0;
  assign sent_o      = sent_q;

`ifdef SYSTOLE_PROOF
  `include "systole_out_buffer.vh"
`endif

endmodule

`default_nettype wire
