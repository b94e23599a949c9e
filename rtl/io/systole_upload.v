// SPDX-License-Identifier: Apache-2.0
// The image stream: words of C bytes to timetable, descriptors, parameters, taps, lookup tables (64 bits
// at a time, address in units of 64 bits) or RRAM and its record (address in words of C bytes: row =
// address mod R, line = address / R). Lookup tables are followed by words of the vector unit. Refused while busy_i, and beyond the target's memory: the word is taken,
// dropped, and reported for a cycle. RRAM words wait for the RRAM controller. Reset forgets a partly received
// unit.
`default_nettype none
`include "systole_isa.vh"

module systole_upload #(
    parameter ROWS            = 8,
    parameter COLS            = 8,
    parameter RRAM_DEPTH      = 2048,
    parameter PARAM_DEPTH     = 128,
    parameter LUT_COUNT       = 2,
    parameter LANE_TAPS       = 0,
    parameter TAP_DEPTH       = 32,
    parameter VEC_LANES       = 0,
    parameter VEC_PARAM_DEPTH = 256,
    parameter TIMETABLE_DEPTH = 512,
    parameter DESC_DEPTH      = 512,
    parameter CW              = $clog2(COLS),
    parameter PW              = $clog2(PARAM_DEPTH),
    parameter TW              = $clog2(LUT_COUNT * 256),
    parameter TPW             = $clog2(4 * TAP_DEPTH),
    parameter UW              = $clog2(VEC_PARAM_DEPTH * COLS + 256),
    parameter DW              = $clog2(DESC_DEPTH)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    input  wire              busy_i,           // a run is pending or on
    // registers
    input  wire              set_target_i,     // UPLOAD_TARGET is written
    input  wire              set_address_i,    // UPLOAD_ADDRESS is written
    input  wire [      31:0] set_data_i,       // what is written
    output wire [       2:0] target_o,         // UPLOAD_TARGET
    output wire [      31:0] address_o,        // UPLOAD_ADDRESS
    output wire [      31:0] count_o,          // UPLOAD_COUNT
    output wire              partial_o,        // part of a unit has been received
    output wire              refused_busy_o,   // refused, a run is pending or on; for a cycle
    output wire              refused_range_o,  // refused, beyond the memory; for a cycle
    // AXI4-Stream
    input  wire              s_tvalid_i,       // a word is offered
    output wire              s_tready_o,       // it is taken
    input  wire [COLS*8-1:0] s_tdata_i,        // its bytes
    // memories
    output wire              row_we_o,         // a row of the timetable is written
    output wire              desc_we_o,        // half a word of a descriptor is written
    output wire [      DW:0] program_addr_o,   // address, in 64-bit units
    output wire              param_we_o,       // a parameter is written
    output wire [ PW+CW-1:0] param_addr_o,     // {word, lane}
    output wire [      63:0] data_o,           // what is written
    output wire              tap_we_o,         // a tap is written
    output wire [TPW+CW-1:0] tap_addr_o,       // {word, line, lane}
    output wire              lut_we_o,         // a byte of a lookup table is written
    output wire [    TW-1:0] lut_addr_o,       // {table, index}
    output wire [       7:0] lut_data_o,       // the byte
    output wire              vec_we_o,         // behind the lookup tables
    output wire [    UW-1:0] vec_addr_o,       // 256 segments, then {word, lane}
    // RRAM or record, to its controller
    output wire              rram_valid_o,     // a word of C bytes is offered
    input  wire              rram_ready_i,     // it is taken
    output wire              rram_record_o,    // it is one of the record
    output wire [      31:0] rram_index_o,     // its number
    output wire [COLS*8-1:0] rram_data_o       // its bytes
);

  // One work register: the word (or 64 bits of it) and how many writes are left of it.
  localparam WORDS = COLS < 8 ? 8 / COLS : 1;          // stream words for 64 bits
  localparam CHUNKS = COLS > 8 ? COLS / 8 : 1;         // 64-bit units in a stream word
  localparam WW = COLS * WORDS * 8;                    // bits of the work register
  localparam [31:0] CHUNKS_32 = CHUNKS;
  localparam [5:0] UNITS = CHUNKS_32[5:0];
  localparam [5:0] LUT_BYTES = {CHUNKS_32[2:0], 3'd0};

  reg  [   2:0] target_q;
  reg  [  31:0] address_q;
  reg  [  31:0] count_q;
  reg  [WW-1:0] work_q;
  reg  [   3:0] filled_q;   // stream words in a part of 64 bits
  reg  [   5:0] left_q;     // writes left of the work register
  reg           busy_q, range_q;

  reg  [  31:0] limit_q;    // units in the target's memory
  always @(posedge clk_i)
    case (target_q)
      `SYSTOLE_UPLOAD_TIMETABLE: limit_q <= TIMETABLE_DEPTH;
      `SYSTOLE_UPLOAD_DESC:      limit_q <= 2 * DESC_DEPTH;
      `SYSTOLE_UPLOAD_PARAM:     limit_q <= PARAM_DEPTH * COLS;
      `SYSTOLE_UPLOAD_LUT:       limit_q <= LUT_COUNT * 32 + (VEC_LANES != 0 ? 256 + VEC_PARAM_DEPTH * COLS : 0);
      `SYSTOLE_UPLOAD_RRAM:      limit_q <= RRAM_DEPTH * ROWS;
      `SYSTOLE_UPLOAD_RECORD:    limit_q <= 64 / COLS;
      `SYSTOLE_UPLOAD_TAP:       limit_q <= LANE_TAPS != 0 ? 4 * TAP_DEPTH * COLS : 0;
      default:                   limit_q <= 32'd0;
    endcase
  wire          rram = target_q == `SYSTOLE_UPLOAD_RRAM || target_q == `SYSTOLE_UPLOAD_RECORD;
  wire          lut = target_q == `SYSTOLE_UPLOAD_LUT;

  wire              valid;
  wire [COLS*8-1:0] data;
  wire              ready = left_q == 6'd0;
  systole_skid #(
      .WIDTH(COLS * 8)
  ) u_skid (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .s_valid_i(s_tvalid_i),
      .s_ready_o(s_tready_o),
      .s_data_i (s_tdata_i),
      .m_valid_o(valid),
      .m_ready_i(ready),
      .m_data_o (data)
  );

  wire take = valid && ready;
  wire whole = rram || {28'd0, filled_q} == WORDS - 1;
  // Writes that a whole work register makes: an RRAM word, bytes of tables, 64-bit units.
  wire [5:0] writes = rram ? 6'd1 : lut ? LUT_BYTES : UNITS;
  wire rram_out = left_q != 6'd0 && rram && address_q < limit_q;
  wire write = left_q != 6'd0 && !(rram_out && !rram_ready_i);
  reg  [5:0] done_q;                                   // writes made of it
  // The unit that is written: lookup tables make several writes of one.
  wire unit_done = left_q == 6'd1 || !(lut && done_q[2:0] != 3'd7);

  always @(posedge clk_i)
    if (rst_i) begin
      target_q  <= 3'd0;
      address_q <= 32'd0;
      count_q   <= 32'd0;
      filled_q  <= 4'd0;
      left_q    <= 6'd0;
      busy_q    <= 1'b0;
      range_q   <= 1'b0;
    end else begin
      busy_q  <= take && busy_i;
      range_q <= write_q && !in_range;
      if (take) begin
        count_q <= count_q + 32'd1;
        if (!busy_i) begin
          filled_q <= whole ? 4'd0 : filled_q + 4'd1;
          if (whole) left_q <= writes;
        end
      end
      if (write) begin
        left_q <= left_q - 6'd1;
        if (unit_done) address_q <= address_q + 32'd1;
      end
      if (set_target_i) begin
        target_q  <= set_data_i[2:0];
        address_q <= 32'd0;
        count_q   <= 32'd0;
        filled_q  <= 4'd0;
      end
      if (set_address_i) address_q <= set_data_i;
    end

  // The stream word joins those before it, first word lowest.
  wire [WW+COLS*8-1:0] pair = {data, work_q};
  wire [WW-1:0] joined = pair[WW+COLS*8-1:COLS*8];

  // RRAM words keep still until they are taken; other targets shift down.
  always @(posedge clk_i)
    if (take && !busy_i) work_q <= rram ? {{WW - COLS * 8{1'b0}}, data} : joined;
    else if (write && !rram) work_q <= lut ? work_q >> 8 : WW > 64 ? work_q >> 64 : work_q;

  // Stage 1: what is written where. Stage 2: is it inside the memory? Both from registers: the writes
  // reach every memory of the chip.
  reg              write_q;
  reg [      31:0] index_q;
  reg [      63:0] chunk_q;
  reg [       5:0] step_q;
  wire             in_range = index_q < limit_q;
  wire             ok = write_q && in_range;
  always @(posedge clk_i) begin
    done_q <= take ? 6'd0 : done_q + {5'd0, write};
    if (write) begin
      index_q <= address_q;
      chunk_q <= work_q[63:0];
      step_q  <= done_q;
    end
  end

  localparam [31:0] TABLES = LUT_COUNT * 32;
  wire [31:0] vec_index = index_q - TABLES;
  reg [UW-1:0] vec_addr_q;
  always @(posedge clk_i) if (write_q) vec_addr_q <= vec_index[UW-1:0];
  reg row_we_q, desc_we_q, param_we_q, tap_we_q, lut_we_q, vec_we_q;
  always @(posedge clk_i)
    if (rst_i) begin
      write_q <= 1'b0;
      {row_we_q, desc_we_q, param_we_q, tap_we_q, lut_we_q, vec_we_q} <= 6'd0;
    end else begin
      write_q    <= write;
      row_we_q   <= ok && target_q == `SYSTOLE_UPLOAD_TIMETABLE;
      desc_we_q  <= ok && target_q == `SYSTOLE_UPLOAD_DESC;
      param_we_q <= ok && target_q == `SYSTOLE_UPLOAD_PARAM;
      tap_we_q   <= ok && target_q == `SYSTOLE_UPLOAD_TAP;
      lut_we_q   <= ok && lut && index_q < TABLES;
      // A unit's first byte stands with all eight.
      vec_we_q   <= ok && lut && index_q >= TABLES && step_q[2:0] == 3'd0;
    end

  reg [       DW:0] program_addr_q;
  reg [  PW+CW-1:0] param_addr_q;
  reg [ TPW+CW-1:0] tap_addr_q;
  reg [       63:0] data_q;
  reg [     TW-1:0] lut_addr_q;
  wire [      34:0] lut_index = {index_q, step_q[2:0]};
  always @(posedge clk_i)
    if (write_q) begin
      program_addr_q <= index_q[DW:0];
      param_addr_q   <= index_q[PW+CW-1:0];
      tap_addr_q     <= index_q[TPW+CW-1:0];
      data_q         <= chunk_q;
      lut_addr_q     <= lut_index[TW-1:0];
    end

  assign target_o        = target_q;
  assign address_o       = address_q;
  assign count_o         = count_q;
  assign partial_o       = filled_q != 4'd0 || write || write_q;
  assign refused_busy_o  = busy_q;
  assign refused_range_o = range_q;
  assign row_we_o        = row_we_q;
  assign desc_we_o       = desc_we_q;
  assign program_addr_o  = program_addr_q;
  assign param_we_o      = param_we_q;
  assign param_addr_o    = param_addr_q;
  assign data_o          = data_q;
  assign tap_we_o        = tap_we_q;
  assign tap_addr_o      = tap_addr_q;
  assign lut_we_o        = lut_we_q;
  assign lut_addr_o      = lut_addr_q;
  assign lut_data_o      = data_q[7:0];
  assign vec_we_o        = vec_we_q;
  assign vec_addr_o      = vec_addr_q;
  assign rram_valid_o    = rram_out;
  assign rram_record_o   = target_q == `SYSTOLE_UPLOAD_RECORD;
  assign rram_index_o    = address_q;
  assign rram_data_o     = work_q[COLS*8-1:0];

`ifdef SYSTOLE_PROOF
  `include "systole_upload.vh"
`endif

endmodule

`default_nettype wire
