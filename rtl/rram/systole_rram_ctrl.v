// SPDX-License-Identifier: Apache-2.0
// What keeps images in RRAM (docs/rram.md): after reset it looks for the newest record, checks its image and
// loads the program (wake); it programs what comes on the stream, line by line, commits a slot with a record
// that is written last, and scrubs. Nothing is written while a run is on; its SCRUBs look at lines, in cycles
// that their number alone decides. busy_o keeps runs waiting. State diagram: docs/rram.md. Reset starts the
// search for an image.
`default_nettype none
`include "systole_isa.vh"

module systole_rram_ctrl #(
    parameter CONFIG       = 1,
    parameter ROWS         = 8,
    parameter COLS         = 8,
    parameter WEIGHT_BEATS = 1,
    parameter ECC          = 0,
    parameter RRAM_DEPTH   = 2048,
    parameter RW           = $clog2(RRAM_DEPTH),
    parameter LW           = $clog2(ROWS)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    // registers
    input  wire              command_we_i,
    input  wire              slot_we_i,
    input  wire              budget_we_i,
    input  wire [      31:0] wdata_i,
    input  wire              unlocked_i,       // programming is allowed
    input  wire              locked_i,         // ... forbidden until reset
    output wire              relock_o,
    output wire              internal_o,       // this program job needs no key
    output wire [      31:0] status_o,
    output wire              slot_o,           // RRAM_SLOT
    output wire [      31:0] budget_o,
    output wire [      31:0] epoch_o,
    output wire [      31:0] image_crc_o,
    output wire [      31:0] wake_cycles_o,
    output wire [      31:0] refreshed_o,
    output wire [      31:0] scrub_line_o,
    output wire [      31:0] tile_o,
    // run control
    input  wire              run_on_i,
    input  wire              run_wait_i,
    input  wire              run_done_i,
    input  wire              scrub_i,          // look at so many lines, from the next cycle on
    input  wire [      11:0] scrub_lines_i,
    output wire              run_slot_o,
    output wire              busy_o,
    output wire              counted_o,        // errors in what is read now count
    output wire              ended_o,
    output wire [       7:0] error_o,          // a code of ERROR, for a cycle
    output wire              wake_we_o,        // IN_BYTES and OUT_BYTES of the image
    output wire [      31:0] in_bytes_o,
    output wire [      31:0] out_bytes_o,
    // words for RRAM (or the record), by linear address
    input  wire              s_valid_i,
    output wire              s_ready_o,
    input  wire              s_record_i,
    input  wire [      31:0] s_index_i,
    input  wire [COLS*8-1:0] s_data_i,
    // words for the memories of the program
    input  wire              upload_partial_i,
    output wire              upload_we_o,      // set the target
    output wire [       2:0] upload_target_o,
    output wire              upload_hold_o,    // no words from the host now
    output wire              upload_valid_o,
    output wire [COLS*8-1:0] upload_data_o,
    // line programmer
    output wire              load_o,
    output wire [    LW-1:0] load_row_o,
    output wire [    RW-1:0] load_line_o,
    output wire [COLS*8-1:0] load_data_o,
    output wire              program_o,
    output wire [    RW-1:0] program_line_o,
    output wire              program_move_o,
    output wire              forget_o,         // words that were loaded are not for programming
    input  wire              program_done_i,
    input  wire              program_failed_i,
    output wire              used_we_o,
    output wire              used_slot_o,
    output wire [      15:0] used_o,
    output wire [       1:0] used_hot_o,
    input  wire [      31:0] used_i,
    output wire              turn_o,           // the classes of a slot have changed places
    output wire              turn_slot_o,
    input  wire [       5:0] turn_want_i,
    // walker
    output wire              walk_o,
    output wire [    RW-1:0] walk_line_o,
    output wire [      RW:0] walk_lines_o,
    output wire [       5:0] walk_pace_o,
    output wire [       2:0] walk_ref_o,
    output wire              walk_raw_o,
    input  wire              walk_valid_i,
    input  wire [COLS*8-1:0] walk_word_i,
    input  wire [    LW-1:0] walk_row_i,
    input  wire              walk_corrected_i,
    input  wire              walk_uncorrectable_i,
    input  wire              walk_done_i,
    // line table
    output wire [    RW-1:0] look_o,
    input  wire [    RW-1:0] look_line_i,
    input  wire [      15:0] look_wear_i,
    output wire              table_we_o,
    output wire [    RW-1:0] table_addr_o,
    output wire [    RW-1:0] table_line_o,
    output wire [      15:0] table_wear_o
);

  localparam WB = COLS * 8;
  localparam UNITS = 64 / COLS;                       // words of a record
  localparam UW = $clog2(UNITS);
  localparam EPW = COLS / 4;                          // table entries in a word
  localparam LINE_BYTES = ROWS * COLS;
  localparam LINE_ENTRIES = LINE_BYTES / 4;
  localparam EW = $clog2(LINE_ENTRIES);
  localparam LINE_UNITS = LINE_BYTES / 8;             // 64-bit units of a line
  localparam WORD_UNITS = COLS > 8 ? COLS / 8 : 1;
  localparam SLOT_LINES = `SYSTOLE_RRAM_SLOT_LINES(RRAM_DEPTH, ROWS, COLS);
  localparam TABLE_LINES = `SYSTOLE_RRAM_TABLE_LINES(RRAM_DEPTH, ROWS, COLS);
  localparam RECORD_LINES = `SYSTOLE_RRAM_RECORD_LINES(ROWS, COLS);
  localparam [31:0] TABLE_AT = SLOT_LINES;             // of the copy in its half
  localparam [31:0] RECORDS_AT = SLOT_LINES + TABLE_LINES;
  localparam [31:0] TABLE_LINES_32 = TABLE_LINES;
  localparam [31:0] RECORD_LINES_32 = RECORD_LINES;
  localparam [31:0] UNITS_32 = UNITS;
  localparam [5:0] PACE_TABLE = EPW;
  localparam [5:0] PACE_UNITS = COLS < 8 ? 2 : COLS / 8 + 1;
  localparam [5:0] PACE_LUT = COLS + 4;
  localparam [31:0] LAST_ROW = ROWS - 1;
  localparam [31:0] LAST_UNIT = UNITS - 1;
  localparam [31:0] MACHINE = ECC * 65536 + WEIGHT_BEATS * 256 + CONFIG;

  localparam ST_BOOT = 5'd0;
  localparam ST_RING = 5'd1;      // read the record in each place
  localparam ST_RING_C = 5'd2;
  localparam ST_PICK = 5'd3;      // the newest that was not tried yet
  localparam ST_REC = 5'd4;       // read it again, at the margins too
  localparam ST_REC_C = 5'd5;
  localparam ST_REWRITE = 5'd6;   // words of the record into the banks
  localparam ST_REWRITE_P = 5'd7;
  localparam ST_TABLE = 5'd8;     // line table of a slot from its copy
  localparam ST_LOAD = 5'd9;      // next section
  localparam ST_LOAD_R = 5'd10;
  localparam ST_CHECK = 5'd11;
  localparam ST_IDLE = 5'd12;
  localparam ST_LINE = 5'd13;     // program the open line
  localparam ST_TABLES = 5'd14;   // both halves of the line table, before anything is programmed
  localparam ST_IDENTITY = 5'd15;
  localparam ST_MARGIN = 5'd16;   // CRC of the slot at a margin
  localparam ST_MARGIN_C = 5'd17;
  localparam ST_COPY = 5'd18;     // line table into its copy
  localparam ST_COPY_P = 5'd19;
  localparam ST_RECORD = 5'd20;   // CRC of the record
  localparam ST_VERIFY = 5'd21;
  localparam ST_VERIFY_C = 5'd22;
  localparam ST_SCRUB = 5'd23;
  localparam ST_SCRUB_C = 5'd24;
  localparam ST_FILL = 5'd25;
  localparam ST_FILL_P = 5'd26;
  localparam ST_END = 5'd27;
  localparam ST_TURN = 5'd28;     // exchange the entries of neighbours
  localparam ST_PASS = 5'd29;     // SCRUB of a run
  localparam ST_TILE = 5'd30;     // a line's CRC, from the lines behind the image
  localparam ST_TILE_C = 5'd31;

  reg [4:0] state_q, next;
  reg [5:0] wait_q;
  wire first = wait_q == 6'd0;

  reg [511:0] rec_q;
  reg [31:0] epoch_q, epoch_q2;        // of the best record of slot 0 and 1
  reg [2:0] place_q, best_place_q, best_place_q2;
  reg best_q, best_q2, tried_q, tried_q2;
  reg cand_q, warm_q, weak_q, foreign_q, ready_q, run_slot_q, slot_q, booted_q, tables_q, half_q, budgeting_q;
  reg corrected_q, uncorrectable_q, commit_q, by_command_q, open_q, tabling_q;
  reg [1:0] ref_q;                     // pass over a record or slot: normal, strong 1, strong 0
  reg [UW:0] unit_q;
  reg [2:0] section_q;
  reg [RW:0] line_q, live_lines_q;
  reg [31:0] left_q, words_q;
  reg [31:0] wake_q, wake_cycles_q, refreshed_q, image_crc_q, budget_q, budget_left_q;
  reg [RW-1:0] open_line_q, scrub_q, entry_q;
  reg [WB-1:0] shift_q;
  reg [LW-1:0] row_q;
  reg [7:0] idle_q;
  reg [7:0] error;
  reg pending_q, line_weak_q, copied_q;
  reg found_q;                         // a run found line scrub_q weak
  reg [12:0] asks_q, results_q;        // of a SCRUB, still to come
  reg [RW-1:0] ask_q;
  reg [LW-1:0] tick_q;
  reg bad_q;                           // the line whose words come now
  reg [1:0] turn_q;                    // before the next image of a slot its classes change places
  reg [1:0] tries_q;                   // places that a record did not hold in
  reg [2:0] pending_command_q;

  wire [31:0] rec_magic = rec_q[31:0];
  wire [31:0] rec_epoch = rec_q[63:32];
  wire        rec_slot = rec_q[64];
  wire [15:0] rec_lines = rec_q[95:80];
  wire [31:0] rec_weights = {16'd0, rec_q[239:224]};
  wire [ 7:0] rec_tiles = rec_q[247:240];
  wire [31:0] rec_image = rec_q[447:416];
  wire [31:0] rec_table = rec_q[479:448];
  wire [31:0] rec_crc = rec_q[511:480];
  wire        committed = best_q || best_q2;
  wire        newest = best_q2 && (!best_q || newer_q);  // slot
  wire [31:0] newest_epoch = newest ? epoch_q2 : best_q ? epoch_q : 32'd0;
  wire [ 2:0] newest_place = newest ? best_place_q2 : best_place_q;

  function [RW-1:0] record_line(input [2:0] place);
    record_line = {place[0], {RW - 1{1'b0}}} + RECORDS_AT[RW-1:0] + {{RW - 2{1'b0}}, place[2:1]} * RECORD_LINES_32[RW-1:0];
  endfunction
  function [RW-1:0] slot_base(input slot);
    slot_base = {slot, {RW - 1{1'b0}}};
  endfunction

  // CRC of what goes by; the record's own CRC counts as zero.
  wire [31:0] crc;
  wire reading_record = state_q == ST_RING || state_q == ST_REC || state_q == ST_VERIFY;
  wire in_record = unit_q < UNITS_32[UW:0];
  wire [WB-1:0] unit_word = rec_q[unit_q[UW-1:0]*WB+:WB];
  wire last_unit = unit_q[UW-1:0] == LAST_UNIT[UW-1:0];
  wire [WB-1:0] crc_word = state_q == ST_RECORD ? unit_word : state_q == ST_COPY ? shift_q : walk_word_i;
  wire mask_crc = last_unit && (reading_record || state_q == ST_RECORD);
  wire copy_load = state_q == ST_COPY && words_q == EPW && wait_q == 6'd5;
  wire crc_valid = (walk_valid_i && ((reading_record && in_record) || state_q == ST_LOAD_R || state_q == ST_MARGIN ||
      state_q == ST_SCRUB || state_q == ST_FILL || (state_q == ST_TABLE && tabling_q))) ||
      (state_q == ST_RECORD && in_record && !first) || copy_load;
  wire crc_clear = first && (reading_record || state_q == ST_SCRUB || state_q == ST_FILL || state_q == ST_TABLE || state_q == ST_MARGIN || state_q == ST_RECORD ||
      (state_q == ST_COPY && entry_q[RW-2:0] == {RW - 1{1'b0}} && words_q == 32'd0 && row_q == {LW{1'b0}}));
  // One stage in front of the CRC, one behind each comparison: verdicts are asked for in cycle 5 of their state.
  wire judged = wait_q == 6'd5;
  reg crc_valid_q, crc_clear_q, mask_crc_q;
  reg [WB-1:0] crc_word_q;
  always @(posedge clk_i)
    if (rst_i) {crc_valid_q, crc_clear_q} <= 2'b01;
    else {crc_valid_q, crc_clear_q} <= {crc_valid, crc_clear};
  always @(posedge clk_i) {mask_crc_q, crc_word_q} <= {mask_crc, crc_word};
  reg record_bad_q, image_bad_q, table_bad_q, known_q, ours_q, lines_bad_q, newer_q;
  reg [1:0] above_q;
  always @(posedge clk_i) begin
    record_bad_q <= rec_crc != crc;
    image_bad_q  <= crc != (copied_q ? rec_table : rec_image);
    table_bad_q  <= crc != rec_table;
    known_q      <= rec_magic == `SYSTOLE_RRAM_RECORD_MAGIC;
    ours_q       <= rec_q[127:96] == `SYSTOLE_FINGERPRINT && rec_q[159:128] == MACHINE;
    lines_bad_q  <= rec_lines == 16'd0 || rec_lines > SLOT_LINES - `SYSTOLE_RRAM_SPARES(RRAM_DEPTH);
    newer_q      <= epoch_q2 > epoch_q;
    above_q      <= {rec_epoch > epoch_q2, rec_epoch > epoch_q};
  end
  generate
    if (COLS == 4) begin : g_crc4
      systole_crc32 #(
          .BYTES(COLS)
      ) u_crc (
          .clk_i  (clk_i),
          .rst_i  (rst_i),
          .clear_i(crc_clear_q),
          .valid_i(crc_valid_q),
          .data_i (mask_crc_q ? 32'd0 : crc_word_q),
          .crc_o  (crc)
      );
    end else begin : g_crc
      systole_crc32 #(
          .BYTES(COLS)
      ) u_crc (
          .clk_i  (clk_i),
          .rst_i  (rst_i),
          .clear_i(crc_clear_q),
          .valid_i(crc_valid_q),
          .data_i ({mask_crc_q ? 32'd0 : crc_word_q[WB-1:WB-32], crc_word_q[WB-33:0]}),
          .crc_o  (crc)
      );
    end
  endgenerate

  // Sections of the image: weights, timetable, descriptors, parameters, lookup tables, taps, CRCs.
  // From the record in two stages; a section is looked at in cycle 4 of ST_LOAD.
  reg [31:0] section_units, section_lines, section_words;
  wire program_section = section_q != 3'd0 && section_q != 3'd6;
  wire [31:0] lines_of_section = section_q == 3'd0 ? rec_weights : section_q == 3'd6 ? {24'd0, rec_tiles} : (section_units + LINE_UNITS - 1) / LINE_UNITS;
  wire [31:0] words_of_section = COLS < 8 ? section_units << 1 : (section_units + WORD_UNITS - 1) / WORD_UNITS;
  always @(posedge clk_i) begin
    section_units <= rec_q[(32'd7+{29'd0, section_q})*32+:32];
    section_lines <= lines_of_section;
    section_words <= words_of_section;
  end
  wire settled = wait_q >= 6'd4;             // the upload has written everything
  wire skip_section = section_lines[RW:0] == {RW + 1{1'b0}} || (!program_section && warm_q);
  wire [31:0] table_want = {16'd0, rec_lines} + LINE_ENTRIES - 1;
  wire [31:0] table_some = table_want / LINE_ENTRIES;
  wire [RW:0] table_lines = tabling_q ? TABLE_LINES_32[RW:0] : table_some[RW:0];

  // The stream.
  wire [RW-1:0] s_line = s_index_i[LW+:RW] ^ slot_base(slot_q);
  wire [31:0] s_row_32 = s_index_i & LAST_ROW;
  wire s_open = open_q && s_line == open_line_q;
  wire s_slot_bad = committed && newest == s_line[RW-1];
  wire s_refuse = !s_record_i && (!unlocked_i || s_slot_bad);
  wire idle = state_q == ST_IDLE;
  wire s_turn = turn_q[s_line[RW-1]];
  wire s_take = idle && s_valid_i && !close_full && (s_record_i || s_refuse || (tables_q && !s_turn && (!open_q || s_open)));
  wire s_load = s_take && !s_record_i && !s_refuse;
  wire line_full = s_load && s_row_32[LW-1:0] == LAST_ROW[LW-1:0];
  wire close = open_q && (line_full_q || (s_valid_i && !s_record_i && !s_refuse && !s_open) || idle_q == 8'd32);
  reg  line_full_q;
  wire close_full = open_q && line_full_q;
  assign s_ready_o = s_take;

  wire acceptable = idle && !run_on_i && !run_wait_i && !pending_q;
  wire command_ok = idle && !open_q && !s_valid_i && !run_on_i && !run_wait_i;
  // The line that a scrub is at, counted through image, table's copy and record: two stages from scrub_q or ask_q
  // to a line, which is asked for in cycle 3 of a state, or R cycles after the one before.
  wire [RW-1:0] scrub_at = idle || state_q == ST_PASS ? ask_q : scrub_q;
  wire          scrub_go = wait_q == 6'd3;
  reg  [  RW:0] scrub_end, scrub_meta;
  reg  [RW-1:0] scrub_at_q, scrub_line;
  reg           scrub_last, ask_last, scrub_slot, scrub_slot_q;
  always @(posedge clk_i) begin
    scrub_end    <= live_lines_q + TABLE_LINES_32[RW:0] + RECORD_LINES_32[RW:0] - 1'b1;
    scrub_last   <= {1'b0, scrub_q} == scrub_end;
    ask_last     <= {1'b0, ask_q} == scrub_end;
    scrub_at_q   <= scrub_at;
    scrub_slot_q <= {1'b0, scrub_at} < live_lines_q;
    scrub_meta   <= {1'b0, scrub_at} - live_lines_q;
    scrub_slot   <= scrub_slot_q;
    scrub_line   <= scrub_slot_q ? slot_base(newest) + scrub_at_q :
        scrub_meta < TABLE_LINES_32[RW:0] ? slot_base(newest) + TABLE_AT[RW-1:0] + scrub_meta[RW-1:0] :
        record_line(newest_place) + scrub_meta[RW-1:0] - TABLE_LINES_32[RW-1:0];
  end
  wire rec_good = known_q && !record_bad_q && !uncorrectable_q;
  wire margin_bad = record_bad_q || corrected_q || uncorrectable_q;
  wire can0 = best_q && !tried_q;
  wire can1 = best_q2 && !tried_q2;
  wire pick = can1 && (!can0 || newer_q);

  always @* begin
    next = state_q;
    case (state_q)
      ST_BOOT:     next = ST_RING;
      ST_RING:     if (walk_done_i) next = ST_RING_C;
      ST_RING_C:   if (judged) next = place_q == 3'd7 ? ST_PICK : ST_RING;
      ST_PICK:     if (!first) next = can0 || can1 ? ST_REC : ST_END;
      ST_REC:      if (walk_done_i) next = ST_REC_C;
      ST_REC_C:
      if (judged) begin
        if (tabling_q) next = ST_TABLE;
        else if (ref_q == 2'd0 && !(rec_good && ours_q)) next = ST_PICK;
        else if (ref_q != 2'd2) next = ST_REC;
        else next = (weak_q || margin_bad) && !locked_i ? ST_REWRITE : ST_TABLE;
      end
      ST_REWRITE:
      if (row_q == LAST_ROW[LW-1:0]) next = ST_REWRITE_P;  // the rest of its line is zero
      ST_REWRITE_P:
      if (program_done_i) next = in_record ? ST_REWRITE : commit_q ? ST_VERIFY : ST_TABLE;
      ST_TABLE:    if (still_q == 3'd5) next = !tabling_q ? ST_LOAD : copy_bad ? ST_IDENTITY : half_q ? ST_IDLE : ST_TABLES;
      ST_LOAD:     if (settled) next = section_q == 3'd7 ? ST_CHECK : skip_section ? ST_LOAD : ST_LOAD_R;
      ST_LOAD_R:   if (walk_done_i) next = ST_LOAD;
      ST_CHECK:    if (judged) next = (warm_q || !image_bad_q) && !uncorrectable_q ? ST_END : ST_PICK;
      ST_IDLE: begin
        if (s_valid_i && !s_record_i && !s_refuse && !tables_q) next = ST_TABLES;
        else if (close) next = ST_LINE;
        else if (scrub_i && committed && !found_q) next = ST_PASS;
        else if (s_valid_i && !s_record_i && !s_refuse && s_turn && !open_q) next = ST_TURN;
        else if (command_ok && pending_q)
          case (pending_command_q)
            `SYSTOLE_RRAM_WAKE, `SYSTOLE_RRAM_WARM_WAKE: next = ST_BOOT;
            `SYSTOLE_RRAM_COMMIT: next = !unlocked_i || lines_bad_q || (committed && newest == slot_q) ? ST_END : tables_q ? ST_MARGIN : ST_TABLES;
            `SYSTOLE_RRAM_SCRUB: next = committed ? ST_SCRUB : ST_END;
            default: next = ST_IDLE;
          endcase
        else if (command_ok && budgeting_q && committed) next = ST_SCRUB;
      end
      ST_PASS:     if (results_q == 13'd0) next = ST_IDLE;
      ST_LINE:     if (program_done_i) next = ST_IDLE;
      ST_TURN:     if (turn_step && (&entry_q[RW-2:1])) next = ST_IDLE;
      ST_TABLES:   next = (half_now ? best_q2 : best_q) ? ST_REC : ST_IDENTITY;
      ST_IDENTITY: if (&entry_q[RW-2:0]) next = half_q ? ST_IDLE : ST_TABLES;
      ST_MARGIN:   if (walk_done_i) next = ST_MARGIN_C;
      ST_MARGIN_C:
      if (judged)
        next = image_bad_q || uncorrectable_q ? ST_END : ref_q != 2'd2 ? ST_MARGIN :
            copied_q ? ST_REWRITE : ST_COPY;
      ST_COPY:     if (copy_load && row_q == LAST_ROW[LW-1:0]) next = ST_COPY_P;
      ST_COPY_P:   if (program_done_i) next = line_q >= TABLE_LINES_32[RW:0] - 1'b1 ? ST_RECORD : ST_COPY;  // what failed is judged by reading
      ST_RECORD:   if (wait_q == UNITS_32[5:0] + 6'd4) next = ST_MARGIN;
      ST_VERIFY:   if (walk_done_i) next = ST_VERIFY_C;
      // A place with a bad cell is left for the next one.
      ST_VERIFY_C:
      if (judged) next = margin_bad ? (tries_q == 2'd3 ? ST_END : ST_REWRITE) : ref_q == 2'd2 ? ST_END : ST_VERIFY;
      ST_SCRUB:    if (walk_done_i) next = ST_SCRUB_C;
      ST_SCRUB_C:
      if (ref_q != 2'd2) next = ST_SCRUB;
      else if (line_weak_q || corrected_q || uncorrectable_q) next = ST_FILL;
      else next = has_tile ? ST_TILE : after_line;
      ST_FILL:
      if (walk_done_i) next = uncorrectable_q || walk_uncorrectable_i ? after_line : has_tile ? ST_TILE : locked_i ? after_line : ST_FILL_P;
      ST_TILE:     if (walk_done_i) next = ST_TILE_C;
      ST_TILE_C:   if (judged) next = !tile_bad && line_weak_q && !locked_i ? ST_FILL_P : after_line;
      ST_FILL_P:   if (program_done_i) next = after_line;
      default:     next = ST_IDLE;
    endcase
  end
  // Entries are written behind the last word, and the CRC is there.
  reg [2:0] still_q;
  always @(posedge clk_i) still_q <= state_q != ST_TABLE || first || left_q != 32'd0 || words_q != 32'd0 ? 3'd0 : still_q + 3'd1;
  // Half written when power went: nothing in that slot is alive.
  wire copy_bad = cand_q != newest && (table_bad_q || uncorrectable_q);
  wire half_now = tabling_q && half_q;
  // A SCRUB asks for a line every ROWS cycles, at the one margin and the other. Words come in order; the first
  // weak line is where it stays.
  wire ask = state_q == ST_PASS && tick_q == {LW{1'b0}} && asks_q != 13'd0;
  wire result = state_q == ST_PASS && walk_done_i;
  wire line_bad = bad_q || walk_corrected_i || walk_uncorrectable_i;
  always @(posedge clk_i)
    if (idle) begin
      asks_q    <= {scrub_lines_i, 1'b0};
      results_q <= {scrub_lines_i, 1'b0};
      ask_q     <= scrub_q;
      tick_q    <= {LW{1'b0}};
      bad_q     <= 1'b0;
    end else if (state_q == ST_PASS) begin
      tick_q <= tick_q + 1'b1;
      if (ask) asks_q <= asks_q - 13'd1;
      if (ask && asks_q[0]) ask_q <= ask_last ? {RW{1'b0}} : ask_q + 1'b1;
      if (result) results_q <= results_q - 13'd1;
      if (walk_valid_i) bad_q <= line_bad && !(result && results_q[0]);
    end
  wire scrub_stop = scrub_last || (budgeting_q && (run_wait_i || budget_left_q <= 32'd1));
  // The CRC of line n is 32-bit word n of the lines of CRCs; they have none themselves.
  reg [7:0] live_tiles_q;
  reg [31:0] tile_q, tile_bad_q;
  reg [RW:0] tiles_at, tile_line;
  reg has_tile;
  always @(posedge clk_i) begin
    tiles_at  <= live_lines_q - {{RW - 7{1'b0}}, live_tiles_q};
    has_tile  <= {1'b0, scrub_q} < tiles_at;
    tile_line <= tiles_at + {1'b0, scrub_q >> EW};
  end
  wire [LW-1:0] tile_row = scrub_q[EW-1-:LW];
  wire [WB-1:0] tile_word;
  generate
    if (EPW == 1) begin : g_tile1
      assign tile_word = walk_word_i;
    end else begin : g_tile
      assign tile_word = walk_word_i >> {scrub_q[$clog2(EPW)-1:0], 5'd0};
    end
  endgenerate
  always @(posedge clk_i)
    if (state_q == ST_TILE && walk_valid_i && walk_row_i == tile_row) tile_q <= tile_word[31:0];
  reg tile_crc_bad_q;
  always @(posedge clk_i) tile_crc_bad_q <= tile_q != crc;
  wire tile_bad = state_q == ST_TILE_C && judged && (tile_crc_bad_q || uncorrectable_q);
  wire [4:0] after_line = scrub_stop ? ST_END : ST_SCRUB;
  wire scrub_step = (state_q == ST_SCRUB_C || state_q == ST_TILE_C || state_q == ST_FILL || state_q == ST_FILL_P) && next != state_q &&
      (next == ST_END || (next == ST_SCRUB && (state_q != ST_SCRUB_C || ref_q == 2'd2)));
  wire rewrite_load = state_q == ST_REWRITE;
  wire waking = state_q == ST_BOOT || state_q == ST_RING || state_q == ST_RING_C || state_q == ST_PICK || state_q == ST_REC ||
      state_q == ST_REC_C || state_q == ST_REWRITE || state_q == ST_REWRITE_P || state_q == ST_TABLE || state_q == ST_LOAD ||
      state_q == ST_LOAD_R || state_q == ST_CHECK;
  wire awake = state_q == ST_CHECK && next == ST_END;
  wire made = state_q == ST_VERIFY_C && next == ST_END && !margin_bad;

  always @* begin
    error = 8'd0;
    if (idle && s_take && s_refuse) error = unlocked_i ? `SYSTOLE_ERROR_RRAM_SLOT : `SYSTOLE_ERROR_RRAM_LOCKED;
    else if (command_we_i && !acceptable) error = `SYSTOLE_ERROR_RRAM_BUSY;
    else if (idle && next == ST_END && pending_command_q == `SYSTOLE_RRAM_COMMIT)
      error = !unlocked_i ? `SYSTOLE_ERROR_RRAM_LOCKED : lines_bad_q ? `SYSTOLE_ERROR_RRAM_CRC : `SYSTOLE_ERROR_RRAM_SLOT;
    else if (idle && next == ST_END) error = `SYSTOLE_ERROR_RRAM_NO_IMAGE;
    else if (state_q == ST_PICK && next == ST_END && by_command_q)
      error = foreign_q ? `SYSTOLE_ERROR_RRAM_FOREIGN : `SYSTOLE_ERROR_RRAM_NO_IMAGE;
    else if (state_q == ST_MARGIN_C && next == ST_END) error = copied_q ? `SYSTOLE_ERROR_RRAM_RECORD : `SYSTOLE_ERROR_RRAM_CRC;
    // What a scrub cannot mend is left to the code.
    else if (state_q == ST_LINE && program_done_i && program_failed_i)
      error = `SYSTOLE_ERROR_RRAM_PROGRAM;
    else if (state_q == ST_VERIFY_C && next == ST_END && margin_bad) error = `SYSTOLE_ERROR_RRAM_RECORD;
    else if (tile_bad) error = `SYSTOLE_ERROR_RRAM_TILE;
  end

  wire turn_step = state_q == ST_TURN && wait_q == 6'd5;
  wire restart = (state_q == ST_COPY && wait_q == 6'd5) || turn_step || (state_q == ST_LOAD && (upload_partial_i || settled));
  always @(posedge clk_i)
    if (rst_i) begin
      state_q <= ST_BOOT;
      wait_q  <= 6'd0;
      {best_q, best_q2, tried_q, tried_q2} <= 4'd0;
      {cand_q, warm_q, weak_q, foreign_q, ready_q, run_slot_q, slot_q, booted_q, tables_q, half_q} <= 10'd0;
      {budgeting_q, commit_q, by_command_q, open_q, tabling_q, line_full_q, pending_q, line_weak_q, copied_q} <= 9'd0;
      tries_q <= 2'd0;
      turn_q  <= 2'd0;
      found_q <= 1'b0;
      pending_command_q <= 3'd0;
      live_lines_q  <= {RW + 1{1'b0}};
      live_tiles_q  <= 8'd0;
      tile_bad_q    <= 32'd0;
      refreshed_q   <= 32'd0;
      wake_cycles_q <= 32'd0;
      image_crc_q   <= 32'd0;
      budget_q      <= 32'd0;
      budget_left_q <= 32'd0;
      scrub_q       <= {RW{1'b0}};
      wake_q        <= 32'd0;
      epoch_q       <= 32'd0;
      epoch_q2      <= 32'd0;
      place_q       <= 3'd0;
      best_place_q  <= 3'd7;  // so that the first record goes to place 0
      best_place_q2 <= 3'd7;
      idle_q        <= 8'd0;
    end else begin
      state_q <= next;
      wait_q  <= next != state_q || restart ? 6'd0 : wait_q + {5'd0, wait_q != 6'd63};
      wake_q  <= !waking || (state_q == ST_BOOT && !first) || tabling_q ? 32'd0 : wake_q + 32'd1;
      idle_q  <= idle && open_q && !s_take ? idle_q + 8'd1 : 8'd0;
      if (slot_we_i) slot_q <= wdata_i[0];
      if (budget_we_i) budget_q <= wdata_i;
      if (command_we_i && acceptable) {pending_q, pending_command_q} <= {1'b1, wdata_i[2:0]};
      else if (command_ok && !close && next != ST_TABLES) pending_q <= 1'b0;
      if (s_load) begin
        open_q      <= 1'b1;
        line_full_q <= line_full;
        if (run_slot_q == s_line[RW-1] || !ready_q) ready_q <= 1'b0;
      end else if (state_q == ST_LINE && program_done_i) {open_q, line_full_q} <= 2'b00;
      if (run_done_i && (budget_q != 32'd0 || found_q)) {budgeting_q, budget_left_q} <= {1'b1, budget_q == 32'd0 ? 32'd1 : budget_q};
      if (result && results_q[0] && !found_q) begin
        if (line_bad) found_q <= 1'b1;
        else scrub_q <= scrub_last ? {RW{1'b0}} : scrub_q + 1'b1;
      end
      case (state_q)
        ST_BOOT: begin
          {best_q, best_q2, tried_q, tried_q2, weak_q, foreign_q, ready_q, tables_q} <= 8'd0;
          best_place_q  <= 3'd7;
          best_place_q2 <= 3'd7;
          place_q <= 3'd0;
          warm_q  <= pending_command_q == `SYSTOLE_RRAM_WARM_WAKE && by_command_q;
        end
        ST_RING_C:
        if (judged) begin
          place_q <= place_q + 3'd1;
          if (rec_good && !ours_q) foreign_q <= 1'b1;
          if (rec_good && ours_q && !rec_slot && (!best_q || above_q[0]))
            {best_q, epoch_q, best_place_q} <= {1'b1, rec_epoch, place_q};
          if (rec_good && ours_q && rec_slot && (!best_q2 || above_q[1]))
            {best_q2, epoch_q2, best_place_q2} <= {1'b1, rec_epoch, place_q};
        end
        ST_PICK:
        if (!first) begin
          cand_q  <= pick;
          place_q <= pick ? best_place_q2 : best_place_q;
          if (can0 || can1) begin
            if (pick) tried_q2 <= 1'b1;
            else tried_q <= 1'b1;
          end
        end
        ST_REC_C: if (judged && ref_q != 2'd0 && margin_bad && !tabling_q) weak_q <= 1'b1;
        ST_CHECK:
        if (awake) begin
          ready_q       <= 1'b1;
          run_slot_q    <= cand_q;
          slot_q        <= !cand_q;
          live_lines_q  <= rec_lines[RW:0];
          live_tiles_q  <= rec_tiles;
          image_crc_q   <= rec_image;
          scrub_q       <= {RW{1'b0}};
          found_q       <= 1'b0;
          wake_cycles_q <= wake_q;
          // An image that is broken is none: the other slot's is the newest then.
          if (!cand_q && tried_q2) best_q2 <= 1'b0;
          if (cand_q && tried_q) best_q <= 1'b0;
        end
        ST_IDLE: begin
          if (next == ST_BOOT || next == ST_TABLES) by_command_q <= next == ST_BOOT;
          if (next == ST_TABLES) {tabling_q, half_q} <= 2'b10;
          if (next == ST_SCRUB && !budgeting_q) scrub_q <= {RW{1'b0}};
          if (next == ST_SCRUB && pending_q) budgeting_q <= 1'b0;
          if (next == ST_MARGIN) commit_q <= 1'b1;
          line_weak_q <= 1'b0;
        end
        ST_TABLE, ST_IDENTITY:
        if (next != state_q && next != ST_IDENTITY) begin
          if (tabling_q) half_q <= 1'b1;
          if (next == ST_IDLE) {tables_q, tabling_q} <= 2'b10;
        end
        ST_TURN: turn_q[entry_q[RW-1]] <= 1'b0;
        ST_TABLES: begin
          cand_q  <= half_q;
          place_q <= half_q ? best_place_q2 : best_place_q;
        end
        ST_RECORD: begin
          copied_q <= 1'b1;
          tries_q  <= 2'd0;
          if (first) place_q <= newest_place + 3'd1;
        end
        ST_VERIFY_C:
        if (next == ST_REWRITE) begin
          place_q <= place_q + 3'd1;
          tries_q <= tries_q + 2'd1;
        end else if (made) begin
          if (slot_q) {best_q2, epoch_q2, best_place_q2} <= {1'b1, rec_epoch, place_q};
          else {best_q, epoch_q, best_place_q} <= {1'b1, rec_epoch, place_q};
          live_lines_q <= rec_lines[RW:0];
          live_tiles_q <= rec_tiles;
          turn_q[slot_q] <= rec_q[65];
          scrub_q <= {RW{1'b0}};
          found_q <= 1'b0;
        end
        default: ;
      endcase
      if (used_we_o) turn_q[used_slot_o] <= state_q == ST_TABLE && rec_q[65];
      if (tile_bad) tile_bad_q <= {tile_bad_q[31:16] + 16'd1, {16 - RW{1'b0}}, scrub_q};
      if (scrub_step) begin
        scrub_q <= scrub_last ? {RW{1'b0}} : scrub_q + 1'b1;
        found_q <= 1'b0;
        line_weak_q <= 1'b0;
        if (budget_left_q != 32'd0) budget_left_q <= budget_left_q - 32'd1;
        if (state_q == ST_FILL_P && !program_failed_i) refreshed_q <= refreshed_q + 32'd1;
      end else if (state_q == ST_SCRUB_C && (corrected_q || uncorrectable_q)) line_weak_q <= 1'b1;
      if (state_q == ST_END) {commit_q, copied_q, budgeting_q, booted_q} <= 4'b0001;
    end

  always @(posedge clk_i) begin
    // What the walk saw.
    if (walk_o) {corrected_q, uncorrectable_q} <= state_q == ST_LOAD && section_q != 3'd0 ? {corrected_q, uncorrectable_q} : 2'b00;
    else if (walk_valid_i && (!reading_record || in_record)) begin
      corrected_q     <= corrected_q || walk_corrected_i;
      uncorrectable_q <= uncorrectable_q || walk_uncorrectable_i;
    end
    if (state_q == ST_TABLE && first && !tabling_q) {corrected_q, uncorrectable_q} <= 2'b00;

    // Units of the record.
    if (next != state_q && (next == ST_RING || next == ST_REC || next == ST_VERIFY || next == ST_RECORD ||
        (next == ST_REWRITE && state_q != ST_REWRITE_P)))
      unit_q <= {UW + 1{1'b0}};
    else if ((reading_record && walk_valid_i && in_record) || (rewrite_load && in_record) || (state_q == ST_RECORD && in_record && !first))
      unit_q <= unit_q + 1'b1;
    if (walk_valid_i && in_record && (state_q == ST_RING || (state_q == ST_REC && ref_q == 2'd0)))
      rec_q[unit_q[UW-1:0]*WB+:WB] <= walk_word_i;
    if (s_take && s_record_i && s_index_i < UNITS) rec_q[s_index_i[UW-1:0]*WB+:WB] <= s_data_i;
    if (state_q == ST_RECORD && first) begin
      rec_q[31:0]    <= `SYSTOLE_RRAM_RECORD_MAGIC;
      rec_q[63:32]   <= newest_epoch + 32'd1;
      rec_q[79:64]   <= {slot_q ? used_i[23:16] : used_i[7:0], 4'd0, slot_q ? turn_want_i[5:3] : turn_want_i[2:0], slot_q};
      rec_q[255:248] <= slot_q ? used_i[31:24] : used_i[15:8];
      rec_q[127:96]  <= `SYSTOLE_FINGERPRINT;
      rec_q[159:128] <= MACHINE;
      rec_q[479:448] <= crc;
    end
    if (state_q == ST_RECORD && next == ST_MARGIN) rec_q[511:480] <= crc;

    // Passes.
    if (idle) ref_q <= next == ST_MARGIN || next == ST_SCRUB ? 2'd1 : 2'd0;
    else if (state_q == ST_PICK || state_q == ST_TABLES) ref_q <= 2'd0;
    else if (state_q == ST_REC_C && judged) ref_q <= ref_q + 2'd1;
    else if (state_q == ST_RECORD || (state_q == ST_REWRITE && commit_q)) ref_q <= 2'd1;
    else if ((state_q == ST_MARGIN_C || state_q == ST_VERIFY_C) && judged) ref_q <= 2'd2;
    else if (state_q == ST_SCRUB_C && next == ST_SCRUB) ref_q <= ref_q == 2'd2 ? 2'd1 : 2'd2;
    else if (state_q == ST_FILL || state_q == ST_FILL_P || state_q == ST_TILE || state_q == ST_TILE_C) ref_q <= 2'd1;

    // Rows, lines, sections, entries.
    if (state_q != ST_REWRITE && state_q != ST_COPY) row_q <= {LW{1'b0}};
    else if (rewrite_load || copy_load) row_q <= row_q + 1'b1;
    if (state_q == ST_TABLE && first) {section_q, line_q} <= {3'd0, {RW + 1{1'b0}}};
    else if (state_q == ST_LOAD && next == ST_LOAD && settled) begin
      section_q <= section_q + 3'd1;
      line_q    <= line_q + section_lines[RW:0];
    end else if (state_q == ST_LOAD_R && walk_done_i) begin
      section_q <= section_q + 3'd1;
      line_q    <= line_q + section_lines[RW:0];
    end else if (next == ST_REWRITE && state_q != ST_REWRITE && state_q != ST_REWRITE_P) line_q <= {RW + 1{1'b0}};
    else if (state_q == ST_REWRITE_P && program_done_i) line_q <= line_q + 1'b1;
    else if (state_q == ST_MARGIN_C) line_q <= {RW + 1{1'b0}};
    else if (state_q == ST_COPY_P && program_done_i) line_q <= line_q + 1'b1;

    // words_q: entries left in shift_q while the table is read, entries in shift_q while it is copied, words
    // left of a section. left_q: entries that are still to come.
    if (state_q == ST_TABLE) begin
      if (first) {left_q, words_q} <= {{{31 - RW{1'b0}}, table_lines} * LINE_ENTRIES, 32'd0};
      else if (walk_valid_i) {shift_q, words_q} <= {walk_word_i, EPW[31:0]};
      else if (words_q != 32'd0) {shift_q, words_q} <= {shift_q >> 32, words_q - 32'd1};
      if (!first && words_q != 32'd0) left_q <= left_q - 32'd1;
    end else if (state_q == ST_LOAD) words_q <= section_words;
    else if (state_q == ST_LOAD_R && walk_valid_i && words_q != 32'd0) words_q <= words_q - 32'd1;
    else if (state_q == ST_MARGIN_C || (state_q == ST_COPY_P && program_done_i)) words_q <= 32'd0;
    else if (state_q == ST_COPY) begin
      if (copy_load) words_q <= 32'd0;
      else if (wait_q == 6'd5) words_q <= words_q + 32'd1;
      if (wait_q == 6'd4 && words_q != EPW) begin
        shift_q <= copy_pair[WB+31:32];
      end
    end

    if (state_q == ST_TABLE && first) entry_q <= slot_base(cand_q);
    else if (state_q == ST_TABLES || (state_q == ST_TABLE && next == ST_IDENTITY)) entry_q <= slot_base(half_q);
    else if (state_q == ST_MARGIN_C) entry_q <= slot_base(slot_q);
    else if (idle) entry_q <= slot_base(s_line[RW-1]);
    else if (turn_step) entry_q <= entry_q + {{RW - 2{1'b0}}, 2'd2};
    else if (state_q == ST_IDENTITY || (state_q == ST_TABLE && words_q != 32'd0) ||
        (state_q == ST_COPY && wait_q == 6'd5 && words_q != EPW))
      entry_q <= entry_q + 1'b1;

    if (s_load && !open_q) open_line_q <= s_line;
  end
  wire [31:0] entry_in_slot = {{33 - RW{1'b0}}, entry_q[RW-2:0]};
  wire [WB+31:0] copy_pair = {copy_entry, shift_q};
  wire [31:0] copy_entry = entry_in_slot < SLOT_LINES ? {look_wear_i, {16 - RW{1'b0}}, look_line_i} : 32'd0;

  // Walks.
  reg [RW-1:0] walk_line;
  reg [RW:0] walk_lines;
  reg [5:0] walk_pace;
  always @* begin
    walk_line  = record_line(place_q);
    walk_lines = RECORD_LINES_32[RW:0];
    walk_pace  = 6'd1;
    case (state_q)
      ST_TABLE: begin
        walk_line  = slot_base(cand_q) + TABLE_AT[RW-1:0];
        walk_lines = table_lines;
        walk_pace  = PACE_TABLE;
      end
      ST_LOAD: begin
        walk_line  = slot_base(cand_q) + line_q[RW-1:0];
        walk_lines = section_lines[RW:0];
        walk_pace  = !program_section ? 6'd1 : section_q == 3'd4 ? PACE_LUT : PACE_UNITS;
      end
      ST_MARGIN: begin
        walk_line  = slot_base(slot_q) + (copied_q ? TABLE_AT[RW-1:0] : {RW{1'b0}});
        walk_lines = copied_q ? TABLE_LINES_32[RW:0] : rec_lines[RW:0];
      end
      ST_SCRUB, ST_FILL, ST_PASS: begin
        walk_line  = scrub_line;
        walk_lines = {{RW{1'b0}}, 1'b1};
      end
      ST_TILE: begin
        walk_line  = slot_base(newest) + tile_line[RW-1:0];
        walk_lines = {{RW{1'b0}}, 1'b1};
      end
      default: ;
    endcase
  end

  assign walk_o       = (first && (reading_record || state_q == ST_TABLE || state_q == ST_MARGIN)) ||
      (scrub_go && (state_q == ST_SCRUB || state_q == ST_FILL || state_q == ST_TILE)) || ask || (state_q == ST_LOAD && next == ST_LOAD_R);
  assign walk_line_o  = walk_line;
  assign walk_lines_o = walk_lines;
  assign walk_pace_o  = walk_pace;
  assign walk_ref_o   = state_q == ST_PASS ? (asks_q[0] ? `SYSTOLE_REF_STRONG_0 : `SYSTOLE_REF_STRONG_1) :
      state_q == ST_RING || state_q == ST_TABLE || state_q == ST_LOAD || state_q == ST_FILL || state_q == ST_TILE || ref_q == 2'd0 ?
      `SYSTOLE_REF_NORMAL : ref_q == 2'd1 ? `SYSTOLE_REF_STRONG_1 : `SYSTOLE_REF_STRONG_0;
  assign walk_raw_o   = reading_record || state_q == ST_TABLE || (state_q == ST_MARGIN && copied_q) || ((state_q == ST_SCRUB || state_q == ST_FILL || state_q == ST_PASS) && !scrub_slot);

  // Turning: the even entry is asked for in cycle 0 and goes to the odd one's place in cycle 3, the odd one a cycle later.
  wire turning = state_q == ST_TURN && (wait_q == 6'd3 || wait_q == 6'd4);
  wire turn_odd = state_q == ST_TURN && (wait_q == 6'd1 || wait_q == 6'd3);
  assign look_o       = {entry_q[RW-1:1], entry_q[0] || turn_odd};
  assign table_we_o   = (state_q == ST_TABLE && words_q != 32'd0 && entry_in_slot < SLOT_LINES) || state_q == ST_IDENTITY ||
      (turning && entry_in_slot < SLOT_LINES);
  assign table_addr_o = look_o;
  assign table_line_o = turning ? look_line_i : state_q == ST_IDENTITY ? entry_q : shift_q[RW-1:0];
  assign table_wear_o = turning ? look_wear_i : state_q == ST_IDENTITY ? 16'd0 : shift_q[31:16];
  assign turn_o       = state_q == ST_TURN && next != ST_TURN;
  assign turn_slot_o  = entry_q[RW-1];

  wire filling = state_q == ST_FILL && walk_valid_i;
  // Within copy and record whatever line_q is: an upset there does not reach what lies beside them.
  wire [RW-1:0] copy_at = line_q[RW-1:0] & (TABLE_LINES_32[RW-1:0] - 1'b1);
  wire [RW-1:0] record_at = line_q[RW-1:0] & (RECORD_LINES_32[RW-1:0] - 1'b1);
  wire [RW-1:0] meta_line = state_q == ST_COPY || state_q == ST_COPY_P ?
      slot_base(slot_q) + TABLE_AT[RW-1:0] + copy_at : record_line(place_q) + record_at;
  wire on_meta = state_q == ST_COPY || state_q == ST_COPY_P || state_q == ST_REWRITE || state_q == ST_REWRITE_P;
  wire on_scrub = state_q == ST_FILL || state_q == ST_FILL_P;
  assign load_o         = s_load || rewrite_load || copy_load || filling;
  assign load_row_o     = filling ? walk_row_i : idle ? s_row_32[LW-1:0] : row_q;
  assign load_line_o    = on_meta ? meta_line : on_scrub ? scrub_line : s_line;
  assign load_data_o    = filling ? walk_word_i : idle ? s_data_i : state_q == ST_COPY ? shift_q : in_record ? unit_word : {WB{1'b0}};
  assign program_o      = first && (state_q == ST_LINE || state_q == ST_REWRITE_P || state_q == ST_COPY_P || state_q == ST_FILL_P);
  assign forget_o       = (state_q == ST_FILL || state_q == ST_TILE_C) && (next == ST_END || next == ST_SCRUB);
  assign counted_o      = state_q == ST_LOAD_R || state_q == ST_TABLE || state_q == ST_FILL;
  assign program_line_o = on_meta ? meta_line : on_scrub ? scrub_line : open_line_q;
  assign program_move_o = state_q == ST_LINE;
  assign used_we_o      = state_q == ST_TABLE || state_q == ST_IDENTITY;
  assign used_slot_o    = state_q == ST_IDENTITY ? half_q : cand_q;
  assign used_hot_o     = state_q == ST_IDENTITY ? 2'd0 : rec_q[67:66];
  assign used_o         = state_q == ST_IDENTITY ? 16'd0 : {rec_q[255:248], rec_q[79:72]};

  assign upload_we_o     = state_q == ST_LOAD && next == ST_LOAD_R && program_section;
  assign upload_target_o = section_q == 3'd5 ? `SYSTOLE_UPLOAD_TAP : section_q - 3'd1;
  assign upload_hold_o   = waking;
  assign upload_valid_o  = state_q == ST_LOAD_R && walk_valid_i && program_section && words_q != 32'd0;
  assign upload_data_o   = walk_word_i;
  assign wake_we_o       = awake;
  assign in_bytes_o      = rec_q[191:160];
  assign out_bytes_o     = rec_q[223:192];

  assign relock_o      = made;
  assign internal_o    = (state_q == ST_REWRITE_P && !commit_q) || state_q == ST_FILL_P;
  assign status_o      = {11'd0, state_q, 5'd0, booted_q, weak_q, foreign_q, newest, committed, 1'b0, 1'b0, 1'b0,
                          run_slot, ready_q, busy_o};
  wire   run_slot      = ready_q ? run_slot_q : slot_q;
  assign slot_o        = slot_q;
  assign run_slot_o    = run_slot;
  assign busy_o        = !idle || open_q || pending_q;
  assign ended_o       = state_q == ST_END;
  assign error_o       = error;
  assign budget_o      = budget_q;
  assign epoch_o       = newest_epoch;
  assign image_crc_o   = image_crc_q;
  assign wake_cycles_o = wake_cycles_q;
  assign refreshed_o   = refreshed_q;
  assign tile_o        = tile_bad_q;
  assign scrub_line_o  = {{32 - RW{1'b0}}, scrub_q};

endmodule

`default_nettype wire
