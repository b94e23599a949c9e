// SPDX-License-Identifier: Apache-2.0
// IN: an AXI4-Stream slave fills one of two frame buffers while LOAD reads the other. A frame of
// bytes_i bytes ends with TLAST on its last word; an early or late TLAST drops the frame and raises
// bad_frame_o for a cycle. LOAD's read of an even and an odd word comes back 2 cycles later.
// Reset empties both buffers.
`default_nettype none

module systole_in_buffer #(
    parameter COLS  = 8,               // bytes of a word
    parameter DEPTH = 1024,            // words of a frame buffer
    parameter IW    = $clog2(DEPTH),
    parameter CW    = $clog2(COLS)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    input  wire              flush_i,       // forget what was received
    input  wire [      31:0] bytes_i,       // frame length; 0: no input
    // AXI4-Stream
    input  wire              s_tvalid_i,    // a word is offered
    output wire              s_tready_o,    // it is taken
    input  wire [COLS*8-1:0] s_tdata_i,     // its bytes
    input  wire [  COLS-1:0] s_tkeep_i,     // which of them are the frame's
    input  wire              s_tlast_i,     // the frame's last word
    // run control
    output wire              none_o,        // the program has no input
    output wire              full_o,        // the buffer that runs next is complete
    output wire              next_full_o,   // the one after it is too
    input  wire              release_i,     // the run that read it is over
    output wire              good_frame_o,  // a frame was received, for a cycle
    output wire              bad_frame_o,   // one was dropped, for a cycle
    // LOAD
    input  wire              re_i,          // reads an even and an odd word
    input  wire [    IW-2:0] even_addr_i,   // number of the even word, halved
    input  wire [    IW-2:0] odd_addr_i,    // number of the odd word, halved
    output wire [COLS*8-1:0] even_o,        // the even word, 2 cycles later
    output wire [COLS*8-1:0] odd_o          // the odd word, 2 cycles later
);

  wire              valid;
  wire              last;
  wire [  COLS-1:0] keep;
  wire [COLS*8-1:0] data;
  reg  [       1:0] full_q;
  reg               fill_q;   // buffer being filled
  reg               read_q;   // buffer that runs
  reg  [    IW-1:0] word_q;
  reg               drop_q;   // the rest of this frame is not wanted
  reg               good_q, bad_q;

  // The frame's length, as it is compared: changes only between frames.
  wire [    31:0] last_byte = bytes_i - 32'd1;
  reg             none_q;
  reg  [31-CW:0]  last_word_q;
  reg  [COLS-1:0] end_keep_q;
  always @(posedge clk_i) begin
    none_q      <= bytes_i == 32'd0;
    last_word_q <= last_byte[31:CW];
    end_keep_q  <= ~({COLS{1'b1}} << 1 << last_byte[CW-1:0]);
  end

  wire ready = drop_q || (!full_q[fill_q] && !none_q);
  systole_skid #(
      .WIDTH(COLS * 9 + 1)
  ) u_skid (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .s_valid_i(s_tvalid_i),
      .s_ready_o(s_tready_o),
      .s_data_i ({s_tlast_i, s_tkeep_i, s_tdata_i}),
      .m_valid_o(valid),
      .m_ready_i(ready),
      .m_data_o ({last, keep, data})
  );

  wire            at_end = {{32 - IW - CW{1'b0}}, word_q} == last_word_q;
  wire            take = valid && ready;
  wire            right = last ? at_end && keep == end_keep_q : !at_end && &keep;

  always @(posedge clk_i)
    if (rst_i || flush_i) begin
      full_q <= 2'd0;
      fill_q <= 1'b0;
      read_q <= 1'b0;
      word_q <= {IW{1'b0}};
      drop_q <= 1'b0;
      good_q <= 1'b0;
      bad_q  <= 1'b0;
    end else begin
      good_q <= 1'b0;
      bad_q  <= 1'b0;
      if (take) begin
        word_q <= last ? {IW{1'b0}} : word_q + 1'b1;
        if (drop_q) drop_q <= !last;
        else if (!right) begin
          drop_q <= !last;
          bad_q  <= 1'b1;
          if (!last) word_q <= {IW{1'b0}};
        end else if (last) begin
          good_q         <= 1'b1;
          full_q[fill_q] <= 1'b1;
          fill_q         <= !fill_q;
        end
      end
      if (release_i) begin
        full_q[read_q] <= 1'b0;
        read_q         <= !read_q;
      end
    end

  // Even and odd words lie in memories of their own, so that LOAD reads at any byte offset.
  // Written a cycle later, from registers.
  reg we_q;
  reg [IW:0] waddr_q;
  reg [COLS*8-1:0] wdata_q;
  always @(posedge clk_i)
    if (rst_i) we_q <= 1'b0;
    else we_q <= take && !drop_q;
  always @(posedge clk_i) begin
    waddr_q <= {fill_q, word_q};
    wdata_q <= data;
  end

  systole_ram #(
      .WIDTH (COLS * 8),
      .DEPTH (DEPTH),
      .OUTREG(1)
  ) u_even (
      .clk_i  (clk_i),
      .we_i   (we_q && !waddr_q[0]),
      .waddr_i(waddr_q[IW:1]),
      .wdata_i(wdata_q),
      .re_i   (re_i),
      .raddr_i({read_q, even_addr_i}),
      .rdata_o(even_o)
  );
  systole_ram #(
      .WIDTH (COLS * 8),
      .DEPTH (DEPTH),
      .OUTREG(1)
  ) u_odd (
      .clk_i  (clk_i),
      .we_i   (we_q && waddr_q[0]),
      .waddr_i(waddr_q[IW:1]),
      .wdata_i(wdata_q),
      .re_i   (re_i),
      .raddr_i({read_q, odd_addr_i}),
      .rdata_o(odd_o)
  );

  assign none_o       = none_q;
  assign full_o       = full_q[read_q];
  assign next_full_o  = full_q[!read_q];
  assign good_frame_o = good_q;
  assign bad_frame_o  = bad_q;

`ifdef SYSTOLE_PROOF
  `include "systole_in_buffer.vh"
`endif

endmodule

`default_nettype wire
