// SPDX-License-Identifier: Apache-2.0
// All of the chip's AXI over frames (docs/board.md): a request is done and answered before the next one is looked at. A
// request with the number of the one before is not done again, its answer is sent again. Before HELLO everything else is
// answered NO_SESSION, so that a host sees that the board began anew; with boot_i neither rule holds, and no session begins.
// chip_rst_o resets the chip: with rst_i, and RESET.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_bridge #(
    parameter COLS  = 8,
    parameter LIMIT = 22,                      // 2^LIMIT cycles until an access is given up
    parameter AW    = 9
) (
    input  wire              clk_i,
    input  wire              rst_i,
    output wire              chip_rst_o,     // reset of the chip
    input  wire              boot_i,         // requests come from the board itself
    // frames
    input  wire              request_i,      // a request stands
    input  wire [    AW-1:0] length_i,       // its bytes
    output wire              done_o,         // it was dealt with
    output wire [    AW-1:0] raddr_o,        // byte of it that is read
    input  wire [       7:0] rdata_i,        // that byte, a cycle later
    output wire              send_o,         // the answer is to be sent
    output wire [    AW-1:0] length_o,       // its bytes
    input  wire              sending_i,      // an answer is on its way
    output wire              answer_we_o,    // a byte of the answer
    output wire [    AW-1:0] answer_addr_o,  // its number
    output wire [       7:0] answer_data_o,  // the byte
    // registers
    output wire              awvalid_o,      // write address
    input  wire              awready_i,      // .. is taken
    output wire              wvalid_o,       // write data
    input  wire              wready_i,       // .. is taken
    output wire [       8:0] addr_o,         // address, of both
    output wire [      31:0] wdata_o,        // write data, all four bytes
    input  wire              bvalid_i,       // answer to a write; always taken
    input  wire [       1:0] bresp_i,        // 0: OKAY
    output wire              arvalid_o,      // read address
    input  wire              arready_i,      // .. is taken
    input  wire              rvalid_i,       // answer to a read; always taken
    input  wire [      31:0] rdata_axi_i,    // what is read
    input  wire [       1:0] rresp_i,        // 0: OKAY
    input  wire              irq_i,          // interrupt, a level
    // streams
    output wire              img_tvalid_o,   // a word of the image
    input  wire              img_tready_i,   // .. is taken
    output wire              in_tvalid_o,    // a word of an input frame
    input  wire              in_tready_i,    // .. is taken
    output wire [COLS*8-1:0] tdata_o,        // of both
    output wire [  COLS-1:0] in_tkeep_o,     // which of its bytes are the frame's
    output wire              in_tlast_o,     // the frame's last word
    input  wire              out_tvalid_i,   // a word of an output frame
    output wire              out_tready_o,   // .. is taken
    input  wire [COLS*8-1:0] out_tdata_i,    // its bytes
    input  wire [  COLS-1:0] out_tkeep_i,    // which of them are the frame's
    input  wire              out_tlast_i     // the frame's last word
);

  localparam HEADER = 7;                       // number, operation, five bytes of operands
  localparam ST_IDLE = 4'd0, ST_HEADER = 4'd1, ST_DECIDE = 4'd2, ST_RESET = 4'd3, ST_READ = 4'd4, ST_WRITE = 4'd5;
  localparam ST_FETCH = 4'd6, ST_PUSH = 4'd7, ST_POP = 4'd8, ST_UNPACK = 4'd9, ST_WAIT = 4'd10, ST_ANSWER = 4'd11;
  localparam ST_RESULT = 4'd12, ST_FLAGS = 4'd13, ST_SEND = 4'd14;
  localparam [AW-1:0] MOST = `SYSTOLE_BOARD_PAYLOAD;
  localparam [31:0] FULL = `SYSTOLE_BOARD_PAYLOAD + 3 - COLS;
  localparam CW = $clog2(COLS);
  localparam [31:0] LAST_BYTE = COLS - 1;

  reg [3:0] state_q;
  reg [7:0] number_q, op_q, last_q, result_q;
  reg session_q, answered_q;
  reg [39:0] arg_q;                            // the operands, the first one lowest
  reg [AW-1:0] at_q;                           // byte of the request that is asked for
  reg [AW-1:0] out_q;                          // bytes of the answer
  reg [31:0] waited_q;
  reg [31:0] data_q;                           // of a register, or the words of HELLO
  reg [COLS*8-1:0] word_q;
  reg [COLS-1:0] keep_q;
  reg [CW-1:0] byte_q;
  reg aw_q, w_q, ar_q, primed_q, final_q;

  wire is_image = op_q == `SYSTOLE_BOARD_IMAGE;
  wire is_input = op_q == `SYSTOLE_BOARD_INPUT;
  wire [AW-1:0] first = is_image ? 2 : 3;      // byte of a stream's data
  wire there = at_q <= length_i;               // the byte that comes is one of the request
  wire more = at_q < length_i;                 // so is the next one
  wire resend = answered_q && number_q == last_q && op_q != `SYSTOLE_BOARD_HELLO && !boot_i;
  wire late = waited_q[LIMIT];
  wire push = is_image ? img_tready_i : in_tready_i;
  wire room = out_q <= FULL[AW-1:0];           // for a word in the answer
  wire fetched = state_q == ST_FETCH && primed_q;
  wire word_end = byte_q == LAST_BYTE[CW-1:0];
  wire flagged = op_q == `SYSTOLE_BOARD_OUTPUT || op_q == `SYSTOLE_BOARD_WAIT;  // the answer's third byte is flags

  // The length of a request of an operation.
  reg fits;
  always @*
    case (op_q)
      `SYSTOLE_BOARD_HELLO, `SYSTOLE_BOARD_RESET, `SYSTOLE_BOARD_OUTPUT: fits = length_i == 2;
      `SYSTOLE_BOARD_READ:  fits = length_i == 3;
      `SYSTOLE_BOARD_WRITE, `SYSTOLE_BOARD_WAIT: fits = length_i == 7;
      `SYSTOLE_BOARD_IMAGE: fits = length_i > 2 && length_i <= MOST + 2;
      `SYSTOLE_BOARD_INPUT: fits = length_i > 3 && length_i <= MOST + 3;
      default: fits = 1'b0;
    endcase

  always @(posedge clk_i)
    if (rst_i) begin
      state_q <= ST_IDLE;
      {session_q, answered_q, aw_q, w_q, ar_q} <= 5'd0;
    end else begin
      case (state_q)
        ST_IDLE: if (request_i && !sending_i) state_q <= ST_HEADER;
        ST_HEADER: if (at_q == HEADER) state_q <= ST_DECIDE;
        ST_DECIDE: begin
          state_q <= ST_ANSWER;
          if (op_q == `SYSTOLE_BOARD_HELLO && fits) session_q <= !boot_i;
          else if (resend) state_q <= ST_SEND;
          else if ((session_q || boot_i) && fits)
            case (op_q)
              `SYSTOLE_BOARD_RESET: state_q <= ST_RESET;
              `SYSTOLE_BOARD_READ: begin
                state_q <= ST_READ;
                ar_q    <= 1'b1;
              end
              `SYSTOLE_BOARD_WRITE: begin
                state_q      <= ST_WRITE;
                {aw_q, w_q}  <= 2'b11;
              end
              `SYSTOLE_BOARD_WAIT: state_q <= ST_WAIT;
              `SYSTOLE_BOARD_OUTPUT: state_q <= ST_POP;
              default: state_q <= ST_FETCH;
            endcase
          answered_q <= !boot_i;
        end
        ST_RESET: if (&waited_q[3:0]) state_q <= ST_ANSWER;
        ST_READ: begin
          if (arready_i) ar_q <= 1'b0;
          if (rvalid_i || late) state_q <= ST_ANSWER;
          if (late) ar_q <= 1'b0;
        end
        ST_WRITE: begin
          if (awready_i) aw_q <= 1'b0;
          if (wready_i) w_q <= 1'b0;
          if (bvalid_i || late) state_q <= ST_ANSWER;
          if (late) {aw_q, w_q} <= 2'b00;
        end
        ST_FETCH: if (fetched && word_end) state_q <= ST_PUSH;
        ST_PUSH: if (push || late) state_q <= late || !more ? ST_ANSWER : ST_FETCH;
        ST_POP: state_q <= out_tvalid_i && room && !final_q ? ST_UNPACK : ST_ANSWER;
        ST_UNPACK: if (word_end) state_q <= ST_POP;
        ST_WAIT: if (waited_q == arg_q[39:8] || (irq_i && arg_q[0])) state_q <= ST_ANSWER;
        ST_ANSWER: if (answer_last) state_q <= ST_RESULT;
        ST_RESULT: state_q <= ST_FLAGS;
        ST_FLAGS: state_q <= ST_SEND;
        default: state_q <= ST_IDLE;
      endcase
    end

  // Bytes behind the operands' places: those of HELLO and of registers; streams put theirs as they come.
  wire plain = op_q == `SYSTOLE_BOARD_HELLO || op_q == `SYSTOLE_BOARD_READ;
  wire answer_last = !plain || result_q != `SYSTOLE_BOARD_DONE || byte_count_q == 3'd4;
  reg [2:0] byte_count_q;
  wire deciding = state_q == ST_DECIDE;
  always @(posedge clk_i) begin
    primed_q <= state_q == ST_FETCH && !(fetched && word_end);
    if (state_q == ST_IDLE) at_q <= {AW{1'b0}};
    else if (deciding) at_q <= first;
    else if (state_q == ST_HEADER || (state_q == ST_FETCH && !(fetched && word_end))) at_q <= at_q + 1'b1;
    if (state_q == ST_HEADER && at_q != 0) {arg_q, op_q, number_q} <= {rdata_i, arg_q, op_q};
    if (deciding && !resend) begin
      last_q   <= number_q;
      result_q <= !session_q && !boot_i && op_q != `SYSTOLE_BOARD_HELLO ? `SYSTOLE_BOARD_NO_SESSION : fits ? `SYSTOLE_BOARD_DONE : `SYSTOLE_BOARD_UNKNOWN;
    end else if ((state_q == ST_READ && rvalid_i && rresp_i != 2'b00) || (state_q == ST_WRITE && bvalid_i && bresp_i != 2'b00))
      result_q <= `SYSTOLE_BOARD_REFUSED;
    else if (late && (state_q == ST_READ || state_q == ST_WRITE || state_q == ST_PUSH)) result_q <= `SYSTOLE_BOARD_LATE;
    if (deciding) final_q <= 1'b0;
    else if (out_tready_o && out_tvalid_i) final_q <= out_tlast_i;
    else if (state_q == ST_WAIT) final_q <= irq_i;
    waited_q <= deciding || (state_q == ST_PUSH && push) ? 32'd0 : waited_q + 32'd1;
    data_q   <= deciding ? `SYSTOLE_BOARD_MAGIC : state_q == ST_READ ? rdata_axi_i : state_q == ST_ANSWER ? data_q >> 8 : data_q;
    byte_count_q <= deciding ? 3'd0 : byte_count_q + {2'd0, state_q == ST_ANSWER};
    if (deciding || state_q == ST_PUSH || state_q == ST_POP) byte_q <= {CW{1'b0}};
    else if (fetched || state_q == ST_UNPACK) byte_q <= byte_q + 1'b1;
    // Bytes come from above; zeros fill up the last word.
    if (fetched) begin
      word_q <= {there ? rdata_i : 8'd0, word_q[COLS*8-1:8]};
      keep_q <= {there, keep_q[COLS-1:1]};
    end else if (state_q == ST_POP) begin
      word_q <= out_tdata_i;
      keep_q <= out_tkeep_i;
    end else if (state_q == ST_UNPACK) begin
      word_q <= word_q >> 8;
      keep_q <= keep_q >> 1;
    end
    if (deciding && !resend) out_q <= flagged ? 3 : 2;
    else if (stored) out_q <= out_q + 1'b1;
  end
  wire stored = (state_q == ST_UNPACK && keep_q[0]) || (state_q == ST_ANSWER && plain && !answer_last);
  wire [AW-1:0] kept = result_q == `SYSTOLE_BOARD_DONE ? out_q : 2;

  assign chip_rst_o    = rst_i || state_q == ST_RESET;
  assign done_o        = state_q == ST_SEND;
  assign raddr_o       = at_q;
  assign send_o        = state_q == ST_SEND;
  assign length_o      = kept;
  assign answer_we_o   = stored || state_q == ST_RESULT || (state_q == ST_FLAGS && flagged) || (state_q == ST_ANSWER && answer_last);
  assign answer_addr_o = stored ? out_q : state_q == ST_ANSWER ? 0 : state_q == ST_RESULT ? 1 : 2;
  assign answer_data_o = state_q == ST_UNPACK ? word_q[7:0] : stored ? data_q[7:0] : state_q == ST_ANSWER ? number_q :
      state_q == ST_RESULT ? result_q : {7'd0, final_q};
  assign awvalid_o     = aw_q;
  assign wvalid_o      = w_q;
  assign arvalid_o     = ar_q;
  assign addr_o        = {arg_q[6:0], 2'b00};  // by its number
  assign wdata_o       = arg_q[39:8];
  assign img_tvalid_o  = state_q == ST_PUSH && is_image;
  assign in_tvalid_o   = state_q == ST_PUSH && is_input;
  assign tdata_o       = word_q;
  assign in_tkeep_o    = keep_q;
  assign in_tlast_o    = !more && arg_q[0];
  assign out_tready_o  = state_q == ST_POP && room && !final_q;

  `SYSTOLE_COVER_STATES(cover_state, state_q, 4)

`ifdef SYSTOLE_WAVES
  // The state by its name, for waves alone (docs/waves.md): SystemVerilog, which nothing else reads.
  generate
    if (1) begin : waves
      typedef enum logic [3:0] {
        IDLE = ST_IDLE, HEAD = ST_HEADER, DECIDE = ST_DECIDE, RESET = ST_RESET, READ = ST_READ,
        WRITE = ST_WRITE, FETCH = ST_FETCH, PUSH = ST_PUSH, POP = ST_POP, UNPACK = ST_UNPACK, WAIT = ST_WAIT,
        ANSWER = ST_ANSWER, RESULT = ST_RESULT, FLAGS = ST_FLAGS, SEND = ST_SEND
      } state_name_t;
      state_name_t state_name;
      assign state_name = state_name_t'(state_q);
    end
  endgenerate
`endif

`ifdef SYSTOLE_PROOF
  `include "systole_bridge.vh"
`endif

endmodule

`default_nettype wire
