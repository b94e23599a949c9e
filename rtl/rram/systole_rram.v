// SPDX-License-Identifier: Apache-2.0
// The RRAM controller, wired: the engine with its program and what that reaches (docs/rram-engine.md), walker, line
// programmer, guard; and the registers. The banks and the line table are in the core.
`default_nettype none
`include "systole_isa.vh"

module systole_rram #(
    parameter MACHINE      = 1,           // what the register CONFIG reads
    parameter ROWS         = 8,
    parameter COLS         = 8,
    parameter WEIGHT_BEATS = 1,
    parameter RRAM_DEPTH   = 2048,
    parameter RRAM_WAYS    = 2,
    parameter BW           = 1,
    parameter ECC          = 0,
    parameter CHECK        = 8,
    parameter RW           = $clog2(RRAM_DEPTH),
    parameter LW           = $clog2(ROWS)
) (
    input  wire                    clk_i,
    input  wire                    rst_i,
    // registers
    input  wire                    we_i,              // one is written
    input  wire [             8:0] waddr_i,           // its address
    input  wire [            31:0] wdata_i,           // what is written
    input  wire                    error_clear_i,     // ERROR is cleared
    input  wire [             8:0] raddr_i,           // its address
    output reg  [            31:0] rdata_o,           // its value
    output wire [            31:0] budget_o,          // RRAM_BUDGET
    output wire [            31:0] inject_o,          // RRAM_INJECT
    output wire                    slot_o,            // RRAM_SLOT
    output wire                    ready_o,           // an image is awake
    // run control
    input  wire                    run_on_i,          // a run is on
    input  wire                    run_wait_i,        // a start waits
    input  wire                    run_done_i,        // a run ends
    output wire                    busy_o,            // no run may begin
    output wire                    ended_o,           // a command has ended, for a cycle
    output wire                    retired_o,         // a line was given up, for a cycle
    output wire                    poison_o,          // a run has used an uncorrectable word
    output wire                    poisoned_o,        // it did now, for a cycle
    output reg  [             7:0] error_o,           // a code of ERROR, for a cycle
    output wire [             1:0] wake_we_o,         // {OUT_BYTES, IN_BYTES}
    output wire [            31:0] wake_bytes_o,      // lengths of frames, for the registers
    // upload
    input  wire                    s_valid_i,         // a word is offered
    output wire                    s_ready_o,         // it is taken
    input  wire                    s_record_i,        // it is one of a record
    input  wire [            31:0] s_index_i,         // its number, {line, row}
    input  wire [      COLS*8-1:0] s_data_i,          // the word
    input  wire                    upload_partial_i,  // part of a unit has been uploaded
    output wire                    upload_we_o,       // a wake chooses a target
    output wire [             2:0] upload_target_o,   // that target
    output wire                    upload_hold_o,     // a wake uploads: the host's stream waits
    output wire                    upload_valid_o,    // a word of the wake
    output wire [      COLS*8-1:0] upload_data_o,     // its bytes
    // a run's SCRUB
    input  wire                    scrub_i,           // a SCRUB row begins
    input  wire [            11:0] scrub_lines_i,     // lines that it looks at
    // line table
    output wire                    run_slot_o,        // slot that runs read their weights from
    output wire                    c_en_o,            // the controller reads a sub-word
    output wire [          RW-1:0] c_line_o,          // its line
    output wire [          BW-1:0] c_beat_o,          // its number
    output wire [             2:0] c_ref_o,           // read reference: SYSTOLE_REF_*
    output wire                    c_raw_o,           // the line is a physical one
    input  wire                    table_bad_i,       // an entry that was used is beyond correction, for a cycle
    input  wire [          RW-1:0] look_line_i,       // physical line of the entry that is looked at
    input  wire [            15:0] look_wear_i,       // its wear
    output wire                    table_we_o,        // an entry of the line table is written
    output wire [          RW-1:0] table_addr_o,      // its logical line
    output wire [          RW-1:0] table_line_o,      // its physical line
    output wire [            15:0] table_wear_o,      // its wear
    // banks
    input  wire [ROWS*COLS*8-1:0]  words_i,           // words of the banks, as they stand behind the correction
    input  wire [        ROWS-1:0] fresh_i,           // first cycle of a word that was read at the normal reference
    input  wire [        ROWS-1:0] corrected_i,       // errors were corrected in it
    input  wire [        ROWS-1:0] uncorrectable_i,   // it has more errors than can be corrected
    input  wire [     ROWS*RW-1:0] lines_i,           // logical lines of the words
    output wire [        ROWS-1:0] prog_load_o,       // the bank takes the word that is to be programmed
    output wire [COLS*8+CHECK-1:0] prog_data_o,       // that word, {check bits, data}
    input  wire [        ROWS-1:0] need_set_i,        // bits that should read 1 read 0
    input  wire [        ROWS-1:0] need_reset_i,      // bits that should read 0 read 1
    output wire [        ROWS-1:0] pulse_o,           // begins a pulse
    output wire                    pulse_reset_o,     // 0: SET to 1, 1: RESET to 0
    output wire [             3:0] pulse_level_o,     // number of the pulse in its ladder
    output wire [          RW-1:0] pulse_addr_o,      // its physical line
    output wire [          BW-1:0] pulse_beat_o,      // its sub-word
    output wire                    enable_a_o,        // one of two enables, without which no pulse is given
    output wire                    enable_b_o,        // the other one
    input  wire                    pulsing_i          // a pulse is on
);

  localparam [31:0] LAST_ROW = ROWS - 1;
  localparam [31:0] LAST_RECORD_ROW = 64 / COLS < ROWS ? 64 / COLS - 1 : ROWS - 1;
  localparam [31:0] EPW = COLS / 4;
  localparam [31:0] PACE_FIRST = COLS / 4 > WEIGHT_BEATS ? COLS / 4 : WEIGHT_BEATS;  // the line stands for its beats
  localparam [5:0] PACE_UNITS = COLS < 8 ? 2 : COLS / 8 + 1;
  localparam [5:0] PACE_LUT = COLS + 4;

  // The engine and its program.
  wire [9:0] rom_addr;
  wire [32:0] rom_data;
  wire [4:0] in_addr, out_addr;
  wire [31:0] in, out, unit;
  wire out_we, verb_start, waiting, bounded, verb_done, mem_we;
  wire [3:0] verb;
  wire [5:0] mem_addr;
  wire [2:0] fault;
  wire stopped = fault != 3'd0;
  systole_rram_rom u_rom (
      .clk_i (clk_i),
      .addr_i(rom_addr),
      .data_o(rom_data)
  );
  systole_rram_engine #(
      .WATCH(RW + 8)
  ) u_engine (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .rom_addr_o  (rom_addr),
      .rom_data_i  (rom_data),
      .in_addr_o   (in_addr),
      .in_i        (in),
      .out_we_o    (out_we),
      .out_addr_o  (out_addr),
      .out_o       (out),
      .verb_start_o(verb_start),
      .verb_o      (verb),
      .waiting_o   (waiting),
      .bounded_o   (bounded),
      .verb_done_i (verb_done),
      .mem_we_i    (mem_we),
      .mem_addr_i  (mem_addr),
      .mem_data_i  (unit),
      .fault_o     (fault)
  );

  // What stops the engine stops what works for it, and takes the keys back.
  reg stopped_q, halt_q;
  always @(posedge clk_i) begin
    stopped_q <= !rst_i && stopped;
    halt_q    <= rst_i || stopped;
  end

  wire walk_valid, walk_done, walking, programming, program_walk, program_raw, begin_walk, pass, pass_walk, pass_0;
  wire place_raw, place_last, found, walk_raw;
  wire [RW-1:0] engine_line, program_line, place, place_line, look, program_look, walk_c_line, at;
  wire [RW:0] count;
  wire [15:0] mode, pick;
  wire [2:0] program_ref;
  wire [COLS*8-1:0] walk_word;
  wire [LW-1:0] walk_row;
  wire walk_corrected, walk_uncorrectable;
  wire [2:0] sink = mode[6:4];

  // Line programmer and SCRUB rows walk themselves, while the engine does not.
  wire other = program_walk || pass_walk;
  wire [5:0] pace = mode[12] ? PACE_FIRST[5:0] : sink == 3'd4 ? (mode[10:8] == 3'd3 ? PACE_LUT : PACE_UNITS) :
      sink == 3'd1 || sink == 3'd3 || sink == 3'd6 ? EPW[5:0] : 6'd1;
  wire [LW-1:0] last_row = mode[12] ? {LW{1'b0}} : sink == 3'd1 || sink == 3'd2 ? LAST_RECORD_ROW[LW-1:0] : LAST_ROW[LW-1:0];
  assign walk_raw = program_walk ? program_raw : pass_walk ? place_raw : mode[3];
  assign look     = programming ? program_look : at;
  assign c_line_o = walking ? walk_c_line : look;

  systole_rram_walk #(
      .ROWS        (ROWS),
      .COLS        (COLS),
      .WEIGHT_BEATS(WEIGHT_BEATS),
      .RRAM_WAYS   (RRAM_WAYS),
      .RW          (RW),
      .BW          (BW)
  ) u_walk (
      .clk_i          (clk_i),
      .rst_i          (halt_q),
      .start_i        (begin_walk || other),
      .line_i         (program_walk ? program_line : pass_walk ? place_line : engine_line),
      .lines_i        (other ? {{RW{1'b0}}, 1'b1} : count),
      .pace_i         (other ? 6'd1 : pace),
      .last_row_i     (other ? LAST_ROW[LW-1:0] : last_row),
      .ref_i          (program_walk ? program_ref : pass_walk ? (pass_0 ? `SYSTOLE_REF_STRONG_0 : `SYSTOLE_REF_STRONG_1) : mode[2:0]),
      .raw_i          (walk_raw),
      .c_en_o         (c_en_o),
      .c_line_o       (walk_c_line),
      .c_beat_o       (c_beat_o),
      .c_ref_o        (c_ref_o),
      .c_raw_o        (c_raw_o),
      .words_i        (words_i),
      .corrected_i    (corrected_i),
      .uncorrectable_i(uncorrectable_i),
      .busy_o         (walking),
      .valid_o        (walk_valid),
      .word_o         (walk_word),
      .row_o          (walk_row),
      .corrected_o    (walk_corrected),
      .uncorrectable_o(walk_uncorrectable),
      .done_o         (walk_done)
  );

  // The walk of the engine that is on, and its words.
  reg on_q;
  reg [2:0] still_q;                        // cycles since the last of them
  wire moving, load, load_host, program_start, program_move, program_done, program_failed, used_we, used_slot, forget, turned;
  wire data_we, digest, load_word, looked, clear_verdict, clear_crc, sink_table_we, enter, in_slot;
  wire uploading = sink == 3'd4;
  wire quiet = !on_q && !moving && (!uploading || still_q >= 3'd5);
  always @(posedge clk_i)
    if (halt_q) {on_q, still_q} <= 4'd0;
    else begin
      on_q    <= begin_walk || (on_q && !walk_done);
      still_q <= on_q || moving || (uploading && upload_partial_i) ? 3'd0 : still_q + {2'd0, still_q != 3'd7};
    end
  wire counted = on_q && mode_counted_q;
  reg mode_counted_q;
  always @(posedge clk_i) if (begin_walk) mode_counted_q <= mode[11];

  wire [LW-1:0] load_row, engine_row;
  wire [RW-1:0] open_line;
  wire [COLS*8-1:0] sink_word, flip;
  wire [31:0] used, crc, word, entry, copied, data, enter_data;
  wire [1:0] verdict;
  wire [5:0] want;
  wire [15:0] table_wear, max_wear;
  wire program_table_we, retried, retired, swapped, host_word;
  wire [RW-1:0] program_table_addr, program_table_line;
  assign entry = {look_wear_i, {16 - RW{1'b0}}, look_line_i};

  systole_rram_sink #(
      .ROWS(ROWS),
      .COLS(COLS)
  ) u_sink (
      .clk_i               (clk_i),
      .rst_i               (halt_q),
      .begin_i             (begin_walk),
      .sink_i              (sink),
      .section_i           (mode[10:8]),
      .sealed_i            (mode[7]),
      .inverted_i          (mode[13]),
      .anew_i              (mode[14]),
      .clean_i             (mode[15]),
      .pick_i              (pick),
      .clear_verdict_i     (clear_verdict),
      .clear_crc_i         (clear_crc),
      .data_we_i           (data_we),
      .data_i              (data),
      .digest_i            (digest),
      .load_i              (load_word),
      .row_i               (engine_row),
      .looked_i            (looked),
      .entry_i             (entry),
      .host_i              (host_word),
      .host_record_i       (s_record_i),
      .host_unit_i         (host_unit[3:0]),
      .host_row_i          (s_index_i[LW-1:0]),
      .host_data_i         (s_data_i),
      .walk_valid_i        (walk_valid && on_q),
      .walk_word_i         (walk_word),
      .walk_row_i          (walk_row),
      .walk_corrected_i    (walk_corrected),
      .walk_uncorrectable_i(walk_uncorrectable),
      .walk_done_i         (walk_done),
      .moving_o            (moving),
      .crc_o               (crc),
      .verdict_o           (verdict),
      .word_o              (word),
      .mem_we_o            (mem_we),
      .mem_addr_o          (mem_addr),
      .table_we_o          (sink_table_we),
      .unit_o              (unit),
      .entry_o             (copied),
      .upload_we_o         (upload_we_o),
      .upload_target_o     (upload_target_o),
      .upload_valid_o      (upload_valid_o),
      .load_o              (load),
      .load_host_o         (load_host),
      .load_row_o          (load_row),
      .data_o              (sink_word)
  );
  wire [31:0] host_unit = s_index_i * EPW;
  assign upload_data_o = sink_word;

  systole_rram_program #(
      .ROWS        (ROWS),
      .COLS        (COLS),
      .WEIGHT_BEATS(WEIGHT_BEATS),
      .RRAM_DEPTH  (RRAM_DEPTH),
      .RRAM_WAYS   (RRAM_WAYS),
      .BW          (BW),
      .ECC         (ECC),
      .CHECK       (CHECK)
  ) u_program (
      .clk_i        (clk_i),
      .rst_i        (halt_q),
      .load_i       (load),
      .load_row_i   (load_row),
      .load_line_i  (load_host ? open_line : engine_line),
      .load_data_i  (sink_word),
      .flip_i       (flip),
      .forget_i     (forget),
      .start_i      (program_start),
      .line_i       (engine_line),
      .move_i       (program_move),
      .busy_o       (programming),
      .done_o       (program_done),
      .failed_o     (program_failed),
      .used_we_i    (used_we),
      .used_slot_i  (used_slot),
      .used_i       (out[23:8]),
      .used_hot_i   (out[3:2]),
      .used_o       (used),
      .turn_i       (turned),
      .turn_slot_i  (out[0]),
      .turn_want_o  (want),
      .walk_start_o (program_walk),
      .walk_line_o  (program_line),
      .walk_ref_o   (program_ref),
      .walk_raw_o   (program_raw),
      .walk_valid_i (walk_valid),
      .walk_row_i   (walk_row),
      .walk_word_i  (walk_word),
      .walk_done_i  (walk_done),
      .look_o       (program_look),
      .look_line_i  (look_line_i),
      .look_wear_i  (look_wear_i),
      .table_we_o   (program_table_we),
      .table_addr_o (program_table_addr),
      .table_line_o (program_table_line),
      .table_wear_o (table_wear),
      .prog_load_o  (prog_load_o),
      .prog_data_o  (prog_data_o),
      .need_set_i   (need_set_i),
      .need_reset_i (need_reset_i),
      .pulse_o      (pulse_o),
      .pulse_reset_o(pulse_reset_o),
      .pulse_level_o(pulse_level_o),
      .pulse_addr_o (pulse_addr_o),
      .pulse_beat_o (pulse_beat_o),
      .pulsing_i    (pulsing_i),
      .retried_o    (retried),
      .retired_o    (retired),
      .swapped_o    (swapped),
      .max_wear_o   (max_wear)
  );

  assign table_we_o   = program_table_we || (sink_table_we && in_slot) || enter;
  assign table_addr_o = programming ? program_table_addr : at;
  assign table_line_o = programming ? program_table_line : enter ? enter_data[RW-1:0] : copied[RW-1:0];
  assign table_wear_o = programming ? table_wear : enter ? enter_data[31:16] : copied[31:16];

  wire idle, take, request, request_busy, slot_set, run_slot, ready, waking, booted, unlocked, locked, relock, keyless, place_set;
  wire [31:0] request_word, lines, status;
  wire [1:0] newest, seen;
  wire [RW:0] live;
  wire [RW-1:0] live_record;
  wire [7:0] request_error, engine_error;

  systole_rram_request #(
      .ROWS      (ROWS),
      .RRAM_DEPTH(RRAM_DEPTH)
  ) u_request (
      .clk_i       (clk_i),
      .rst_i       (rst_i),
      .command_we_i(we_i && waddr_i == `SYSTOLE_REG_RRAM_COMMAND),
      .slot_we_i   (we_i && waddr_i == `SYSTOLE_REG_RRAM_SLOT),
      .budget_we_i (we_i && waddr_i == `SYSTOLE_REG_RRAM_SCRUB_BUDGET),
      .wdata_i     (wdata_i),
      .slot_set_i  (slot_set),
      .slot_data_i (out[0]),
      .slot_o      (slot_o),
      .budget_o    (budget_o),
      .unlocked_i  (unlocked),
      .newest_i    (newest),
      .found_i     (found),
      .run_on_i    (run_on_i),
      .run_wait_i  (run_wait_i),
      .run_done_i  (run_done_i),
      .idle_i      (idle && !pass),
      .stopped_i   (stopped_q),
      .take_i      (take),
      .valid_o     (request),
      .request_o   (request_word),
      .lines_o     (lines),
      .busy_o      (request_busy),
      .s_valid_i   (s_valid_i),
      .s_ready_o   (s_ready_o),
      .s_record_i  (s_record_i),
      .s_index_i   (s_index_i),
      .moving_i    (moving),
      .word_o      (host_word),
      .line_o      (open_line),
      .error_o     (request_error)
  );

  systole_rram_hands #(
      .MACHINE     (MACHINE),
      .ROWS        (ROWS),
      .COLS        (COLS),
      .RRAM_DEPTH  (RRAM_DEPTH)
  ) u_hands (
      .clk_i           (clk_i),
      .rst_i           (rst_i),
      .in_addr_i       (in_addr),
      .in_o            (in),
      .out_we_i        (out_we),
      .out_addr_i      (out_addr),
      .out_i           (out),
      .start_i         (verb_start),
      .verb_i          (verb),
      .waiting_i       (waiting),
      .bounded_i       (bounded),
      .done_o          (verb_done),
      .idle_o          (idle),
      .take_o          (take),
      .request_i       (request),
      .request_word_i  (request_word),
      .lines_i         (lines),
      .slot_i          (slot_o),
      .slot_set_o      (slot_set),
      .unlocked_i      (unlocked),
      .locked_i        (locked),
      .relock_o        (relock),
      .keyless_o       (keyless),
      .begin_o         (begin_walk),
      .line_o          (engine_line),
      .count_o         (count),
      .mode_o          (mode),
      .pick_o          (pick),
      .quiet_i         (quiet),
      .clear_verdict_o (clear_verdict),
      .clear_crc_o     (clear_crc),
      .data_we_o       (data_we),
      .data_o          (data),
      .digest_o        (digest),
      .load_o          (load_word),
      .row_o           (engine_row),
      .looked_o        (looked),
      .entry_i         (entry),
      .verdict_i       (verdict),
      .crc_i           (crc),
      .word_i          (word),
      .at_o            (at),
      .enter_o         (enter),
      .enter_data_o    (enter_data),
      .in_slot_o       (in_slot),
      .entered_i       (sink_table_we),
      .program_o       (program_start),
      .move_o          (program_move),
      .forget_o        (forget),
      .program_done_i  (program_done),
      .program_failed_i(program_failed),
      .used_slot_o     (used_slot),
      .used_we_o       (used_we),
      .turned_o        (turned),
      .used_i          (used),
      .want_i          (want),
      .place_set_o     (place_set),
      .place_i         (place),
      .place_line_i    (place_line),
      .place_raw_i     (place_raw),
      .place_last_i    (place_last),
      .newest_o        (newest),
      .live_o          (live),
      .live_record_o   (live_record),
      .stop_i          (run_wait_i),
      .stale_i         (stale),
      .frame_we_o      (wake_we_o),
      .ready_o         (ready),
      .run_slot_o      (run_slot),
      .seen_o          (seen),
      .booted_o        (booted),
      .waking_o        (waking),
      .ended_o         (ended_o),
      .error_o         (engine_error),
      .status_addr_i   (status_addr),
      .status_o        (status)
  );

  systole_rram_pass #(
      .ROWS      (ROWS),
      .COLS      (COLS),
      .RRAM_DEPTH(RRAM_DEPTH)
  ) u_pass (
      .clk_i       (clk_i),
      .rst_i       (halt_q),
      .newest_i    (newest),
      .live_i      (live),
      .record_i    (live_record),
      .set_i       (place_set),
      .place_i     (out[RW-1:0]),
      .place_o     (place),
      .line_o      (place_line),
      .raw_o       (place_raw),
      .last_o      (place_last),
      .found_o     (found),
      .idle_i      (idle),
      .scrub_i     (scrub_i),
      .lines_i     (scrub_lines_i),
      .busy_o      (pass),
      .walk_o      (pass_walk),
      .strong_0_o  (pass_0),
      .walk_valid_i(walk_valid),
      .walk_bad_i  (walk_corrected || walk_uncorrectable),
      .walk_done_i (walk_done)
  );

  // A section of a program that the host loads takes the place of what is awake; lines and records do not.
  wire stale = we_i && waddr_i == `SYSTOLE_REG_UPLOAD_TARGET && wdata_i[2:0] != `SYSTOLE_UPLOAD_RRAM &&
      wdata_i[2:0] != `SYSTOLE_UPLOAD_RECORD && !run_on_i;
  wire shown_slot = ready ? run_slot : slot_o;
  assign ready_o       = ready;
  assign wake_bytes_o  = out;
  assign run_slot_o    = shown_slot;
  assign busy_o        = !idle || pass || request_busy || moving;
  assign upload_hold_o = waking;

  // A cycle late: what the stream brings, and whether it is refused, is a long way.
  always @(posedge clk_i)
    if (rst_i) error_o <= 8'd0;
    else error_o <= stopped && !stopped_q ? `SYSTOLE_ERROR_RRAM_ENGINE : engine_error != 8'd0 ? engine_error : request_error;

  wire [ 2:0] guard;
  wire [31:0] corrected, uncorrectable, error_first, error_last, pulses, retries, remaps, swaps, spares;
  systole_rram_guard #(
      .ROWS(ROWS),
      .COLS(COLS),
      .RW  (RW),
      .SP  (`SYSTOLE_RRAM_SPARES(RRAM_DEPTH))
  ) u_guard (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .unlock_we_i    (we_i && waddr_i == `SYSTOLE_REG_RRAM_UNLOCK),
      .lock_we_i      (we_i && waddr_i == `SYSTOLE_REG_RRAM_LOCK),
      .inject_we_i    (we_i && waddr_i == `SYSTOLE_REG_RRAM_INJECT),
      .clear_i        (error_clear_i),
      .wdata_i        (wdata_i),
      .state_o        (guard),
      .inject_o       (inject_o),
      .flip_o         (flip),
      .corrected_o    (corrected),
      .uncorrectable_o(uncorrectable),
      .first_o        (error_first),
      .last_o         (error_last),
      .pulses_o       (pulses),
      .retries_o      (retries),
      .remaps_o       (remaps),
      .swaps_o        (swaps),
      .spares_o       (spares),
      .relock_i       (relock || stopped),
      .internal_i     (keyless),
      .unlocked_o     (unlocked),
      .locked_o       (locked),
      .enable_a_o     (enable_a_o),
      .enable_b_o     (enable_b_o),
      .run_on_i       (run_on_i),
      .counted_i      (counted),
      .fresh_i        (fresh_i),
      .corrected_i    (corrected_i),
      .uncorrectable_i(uncorrectable_i),
      .lines_i        (lines_i),
      .table_bad_i    (table_bad_i),
      .pulse_i        (pulse_o),
      .retried_i      (retried),
      .retired_i      (retired),
      .swapped_i      (swapped),
      .used_i         (used),
      .poison_o       (poison_o),
      .poisoned_o     (poisoned_o)
  );

  assign retired_o = retired;

  wire [2:0] status_addr = raddr_i == `SYSTOLE_REG_RRAM_EPOCH ? SHOW_EPOCH : raddr_i == `SYSTOLE_REG_RRAM_IMAGE_CRC ? SHOW_CRC :
      raddr_i == `SYSTOLE_REG_RRAM_WAKE_CYCLES ? SHOW_CYCLES : raddr_i == `SYSTOLE_REG_RRAM_REFRESHED ? SHOW_REFRESHED : SHOW_TILE;
  localparam [4:0] PUT_EPOCH = `SYSTOLE_PUT_EPOCH, PUT_CRC = `SYSTOLE_PUT_IMAGE_CRC, PUT_CYCLES = `SYSTOLE_PUT_WAKE_CYCLES;
  localparam [4:0] PUT_REFRESHED = `SYSTOLE_PUT_REFRESHED, PUT_TILE = `SYSTOLE_PUT_TILE;
  localparam [2:0] SHOW_EPOCH = PUT_EPOCH[2:0], SHOW_CRC = PUT_CRC[2:0], SHOW_CYCLES = PUT_CYCLES[2:0];
  localparam [2:0] SHOW_REFRESHED = PUT_REFRESHED[2:0], SHOW_TILE = PUT_TILE[2:0];

  always @*
    case (raddr_i)
      `SYSTOLE_REG_RRAM_STATUS:        rdata_o = {13'd0, fault, 5'd0, booted, seen[1], seen[0], newest[0], newest[1], guard, shown_slot, ready, busy_o};
      `SYSTOLE_REG_RRAM_LOCK:          rdata_o = {30'd0, guard[2:1]};
      `SYSTOLE_REG_RRAM_SLOT:          rdata_o = {31'd0, slot_o};
      `SYSTOLE_REG_RRAM_CORRECTED:     rdata_o = corrected;
      `SYSTOLE_REG_RRAM_UNCORRECTABLE: rdata_o = uncorrectable;
      `SYSTOLE_REG_RRAM_ERROR_FIRST:   rdata_o = error_first;
      `SYSTOLE_REG_RRAM_ERROR_LAST:    rdata_o = error_last;
      `SYSTOLE_REG_RRAM_PULSES:        rdata_o = pulses;
      `SYSTOLE_REG_RRAM_RETRIES:       rdata_o = retries;
      `SYSTOLE_REG_RRAM_REMAPS:        rdata_o = remaps;
      `SYSTOLE_REG_RRAM_SPARES:        rdata_o = spares;
      `SYSTOLE_REG_RRAM_WEAR:          rdata_o = {16'd0, max_wear};
      `SYSTOLE_REG_RRAM_SWAPS:         rdata_o = swaps;
      `SYSTOLE_REG_RRAM_REFRESHED:     rdata_o = status;
      `SYSTOLE_REG_RRAM_SCRUB_LINE:    rdata_o = {{32 - RW{1'b0}}, place};
      `SYSTOLE_REG_RRAM_SCRUB_BUDGET:  rdata_o = budget_o;
      `SYSTOLE_REG_RRAM_INJECT:        rdata_o = inject_o;
      `SYSTOLE_REG_RRAM_TILE:          rdata_o = status;
      `SYSTOLE_REG_RRAM_EPOCH:         rdata_o = status;
      `SYSTOLE_REG_RRAM_IMAGE_CRC:     rdata_o = status;
      `SYSTOLE_REG_RRAM_WAKE_CYCLES:   rdata_o = status;
      default:                         rdata_o = 32'd0;
    endcase

endmodule

`default_nettype wire
