// SPDX-License-Identifier: Apache-2.0
// Where words go (docs/rram-engine.md). One word register: words of a walk, words of the host, and what the engine
// shifts in (data_we_i) come there; one cycle later they go on, to the CRC, the program's memories, the line
// programmer, or in units of 32 bits, one a cycle, to the engine's memory, the line table, or word_o. begin_i says what
// becomes of the words of the walk that begins. Reset forgets what is under way.
`default_nettype none
`include "systole_isa.vh"

module systole_rram_sink #(
    parameter ROWS = 8,
    parameter COLS = 8,
    parameter WB   = COLS * 8,
    parameter LW   = $clog2(ROWS)
) (
    input  wire          clk_i,
    input  wire          rst_i,
    // a walk begins
    input  wire          begin_i,               // it does
    input  wire [   2:0] sink_i,                // where its words go
    input  wire [   2:0] section_i,             // of UPLOAD
    input  wire          sealed_i,              // the last unit is the CRC, and counts as zero in it
    input  wire          inverted_i,            // TABLE
    input  wire          anew_i,                // CRC
    input  wire          clean_i,               // verdict
    input  wire [  15:0] pick_i,                // UPLOAD: 64-bit units; WORD: number of the 32-bit unit
    // the engine
    input  wire          clear_verdict_i,       // the verdict is forgotten
    input  wire          clear_crc_i,           // the CRC begins anew
    input  wire          data_we_i,             // shifts a unit into the word register
    input  wire [  31:0] data_i,                // the unit
    input  wire          digest_i,              // the word register into the CRC
    input  wire          load_i,                // ... and into the line programmer
    input  wire [LW-1:0] row_i,                 // for this row
    input  wire          looked_i,              // an entry of the line table into word_o
    input  wire [  31:0] entry_i,               // that entry
    // the host's words
    input  wire          host_i,                // a word comes
    input  wire          host_record_i,         // it is one of a record
    input  wire [   3:0] host_unit_i,           // of the record, the word's first
    input  wire [LW-1:0] host_row_i,            // its row
    input  wire [WB-1:0] host_data_i,           // the word
    // the walk's words
    input  wire          walk_valid_i,          // a word comes
    input  wire [WB-1:0] walk_word_i,           // the word
    input  wire [LW-1:0] walk_row_i,            // its row
    input  wire          walk_corrected_i,      // errors were corrected in it
    input  wire          walk_uncorrectable_i,  // it has more errors than can be corrected
    input  wire          walk_done_i,           // it is the last
    // results
    output wire          moving_o,              // words are under way
    output wire [  31:0] crc_o,                 // CRC
    output wire [   1:0] verdict_o,             // {beyond correction, corrected}
    output wire [  31:0] word_o,                // the unit that was picked
    output wire          mem_we_o,              // a unit goes into the engine's memory
    output wire [   5:0] mem_addr_o,            // its address
    output wire          table_we_o,            // a unit goes into the line table
    output wire [  31:0] unit_o,                // for the memory
    output wire [  31:0] entry_o,               // for the table
    output wire          upload_we_o,           // the target of the upload is chosen
    output wire [   2:0] upload_target_o,       // that target
    output wire          upload_valid_o,        // a word goes to the upload
    output wire          load_o,                // a word goes to the line programmer
    output wire          load_host_o,           // it is the host's
    output wire [LW-1:0] load_row_o,            // its row
    output wire [WB-1:0] data_o                 // for upload and programmer
);

  localparam EPW = COLS / 4;                // units of 32 bits in a word
  localparam EW = $clog2(EPW + 1);
  localparam [31:0] EPW_32 = EPW;
  localparam [31:0] WORD_UNITS = COLS > 8 ? COLS / 8 : 1;
  localparam RECORD = 3'd1, TABLE = 3'd3, UPLOAD = 3'd4, BANKS = 3'd5, WORD = 3'd6;

  reg [2:0] sink_q;
  reg [WB-1:0] word_q;
  reg sealed_q, inverted_q;
  reg got_q, last_q, host_q, host_record_q;
  reg [LW-1:0] row_q;
  reg [EW-1:0] left_q;                      // units to be emitted
  reg [15:0] unit_q, words_q, pick_q;
  reg [31:0] picked_q;
  reg [1:0] verdict_q;

  wire emit = left_q != {EW{1'b0}};
  wire in_units = sink_q == RECORD || sink_q == TABLE || sink_q == WORD;

  always @(posedge clk_i)
    if (rst_i) begin
      {got_q, host_q, host_record_q} <= 3'd0;
      left_q    <= {EW{1'b0}};
      verdict_q <= 2'b00;
    end else begin
      got_q         <= walk_valid_i;
      host_q        <= host_i && !host_record_i;
      host_record_q <= host_i ? host_record_i : host_record_q && emit;
      if ((walk_valid_i && in_units) || (host_i && host_record_i)) left_q <= EPW_32[EW-1:0];
      else if (emit) left_q <= left_q - 1'b1;
      if (clear_verdict_i || (begin_i && clean_i)) verdict_q <= 2'b00;
      else if (walk_valid_i) verdict_q <= verdict_q | {walk_uncorrectable_i, walk_corrected_i};
    end

  // The word register shifts down by units, and takes the engine's from above.
  wire [WB+31:0] shifted = {data_i, word_q};
  always @(posedge clk_i) begin
    if (walk_valid_i) word_q <= walk_word_i;
    else if (host_i) word_q <= host_data_i;
    else if (data_we_i || emit) word_q <= shifted[WB+31:32];
    last_q   <= walk_done_i && sealed_q;
    row_q    <= walk_valid_i ? walk_row_i : host_row_i;
  end

  always @(posedge clk_i) begin
    if (begin_i) begin
      {sink_q, sealed_q, inverted_q} <= {sink_i, sealed_i, inverted_i};
      pick_q  <= pick_i;
      words_q <= COLS < 8 ? pick_i << 1 : (pick_i + WORD_UNITS[15:0] - 16'd1) / WORD_UNITS[15:0];
    end else if (upload_valid_o) words_q <= words_q - 16'd1;
    if (begin_i) unit_q <= 16'd0;
    else if (host_i && host_record_i) unit_q <= {12'd0, host_unit_i};
    else if (emit) unit_q <= unit_q + 16'd1;
    if (looked_i) picked_q <= entry_i;
    else if (emit && sink_q == WORD && !host_record_q && unit_q == pick_q) picked_q <= word_q[31:0];
  end

  // What ends with its own CRC.
  wire [WB-1:0] hashed;
  generate
    if (COLS == 4) begin : g_unit
      assign hashed = last_q ? 32'd0 : word_q;
    end else begin : g_word
      assign hashed = {last_q ? 32'd0 : word_q[WB-1:WB-32], word_q[WB-33:0]};
    end
  endgenerate
  systole_crc32 #(
      .BYTES(COLS)
  ) u_crc (
      .clk_i  (clk_i),
      .rst_i  (rst_i),
      .clear_i(clear_crc_i || (begin_i && anew_i)),
      .valid_i(got_q || digest_i || load_i),
      .data_i (hashed),
      .crc_o  (crc_o)
  );

  assign moving_o        = got_q || emit || host_q;
  assign verdict_o       = verdict_q;
  assign word_o          = picked_q;
  assign mem_we_o        = emit && (host_record_q || sink_q == RECORD);
  assign mem_addr_o      = {{2{host_record_q}}, unit_q[3:0]};
  assign table_we_o      = emit && !host_record_q && sink_q == TABLE;
  assign unit_o          = word_q[31:0];
  assign entry_o         = word_q[31:0] ^ {32{inverted_q}};
  assign upload_we_o     = begin_i && sink_i == UPLOAD;
  assign upload_target_o = section_i == 3'd4 ? `SYSTOLE_UPLOAD_TAP : section_i;
  assign upload_valid_o  = got_q && sink_q == UPLOAD && words_q != 16'd0;
  assign load_o          = load_i || host_q || (got_q && sink_q == BANKS);
  assign load_host_o     = host_q;
  assign load_row_o      = load_i ? row_i : row_q;
  assign data_o          = word_q;

endmodule

`default_nettype wire
