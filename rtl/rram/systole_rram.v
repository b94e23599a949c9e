// SPDX-License-Identifier: Apache-2.0
// The RRAM controller, wired: walker, line programmer, controller, guard; and its registers. The banks and
// the line table are in the core.
`default_nettype none
`include "systole_isa.vh"

module systole_rram #(
    parameter CONFIG       = 1,
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
    input  wire                    we_i,
    input  wire [             7:0] waddr_i,
    input  wire [            31:0] wdata_i,
    input  wire                    error_clear_i,
    input  wire [             7:0] raddr_i,
    output reg  [            31:0] rdata_o,
    output wire [            31:0] budget_o,
    output wire [            31:0] inject_o,
    output wire                    slot_o,
    // run control
    input  wire                    run_on_i,
    input  wire                    run_wait_i,
    input  wire                    run_done_i,
    output wire                    busy_o,
    output wire                    ended_o,
    output wire                    retired_o,
    output wire                    poison_o,
    output wire                    poisoned_o,
    output wire [             7:0] error_o,
    output wire                    wake_we_o,
    output wire [            31:0] in_bytes_o,
    output wire [            31:0] out_bytes_o,
    // upload
    input  wire                    s_valid_i,
    output wire                    s_ready_o,
    input  wire                    s_record_i,
    input  wire [            31:0] s_index_i,
    input  wire [      COLS*8-1:0] s_data_i,
    input  wire                    upload_partial_i,
    output wire                    upload_we_o,
    output wire [             2:0] upload_target_o,
    output wire                    upload_hold_o,
    output wire                    upload_valid_o,
    output wire [      COLS*8-1:0] upload_data_o,
    // a run's SCRUB
    input  wire                    scrub_i,
    input  wire [            11:0] scrub_lines_i,
    // line table
    output wire                    run_slot_o,
    output wire                    c_en_o,
    output wire [          RW-1:0] c_line_o,
    output wire [          BW-1:0] c_beat_o,
    output wire [             2:0] c_ref_o,
    output wire                    c_raw_o,
    input  wire                    table_bad_i,
    input  wire [          RW-1:0] look_line_i,
    input  wire [            15:0] look_wear_i,
    output wire                    table_we_o,
    output wire [          RW-1:0] table_addr_o,
    output wire [          RW-1:0] table_line_o,
    output wire [            15:0] table_wear_o,
    // banks
    input  wire [ROWS*COLS*8-1:0]  words_i,
    input  wire [        ROWS-1:0] fresh_i,
    input  wire [        ROWS-1:0] corrected_i,
    input  wire [        ROWS-1:0] uncorrectable_i,
    input  wire [     ROWS*RW-1:0] lines_i,
    output wire [        ROWS-1:0] prog_load_o,
    output wire [COLS*8+CHECK-1:0] prog_data_o,
    input  wire [        ROWS-1:0] need_set_i,
    input  wire [        ROWS-1:0] need_reset_i,
    output wire [        ROWS-1:0] pulse_o,
    output wire                    pulse_reset_o,
    output wire [             3:0] pulse_level_o,
    output wire [          RW-1:0] pulse_addr_o,
    output wire [          BW-1:0] pulse_beat_o,
    output wire                    enable_a_o,
    output wire                    enable_b_o,
    input  wire                    pulsing_i
);

  wire                walk, ctrl_walk, program_walk, walk_raw, ctrl_raw, program_raw, walk_valid, walk_done, walking;
  wire [      RW-1:0] walk_line, ctrl_line, program_line, look, ctrl_look, program_look, walk_c_line;
  wire [        RW:0] ctrl_lines;
  wire [         5:0] ctrl_pace;
  wire [         2:0] ctrl_ref, program_ref;
  wire [  COLS*8-1:0] walk_word;
  wire [      LW-1:0] walk_row;
  wire                walk_corrected, walk_uncorrectable;

  // The line programmer has walker and table while it works.
  wire programming;
  assign walk      = ctrl_walk || program_walk;
  assign walk_line = program_walk ? program_line : ctrl_line;
  assign walk_raw  = program_walk ? program_raw : ctrl_raw;
  assign look      = programming ? program_look : ctrl_look;
  assign c_line_o  = walking ? walk_c_line : look;

  systole_rram_walk #(
      .ROWS        (ROWS),
      .COLS        (COLS),
      .WEIGHT_BEATS(WEIGHT_BEATS),
      .RRAM_WAYS   (RRAM_WAYS),
      .RW          (RW),
      .BW          (BW)
  ) u_walk (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .start_i        (walk),
      .line_i         (walk_line),
      .lines_i        (program_walk ? {{RW{1'b0}}, 1'b1} : ctrl_lines),
      .pace_i         (program_walk ? 6'd1 : ctrl_pace),
      .ref_i          (program_walk ? program_ref : ctrl_ref),
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

  wire              load, program_start, program_move, program_done, program_failed, used_we, used_slot, forget;
  wire [    LW-1:0] load_row;
  wire [    RW-1:0] load_line, job_line;
  wire [COLS*8-1:0] load_data, flip;
  wire [      15:0] used_new;
  wire [      31:0] used;
  wire              turn, turn_slot;
  wire [       5:0] turn_want;
  wire [       1:0] used_hot;
  wire [      15:0] table_wear, max_wear, ctrl_table_wear;
  wire              program_table_we, ctrl_table_we, retried, retired, swapped;
  wire [    RW-1:0] program_table_addr, program_table_line, ctrl_table_addr, ctrl_table_line;

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
      .rst_i        (rst_i),
      .load_i       (load),
      .load_row_i   (load_row),
      .load_line_i  (load_line),
      .load_data_i  (load_data),
      .flip_i       (flip),
      .forget_i     (forget),
      .start_i      (program_start),
      .line_i       (job_line),
      .move_i       (program_move),
      .busy_o       (programming),
      .done_o       (program_done),
      .failed_o     (program_failed),
      .used_we_i    (used_we),
      .used_slot_i  (used_slot),
      .used_i       (used_new),
      .used_hot_i   (used_hot),
      .used_o       (used),
      .turn_i       (turn),
      .turn_slot_i  (turn_slot),
      .turn_want_o  (turn_want),
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

  assign table_we_o   = program_table_we || ctrl_table_we;
  assign table_addr_o = program_table_we ? program_table_addr : ctrl_table_addr;
  assign table_line_o = program_table_we ? program_table_line : ctrl_table_line;
  assign table_wear_o = program_table_we ? table_wear : ctrl_table_wear;

  wire        unlocked, locked, relock, internal, counted;
  wire [31:0] status, epoch, image_crc, wake_cycles, refreshed, scrub_line, tile;

  systole_rram_ctrl #(
      .CONFIG      (CONFIG),
      .ROWS        (ROWS),
      .COLS        (COLS),
      .WEIGHT_BEATS(WEIGHT_BEATS),
      .ECC         (ECC),
      .RRAM_DEPTH  (RRAM_DEPTH)
  ) u_ctrl (
      .clk_i               (clk_i),
      .rst_i               (rst_i),
      .command_we_i        (we_i && waddr_i == `SYSTOLE_REG_RRAM_COMMAND),
      .slot_we_i           (we_i && waddr_i == `SYSTOLE_REG_RRAM_SLOT),
      .budget_we_i         (we_i && waddr_i == `SYSTOLE_REG_RRAM_SCRUB_BUDGET),
      .wdata_i             (wdata_i),
      .unlocked_i          (unlocked),
      .locked_i            (locked),
      .relock_o            (relock),
      .internal_o          (internal),
      .status_o            (status),
      .slot_o              (slot_o),
      .budget_o            (budget_o),
      .epoch_o             (epoch),
      .image_crc_o         (image_crc),
      .wake_cycles_o       (wake_cycles),
      .refreshed_o         (refreshed),
      .scrub_line_o        (scrub_line),
      .tile_o              (tile),
      .run_on_i            (run_on_i),
      .run_wait_i          (run_wait_i),
      .run_done_i          (run_done_i),
      .scrub_i             (scrub_i),
      .scrub_lines_i       (scrub_lines_i),
      .run_slot_o          (run_slot_o),
      .busy_o              (busy_o),
      .counted_o           (counted),
      .ended_o             (ended_o),
      .error_o             (error_o),
      .wake_we_o           (wake_we_o),
      .in_bytes_o          (in_bytes_o),
      .out_bytes_o         (out_bytes_o),
      .s_valid_i           (s_valid_i),
      .s_ready_o           (s_ready_o),
      .s_record_i          (s_record_i),
      .s_index_i           (s_index_i),
      .s_data_i            (s_data_i),
      .upload_partial_i    (upload_partial_i),
      .upload_we_o         (upload_we_o),
      .upload_target_o     (upload_target_o),
      .upload_hold_o       (upload_hold_o),
      .upload_valid_o      (upload_valid_o),
      .upload_data_o       (upload_data_o),
      .load_o              (load),
      .load_row_o          (load_row),
      .load_line_o         (load_line),
      .load_data_o         (load_data),
      .forget_o            (forget),
      .program_o           (program_start),
      .program_line_o      (job_line),
      .program_move_o      (program_move),
      .program_done_i      (program_done),
      .program_failed_i    (program_failed),
      .used_we_o           (used_we),
      .used_slot_o         (used_slot),
      .used_o              (used_new),
      .used_hot_o          (used_hot),
      .used_i              (used),
      .turn_o              (turn),
      .turn_slot_o         (turn_slot),
      .turn_want_i         (turn_want),
      .walk_o              (ctrl_walk),
      .walk_line_o         (ctrl_line),
      .walk_lines_o        (ctrl_lines),
      .walk_pace_o         (ctrl_pace),
      .walk_ref_o          (ctrl_ref),
      .walk_raw_o          (ctrl_raw),
      .walk_valid_i        (walk_valid),
      .walk_word_i         (walk_word),
      .walk_row_i          (walk_row),
      .walk_corrected_i    (walk_corrected),
      .walk_uncorrectable_i(walk_uncorrectable),
      .walk_done_i         (walk_done),
      .look_o              (ctrl_look),
      .look_line_i         (look_line_i),
      .look_wear_i         (look_wear_i),
      .table_we_o          (ctrl_table_we),
      .table_addr_o        (ctrl_table_addr),
      .table_line_o        (ctrl_table_line),
      .table_wear_o        (ctrl_table_wear)
  );

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
      .relock_i       (relock),
      .internal_i     (internal),
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

  always @*
    case (raddr_i)
      `SYSTOLE_REG_RRAM_STATUS:        rdata_o = status | {26'd0, guard, 3'd0};
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
      `SYSTOLE_REG_RRAM_REFRESHED:     rdata_o = refreshed;
      `SYSTOLE_REG_RRAM_SCRUB_LINE:    rdata_o = scrub_line;
      `SYSTOLE_REG_RRAM_SCRUB_BUDGET:  rdata_o = budget_o;
      `SYSTOLE_REG_RRAM_INJECT:        rdata_o = inject_o;
      `SYSTOLE_REG_RRAM_TILE:          rdata_o = tile;
      `SYSTOLE_REG_RRAM_EPOCH:         rdata_o = epoch;
      `SYSTOLE_REG_RRAM_IMAGE_CRC:     rdata_o = image_crc;
      `SYSTOLE_REG_RRAM_WAKE_CYCLES:   rdata_o = wake_cycles;
      default:                         rdata_o = 32'd0;
    endcase

endmodule

`default_nettype wire
