// SPDX-License-Identifier: Apache-2.0
// What the engine's program reaches by number (docs/rram-engine.md): outputs that are registers here, inputs that
// are answered one cycle later, and the verbs, which end with done_o. Reset clears what the host sees.
`default_nettype none
`include "systole_isa.vh"

module systole_rram_hands #(
    parameter MACHINE      = 1,           // what the register CONFIG reads
    parameter ROWS         = 8,
    parameter COLS         = 8,
    parameter RRAM_DEPTH   = 2048,
    parameter RW           = $clog2(RRAM_DEPTH),
    parameter LW           = $clog2(ROWS)
) (
    input  wire          clk_i,
    input  wire          rst_i,
    // engine
    input  wire [   4:0] in_addr_i,         // input that is read
    output reg  [  31:0] in_o,              // its value, a cycle later
    input  wire          out_we_i,          // an output is written
    input  wire [   4:0] out_addr_i,        // its number
    input  wire [  31:0] out_i,             // its value
    input  wire          start_i,           // a verb begins
    input  wire [   3:0] verb_i,            // its number
    input  wire          waiting_i,         // the engine waits for its end
    input  wire          bounded_i,         // which may not take any time
    output reg           done_o,            // the verb has ended
    // requests
    output wire          idle_o,            // the program waits for a request
    output wire          take_o,            // takes the request
    input  wire          request_i,         // a request stands
    input  wire [  31:0] request_word_i,    // code, line in the upper half
    input  wire [  31:0] lines_i,           // lines that a scrub may look at
    input  wire          slot_i,            // RRAM_SLOT
    output wire          slot_set_o,        // the program chooses a slot
    // guard
    input  wire          unlocked_i,        // both keys were given
    input  wire          locked_i,          // a lock is on
    output wire          relock_o,          // the keys are to be given anew
    output wire          keyless_o,         // a job of the program's own
    // walker and sink
    output wire          begin_o,           // a walk begins
    output reg  [RW-1:0] line_o,            // its first line
    output reg  [  RW:0] count_o,           // its lines
    output reg  [  15:0] mode_o,            // how it reads, and what becomes of its words
    output reg  [  15:0] pick_o,            // units that count
    input  wire          quiet_i,           // no walk is on, and its words have arrived
    output wire          clear_verdict_o,   // the verdict is forgotten
    output wire          clear_crc_o,       // the CRC begins anew
    output wire          data_we_o,         // shifts a unit into the word register
    output wire [  31:0] data_o,            // the unit
    output wire          digest_o,          // the word register into the CRC
    output wire          load_o,            // .. into the line programmer
    output reg  [LW-1:0] row_o,             // for this row
    output wire          looked_o,          // an entry of the line table into word_i
    input  wire [  31:0] entry_i,           // of the line table, at at_o
    input  wire [   1:0] verdict_i,         // {beyond correction, corrected}
    input  wire [  31:0] crc_i,             // CRC
    input  wire [  31:0] word_i,            // the unit that was picked
    // line table
    output reg  [RW-1:0] at_o,              // entry that is looked at or written
    output wire          enter_o,           // the engine writes enter_data_o there
    output wire [  31:0] enter_data_o,      // what is written
    output wire          in_slot_o,         // there is an entry to be written
    input  wire          entered_i,         // a unit of a walk was written there
    // line programmer
    output wire          program_o,         // programs the line that was loaded
    output wire          move_o,            // it may be retired or change places
    output wire          forget_o,          // what was loaded is not for programming
    input  wire          program_done_i,    // that has ended
    input  wire          program_failed_i,  // the line is not as it should be
    output reg           used_slot_o,       // slot whose spares are set
    output wire          used_we_o,         // its numbers are set
    output wire          turned_o,          // its classes changed places
    input  wire [  31:0] used_i,            // spares used, slot 1 in the upper half
    input  wire [   5:0] want_i,            // {hot, it wants to turn} of slot 1 and 0
    // the scrub's place
    output wire          place_set_o,       // the place is set
    input  wire [RW-1:0] place_i,           // the place
    input  wire [RW-1:0] place_line_i,      // its line
    input  wire          place_raw_i,       // .. which is a physical one
    input  wire          place_last_i,      // it is the last
    output reg  [   1:0] newest_o,          // {there is an image, its slot}
    output reg  [  RW:0] live_o,            // lines of the image
    output reg  [RW-1:0] live_record_o,     // first line of its record
    input  wire          stop_i,            // a run waits: a scrub ends at the next line
    input  wire          stale_i,           // the host begins to write over the program that is awake
    // the host's registers
    output wire [   1:0] frame_we_o,        // {OUT_BYTES, IN_BYTES} from out_i
    output reg           ready_o,           // an image is awake
    output reg           run_slot_o,        // slot that runs read from
    output reg  [   1:0] seen_o,            // {weak, foreign}
    output reg           booted_o,          // the wake behind reset has ended
    output reg           waking_o,          // a wake is on
    output wire          ended_o,           // a command has ended, for a cycle
    output wire [   7:0] error_o,           // a code of ERROR, for a cycle
    input  wire [   2:0] status_addr_i,     // register that is read
    output wire [  31:0] status_o           // its value
);

  localparam [31:0] HALF = RRAM_DEPTH / 2;
  localparam [31:0] SLOT_LINES = `SYSTOLE_RRAM_SLOT_LINES(RRAM_DEPTH, ROWS, COLS);
  localparam [31:0] TABLE_LINES = `SYSTOLE_RRAM_TABLE_LINES(RRAM_DEPTH, ROWS, COLS);
  localparam [31:0] RECORD_LINES = `SYSTOLE_RRAM_RECORD_LINES(ROWS, COLS);
  localparam [31:0] RECORDS_AT = SLOT_LINES + TABLE_LINES;
  localparam [31:0] WORDS = ROWS * COLS / 4;
  localparam UW = COLS == 4 ? 1 : $clog2(COLS / 4);
  localparam [31:0] LAST_UNIT = COLS / 4 - 1;
  localparam [2:0] CLOSE = 3'd5;

  reg [1:0] move_q;
  reg failed_q;

  // Verbs.
  reg begun_q;
  reg [2:0] looks_q;                         // cycles in a verb, up to 4
  reg [2:0] code_q;                          // what was taken
  wire verb = waiting_i && !start_i;
  wire walk = verb && !begun_q && quiet_i;
  always @* begin
    case (verb_i)
      `SYSTOLE_DO_TAKE:    done_o = request_i && !bounded_i;
      `SYSTOLE_DO_WALK:    done_o = begun_q && quiet_i;
      `SYSTOLE_DO_BEGIN:   done_o = quiet_i;
      `SYSTOLE_DO_DONE:    done_o = quiet_i;
      `SYSTOLE_DO_PROGRAM: done_o = program_done_i;
      `SYSTOLE_DO_LOOK:    done_o = looks_q[2];
      `SYSTOLE_DO_IDENTITY: done_o = &at_o[RW-2:0];
      `SYSTOLE_DO_COPY:    done_o = copied_q;
      default:             done_o = 1'b1;
    endcase
  end
  wire settled = looks_q == 3'd3;            // what the program wrote last has arrived
  always @(posedge clk_i)
    if (rst_i) begin
      begun_q <= 1'b0;
      {code_q, booted_o, waking_o} <= 5'b00001;
    end else begin
      begun_q <= waiting_i && (begun_q || begin_o);
      if (take_o) begin
        code_q   <= request_word_i[2:0];
        waking_o <= request_word_i[2:0] < 3'd3;
      end else if (start_i && verb_i == `SYSTOLE_DO_TAKE) {booted_o, waking_o} <= 2'b10;
    end
  always @(posedge clk_i) looks_q <= start_i || copy_step ? 3'd0 : looks_q + {2'd0, !looks_q[2]};

  // Entries of a word into the word register, one every 5 cycles, and the word to its row.
  reg [UW-1:0] units_q;
  reg copied_q;
  wire copying = waiting_i && verb_i == `SYSTOLE_DO_COPY;
  wire copy_step = copying && looks_q[2] && !start_i;
  always @(posedge clk_i) begin
    units_q  <= !copying || (copy_step && units_q == LAST_UNIT[UW-1:0]) ? {UW{1'b0}} : units_q + {{UW - 1{1'b0}}, copy_step};
    copied_q <= copy_step && units_q == LAST_UNIT[UW-1:0];
  end
  wire identity = verb && verb_i == `SYSTOLE_DO_IDENTITY;

  // Two registers say so: an upset of one does not let a run begin while the program is at work.
  assign idle_o    = verb && verb_i == `SYSTOLE_DO_TAKE && !bounded_i;
  assign take_o    = idle_o && request_i;
  assign begin_o   = walk && (verb_i == `SYSTOLE_DO_WALK || verb_i == `SYSTOLE_DO_BEGIN);
  assign digest_o  = start_i && verb_i == `SYSTOLE_DO_DIGEST;
  assign load_o    = (start_i && verb_i == `SYSTOLE_DO_LOAD) || copied_q;
  assign program_o = waiting_i && verb_i == `SYSTOLE_DO_PROGRAM && settled && !start_i;
  assign forget_o  = start_i && verb_i == `SYSTOLE_DO_FORGET;
  assign relock_o  = start_i && verb_i == `SYSTOLE_DO_RELOCK;
  assign looked_o  = waiting_i && verb_i == `SYSTOLE_DO_LOOK;
  assign ended_o   = start_i && verb_i == `SYSTOLE_DO_TAKE && code_q != CLOSE;
  assign keyless_o = waiting_i && verb_i == `SYSTOLE_DO_PROGRAM && move_q[1];

  // Outputs.
  function put(input [4:0] name);
    put = out_we_i && out_addr_i == name;
  endfunction
  always @(posedge clk_i)
    if (rst_i) begin
      {ready_o, run_slot_o} <= 2'b00;
      {newest_o, seen_o}    <= 4'd0;
      live_o                <= {RW + 1{1'b0}};
    end else begin
      if (stale_i) ready_o <= 1'b0;
      if (out_we_i)
        case (out_addr_i)
          `SYSTOLE_PUT_READY:    ready_o    <= out_i[0];
          `SYSTOLE_PUT_RUN_SLOT: run_slot_o <= out_i[0];
          `SYSTOLE_PUT_NEWEST:   newest_o   <= out_i[1:0];
          `SYSTOLE_PUT_SEEN:     seen_o     <= out_i[1:0];
          `SYSTOLE_PUT_LIVE:     live_o     <= out_i[RW:0];
          default: ;
        endcase
    end
  always @(posedge clk_i) begin
    if (out_we_i)
      case (out_addr_i)
        `SYSTOLE_PUT_LINE:        line_o        <= out_i[RW-1:0];
        `SYSTOLE_PUT_COUNT:       count_o       <= out_i[RW:0];
        `SYSTOLE_PUT_WALK:        mode_o        <= out_i[15:0];
        `SYSTOLE_PUT_PICK:        pick_o        <= out_i[15:0];
        `SYSTOLE_PUT_ROW:         row_o         <= out_i[LW-1:0];
        `SYSTOLE_PUT_MOVE:        move_q        <= out_i[1:0];
        `SYSTOLE_PUT_USED_SLOT:   used_slot_o   <= out_i[0];
        `SYSTOLE_PUT_LIVE_RECORD: live_record_o <= out_i[RW-1:0];
        default: ;
      endcase
    if (put(`SYSTOLE_PUT_AT)) at_o <= out_i[RW-1:0];
    else if (enter_o || entered_i || copy_step) at_o <= at_o + 1'b1;
    if (program_done_i) failed_q <= program_failed_i;
  end
  wire [31:0] at_in_half = {{33 - RW{1'b0}}, at_o[RW-2:0]};
  assign in_slot_o       = at_in_half < SLOT_LINES;
  assign enter_o         = put(`SYSTOLE_PUT_ENTRY) || identity;
  assign enter_data_o    = identity ? {{32 - RW{1'b0}}, at_o} : out_i;
  assign clear_verdict_o = put(`SYSTOLE_PUT_CLEAR) && out_i[0];
  assign clear_crc_o     = put(`SYSTOLE_PUT_CLEAR) && out_i[1];
  assign data_we_o       = put(`SYSTOLE_PUT_DATA) || copy_step;
  assign data_o          = copying ? (entry_i & {32{in_slot_o}}) ^ {32{mode_o[13]}} : out_i;
  assign used_we_o       = put(`SYSTOLE_PUT_USED);
  assign turned_o        = put(`SYSTOLE_PUT_TURNED);
  assign slot_set_o      = put(`SYSTOLE_PUT_SLOT);
  assign place_set_o     = put(`SYSTOLE_PUT_SCRUB_AT);
  assign frame_we_o      = {put(`SYSTOLE_PUT_OUT_BYTES), put(`SYSTOLE_PUT_IN_BYTES)};
  assign error_o         = put(`SYSTOLE_PUT_ERROR) ? out_i[7:0] : 8'd0;
  assign move_o          = move_q[0];

  // Registers of the host's that only the program knows.
  systole_regfile #(
      .WIDTH(32),
      .DEPTH(8)
  ) u_status (
      .clk_i  (clk_i),
      .we_i   (out_we_i && out_addr_i >= `SYSTOLE_PUT_EPOCH),
      .waddr_i(out_addr_i[2:0]),
      .wdata_i(out_i),
      .raddr_i(status_addr_i),
      .rdata_o(status_o)
  );

  // Inputs.
  reg [31:0] request_q, cycles_q;
  always @(posedge clk_i) begin
    if (take_o) request_q <= request_word_i;
    cycles_q <= rst_i || take_o ? 32'd0 : cycles_q + 32'd1;
  end
  wire [15:0] used = used_slot_o ? used_i[31:16] : used_i[15:0];
  wire [2:0] want = used_slot_o ? want_i[5:3] : want_i[2:0];
  reg [31:0] in;
  always @* begin
    case (in_addr_i)
      `SYSTOLE_GET_REQUEST:      in = request_q;
      `SYSTOLE_GET_SLOT:         in = {31'd0, slot_i};
      `SYSTOLE_GET_UNLOCKED:     in = {31'd0, unlocked_i};
      `SYSTOLE_GET_LOCKED:       in = {31'd0, locked_i};
      `SYSTOLE_GET_VERDICT:      in = {29'd0, failed_q, verdict_i};
      `SYSTOLE_GET_CRC:          in = crc_i;
      `SYSTOLE_GET_WORD:         in = word_i;
      `SYSTOLE_GET_USED:         in = {8'd0, used, 4'd0, want[2:1], want[0], 1'b0};
      `SYSTOLE_GET_STOP:         in = {31'd0, stop_i};
      `SYSTOLE_GET_BUDGET:       in = lines_i;
      `SYSTOLE_GET_SCRUB_AT:     in = {{32 - RW{1'b0}}, place_i};
      `SYSTOLE_GET_PLACE:        in = {place_last_i, 11'd0, place_raw_i, 3'd0, {16 - RW{1'b0}}, place_line_i};
      `SYSTOLE_GET_CYCLES:       in = cycles_q;
      `SYSTOLE_GET_MAGIC:        in = `SYSTOLE_RRAM_RECORD_MAGIC;
      `SYSTOLE_GET_HALF:         in = HALF;
      `SYSTOLE_GET_SLOT_LINES:   in = SLOT_LINES;
      `SYSTOLE_GET_TABLE_LINES:  in = TABLE_LINES;
      `SYSTOLE_GET_RECORD_LINES: in = RECORD_LINES;
      `SYSTOLE_GET_RECORDS_AT:   in = RECORDS_AT;
      `SYSTOLE_GET_LAST_RECORD:  in = HALF + RECORDS_AT + 3 * RECORD_LINES;
      `SYSTOLE_GET_LINE_WORDS_1: in = WORDS - 1;
      `SYSTOLE_GET_LINE_LOG2:    in = $clog2(WORDS);
      `SYSTOLE_GET_LINE_UNITS_1: in = WORDS / 2 - 1;
      `SYSTOLE_GET_UNITS_LOG2:   in = $clog2(WORDS / 2);
      `SYSTOLE_GET_MAX_LINES:    in = SLOT_LINES - `SYSTOLE_RRAM_SPARES(RRAM_DEPTH);
      `SYSTOLE_GET_MACHINE:      in = MACHINE;
      `SYSTOLE_GET_FINGERPRINT:  in = `SYSTOLE_FINGERPRINT;
      `SYSTOLE_GET_ROWS:         in = ROWS;
      `SYSTOLE_GET_COL_WORDS:    in = COLS / 4;
      default:                   in = 32'd0;
    endcase
  end
  always @(posedge clk_i) in_o <= in;

endmodule

`default_nettype wire
