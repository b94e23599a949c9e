// SPDX-License-Identifier: Apache-2.0
// Programs one line: words are loaded into the banks (load_*), start_i names their line. It reads at the
// verify references, pulses the bits that differ in all loaded banks at once, and again, RETRIES times. A
// line that does not take its words is retired to a spare; one that is worn THRESHOLD writes more than the
// least worn of its slot changes places with it (docs/rram.md). Both only with move_i, and only with lines of
// its class: those of one class lie in one way, or the other way where turn_i exchanged them. done_o ends it,
// failed_o says that the line is not as it should be, or that its entry names a place outside of its slot, where nothing
// is pulsed. Reset stops it and forgets what was loaded.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_rram_program #(
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
    // words of the line
    input  wire                    load_i,         // takes a word
    input  wire [          LW-1:0] load_row_i,     // its row
    input  wire [          RW-1:0] load_line_i,    // its logical line
    input  wire [      COLS*8-1:0] load_data_i,    // the word
    input  wire [      COLS*8-1:0] flip_i,         // bits to store wrong, for tests of what follows
    input  wire                    forget_i,       // they are not for programming
    // the job
    input  wire                    start_i,        // programs the line
    input  wire [          RW-1:0] line_i,         // its logical line
    input  wire                    move_i,         // it may be retired or change places
    output wire                    busy_o,         // it is at work
    output wire                    done_o,         // it has ended, for a cycle
    output wire                    failed_o,       // the line is not as it should be
    // spares used by class 0 and 1, from the record of a slot
    input  wire                    used_we_i,      // the numbers are set
    input  wire                    used_slot_i,    // of this slot
    input  wire [            15:0] used_i,         // class 1 in the upper half
    input  wire [             1:0] used_hot_i,     // {valid, the class for whose sake the slot turned last}
    output wire [            31:0] used_o,         // slot 1 in the upper half
    // the classes of a slot changed places; {hot, it wants to} of slot 1 and 0
    input  wire                    turn_i,         // they did
    input  wire                    turn_slot_i,    // .. in this slot
    output wire [             5:0] turn_want_o,    // what the slots want
    // walker
    output wire                    walk_start_o,   // a walk over one line begins
    output wire [          RW-1:0] walk_line_o,    // the line
    output wire [             2:0] walk_ref_o,     // read reference: SYSTOLE_REF_*
    output wire                    walk_raw_o,     // the line is a physical one
    input  wire                    walk_valid_i,   // a word comes
    input  wire [          LW-1:0] walk_row_i,     // its row
    input  wire [      COLS*8-1:0] walk_word_i,    // the word
    input  wire                    walk_done_i,    // it is the last
    // line table
    output wire [          RW-1:0] look_o,         // entry that is looked at
    input  wire [          RW-1:0] look_line_i,    // physical line of the entry that is looked at
    input  wire [            15:0] look_wear_i,    // its wear
    output wire                    table_we_o,     // an entry of the line table is written
    output wire [          RW-1:0] table_addr_o,   // its logical line
    output wire [          RW-1:0] table_line_o,   // its physical line
    output wire [            15:0] table_wear_o,   // its wear
    // banks
    output wire [        ROWS-1:0] prog_load_o,    // the bank takes the word that is to be programmed
    output wire [COLS*8+CHECK-1:0] prog_data_o,    // that word, {check bits, data}
    input  wire [        ROWS-1:0] need_set_i,     // bits that should read 1 read 0
    input  wire [        ROWS-1:0] need_reset_i,   // bits that should read 0 read 1
    output wire [        ROWS-1:0] pulse_o,        // begins a pulse
    output wire                    pulse_reset_o,  // 0: SET to 1, 1: RESET to 0
    output wire [             3:0] pulse_level_o,  // number of the pulse in its ladder
    output wire [          RW-1:0] pulse_addr_o,   // its physical line
    output wire [          BW-1:0] pulse_beat_o,   // its sub-word
    input  wire                    pulsing_i,      // a pulse is on
    // events, for a cycle each
    output wire                    retried_o,      // a round of pulses more
    output wire                    retired_o,      // a line was given up for a spare
    output wire                    swapped_o,      // two lines changed places
    output wire [            15:0] max_wear_o      // largest wear of a line so far
);

  localparam SLOT_LINES = `SYSTOLE_RRAM_SLOT_LINES(RRAM_DEPTH, ROWS, COLS);
  localparam SPARES = `SYSTOLE_RRAM_SPARES(RRAM_DEPTH);
  localparam [3:0] RETRIES = `SYSTOLE_RRAM_RETRIES;
  localparam [15:0] THRESHOLD = `SYSTOLE_RRAM_WEAR_THRESHOLD;
  localparam [15:0] TURN = `SYSTOLE_RRAM_TURN_THRESHOLD;
  localparam CLASSES = RRAM_WAYS > WEIGHT_BEATS ? 2 : 1;
  localparam [31:0] LAST_BEAT = WEIGHT_BEATS - 1;
  localparam [31:0] LAST_ROW = ROWS - 1;

  localparam ST_IDLE = 4'd0;
  localparam ST_LOOK = 4'd1;    // the line's entry
  localparam ST_READ = 4'd2;    // at a verify reference
  localparam ST_JUDGE = 4'd3;
  localparam ST_PULSE = 4'd4;
  localparam ST_WAIT = 4'd5;
  localparam ST_FAIL = 4'd6;
  localparam ST_FILL = 4'd7;    // words that were not loaded, from the line itself
  localparam ST_SPARE = 4'd8;
  localparam ST_RETIRE = 4'd9;  // exchange entries
  localparam ST_SCAN = 4'd10;   // least worn line of the slot
  localparam ST_KEEP = 4'd11;   // its words into the buffer
  localparam ST_SWAP = 4'd12;
  localparam ST_REST = 4'd13;   // its words to their new place
  localparam ST_DONE = 4'd14;

  reg [3:0] state_q, next;
  reg [3:0] wait_q;             // cycles in a state, saturating
  wire      first = wait_q == 4'd0;

  reg [RW-1:0] swapped_q;       // whose kept words follow
  reg [RW-1:0] line_q, phys_q, other_q, other_phys_q, scan_q, best_q, best_phys_q;
  reg [15:0] wear_q, other_wear_q, best_wear_q, max_wear_q;
  reg [ROWS-1:0] loaded_q;
  reg move_q, reset_ref_q, pulsed_q, round_pulsed_q, failed_q, retiring_q, swapping_q, resting_q, half_q;
  reg [3:0] level_q;
  reg [BW-1:0] beat_q;
  reg [63:0] floor_q;           // least wear known, of {slot, class}
  reg [31:0] used_q;
  reg [15:0] cold_wear_q;       // least of the other class
  reg [1:0] want_q;
  reg [3:0] hot_q;

  wire slot = line_q[RW-1];
  wire way_class = CLASSES == 2 && line_q[0];
  wire [1:0] which = {slot, way_class};
  wire [7:0] used = used_q[which*8+:8];
  wire [15:0] floor = floor_q[which*16+:16];
  wire anew = used_we_i ? used_slot_i : turn_slot_i;
  wire [31:0] class_32 = {31'd0, way_class};
  // A line of a slot lies in the slot: whatever became of its entry, no other image, copy or record is written.
  wire lawful = look_line_i[RW-1] == slot && {{33 - RW{1'b0}}, look_line_i[RW-2:0]} < SLOT_LINES;
  wire [RW-1:0] slot_base = {slot, {RW - 1{1'b0}}};
  wire [31:0] in_slot = {{33 - RW{1'b0}}, line_q[RW-2:0]};
  wire managed = in_slot < SLOT_LINES;
  wire [31:0] used_lines = CLASSES == 2 ? {23'd0, used, 1'b0} : {24'd0, used};
  // Known long before they are needed.
  reg [31:0] spare_index, scan_end;
  reg any_spare;
  always @(posedge clk_i) begin
    spare_index <= SLOT_LINES - CLASSES - used_lines + class_32;
    scan_end    <= SLOT_LINES - used_lines + 32'd3;
    any_spare   <= used_lines < SPARES;
  end
  wire [ROWS-1:0] need = (reset_ref_q ? need_reset_i : need_set_i) & loaded_q;
  wire needed = need != {ROWS{1'b0}};
  wire worn = look_wear_i >= floor + THRESHOLD;
  wire looked = wait_q == 4'd4;
  // The scan asks for an entry a cycle; they come 3 cycles later. Spares that are used are not looked at.
  wire scanned = half_q && scan_q[RW-2:0] == scan_end[RW-2:0];
  wire [RW-1:0] scan_entry = scan_q - {{RW - 2{1'b0}}, 2'd3};
  wire scan_mine = CLASSES == 1 || scan_entry[0] == line_q[0];
  wire scan_image = {{33 - RW{1'b0}}, scan_entry[RW-2:0]} < SLOT_LINES - SPARES;
  wire [15:0] gain = wear_q - best_wear_q;

  always @* begin
    next = state_q;
    case (state_q)
      ST_IDLE:   if (start_i) next = ST_LOOK;
      ST_LOOK:   if (looked) next = managed && !lawful ? ST_DONE : managed && move_q && worn && !resting_q && !retiring_q ? ST_SCAN : ST_READ;
      ST_READ:   if (walk_done_i) next = ST_JUDGE;
      ST_JUDGE:
      if (wait_q == 4'd2) begin
        if (needed) next = level_q == RETRIES ? ST_FAIL : ST_PULSE;
        else if (!reset_ref_q || round_pulsed_q) next = ST_READ;
        else next = ST_DONE;
      end
      ST_PULSE:  next = ST_WAIT;
      ST_WAIT:   if (wait_q >= 4'd2 && !pulsing_i) next = beat_q == LAST_BEAT[BW-1:0] ? ST_READ : ST_PULSE;
      ST_FAIL:   next = managed && move_q && any_spare ? ST_FILL : ST_DONE;
      ST_FILL:   if (walk_done_i) next = retiring_q ? ST_SPARE : ST_KEEP;
      ST_SPARE:  if (looked) next = lawful ? ST_RETIRE : ST_DONE;
      ST_RETIRE: if (!first) next = ST_READ;
      ST_SCAN:   if (scanned) next = gain >= THRESHOLD && wear_q > best_wear_q ? ST_FILL : ST_READ;
      ST_KEEP:   if (walk_done_i) next = ST_SWAP;
      ST_SWAP:   if (!first) next = ST_READ;
      ST_REST:   if (wait_q == 4'd3 && rest_row_q == LAST_ROW[LW-1:0]) next = ST_LOOK;
      default:   next = swapping_q ? ST_REST : ST_IDLE;
    endcase
  end

  // The kept words leave their buffer one every 4 cycles.
  reg [LW-1:0] rest_row_q;
  wire [COLS*8-1:0] kept;
  systole_ram #(
      .WIDTH(COLS * 8),
      .DEPTH(ROWS)
  ) u_keep (
      .clk_i  (clk_i),
      .we_i   (state_q == ST_KEEP && walk_valid_i),
      .waddr_i(walk_row_i),
      .wdata_i(walk_word_i),
      .re_i   (1'b1),
      .raddr_i(rest_row_q),
      .rdata_o(kept)
  );
  wire rest_load = state_q == ST_REST && wait_q == 4'd2;

  always @(posedge clk_i)
    if (rst_i) begin
      state_q  <= ST_IDLE;
      wait_q   <= 4'd0;
      loaded_q <= {ROWS{1'b0}};
      used_q   <= 32'd0;
      floor_q  <= 64'd0;
      want_q   <= 2'd0;
      hot_q    <= 4'd0;
      max_wear_q <= 16'd0;
    end else begin
      state_q <= next;
      wait_q  <= next != state_q || (state_q == ST_REST && wait_q == 4'd3) ? 4'd0 : wait_q + {3'd0, wait_q != 4'd15};
      if (load) loaded_q[load_row] <= 1'b1;
      else if (state_q == ST_DONE || forget_i) loaded_q <= {ROWS{1'b0}};
      if (used_we_i) used_q[used_slot_i*16+:16] <= used_i;
      else if (turn_i) used_q[turn_slot_i*16+:16] <= {used_q[turn_slot_i*16+:8], used_q[turn_slot_i*16+8+:8]};
      else if (state_q == ST_RETIRE && first) used_q[which*8+:8] <= used + 8'd1;
      if (used_we_i) hot_q[used_slot_i*2+:2] <= used_hot_i;
      if (used_we_i || turn_i) begin
        floor_q[anew*32+:32] <= 32'd0;
        want_q[anew]         <= 1'b0;
      end else if (state_q == ST_SCAN && scanned) begin
        floor_q[which*16+:16] <= best_wear_q;
        if (CLASSES == 2 && best_wear_q >= cold_wear_q + (hot_q[slot*2+:2] == {1'b1, !way_class} ? 16'd3 * TURN : TURN)) begin
          want_q[slot]      <= 1'b1;
          hot_q[slot*2+:2]  <= {1'b1, way_class};
        end
      end
      if (state_q == ST_DONE && pulsed_q && managed && wear_next > max_wear_q) max_wear_q <= wear_next;
    end

  wire [15:0] wear_next = wear_q + {15'd0, wear_q != 16'hffff};
  wire scan_valid = state_q == ST_SCAN && wait_q >= 4'd3;
  always @(posedge clk_i) begin
    if (start_i && state_q == ST_IDLE) begin
      line_q     <= line_i;
      move_q     <= move_i;
      failed_q   <= 1'b0;
      pulsed_q   <= 1'b0;
      retiring_q <= 1'b0;
      swapping_q <= 1'b0;
      resting_q  <= 1'b0;
      level_q    <= 4'd0;
      reset_ref_q <= 1'b0;
      round_pulsed_q <= 1'b0;
    end
    case (state_q)
      ST_LOOK:
      if (looked) begin
        phys_q <= managed ? look_line_i : line_q;
        wear_q <= look_wear_i;
        scan_q <= slot_base;
        half_q <= 1'b0;
        if (managed && !lawful) failed_q <= 1'b1;
      end
      ST_JUDGE:
      if (wait_q == 4'd2) begin
        beat_q <= {BW{1'b0}};
        if (!needed) begin
          reset_ref_q <= !reset_ref_q;
          if (reset_ref_q) begin
            round_pulsed_q <= 1'b0;
            if (round_pulsed_q) level_q <= level_q + 4'd1;
          end
        end
      end
      ST_PULSE: {pulsed_q, round_pulsed_q} <= 2'b11;
      ST_WAIT:
      if (next == ST_READ) begin
        reset_ref_q <= !reset_ref_q;
        if (reset_ref_q) begin
          round_pulsed_q <= 1'b0;
          level_q        <= level_q + 4'd1;
        end
      end else if (next == ST_PULSE) beat_q <= beat_q + 1'b1;
      ST_FAIL: begin
        retiring_q <= 1'b1;
        failed_q   <= next == ST_DONE;
      end
      ST_SPARE:
      if (looked) begin
        failed_q     <= !lawful;
        other_q      <= {slot, spare_index[RW-2:0]};
        other_phys_q <= look_line_i;
        other_wear_q <= look_wear_i;
      end
      ST_SCAN: begin
        if (!scanned) scan_q <= scan_q + 1'b1;
        if (first) {best_q, best_wear_q, cold_wear_q} <= {line_q, 32'hffffffff};
        else if (scan_valid && !scanned) begin
          half_q <= 1'b1;
          if (scan_mine && lawful && look_wear_i < best_wear_q) {best_q, best_phys_q, best_wear_q} <= {scan_entry, look_line_i, look_wear_i};
          if (!scan_mine && scan_image && look_wear_i < cold_wear_q) cold_wear_q <= look_wear_i;
        end
        if (scanned && next == ST_FILL) begin
          swapping_q   <= 1'b1;
          swapped_q    <= best_q;
          other_q      <= best_q;
          other_phys_q <= best_phys_q;
          other_wear_q <= best_wear_q;
        end
      end
      ST_RETIRE, ST_SWAP:
      if (!first) begin
        phys_q         <= other_phys_q;
        wear_q         <= other_wear_q;
        level_q        <= 4'd0;
        reset_ref_q    <= 1'b0;
        round_pulsed_q <= 1'b0;
        retiring_q     <= 1'b0;
        rest_row_q     <= {LW{1'b0}};
      end
      ST_REST: if (wait_q == 4'd3) rest_row_q <= rest_row_q + 1'b1;
      ST_DONE: begin
        // The other line of a swap follows with the words that were kept.
        swapping_q     <= 1'b0;
        resting_q      <= swapping_q;
        if (swapping_q) line_q <= swapped_q;
        pulsed_q       <= 1'b0;
        level_q        <= 4'd0;
        reset_ref_q    <= 1'b0;
        round_pulsed_q <= 1'b0;
        rest_row_q     <= {LW{1'b0}};
      end
      default: ;
    endcase
  end

  // Words into the banks, with their check bits.
  wire fill = state_q == ST_FILL && walk_valid_i && !loaded_q[walk_row_i];
  wire load = load_i || fill || rest_load;
  wire [LW-1:0] load_row = fill ? walk_row_i : rest_load ? rest_row_q : load_row_i;
  reg [ROWS-1:0] prog_load_q;
  reg [COLS*8-1:0] prog_word_q, flip_q;
  reg [RW-1:0] prog_line_q;
  always @(posedge clk_i)
    if (rst_i) prog_load_q <= {ROWS{1'b0}};
    else prog_load_q <= load ? {{ROWS - 1{1'b0}}, 1'b1} << load_row : {ROWS{1'b0}};
  always @(posedge clk_i) begin
    prog_word_q <= fill ? walk_word_i : rest_load ? kept : load_data_i;
    prog_line_q <= load_i ? load_line_i : line_q;
    flip_q      <= flip_i;
  end
  wire [CHECK-1:0] check;
  systole_ecc_encode #(
      .ECC  (ECC),
      .COLS (COLS),
      .CHECK(CHECK),
      .AW   (RW)
  ) u_encode (
      .data_i (prog_word_q),
      .line_i (prog_line_q),
      .check_o(check)
  );

  assign prog_load_o   = prog_load_q;
  assign prog_data_o   = {check, prog_word_q ^ flip_q};
  assign busy_o        = state_q != ST_IDLE;
  assign done_o        = state_q == ST_DONE && !swapping_q;
  assign failed_o      = failed_q;
  assign used_o        = used_q;
  assign turn_want_o   = {hot_q[3:2], want_q[1], hot_q[1:0], want_q[0]};
  assign walk_start_o  = first && (state_q == ST_READ || state_q == ST_FILL || state_q == ST_KEEP);
  assign walk_line_o   = state_q == ST_KEEP ? other_q : line_q;
  assign walk_ref_o    = state_q != ST_READ ? `SYSTOLE_REF_NORMAL : reset_ref_q ? `SYSTOLE_REF_VERIFY_0 : `SYSTOLE_REF_VERIFY_1;
  assign walk_raw_o    = !managed;
  assign look_o        = state_q == ST_SCAN ? scan_q : state_q == ST_SPARE ? {slot, spare_index[RW-2:0]} : line_q;
  assign pulse_o       = state_q == ST_PULSE ? need : {ROWS{1'b0}};
  assign pulse_reset_o = reset_ref_q;
  assign pulse_level_o = level_q;
  assign pulse_addr_o  = phys_q;
  assign pulse_beat_o  = beat_q;
  assign retried_o     = state_q == ST_PULSE && beat_q == {BW{1'b0}} && level_q != 4'd0;
  assign retired_o     = state_q == ST_RETIRE && first;
  assign swapped_o     = state_q == ST_SWAP && first;
  assign max_wear_o    = max_wear_q;

  // Retiring and swapping exchange two entries: the line's in the first cycle, the other's in the second.
  wire exchange = state_q == ST_RETIRE || state_q == ST_SWAP;
  assign table_we_o   = exchange || (state_q == ST_DONE && pulsed_q && managed);
  assign table_addr_o = exchange && !first ? other_q : line_q;
  assign table_line_o = exchange && first ? other_phys_q : phys_q;
  assign table_wear_o = !exchange ? wear_next : first ? other_wear_q : wear_q;

`ifdef SYSTOLE_PROOF
  `include "systole_rram_program.vh"
`else
  `SYSTOLE_ASSERT(check_between_lines, !((used_we_i || turn_i) && state_q != ST_IDLE))
`endif

  `SYSTOLE_COVER_STATES(cover_state, state_q, 4)

`ifdef SYSTOLE_WAVES
  // The state by its name, for waves alone (docs/waves.md): SystemVerilog, which nothing else reads.
  generate
    if (1) begin : waves
      typedef enum logic [3:0] {
        IDLE = ST_IDLE, LOOK = ST_LOOK, READ = ST_READ, JUDGE = ST_JUDGE, PULSE = ST_PULSE, WAIT = ST_WAIT,
        FAIL = ST_FAIL, FILL = ST_FILL, SPARE = ST_SPARE, RETIRE = ST_RETIRE, SCAN = ST_SCAN, KEEP = ST_KEEP,
        SWAP = ST_SWAP, REST = ST_REST, DONE = ST_DONE
      } state_name_t;
      state_name_t state_name;
      assign state_name = state_name_t'(state_q);
    end
  endgenerate
`endif

endmodule

`default_nettype wire
