/* SPDX-License-Identifier: Apache-2.0 */
/* Written by `make gen` from sw/isa; do not edit. Registers, their fields, images. C99 or newer, C++. */
#ifndef SYSTOLE_REGS_H
#define SYSTOLE_REGS_H

/* Fingerprint of the tables that this header was made from: the machine's is the same, or software and machine do not fit. */
#define SYSTOLE_FINGERPRINT 0x4dc7f242U
#define SYSTOLE_SPACE 512U /* bytes of the register space */

/* Registers by byte offset (REG_..); of each field the lowest bit and the mask in place; what every machine holds after reset. */

/* RO: "SYST" in ASCII */
#define SYSTOLE_REG_ID 0x000U
#define SYSTOLE_ID_VALUE_LSB 0U
#define SYSTOLE_ID_VALUE_MASK 0xffffffffU
#define SYSTOLE_ID_RESET 0x53595354U

/* RO: fingerprint of the ISA tables the hardware was made from */
#define SYSTOLE_REG_FINGERPRINT 0x004U
#define SYSTOLE_FINGERPRINT_VALUE_LSB 0U
#define SYSTOLE_FINGERPRINT_VALUE_MASK 0xffffffffU
#define SYSTOLE_FINGERPRINT_RESET 0x4dc7f242U

/* RO: number of the named configuration, 255: of none; bits 15:8: WEIGHT_BEATS; 19:16: ECC; 20: RRAM_CTRL; 21: RESIDUAL; 22: EVENTS; 23: PRODUCT; 30:24: POST_LANES; 31: WEIGHT_ZERO */
#define SYSTOLE_REG_CONFIG 0x008U
#define SYSTOLE_CONFIG_NUMBER_LSB 0U /* number of the named configuration, 255: of none */
#define SYSTOLE_CONFIG_NUMBER_MASK 0x000000ffU
#define SYSTOLE_CONFIG_WEIGHT_BEATS_LSB 8U /* cycles of a weight word */
#define SYSTOLE_CONFIG_WEIGHT_BEATS_MASK 0x0000ff00U
#define SYSTOLE_CONFIG_ECC_LSB 16U /* code of RRAM words; 0: SECDED, 1: DEC-TED */
#define SYSTOLE_CONFIG_ECC_MASK 0x000f0000U
#define SYSTOLE_CONFIG_RRAM_CTRL_LSB 20U /* there is an RRAM controller */
#define SYSTOLE_CONFIG_RRAM_CTRL_MASK 0x00100000U
#define SYSTOLE_CONFIG_RESIDUAL_LSB 21U /* POST takes a second operand */
#define SYSTOLE_CONFIG_RESIDUAL_MASK 0x00200000U
#define SYSTOLE_CONFIG_EVENTS_LSB 22U /* events are counted */
#define SYSTOLE_CONFIG_EVENTS_MASK 0x00400000U
#define SYSTOLE_CONFIG_PRODUCT_LSB 23U /* POST multiplies with its second operand */
#define SYSTOLE_CONFIG_PRODUCT_MASK 0x00800000U
#define SYSTOLE_CONFIG_POST_LANES_LSB 24U /* results that POST works on in a cycle */
#define SYSTOLE_CONFIG_POST_LANES_MASK 0x7f000000U
#define SYSTOLE_CONFIG_WEIGHT_ZERO_LSB 31U /* weights have a zero point */
#define SYSTOLE_CONFIG_WEIGHT_ZERO_MASK 0x80000000U

/* RO: bits 7:0 ROWS, 15:8 COLS, 23:16 X_BANKS, 31:24 RRAM_WAYS */
#define SYSTOLE_REG_GEOMETRY 0x00cU
#define SYSTOLE_GEOMETRY_ROWS_LSB 0U /* rows R of the array */
#define SYSTOLE_GEOMETRY_ROWS_MASK 0x000000ffU
#define SYSTOLE_GEOMETRY_COLS_LSB 8U /* columns C; a word of a stream is C bytes */
#define SYSTOLE_GEOMETRY_COLS_MASK 0x0000ff00U
#define SYSTOLE_GEOMETRY_X_BANKS_LSB 16U /* sub-banks of X */
#define SYSTOLE_GEOMETRY_X_BANKS_MASK 0x00ff0000U
#define SYSTOLE_GEOMETRY_RRAM_WAYS_LSB 24U /* interleaved ways of a row's RRAM */
#define SYSTOLE_GEOMETRY_RRAM_WAYS_MASK 0xff000000U

/* RO: words of an activation bank */
#define SYSTOLE_REG_X_DEPTH 0x010U
#define SYSTOLE_X_DEPTH_VALUE_LSB 0U
#define SYSTOLE_X_DEPTH_VALUE_MASK 0xffffffffU

/* RO: words of run-time weight SRAM in a row */
#define SYSTOLE_REG_W_SRAM_DEPTH 0x014U
#define SYSTOLE_W_SRAM_DEPTH_VALUE_LSB 0U
#define SYSTOLE_W_SRAM_DEPTH_VALUE_MASK 0xffffffffU

/* RO: words of RRAM in a row */
#define SYSTOLE_REG_RRAM_DEPTH 0x018U
#define SYSTOLE_RRAM_DEPTH_VALUE_LSB 0U
#define SYSTOLE_RRAM_DEPTH_VALUE_MASK 0xffffffffU

/* RO: words of an accumulator lane */
#define SYSTOLE_REG_ACC_DEPTH 0x01cU
#define SYSTOLE_ACC_DEPTH_VALUE_LSB 0U
#define SYSTOLE_ACC_DEPTH_VALUE_MASK 0xffffffffU

/* RO: parameter words */
#define SYSTOLE_REG_PARAM_DEPTH 0x020U
#define SYSTOLE_PARAM_DEPTH_VALUE_LSB 0U
#define SYSTOLE_PARAM_DEPTH_VALUE_MASK 0xffffffffU

/* RO: lookup tables */
#define SYSTOLE_REG_LUT_COUNT 0x024U
#define SYSTOLE_LUT_COUNT_VALUE_LSB 0U
#define SYSTOLE_LUT_COUNT_VALUE_MASK 0xffffffffU

/* RO: words of one IN buffer */
#define SYSTOLE_REG_IN_DEPTH 0x028U
#define SYSTOLE_IN_DEPTH_VALUE_LSB 0U
#define SYSTOLE_IN_DEPTH_VALUE_MASK 0xffffffffU

/* RO: words of one OUT buffer */
#define SYSTOLE_REG_OUT_DEPTH 0x02cU
#define SYSTOLE_OUT_DEPTH_VALUE_LSB 0U
#define SYSTOLE_OUT_DEPTH_VALUE_MASK 0xffffffffU

/* RO: rows of the timetable */
#define SYSTOLE_REG_TIMETABLE_DEPTH 0x030U
#define SYSTOLE_TIMETABLE_DEPTH_VALUE_LSB 0U
#define SYSTOLE_TIMETABLE_DEPTH_VALUE_MASK 0xffffffffU

/* RO: 128-bit words of descriptor memory */
#define SYSTOLE_REG_DESC_DEPTH 0x034U
#define SYSTOLE_DESC_DEPTH_VALUE_LSB 0U
#define SYSTOLE_DESC_DEPTH_VALUE_MASK 0xffffffffU

/* RO: L: X read at row 0 to the dependent word readable in X, in cycles */
#define SYSTOLE_REG_LATENCY 0x038U
#define SYSTOLE_LATENCY_VALUE_LSB 0U
#define SYSTOLE_LATENCY_VALUE_MASK 0xffffffffU

/* RO: lane engine: bits 11:0 tap words, 23:12 columns of a line, 31:24 multipliers in a lane (0: there is none) */
#define SYSTOLE_REG_LANE 0x03cU
#define SYSTOLE_LANE_TAP_DEPTH_LSB 0U /* tap words */
#define SYSTOLE_LANE_TAP_DEPTH_MASK 0x00000fffU
#define SYSTOLE_LANE_LINE_DEPTH_LSB 12U /* columns of a line */
#define SYSTOLE_LANE_LINE_DEPTH_MASK 0x00fff000U
#define SYSTOLE_LANE_LANE_TAPS_LSB 24U /* multipliers in a lane; 0: there is no lane engine */
#define SYSTOLE_LANE_LANE_TAPS_MASK 0xff000000U

/* W1S: bit 0: start a run; one more may be queued. bit 1: abandon a pending start, a queued start and received input */
#define SYSTOLE_REG_START 0x040U
#define SYSTOLE_START_RUN_LSB 0U /* start a run */
#define SYSTOLE_START_RUN_MASK 0x00000001U
#define SYSTOLE_START_ABANDON_LSB 1U /* abandon a pending start, a queued start and received input */
#define SYSTOLE_START_ABANDON_MASK 0x00000002U
#define SYSTOLE_START_RESET 0x00000000U

/* RO: see the table of STATUS bits */
#define SYSTOLE_REG_STATUS 0x044U
#define SYSTOLE_STATUS_RUNNING_LSB 0U /* between launch and DONE */
#define SYSTOLE_STATUS_RUNNING_MASK 0x00000001U
#define SYSTOLE_STATUS_PENDING_LSB 1U /* a start waits to launch */
#define SYSTOLE_STATUS_PENDING_MASK 0x00000002U
#define SYSTOLE_STATUS_QUEUED_LSB 2U /* one more start waits behind it */
#define SYSTOLE_STATUS_QUEUED_MASK 0x00000004U
#define SYSTOLE_STATUS_WAIT_IN_LSB 3U /* the pending start waits for an input frame */
#define SYSTOLE_STATUS_WAIT_IN_MASK 0x00000008U
#define SYSTOLE_STATUS_WAIT_OUT_LSB 4U /* the pending start waits for a free OUT buffer */
#define SYSTOLE_STATUS_WAIT_OUT_MASK 0x00000010U
#define SYSTOLE_STATUS_IN_FULL_LSB 5U /* a complete input frame waits */
#define SYSTOLE_STATUS_IN_FULL_MASK 0x00000020U
#define SYSTOLE_STATUS_OUT_BUSY_LSB 6U /* an output frame waits or is being sent */
#define SYSTOLE_STATUS_OUT_BUSY_MASK 0x00000040U
#define SYSTOLE_STATUS_UPLOADING_LSB 7U /* an image word is partly received */
#define SYSTOLE_STATUS_UPLOADING_MASK 0x00000080U
#define SYSTOLE_STATUS_WAIT_RRAM_LSB 8U /* the pending start waits for the RRAM controller */
#define SYSTOLE_STATUS_WAIT_RRAM_MASK 0x00000100U
#define SYSTOLE_STATUS_POISON_LSB 9U /* a run read an uncorrectable word since ERROR_CLEAR: its results are not to be trusted */
#define SYSTOLE_STATUS_POISON_MASK 0x00000200U

/* RO: code of the first error since it was cleared; see the table of error codes */
#define SYSTOLE_REG_ERROR 0x048U
#define SYSTOLE_ERROR_CODE_LSB 0U /* code of the error; 0: none */
#define SYSTOLE_ERROR_CODE_MASK 0x000000ffU
#define SYSTOLE_ERROR_WAITED_IN_LSB 8U /* of START_LIMIT: it waited for input */
#define SYSTOLE_ERROR_WAITED_IN_MASK 0x00000100U
#define SYSTOLE_ERROR_WAITED_OUT_LSB 9U /* of START_LIMIT: it waited for OUT room */
#define SYSTOLE_ERROR_WAITED_OUT_MASK 0x00000200U
#define SYSTOLE_ERROR_WAITED_RRAM_LSB 10U /* of START_LIMIT: it waited for the RRAM controller */
#define SYSTOLE_ERROR_WAITED_RRAM_MASK 0x00000400U

/* RW: bytes of an input frame; 0: the program has no input */
#define SYSTOLE_REG_IN_BYTES 0x04cU
#define SYSTOLE_IN_BYTES_VALUE_LSB 0U
#define SYSTOLE_IN_BYTES_VALUE_MASK 0xffffffffU
#define SYSTOLE_IN_BYTES_RESET 0x00000000U

/* RW: bytes of an output frame; 0: the program has no output */
#define SYSTOLE_REG_OUT_BYTES 0x050U
#define SYSTOLE_OUT_BYTES_VALUE_LSB 0U
#define SYSTOLE_OUT_BYTES_VALUE_MASK 0xffffffffU
#define SYSTOLE_OUT_BYTES_RESET 0x00000000U

/* RW: cycles a start may stay pending before it ends in START_LIMIT; 0: for ever */
#define SYSTOLE_REG_START_LIMIT 0x054U
#define SYSTOLE_START_LIMIT_VALUE_LSB 0U
#define SYSTOLE_START_LIMIT_VALUE_MASK 0xffffffffU
#define SYSTOLE_START_LIMIT_RESET 0x00000000U

/* RO: cycles of the last run, launch to DONE, low word; reading it latches CYCLES_HI */
#define SYSTOLE_REG_CYCLES_LO 0x058U
#define SYSTOLE_CYCLES_LO_VALUE_LSB 0U
#define SYSTOLE_CYCLES_LO_VALUE_MASK 0xffffffffU
#define SYSTOLE_CYCLES_LO_RESET 0x00000000U

/* RO: cycles of the last run, high word */
#define SYSTOLE_REG_CYCLES_HI 0x05cU
#define SYSTOLE_CYCLES_HI_VALUE_LSB 0U
#define SYSTOLE_CYCLES_HI_VALUE_MASK 0xffffffffU
#define SYSTOLE_CYCLES_HI_RESET 0x00000000U

/* RO: runs ended */
#define SYSTOLE_REG_RUNS 0x060U
#define SYSTOLE_RUNS_VALUE_LSB 0U
#define SYSTOLE_RUNS_VALUE_MASK 0xffffffffU
#define SYSTOLE_RUNS_RESET 0x00000000U

/* W1C: interrupt causes; level, write one to clear */
#define SYSTOLE_REG_IRQ_STATUS 0x064U
#define SYSTOLE_IRQ_STATUS_DONE_LSB 0U /* a run ended */
#define SYSTOLE_IRQ_STATUS_DONE_MASK 0x00000001U
#define SYSTOLE_IRQ_STATUS_ERROR_LSB 1U /* ERROR became non-zero */
#define SYSTOLE_IRQ_STATUS_ERROR_MASK 0x00000002U
#define SYSTOLE_IRQ_STATUS_FRAME_IN_LSB 2U /* an input frame is complete */
#define SYSTOLE_IRQ_STATUS_FRAME_IN_MASK 0x00000004U
#define SYSTOLE_IRQ_STATUS_FRAME_OUT_LSB 3U /* an output frame was sent */
#define SYSTOLE_IRQ_STATUS_FRAME_OUT_MASK 0x00000008U
#define SYSTOLE_IRQ_STATUS_RRAM_LSB 4U /* an RRAM command ended */
#define SYSTOLE_IRQ_STATUS_RRAM_MASK 0x00000010U
#define SYSTOLE_IRQ_STATUS_POISON_LSB 5U /* a run read an uncorrectable word */
#define SYSTOLE_IRQ_STATUS_POISON_MASK 0x00000020U
#define SYSTOLE_IRQ_STATUS_RETIRED_LSB 6U /* a line was retired to a spare */
#define SYSTOLE_IRQ_STATUS_RETIRED_MASK 0x00000040U

/* RW: a cause raises the interrupt where its bit is one */
#define SYSTOLE_REG_IRQ_ENABLE 0x068U
#define SYSTOLE_IRQ_ENABLE_DONE_LSB 0U /* a run ended */
#define SYSTOLE_IRQ_ENABLE_DONE_MASK 0x00000001U
#define SYSTOLE_IRQ_ENABLE_ERROR_LSB 1U /* ERROR became non-zero */
#define SYSTOLE_IRQ_ENABLE_ERROR_MASK 0x00000002U
#define SYSTOLE_IRQ_ENABLE_FRAME_IN_LSB 2U /* an input frame is complete */
#define SYSTOLE_IRQ_ENABLE_FRAME_IN_MASK 0x00000004U
#define SYSTOLE_IRQ_ENABLE_FRAME_OUT_LSB 3U /* an output frame was sent */
#define SYSTOLE_IRQ_ENABLE_FRAME_OUT_MASK 0x00000008U
#define SYSTOLE_IRQ_ENABLE_RRAM_LSB 4U /* an RRAM command ended */
#define SYSTOLE_IRQ_ENABLE_RRAM_MASK 0x00000010U
#define SYSTOLE_IRQ_ENABLE_POISON_LSB 5U /* a run read an uncorrectable word */
#define SYSTOLE_IRQ_ENABLE_POISON_MASK 0x00000020U
#define SYSTOLE_IRQ_ENABLE_RETIRED_LSB 6U /* a line was retired to a spare */
#define SYSTOLE_IRQ_ENABLE_RETIRED_MASK 0x00000040U
#define SYSTOLE_IRQ_ENABLE_RESET 0x00000000U

/* RO: input frames accepted */
#define SYSTOLE_REG_EVENT_FRAMES_IN 0x06cU
#define SYSTOLE_EVENT_FRAMES_IN_VALUE_LSB 0U
#define SYSTOLE_EVENT_FRAMES_IN_VALUE_MASK 0xffffffffU
#define SYSTOLE_EVENT_FRAMES_IN_RESET 0x00000000U

/* RO: output frames sent */
#define SYSTOLE_REG_EVENT_FRAMES_OUT 0x070U
#define SYSTOLE_EVENT_FRAMES_OUT_VALUE_LSB 0U
#define SYSTOLE_EVENT_FRAMES_OUT_VALUE_MASK 0xffffffffU
#define SYSTOLE_EVENT_FRAMES_OUT_RESET 0x00000000U

/* RO: input frames dropped for their length */
#define SYSTOLE_REG_EVENT_FRAMES_DROPPED 0x074U
#define SYSTOLE_EVENT_FRAMES_DROPPED_VALUE_LSB 0U
#define SYSTOLE_EVENT_FRAMES_DROPPED_VALUE_MASK 0xffffffffU
#define SYSTOLE_EVENT_FRAMES_DROPPED_RESET 0x00000000U

/* RO: vectors issued to the array since reset, low word; reading it latches EVENT_MACS_HI. Times R x C: multiplications */
#define SYSTOLE_REG_EVENT_MACS_LO 0x078U
#define SYSTOLE_EVENT_MACS_LO_VALUE_LSB 0U
#define SYSTOLE_EVENT_MACS_LO_VALUE_MASK 0xffffffffU
#define SYSTOLE_EVENT_MACS_LO_RESET 0x00000000U

/* RO: vectors issued, high word */
#define SYSTOLE_REG_EVENT_MACS_HI 0x07cU
#define SYSTOLE_EVENT_MACS_HI_VALUE_LSB 0U
#define SYSTOLE_EVENT_MACS_HI_VALUE_MASK 0xffffffffU
#define SYSTOLE_EVENT_MACS_HI_RESET 0x00000000U

/* RW: where the image stream goes: 0 timetable, 1 descriptors, 2 parameters, 3 lookup tables, 4 RRAM, 5 taps, 6 record. Outside of a run, a value but 4 and 6 takes READY from the image that is awake */
#define SYSTOLE_REG_UPLOAD_TARGET 0x080U
#define SYSTOLE_UPLOAD_TARGET_TARGET_LSB 0U
#define SYSTOLE_UPLOAD_TARGET_TARGET_MASK 0x00000007U
#define SYSTOLE_UPLOAD_TARGET_RESET 0x00000000U

/* RW: next word of the target; advances with the stream, 0 behind a write of UPLOAD_TARGET */
#define SYSTOLE_REG_UPLOAD_ADDRESS 0x084U
#define SYSTOLE_UPLOAD_ADDRESS_VALUE_LSB 0U
#define SYSTOLE_UPLOAD_ADDRESS_VALUE_MASK 0xffffffffU
#define SYSTOLE_UPLOAD_ADDRESS_RESET 0x00000000U

/* RO: beats taken from the image stream since UPLOAD_TARGET was written */
#define SYSTOLE_REG_UPLOAD_COUNT 0x088U
#define SYSTOLE_UPLOAD_COUNT_VALUE_LSB 0U
#define SYSTOLE_UPLOAD_COUNT_VALUE_MASK 0xffffffffU
#define SYSTOLE_UPLOAD_COUNT_RESET 0x00000000U

/* RW: holds what is written; for bring-up */
#define SYSTOLE_REG_SCRATCH 0x08cU
#define SYSTOLE_SCRATCH_VALUE_LSB 0U
#define SYSTOLE_SCRATCH_VALUE_MASK 0xffffffffU
#define SYSTOLE_SCRATCH_RESET 0x00000000U

/* RO: row of the timetable that is next */
#define SYSTOLE_REG_SEQ_ROW 0x090U
#define SYSTOLE_SEQ_ROW_VALUE_LSB 0U
#define SYSTOLE_SEQ_ROW_VALUE_MASK 0xffffffffU
#define SYSTOLE_SEQ_ROW_RESET 0x00000000U

/* RO: cycle counter of the run, low word; it counts on between runs */
#define SYSTOLE_REG_SEQ_CYCLE 0x094U
#define SYSTOLE_SEQ_CYCLE_VALUE_LSB 0U
#define SYSTOLE_SEQ_CYCLE_VALUE_MASK 0xffffffffU

/* W1S: bit 0: clear ERROR and POISON */
#define SYSTOLE_REG_ERROR_CLEAR 0x098U
#define SYSTOLE_ERROR_CLEAR_CLEAR_LSB 0U /* clear ERROR and POISON */
#define SYSTOLE_ERROR_CLEAR_CLEAR_MASK 0x00000001U
#define SYSTOLE_ERROR_CLEAR_RESET 0x00000000U

/* W1S: 1 wake: choose the newest image, check and load it; 2 wake without check; 3 commit slot RRAM_SLOT; 4 scrub the committed image */
#define SYSTOLE_REG_RRAM_COMMAND 0x09cU
#define SYSTOLE_RRAM_COMMAND_COMMAND_LSB 0U
#define SYSTOLE_RRAM_COMMAND_COMMAND_MASK 0x00000007U
#define SYSTOLE_RRAM_COMMAND_RESET 0x00000000U

/* RO: see the table of RRAM_STATUS bits; 18:16: why the controller's program was stopped, 0: it was not */
#define SYSTOLE_REG_RRAM_STATUS 0x0a0U
#define SYSTOLE_RRAM_STATUS_BUSY_LSB 0U /* the controller works, or a line is partly received */
#define SYSTOLE_RRAM_STATUS_BUSY_MASK 0x00000001U
#define SYSTOLE_RRAM_STATUS_READY_LSB 1U /* the image of a slot is awake */
#define SYSTOLE_RRAM_STATUS_READY_MASK 0x00000002U
#define SYSTOLE_RRAM_STATUS_SLOT_LSB 2U /* slot that runs read */
#define SYSTOLE_RRAM_STATUS_SLOT_MASK 0x00000004U
#define SYSTOLE_RRAM_STATUS_UNLOCKED_LSB 3U /* programming is allowed */
#define SYSTOLE_RRAM_STATUS_UNLOCKED_MASK 0x00000008U
#define SYSTOLE_RRAM_STATUS_LOCKED_LSB 4U /* programming is forbidden until reset */
#define SYSTOLE_RRAM_STATUS_LOCKED_MASK 0x00000010U
#define SYSTOLE_RRAM_STATUS_INJECT_LOCKED_LSB 5U /* RRAM_INJECT cannot be changed until reset */
#define SYSTOLE_RRAM_STATUS_INJECT_LOCKED_MASK 0x00000020U
#define SYSTOLE_RRAM_STATUS_COMMITTED_LSB 6U /* there is a committed image */
#define SYSTOLE_RRAM_STATUS_COMMITTED_MASK 0x00000040U
#define SYSTOLE_RRAM_STATUS_NEWEST_LSB 7U /* slot of the newest committed image */
#define SYSTOLE_RRAM_STATUS_NEWEST_MASK 0x00000080U
#define SYSTOLE_RRAM_STATUS_FOREIGN_LSB 8U /* a record of another machine or of other software was seen */
#define SYSTOLE_RRAM_STATUS_FOREIGN_MASK 0x00000100U
#define SYSTOLE_RRAM_STATUS_WEAK_LSB 9U /* the record that was chosen read weakly and was written again */
#define SYSTOLE_RRAM_STATUS_WEAK_MASK 0x00000200U
#define SYSTOLE_RRAM_STATUS_BOOTED_LSB 10U /* the search for an image after reset is over */
#define SYSTOLE_RRAM_STATUS_BOOTED_MASK 0x00000400U
#define SYSTOLE_RRAM_STATUS_CHECK_LSB 16U /* why the controller's program was stopped, 0: it was not */
#define SYSTOLE_RRAM_STATUS_CHECK_MASK 0x00070000U

/* W1S: the two keys, one behind the other, allow programming; any other value forbids it */
#define SYSTOLE_REG_RRAM_UNLOCK 0x0a4U
#define SYSTOLE_RRAM_UNLOCK_KEY_LSB 0U
#define SYSTOLE_RRAM_UNLOCK_KEY_MASK 0xffffffffU
#define SYSTOLE_RRAM_UNLOCK_RESET 0x00000000U

/* W1S: bit 0: no programming until reset; bit 1: RRAM_INJECT stays as it is until reset */
#define SYSTOLE_REG_RRAM_LOCK 0x0a8U
#define SYSTOLE_RRAM_LOCK_PROGRAM_LSB 0U /* no programming until reset */
#define SYSTOLE_RRAM_LOCK_PROGRAM_MASK 0x00000001U
#define SYSTOLE_RRAM_LOCK_INJECT_LSB 1U /* RRAM_INJECT stays as it is until reset */
#define SYSTOLE_RRAM_LOCK_INJECT_MASK 0x00000002U
#define SYSTOLE_RRAM_LOCK_RESET 0x00000000U

/* RW: bit 0: slot that uploads and COMMIT mean, and that runs read before a wake */
#define SYSTOLE_REG_RRAM_SLOT 0x0acU
#define SYSTOLE_RRAM_SLOT_SLOT_LSB 0U
#define SYSTOLE_RRAM_SLOT_SLOT_MASK 0x00000001U

/* RO: words read with one wrong bit, corrected */
#define SYSTOLE_REG_RRAM_CORRECTED 0x0b0U
#define SYSTOLE_RRAM_CORRECTED_VALUE_LSB 0U
#define SYSTOLE_RRAM_CORRECTED_VALUE_MASK 0xffffffffU

/* RO: words read with more */
#define SYSTOLE_REG_RRAM_UNCORRECTABLE 0x0b4U
#define SYSTOLE_RRAM_UNCORRECTABLE_VALUE_LSB 0U
#define SYSTOLE_RRAM_UNCORRECTABLE_VALUE_MASK 0xffffffffU

/* RO: first wrong word since ERROR_CLEAR: bits 15:0 line, 23:16 row, 30 corrected, 31 uncorrectable */
#define SYSTOLE_REG_RRAM_ERROR_FIRST 0x0b8U
#define SYSTOLE_RRAM_ERROR_FIRST_LINE_LSB 0U /* line */
#define SYSTOLE_RRAM_ERROR_FIRST_LINE_MASK 0x0000ffffU
#define SYSTOLE_RRAM_ERROR_FIRST_ROW_LSB 16U /* row of the array */
#define SYSTOLE_RRAM_ERROR_FIRST_ROW_MASK 0x00ff0000U
#define SYSTOLE_RRAM_ERROR_FIRST_CORRECTED_LSB 30U /* it was corrected */
#define SYSTOLE_RRAM_ERROR_FIRST_CORRECTED_MASK 0x40000000U
#define SYSTOLE_RRAM_ERROR_FIRST_UNCORRECTABLE_LSB 31U /* it was not */
#define SYSTOLE_RRAM_ERROR_FIRST_UNCORRECTABLE_MASK 0x80000000U

/* RO: the last one */
#define SYSTOLE_REG_RRAM_ERROR_LAST 0x0bcU
#define SYSTOLE_RRAM_ERROR_LAST_LINE_LSB 0U /* line */
#define SYSTOLE_RRAM_ERROR_LAST_LINE_MASK 0x0000ffffU
#define SYSTOLE_RRAM_ERROR_LAST_ROW_LSB 16U /* row of the array */
#define SYSTOLE_RRAM_ERROR_LAST_ROW_MASK 0x00ff0000U
#define SYSTOLE_RRAM_ERROR_LAST_CORRECTED_LSB 30U /* it was corrected */
#define SYSTOLE_RRAM_ERROR_LAST_CORRECTED_MASK 0x40000000U
#define SYSTOLE_RRAM_ERROR_LAST_UNCORRECTABLE_LSB 31U /* it was not */
#define SYSTOLE_RRAM_ERROR_LAST_UNCORRECTABLE_MASK 0x80000000U

/* RO: pulses, counted by row */
#define SYSTOLE_REG_RRAM_PULSES 0x0c0U
#define SYSTOLE_RRAM_PULSES_VALUE_LSB 0U
#define SYSTOLE_RRAM_PULSES_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_PULSES_RESET 0x00000000U

/* RO: rounds of pulses */
#define SYSTOLE_REG_RRAM_RETRIES 0x0c4U
#define SYSTOLE_RRAM_RETRIES_VALUE_LSB 0U
#define SYSTOLE_RRAM_RETRIES_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_RETRIES_RESET 0x00000000U

/* RO: lines retired to a spare */
#define SYSTOLE_REG_RRAM_REMAPS 0x0c8U
#define SYSTOLE_RRAM_REMAPS_VALUE_LSB 0U
#define SYSTOLE_RRAM_REMAPS_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_REMAPS_RESET 0x00000000U

/* RO: spares left: bits 15:0 slot 0, 31:16 slot 1 */
#define SYSTOLE_REG_RRAM_SPARES 0x0ccU
#define SYSTOLE_RRAM_SPARES_SLOT0_LSB 0U /* left in slot 0 */
#define SYSTOLE_RRAM_SPARES_SLOT0_MASK 0x0000ffffU
#define SYSTOLE_RRAM_SPARES_SLOT1_LSB 16U /* left in slot 1 */
#define SYSTOLE_RRAM_SPARES_SLOT1_MASK 0xffff0000U

/* RO: writes of the most worn line that was programmed since reset */
#define SYSTOLE_REG_RRAM_WEAR 0x0d0U
#define SYSTOLE_RRAM_WEAR_VALUE_LSB 0U
#define SYSTOLE_RRAM_WEAR_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_WEAR_RESET 0x00000000U

/* RO: lines that changed places with the least worn one */
#define SYSTOLE_REG_RRAM_SWAPS 0x0d4U
#define SYSTOLE_RRAM_SWAPS_VALUE_LSB 0U
#define SYSTOLE_RRAM_SWAPS_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_SWAPS_RESET 0x00000000U

/* RO: lines that a scrub wrote again */
#define SYSTOLE_REG_RRAM_REFRESHED 0x0d8U
#define SYSTOLE_RRAM_REFRESHED_VALUE_LSB 0U
#define SYSTOLE_RRAM_REFRESHED_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_REFRESHED_RESET 0x00000000U

/* RO: line that the scrub looks at next */
#define SYSTOLE_REG_RRAM_SCRUB_LINE 0x0dcU
#define SYSTOLE_RRAM_SCRUB_LINE_VALUE_LSB 0U
#define SYSTOLE_RRAM_SCRUB_LINE_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_SCRUB_LINE_RESET 0x00000000U

/* RW: lines that are scrubbed after each run while no start waits; 0: none */
#define SYSTOLE_REG_RRAM_SCRUB_BUDGET 0x0e0U
#define SYSTOLE_RRAM_SCRUB_BUDGET_VALUE_LSB 0U
#define SYSTOLE_RRAM_SCRUB_BUDGET_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_SCRUB_BUDGET_RESET 0x00000000U

/* RW: data bits that are stored wrong in every word programmed: bits 7:0 first, 15:8 second; 16, 17: enable them */
#define SYSTOLE_REG_RRAM_INJECT 0x0e4U
#define SYSTOLE_RRAM_INJECT_FIRST_LSB 0U /* number of the first data bit */
#define SYSTOLE_RRAM_INJECT_FIRST_MASK 0x000000ffU
#define SYSTOLE_RRAM_INJECT_SECOND_LSB 8U /* number of the second one */
#define SYSTOLE_RRAM_INJECT_SECOND_MASK 0x0000ff00U
#define SYSTOLE_RRAM_INJECT_ENABLE_FIRST_LSB 16U /* the first one is stored wrong */
#define SYSTOLE_RRAM_INJECT_ENABLE_FIRST_MASK 0x00010000U
#define SYSTOLE_RRAM_INJECT_ENABLE_SECOND_LSB 17U /* the second one is stored wrong */
#define SYSTOLE_RRAM_INJECT_ENABLE_SECOND_MASK 0x00020000U
#define SYSTOLE_RRAM_INJECT_RESET 0x00000000U

/* RO: epoch of the newest committed image; 0: there is none */
#define SYSTOLE_REG_RRAM_EPOCH 0x0e8U
#define SYSTOLE_RRAM_EPOCH_VALUE_LSB 0U
#define SYSTOLE_RRAM_EPOCH_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_EPOCH_RESET 0x00000000U

/* RO: CRC-32 of the lines of the image that is awake */
#define SYSTOLE_REG_RRAM_IMAGE_CRC 0x0ecU
#define SYSTOLE_RRAM_IMAGE_CRC_VALUE_LSB 0U
#define SYSTOLE_RRAM_IMAGE_CRC_VALUE_MASK 0xffffffffU
#define SYSTOLE_RRAM_IMAGE_CRC_RESET 0x00000000U

/* RO: cycles of the last wake, from reset or command to READY */
#define SYSTOLE_REG_RRAM_WAKE_CYCLES 0x0f0U
#define SYSTOLE_RRAM_WAKE_CYCLES_VALUE_LSB 0U
#define SYSTOLE_RRAM_WAKE_CYCLES_VALUE_MASK 0xffffffffU

/* RW: number of the event that EVENT_VALUE shows; see the table of events */
#define SYSTOLE_REG_EVENT_SELECT 0x0f4U
#define SYSTOLE_EVENT_SELECT_EVENT_LSB 0U
#define SYSTOLE_EVENT_SELECT_EVENT_MASK 0x0000000fU
#define SYSTOLE_EVENT_SELECT_RESET 0x00000000U

/* RO: how often the event happened since reset, modulo 2^32 */
#define SYSTOLE_REG_EVENT_VALUE 0x0f8U
#define SYSTOLE_EVENT_VALUE_VALUE_LSB 0U
#define SYSTOLE_EVENT_VALUE_VALUE_MASK 0xffffffffU
#define SYSTOLE_EVENT_VALUE_RESET 0x00000000U

/* RO: bits 15:0 the last line of the image whose CRC a scrub found wrong; bits 31:16 how many it found */
#define SYSTOLE_REG_RRAM_TILE 0x0fcU
#define SYSTOLE_RRAM_TILE_LINE_LSB 0U /* the last line of the image whose CRC a scrub found wrong */
#define SYSTOLE_RRAM_TILE_LINE_MASK 0x0000ffffU
#define SYSTOLE_RRAM_TILE_COUNT_LSB 16U /* how many it found */
#define SYSTOLE_RRAM_TILE_COUNT_MASK 0xffff0000U
#define SYSTOLE_RRAM_TILE_RESET 0x00000000U

/* RO: lanes of the vector unit; 0: there is none */
#define SYSTOLE_REG_VEC_LANES 0x100U
#define SYSTOLE_VEC_LANES_VALUE_LSB 0U
#define SYSTOLE_VEC_LANES_VALUE_MASK 0xffffffffU

/* RO: words of V */
#define SYSTOLE_REG_V_DEPTH 0x104U
#define SYSTOLE_V_DEPTH_VALUE_LSB 0U
#define SYSTOLE_V_DEPTH_VALUE_MASK 0xffffffffU

/* RO: parameter words of the vector unit */
#define SYSTOLE_REG_VEC_PARAM_DEPTH 0x108U
#define SYSTOLE_VEC_PARAM_DEPTH_VALUE_LSB 0U
#define SYSTOLE_VEC_PARAM_DEPTH_VALUE_MASK 0xffffffffU

/* RW: position of the token, for the next run: bits 15:0. This register and those below are holes where there is no vector unit */
#define SYSTOLE_REG_POS 0x10cU
#define SYSTOLE_POS_VALUE_LSB 0U
#define SYSTOLE_POS_VALUE_MASK 0x0000ffffU
#define SYSTOLE_POS_RESET 0x00000000U

/* RW: number of the token, for the next run: bits 15:0 */
#define SYSTOLE_REG_TOK 0x110U
#define SYSTOLE_TOK_VALUE_LSB 0U
#define SYSTOLE_TOK_VALUE_MASK 0x0000ffffU
#define SYSTOLE_TOK_RESET 0x00000000U

/* RO: bits 15:0: where the last ARGMAX found its largest number: lane + C * step of the reduction */
#define SYSTOLE_REG_ARGMAX 0x114U
#define SYSTOLE_ARGMAX_VALUE_LSB 0U
#define SYSTOLE_ARGMAX_VALUE_MASK 0x0000ffffU
#define SYSTOLE_ARGMAX_RESET 0x00000000U

/* RW: bits 15:0: runs that follow by themselves; counts down */
#define SYSTOLE_REG_AUTO 0x118U
#define SYSTOLE_AUTO_RUNS_LSB 0U
#define SYSTOLE_AUTO_RUNS_MASK 0x0000ffffU
#define SYSTOLE_AUTO_RESET 0x00000000U

/* RW: bits 15:0: a token, bit 16: enable; a run whose ARGMAX is that token is the last */
#define SYSTOLE_REG_STOP 0x11cU
#define SYSTOLE_STOP_TOKEN_LSB 0U /* a token */
#define SYSTOLE_STOP_TOKEN_MASK 0x0000ffffU
#define SYSTOLE_STOP_ENABLE_LSB 16U /* a run whose ARGMAX is that token is the last */
#define SYSTOLE_STOP_ENABLE_MASK 0x00010000U
#define SYSTOLE_STOP_RESET 0x00000000U

/* RW: bits 15:0: row of the timetable in which a run begins; not written while a start waits or AUTO is not 0 */
#define SYSTOLE_REG_ENTRY 0x120U
#define SYSTOLE_ENTRY_ROW_LSB 0U
#define SYSTOLE_ENTRY_ROW_MASK 0x0000ffffU
#define SYSTOLE_ENTRY_RESET 0x00000000U

/* RW: token of row 1 of a chunk, for the next run: bits 15:0; TOK is that of row 0 */
#define SYSTOLE_REG_TOK1 0x124U
#define SYSTOLE_TOK1_VALUE_LSB 0U
#define SYSTOLE_TOK1_VALUE_MASK 0x0000ffffU
#define SYSTOLE_TOK1_RESET 0x00000000U

/* RW: of row 2 */
#define SYSTOLE_REG_TOK2 0x128U
#define SYSTOLE_TOK2_VALUE_LSB 0U
#define SYSTOLE_TOK2_VALUE_MASK 0x0000ffffU
#define SYSTOLE_TOK2_RESET 0x00000000U

/* RW: of row 3 */
#define SYSTOLE_REG_TOK3 0x12cU
#define SYSTOLE_TOK3_VALUE_LSB 0U
#define SYSTOLE_TOK3_VALUE_MASK 0x0000ffffU
#define SYSTOLE_TOK3_RESET 0x00000000U

/* RW: of row 4 */
#define SYSTOLE_REG_TOK4 0x130U
#define SYSTOLE_TOK4_VALUE_LSB 0U
#define SYSTOLE_TOK4_VALUE_MASK 0x0000ffffU
#define SYSTOLE_TOK4_RESET 0x00000000U

/* RW: of row 5 */
#define SYSTOLE_REG_TOK5 0x134U
#define SYSTOLE_TOK5_VALUE_LSB 0U
#define SYSTOLE_TOK5_VALUE_MASK 0x0000ffffU
#define SYSTOLE_TOK5_RESET 0x00000000U

/* RW: of row 6 */
#define SYSTOLE_REG_TOK6 0x138U
#define SYSTOLE_TOK6_VALUE_LSB 0U
#define SYSTOLE_TOK6_VALUE_MASK 0x0000ffffU
#define SYSTOLE_TOK6_RESET 0x00000000U

/* RW: of row 7 */
#define SYSTOLE_REG_TOK7 0x13cU
#define SYSTOLE_TOK7_VALUE_LSB 0U
#define SYSTOLE_TOK7_VALUE_MASK 0x0000ffffU
#define SYSTOLE_TOK7_RESET 0x00000000U

/* RO: cycles from the launch of the last run that AUTO did not start to the last END, those between runs among them */
#define SYSTOLE_REG_AUTO_CYCLES 0x140U
#define SYSTOLE_AUTO_CYCLES_VALUE_LSB 0U
#define SYSTOLE_AUTO_CYCLES_VALUE_MASK 0xffffffffU
#define SYSTOLE_AUTO_CYCLES_RESET 0x00000000U

/* Codes of ERROR. */
#define SYSTOLE_ERROR_NONE 0U /* no error */
#define SYSTOLE_ERROR_START_LIMIT 1U /* a start stayed pending for START_LIMIT cycles and was dropped; bits 8, 9: it waited for input, for OUT room */
#define SYSTOLE_ERROR_FRAME_LEN 2U /* an input frame was shorter or longer than IN_BYTES and was dropped */
#define SYSTOLE_ERROR_START_OVERRUN 3U /* a start while one was pending and one queued */
#define SYSTOLE_ERROR_UPLOAD_RUNNING 4U /* an image write while a run was pending or running; it was refused */
#define SYSTOLE_ERROR_UPLOAD_RANGE 5U /* an image write beyond its memory; it was refused */
#define SYSTOLE_ERROR_RRAM_LOCKED 6U /* RRAM is not to be written: unlock it first, or it is locked until reset; the write was refused */
#define SYSTOLE_ERROR_RRAM_SLOT 7U /* a write or commit to the slot of the newest committed image; it was refused */
#define SYSTOLE_ERROR_RRAM_BUSY 8U /* an RRAM command while a run or another command was on; it was refused */
#define SYSTOLE_ERROR_RRAM_POISON 9U /* a run read a weight word with more errors than the code corrects; its results are not to be trusted */
#define SYSTOLE_ERROR_RRAM_PROGRAM 10U /* a line could not be programmed and no spare is left */
#define SYSTOLE_ERROR_RRAM_CRC 11U /* the slot does not hold the image that its record names, read at the margins; it was not committed */
#define SYSTOLE_ERROR_RRAM_RECORD 12U /* the record could not be written so that it reads back at the margins */
#define SYSTOLE_ERROR_RRAM_NO_IMAGE 13U /* wake found no record with a good image */
#define SYSTOLE_ERROR_RRAM_FOREIGN 14U /* wake found only images made for another machine or by other software */
#define SYSTOLE_ERROR_RRAM_TILE 15U /* a scrub read a line whose CRC is not that of the image; RRAM_TILE names it, it was not written again */
#define SYSTOLE_ERROR_RRAM_ENGINE 16U /* the RRAM controller's program was stopped by a check; bits 18:16 of RRAM_STATUS say which. Only reset goes on */
#define SYSTOLE_ERROR_RRAM_ABSENT 17U /* a command or record for the RRAM controller of a machine that has none (RRAM_CTRL 0); load the image instead */

/* Numbers for EVENT_SELECT. */
#define SYSTOLE_EVENT_VECTORS 0U /* vectors that entered the array: R bytes of X read, R x C multiplications and additions, C accumulations */
#define SYSTOLE_EVENT_W_RRAM 1U /* weight tiles read from RRAM: C bytes and their check bits in each of R rows */
#define SYSTOLE_EVENT_W_SRAM 2U /* weight tiles read from W SRAM: R x C bytes */
#define SYSTOLE_EVENT_X_FLAT 3U /* words of C bytes read from X by POST, STORE and the lane engine */
#define SYSTOLE_EVENT_X_WRITE 4U /* words of C bytes written to X */
#define SYSTOLE_EVENT_W_WRITE 5U /* words of C bytes written to W SRAM */
#define SYSTOLE_EVENT_POST 6U /* vectors of C sums through POST */
#define SYSTOLE_EVENT_OUT_WRITE 7U /* words of C bytes written to the OUT buffer */
#define SYSTOLE_EVENT_LANE 8U /* columns inside the image that the lane engine read: 9 C multiplications and additions */
#define SYSTOLE_EVENT_VECTOR 9U /* steps of VECTOR: C numbers through the lanes, three words of V and one of parameters read */
#define SYSTOLE_EVENT_VEC_FN 10U /* those of them with a function: C segments read */
#define SYSTOLE_EVENT_V_WRITE 11U /* those of them that write a word of V, in three copies */
#define SYSTOLE_EVENT_SCALAR 12U /* steps of SCALAR */

/* Codes of UPLOAD_TARGET. */
#define SYSTOLE_UPLOAD_TIMETABLE 0U
#define SYSTOLE_UPLOAD_DESC 1U
#define SYSTOLE_UPLOAD_PARAM 2U
#define SYSTOLE_UPLOAD_LUT 3U
#define SYSTOLE_UPLOAD_RRAM 4U
#define SYSTOLE_UPLOAD_TAP 5U
#define SYSTOLE_UPLOAD_RECORD 6U

/* Codes of RRAM_COMMAND. */
#define SYSTOLE_COMMAND_WAKE 1U
#define SYSTOLE_COMMAND_WARM_WAKE 2U
#define SYSTOLE_COMMAND_COMMIT 3U
#define SYSTOLE_COMMAND_SCRUB 4U

/* Sizes of a machine, by number. */
#define SYSTOLE_SIZE_ROWS 0U
#define SYSTOLE_SIZE_COLS 1U
#define SYSTOLE_SIZE_WEIGHT_BEATS 2U
#define SYSTOLE_SIZE_ECC 3U
#define SYSTOLE_SIZE_RRAM_CTRL 4U
#define SYSTOLE_SIZE_WEIGHT_ZERO 5U
#define SYSTOLE_SIZE_POST_LANES 6U
#define SYSTOLE_SIZE_RESIDUAL 7U
#define SYSTOLE_SIZE_PRODUCT 8U
#define SYSTOLE_SIZE_EVENTS 9U
#define SYSTOLE_SIZE_X_DEPTH 10U
#define SYSTOLE_SIZE_X_BANKS 11U
#define SYSTOLE_SIZE_W_SRAM_DEPTH 12U
#define SYSTOLE_SIZE_RRAM_DEPTH 13U
#define SYSTOLE_SIZE_RRAM_WAYS 14U
#define SYSTOLE_SIZE_ACC_DEPTH 15U
#define SYSTOLE_SIZE_PARAM_DEPTH 16U
#define SYSTOLE_SIZE_LUT_COUNT 17U
#define SYSTOLE_SIZE_IN_DEPTH 18U
#define SYSTOLE_SIZE_OUT_DEPTH 19U
#define SYSTOLE_SIZE_LANE_TAPS 20U
#define SYSTOLE_SIZE_TAP_DEPTH 21U
#define SYSTOLE_SIZE_LINE_DEPTH 22U
#define SYSTOLE_SIZE_VEC_LANES 23U
#define SYSTOLE_SIZE_V_DEPTH 24U
#define SYSTOLE_SIZE_VEC_PARAM_DEPTH 25U
#define SYSTOLE_SIZE_TIMETABLE_DEPTH 26U
#define SYSTOLE_SIZE_DESC_DEPTH 27U
#define SYSTOLE_SIZES 28U

/* Where a machine says each of them, in their order: X(name, offset of the register, lowest bit, bits). */
#define SYSTOLE_SIZE_LIST(X) \
  X(ROWS, SYSTOLE_REG_GEOMETRY, 0U, 8U) \
  X(COLS, SYSTOLE_REG_GEOMETRY, 8U, 8U) \
  X(WEIGHT_BEATS, SYSTOLE_REG_CONFIG, 8U, 8U) \
  X(ECC, SYSTOLE_REG_CONFIG, 16U, 4U) \
  X(RRAM_CTRL, SYSTOLE_REG_CONFIG, 20U, 1U) \
  X(WEIGHT_ZERO, SYSTOLE_REG_CONFIG, 31U, 1U) \
  X(POST_LANES, SYSTOLE_REG_CONFIG, 24U, 7U) \
  X(RESIDUAL, SYSTOLE_REG_CONFIG, 21U, 1U) \
  X(PRODUCT, SYSTOLE_REG_CONFIG, 23U, 1U) \
  X(EVENTS, SYSTOLE_REG_CONFIG, 22U, 1U) \
  X(X_DEPTH, SYSTOLE_REG_X_DEPTH, 0U, 32U) \
  X(X_BANKS, SYSTOLE_REG_GEOMETRY, 16U, 8U) \
  X(W_SRAM_DEPTH, SYSTOLE_REG_W_SRAM_DEPTH, 0U, 32U) \
  X(RRAM_DEPTH, SYSTOLE_REG_RRAM_DEPTH, 0U, 32U) \
  X(RRAM_WAYS, SYSTOLE_REG_GEOMETRY, 24U, 8U) \
  X(ACC_DEPTH, SYSTOLE_REG_ACC_DEPTH, 0U, 32U) \
  X(PARAM_DEPTH, SYSTOLE_REG_PARAM_DEPTH, 0U, 32U) \
  X(LUT_COUNT, SYSTOLE_REG_LUT_COUNT, 0U, 32U) \
  X(IN_DEPTH, SYSTOLE_REG_IN_DEPTH, 0U, 32U) \
  X(OUT_DEPTH, SYSTOLE_REG_OUT_DEPTH, 0U, 32U) \
  X(LANE_TAPS, SYSTOLE_REG_LANE, 24U, 8U) \
  X(TAP_DEPTH, SYSTOLE_REG_LANE, 0U, 12U) \
  X(LINE_DEPTH, SYSTOLE_REG_LANE, 12U, 12U) \
  X(VEC_LANES, SYSTOLE_REG_VEC_LANES, 0U, 32U) \
  X(V_DEPTH, SYSTOLE_REG_V_DEPTH, 0U, 32U) \
  X(VEC_PARAM_DEPTH, SYSTOLE_REG_VEC_PARAM_DEPTH, 0U, 32U) \
  X(TIMETABLE_DEPTH, SYSTOLE_REG_TIMETABLE_DEPTH, 0U, 32U) \
  X(DESC_DEPTH, SYSTOLE_REG_DESC_DEPTH, 0U, 32U)

/* Numbers of the named configurations, and of all others. */
#define SYSTOLE_CONFIG_TINY 0U
#define SYSTOLE_CONFIG_SMALL 1U
#define SYSTOLE_CONFIG_WIDE 2U
#define SYSTOLE_CONFIG_BASE 3U
#define SYSTOLE_CONFIG_LARGE 4U
#define SYSTOLE_CONFIG_NANO 5U
#define SYSTOLE_CONFIG_SLIM 6U
#define SYSTOLE_CONFIG_OWN 255U

/* Images (docs/isa.md): little endian. Words of the header; sections behind it, in order, and bytes of a unit of each. */
#define SYSTOLE_IMAGE_MAGIC 0U
#define SYSTOLE_IMAGE_VERSION 1U
#define SYSTOLE_IMAGE_FINGERPRINT 2U
#define SYSTOLE_IMAGE_MACHINE 3U
#define SYSTOLE_IMAGE_IN_BYTES 4U
#define SYSTOLE_IMAGE_OUT_BYTES 5U
#define SYSTOLE_IMAGE_TIMETABLE 6U
#define SYSTOLE_IMAGE_DESCRIPTORS 7U
#define SYSTOLE_IMAGE_PARAMETERS 8U
#define SYSTOLE_IMAGE_LUTS 9U
#define SYSTOLE_IMAGE_WEIGHTS 10U
#define SYSTOLE_IMAGE_TAPS 11U
#define SYSTOLE_IMAGE_VECTOR 12U
#define SYSTOLE_IMAGE_METADATA 13U
#define SYSTOLE_IMAGE_HEADER_WORDS 14U
#define SYSTOLE_IMAGE_TIMETABLE_BYTES 8U
#define SYSTOLE_IMAGE_DESCRIPTORS_BYTES 16U
#define SYSTOLE_IMAGE_PARAMETERS_BYTES 8U
#define SYSTOLE_IMAGE_LUTS_BYTES 256U
#define SYSTOLE_IMAGE_WEIGHTS_BYTES 1U
#define SYSTOLE_IMAGE_TAPS_BYTES 8U
#define SYSTOLE_IMAGE_VECTOR_BYTES 8U
#define SYSTOLE_IMAGE_METADATA_BYTES 1U
#define SYSTOLE_IMAGE_MAGIC_VALUE 0x49535953U /* SYSI */
#define SYSTOLE_IMAGE_VERSION_VALUE 4U

/* RRAM (docs/rram.md). */
#define SYSTOLE_RRAM_KEY_1 0x52534554U /* the two keys of RRAM_UNLOCK */
#define SYSTOLE_RRAM_KEY_2 0x4f50454eU
#define SYSTOLE_RRAM_RECORD_MAGIC 0x52535953U
#define SYSTOLE_RRAM_RECORDS 8U /* places for records */
#define SYSTOLE_RRAM_RECORD_WORDS 16U /* words of a record */

#endif
