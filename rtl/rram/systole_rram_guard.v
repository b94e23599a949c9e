// SPDX-License-Identifier: Apache-2.0
// Keys, locks and books of the RRAM: programming needs the two keys (or a job of the controller's own) and
// no lock; each is kept twice, and the macros want both. Counts what happened and keeps the first and the
// last wrong word. Reset forbids programming, opens the locks and clears the counters.
`default_nettype none
`include "systole_isa.vh"

module systole_rram_guard #(
    parameter ROWS = 8,
    parameter COLS = 8,
    parameter RW   = 11,
    parameter SP   = 32                        // spares of a slot
) (
    input  wire                 clk_i,
    input  wire                 rst_i,
    // registers
    input  wire                 unlock_we_i,      // RRAM_UNLOCK is written
    input  wire                 lock_we_i,        // RRAM_LOCK is written
    input  wire                 inject_we_i,      // RRAM_INJECT is written
    input  wire                 clear_i,          // error log and poison
    input  wire [         31:0] wdata_i,          // what is written
    output wire [          2:0] state_o,          // injection locked, locked, unlocked
    output wire [         31:0] inject_o,         // RRAM_INJECT
    output wire [   COLS*8-1:0] flip_o,           // bits that are stored wrong
    output wire [         31:0] corrected_o,      // words that were corrected
    output wire [         31:0] uncorrectable_o,  // words beyond correction
    output wire [         31:0] first_o,          // the first of them
    output wire [         31:0] last_o,           // the last of them
    output wire [         31:0] pulses_o,         // pulses given
    output wire [         31:0] retries_o,        // rounds of pulses more
    output wire [         31:0] remaps_o,         // lines given up for spares
    output wire [         31:0] swaps_o,          // lines that changed places
    output wire [         31:0] spares_o,         // spares left
    // controller
    input  wire                 relock_i,         // the keys are to be given anew
    input  wire                 internal_i,       // a job of the controller's own: no keys
    output wire                 unlocked_o,       // both keys were given
    output wire                 locked_o,         // a lock is on
    output wire                 enable_a_o,       // one of two enables, without which no pulse is given
    output wire                 enable_b_o,       // the other one
    // events
    input  wire                 run_on_i,         // a run is on
    input  wire                 counted_i,        // reads that count, outside runs too
    input  wire [     ROWS-1:0] fresh_i,          // first cycle of a word that was read at the normal reference
    input  wire [     ROWS-1:0] corrected_i,      // errors were corrected in it
    input  wire [     ROWS-1:0] uncorrectable_i,  // it has more errors than can be corrected
    input  wire [  ROWS*RW-1:0] lines_i,          // logical lines of the words
    input  wire                 table_bad_i,      // an entry of the line table was beyond correction
    input  wire [     ROWS-1:0] pulse_i,          // begins a pulse
    input  wire                 retried_i,        // a round of pulses more
    input  wire                 retired_i,        // a line was given up for a spare
    input  wire                 swapped_i,        // two lines changed places
    input  wire [         31:0] used_i,           // spares used
    output wire                 poison_o,         // a run has used an uncorrectable word
    output wire                 poisoned_o        // for a cycle
);

  // Two of each, set together, so that no single flip-flop allows programming.
  (* keep *) reg arm_a_q, arm_b_q, lock_a_q, lock_b_q;
  reg inject_lock_q;
  reg [17:0] inject_q;
  wire key_1 = unlock_we_i && wdata_i == `SYSTOLE_RRAM_KEY_1;
  wire key_2 = unlock_we_i && wdata_i == `SYSTOLE_RRAM_KEY_2;
  always @(posedge clk_i)
    if (rst_i) begin
      {arm_a_q, arm_b_q, lock_a_q, lock_b_q, inject_lock_q} <= 5'd0;
      inject_q <= 18'd0;
    end else begin
      if (relock_i || (unlock_we_i && !key_1 && !key_2)) {arm_a_q, arm_b_q} <= 2'b00;
      else if (key_1) {arm_a_q, arm_b_q} <= 2'b10;
      else if (key_2) arm_b_q <= arm_a_q;
      if (lock_we_i && wdata_i[0]) {lock_a_q, lock_b_q} <= 2'b11;
      if (lock_we_i && wdata_i[1]) inject_lock_q <= 1'b1;
      if (inject_we_i && !inject_lock_q) inject_q <= wdata_i[17:0];
    end
  assign locked_o   = lock_a_q || lock_b_q;
  assign unlocked_o = arm_a_q && arm_b_q && !locked_o;
  assign enable_a_o = !lock_a_q && ((arm_a_q && arm_b_q) || internal_i);
  assign enable_b_o = !lock_b_q && ((arm_a_q && arm_b_q) || internal_i);
  assign state_o    = {inject_lock_q, locked_o, unlocked_o};
  assign inject_o   = {14'd0, inject_q};

  wire [COLS*8-1:0] one = {{COLS * 8 - 1{1'b0}}, 1'b1};
  assign flip_o = (inject_q[16] ? one << inject_q[7:0] : {COLS * 8{1'b0}}) ^
      (inject_q[17] ? one << inject_q[15:8] : {COLS * 8{1'b0}});

  // Wrong words, one stage behind the banks.
  reg  [ROWS-1:0] corrected_q, uncorrectable_q, pulse_q;
  reg  [ROWS*RW-1:0] lines_q;
  reg  on_q;
  always @(posedge clk_i)
    if (rst_i) {corrected_q, uncorrectable_q, pulse_q, on_q} <= {3 * ROWS + 1{1'b0}};
    else begin
      corrected_q     <= fresh_i & corrected_i & ~uncorrectable_i & {ROWS{run_on_i || counted_i}};
      uncorrectable_q <= fresh_i & uncorrectable_i & {ROWS{run_on_i || counted_i}};
      pulse_q         <= pulse_i;
      on_q            <= run_on_i;
    end
  always @(posedge clk_i) lines_q <= lines_i;

  function [31:0] ones(input [ROWS-1:0] bits);
    integer i;
    begin
      ones = 32'd0;
      for (i = 0; i < ROWS; i = i + 1) ones = ones + {31'd0, bits[i]};
    end
  endfunction

  // The lowest row with an error stands for its cycle.
  reg [31:0] where;
  integer r;
  always @* begin
    where = 32'd0;
    for (r = ROWS - 1; r >= 0; r = r - 1)
      if (corrected_q[r] || uncorrectable_q[r])
        where = {uncorrectable_q[r], corrected_q[r], 6'd0, r[7:0], {16 - RW{1'b0}}, lines_q[r*RW+:RW]};
  end

  reg [31:0] count_q, bad_q, first_q, last_q, pulses_q, retries_q, remaps_q, swaps_q;
  reg        poison_q;
  wire       poisoned = on_q && (uncorrectable_q != {ROWS{1'b0}} || table_bad_i);
  always @(posedge clk_i)
    if (rst_i) begin
      {count_q, bad_q, first_q, last_q}         <= 128'd0;
      {pulses_q, retries_q, remaps_q, swaps_q}  <= 128'd0;
      poison_q                                  <= 1'b0;
    end else begin
      count_q   <= count_q + ones(corrected_q);
      bad_q     <= bad_q + ones(uncorrectable_q) + {31'd0, table_bad_i};
      first_q   <= clear_i ? 32'd0 : first_q == 32'd0 ? where : first_q;
      last_q    <= clear_i ? 32'd0 : where != 32'd0 ? where : last_q;
      pulses_q  <= pulses_q + ones(pulse_q);
      retries_q <= retries_q + {31'd0, retried_i};
      remaps_q  <= remaps_q + {31'd0, retired_i};
      swaps_q   <= swaps_q + {31'd0, swapped_i};
      poison_q  <= poisoned || (poison_q && !clear_i);
    end

  localparam [31:0] SPARES_32 = SP;
  localparam [15:0] SPARES = SPARES_32[15:0];
  assign corrected_o     = count_q;
  assign uncorrectable_o = bad_q;
  assign first_o         = first_q;
  assign last_o          = last_q;
  assign pulses_o        = pulses_q;
  assign retries_o       = retries_q;
  assign remaps_o        = remaps_q;
  assign swaps_o         = swaps_q;
  assign spares_o        = {SPARES - {8'd0, used_i[31:24]} - {8'd0, used_i[23:16]}, SPARES - {8'd0, used_i[15:8]} - {8'd0, used_i[7:0]}};
  assign poison_o        = poison_q;
  assign poisoned_o      = poisoned && !poison_q;

`ifdef SYSTOLE_PROOF
  `include "systole_rram_guard.vh"
`endif

endmodule

`default_nettype wire
