// SPDX-License-Identifier: Apache-2.0
// Timetable, descriptor memory and the one comparator. A row acts in the cycle it names: its
// descriptor's words leave on desc_* from the second cycle behind it on, one a cycle, through a
// register behind the memory, and start_o rises one cycle after the last, so that the unit steps
// first in row cycle + words + 3. END raises done_o in its cycle. WAIT stops the timetable's clock,
// not the run's, for a multiple of lenc_i. arm_i, two cycles before launch; next_i with done_o: launch
// the next run in the cycle after it. A run begins in row entry_i, which stands still from two
// cycles before arm_i and three before next_i on. Reset stops it; the memories keep their content.
`default_nettype none
`include "systole_isa.vh"
`include "systole_check.vh"

module systole_sequencer #(
    parameter TIMETABLE_DEPTH = 512,  // rows
    parameter DESC_DEPTH      = 512,  // 128-bit words
    parameter LENGTHS         = 0,    // 1: there are WAIT rows
    parameter TW              = $clog2(TIMETABLE_DEPTH),
    parameter DW              = $clog2(DESC_DEPTH)
) (
    input  wire          clk_i,
    input  wire          rst_i,
    // upload, while no run is on: 64 bits at a time, low half of a descriptor first
    input  wire          row_we_i,      // half a row of the timetable, 64 bits, is written
    input  wire          desc_we_i,     // half a word of a descriptor, 64 bits, is written
    input  wire [  DW:0] waddr_i,       // row, or half descriptor word
    input  wire [  63:0] wdata_i,       // 64 bits of a row or of half a word
    // run control
    input  wire          arm_i,         // a run is armed: cycle 0 is two cycles later
    input  wire          next_i,        // the next run follows in the cycle behind END
    input  wire [  13:0] lenc_i,        // more iterations of loops with len
    input  wire [TW-1:0] entry_i,       // row in which a run begins
    output wire          done_o,        // END: the last cycle of a run
    output wire [  31:0] cycle_o,       // cycle of the run
    output wire [TW-1:0] row_o,         // row of the timetable that is next
    // to the units
    output wire          desc_valid_o,  // a word of an instruction
    output wire [   3:0] desc_unit_o,   // the unit that it is for
    output wire [   3:0] desc_index_o,  // 0: header
    output wire [ 127:0] desc_word_o,   // the word
    output wire [   8:0] start_o        // by unit code
);

  localparam ST_IDLE = 2'd0;
  localparam ST_ARM = 2'd1;
  localparam ST_RUN = 2'd2;

  reg  [   1:0] state_q;
  reg  [  31:0] cycle_q;
  reg  [  31:0] next_cycle_q;                 // of the timetable's clock
  reg  [TW-1:0] pc_q;
  reg  [  55:0] row_q;
  reg           match_q;

  wire [  63:0] row_raw;
  wire          running = state_q == ST_RUN;
  wire          is_end = row_q[`SYSTOLE_ROW_UNIT] == `SYSTOLE_UNIT_END;
  wire          is_wait = LENGTHS != 0 && row_q[`SYSTOLE_ROW_UNIT] == `SYSTOLE_UNIT_WAIT;
  wire          act = running && match_q;
  wire          done = act && is_end;

  // While END waits, the first row is fetched again: the next run may launch right behind it.
  wire [TW-1:0] first_row = LENGTHS != 0 ? entry_i : {TW{1'b0}};
  wire [TW-1:0] second_row = first_row + 1'b1;
  wire [TW-1:0] row_addr = !(is_end && running) ? pc_q : done ? second_row : first_row;

  systole_ram #(
      .WIDTH(64),
      .DEPTH(TIMETABLE_DEPTH)
  ) u_timetable (
      .clk_i  (clk_i),
      .we_i   (row_we_i),
      .waddr_i(waddr_i[TW-1:0]),
      .wdata_i(wdata_i),
      .re_i   (1'b1),
      .raddr_i(row_addr),
      .rdata_o(row_raw)
  );

  // WAIT: lenc_i times as many cycles as its row says.
  wire stands;
  generate
    if (LENGTHS != 0) begin : g_wait
      reg [13:0] times_q;
      reg [15:0] each_q, left_in_q;
      wire       over = left_in_q == 16'd0;
      always @(posedge clk_i)
        if (rst_i) times_q <= 14'd0;
        else if (act && is_wait) times_q <= row_q[`SYSTOLE_ROW_DESC] == 16'd0 ? 14'd0 : lenc_i;
        else if (stands && over) times_q <= times_q - 14'd1;
      always @(posedge clk_i)
        if (act) {each_q, left_in_q} <= {2{row_q[`SYSTOLE_ROW_DESC] - 16'd1}};
        else if (stands) left_in_q <= over ? each_q : left_in_q - 16'd1;
      assign stands = times_q != 14'd0;
    end else begin : g_no_wait
      assign stands = 1'b0;
      wire unused = &{lenc_i, entry_i};
    end
  endgenerate

  wire go = state_q == ST_ARM || (done && next_i);  // the next cycle is cycle 0
  wire load_row = act || state_q == ST_IDLE;

  always @(posedge clk_i)
    if (rst_i) begin
      state_q      <= ST_IDLE;
      pc_q         <= {TW{1'b0}};
      cycle_q      <= 32'd0;
      next_cycle_q <= 32'd0;
      match_q      <= 1'b0;
    end else begin
      case (state_q)
        ST_IDLE: if (arm_i) state_q <= ST_ARM;
        ST_ARM:  state_q <= ST_RUN;
        default: if (done && !next_i) state_q <= ST_IDLE;
      endcase
      if (state_q == ST_IDLE) pc_q <= arm_i ? second_row : first_row;
      else if (done) pc_q <= next_i ? second_row : first_row;
      else if (act) pc_q <= pc_q + 1'b1;
      cycle_q      <= go ? 32'd0 : LENGTHS != 0 ? cycle_q + 32'd1 : next_cycle_q;
      next_cycle_q <= go ? 32'd1 : stands ? next_cycle_q : next_cycle_q + 32'd1;
      if (done) match_q <= next_i && first_q;
      else if (go) match_q <= row_q[`SYSTOLE_ROW_CYCLE] == 32'd0;
      else match_q <= running && !act && !stands && row_q[`SYSTOLE_ROW_CYCLE] == next_cycle_q;
    end

  // The first row is in cycle 0: found out before the run, for those that launch behind it. It is so in all programs
  // of an image or in none.
  reg first_q;
  always @(posedge clk_i) if (state_q == ST_ARM) first_q <= row_q[`SYSTOLE_ROW_CYCLE] == 32'd0;

  always @(posedge clk_i) if (load_row) row_q <= row_raw[55:0];

  // Fetch: one descriptor word a cycle. *_q: what stands at the memory's output; desc_*_q: a cycle
  // later, for the wires to the units, which are long, and a block RAM slow.
  reg  [DW-1:0] fetch_addr_q;
  reg  [   3:0] left_q;
  reg  [   3:0] unit_q;
  reg  [   3:0] index_q;
  reg           word_q;
  reg           last_q;
  reg  [   3:0] desc_unit_q;
  reg  [   3:0] desc_index_q;
  reg  [ 127:0] desc_word_q;
  reg           desc_valid_q;
  reg           desc_last_q;
  reg  [   8:0] start_q;

  wire [ 127:0] word;

  wire          begin_fetch = act && !is_end && !is_wait;
  wire          fetch = begin_fetch || left_q != 4'd0;
  wire [DW-1:0] fetch_addr = begin_fetch ? row_q[`SYSTOLE_ROW_DESC_LSB+:DW] : fetch_addr_q;

  systole_ram #(
      .WIDTH(64),
      .DEPTH(DESC_DEPTH)
  ) u_desc_low (
      .clk_i  (clk_i),
      .we_i   (desc_we_i && !waddr_i[0]),
      .waddr_i(waddr_i[DW:1]),
      .wdata_i(wdata_i),
      .re_i   (fetch),
      .raddr_i(fetch_addr),
      .rdata_o(word[63:0])
  );

  systole_ram #(
      .WIDTH(64),
      .DEPTH(DESC_DEPTH)
  ) u_desc_high (
      .clk_i  (clk_i),
      .we_i   (desc_we_i && waddr_i[0]),
      .waddr_i(waddr_i[DW:1]),
      .wdata_i(wdata_i),
      .re_i   (fetch),
      .raddr_i(fetch_addr),
      .rdata_o(word[127:64])
  );

  always @(posedge clk_i)
    if (rst_i) begin
      left_q       <= 4'd0;
      word_q       <= 1'b0;
      last_q       <= 1'b0;
      desc_valid_q <= 1'b0;
      desc_last_q  <= 1'b0;
      start_q      <= 9'd0;
    end else begin
      left_q       <= begin_fetch ? row_q[`SYSTOLE_ROW_WORDS] - 4'd1 : left_q - {3'd0, left_q != 4'd0};
      word_q       <= fetch;
      last_q       <= begin_fetch ? row_q[`SYSTOLE_ROW_WORDS] == 4'd1 : left_q == 4'd1;
      desc_valid_q <= word_q;
      desc_last_q  <= last_q;
      start_q      <= desc_last_q ? 9'd1 << desc_unit_q : 9'd0;
    end

  always @(posedge clk_i) begin
    fetch_addr_q <= fetch_addr + 1'b1;
    index_q      <= begin_fetch ? 4'd0 : index_q + 4'd1;
    if (begin_fetch) unit_q <= row_q[`SYSTOLE_ROW_UNIT];
    desc_unit_q  <= unit_q;
    desc_index_q <= index_q;
    desc_word_q  <= word;
  end

  assign done_o       = done;
  assign cycle_o      = cycle_q;
  assign row_o        = pc_q;
  assign desc_valid_o = desc_valid_q;
  assign desc_unit_o  = desc_unit_q;
  assign desc_index_o = desc_index_q;
  assign desc_word_o  = desc_word_q;
  assign start_o      = start_q;

  `SYSTOLE_ASSERT(check_fetch_idle, !(begin_fetch && left_q != 4'd0))
  `SYSTOLE_ASSERT(check_known_unit, !(begin_fetch && (row_q[`SYSTOLE_ROW_UNIT] > (LENGTHS != 0 ? `SYSTOLE_UNIT_SCALAR : `SYSTOLE_UNIT_LANE))))

  `SYSTOLE_COVER_STATES(cover_state, state_q, 2)

`ifdef SYSTOLE_WAVES
  // The state by its name, for waves alone (docs/waves.md): SystemVerilog, which nothing else reads.
  generate
    if (1) begin : waves
      typedef enum logic [1:0] {
        IDLE = ST_IDLE, ARM = ST_ARM, RUN = ST_RUN
      } state_name_t;
      state_name_t state_name;
      assign state_name = state_name_t'(state_q);

      // .. and the unit that the next row is for.
      typedef enum logic [3:0] {
        END = `SYSTOLE_UNIT_END, MATMUL = `SYSTOLE_UNIT_MATMUL, POST = `SYSTOLE_UNIT_POST, LOAD = `SYSTOLE_UNIT_LOAD,
        STORE = `SYSTOLE_UNIT_STORE, SCRUB = `SYSTOLE_UNIT_SCRUB, LANE = `SYSTOLE_UNIT_LANE, VECTOR = `SYSTOLE_UNIT_VECTOR,
        SCALAR = `SYSTOLE_UNIT_SCALAR, WAIT = `SYSTOLE_UNIT_WAIT
      } unit_name_t;
      unit_name_t row_unit_name;
      assign row_unit_name = unit_name_t'(row_q[`SYSTOLE_ROW_UNIT]);
    end
  endgenerate
`endif

`ifdef SYSTOLE_PROOF
  `include "systole_sequencer.vh"
`endif

endmodule

`default_nettype wire
