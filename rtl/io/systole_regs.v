// SPDX-License-Identifier: Apache-2.0
// AXI4-Lite registers (docs/registers.md). AW and W in any order, one access of each kind under way;
// holes, and writes to read-only registers, answer SLVERR. Write strobes are honoured. A write's response comes 2
// cycles after address and data, a read's 3 after the address; all outputs registered. Reset clears writable registers.
// With a vector unit step_i lets POS, TOK and AUTO go on to the next token, and pos_o and tok_o show them in its cycle.
`default_nettype none
`include "systole_isa.vh"

module systole_regs #(
    parameter MACHINE         = 0,       // what CONFIG reads
    parameter ROWS            = 8,
    parameter COLS            = 8,
    parameter POST_LANES      = COLS,
    parameter X_DEPTH         = 2048,
    parameter X_BANKS         = 2,
    parameter W_SRAM_DEPTH    = 256,
    parameter RRAM_DEPTH      = 2048,
    parameter RRAM_WAYS       = 2,
    parameter ACC_DEPTH       = 256,
    parameter PARAM_DEPTH     = 128,
    parameter LUT_COUNT       = 2,
    parameter LANE_TAPS       = 0,
    parameter TAP_DEPTH       = 32,
    parameter LINE_DEPTH      = 64,
    parameter VEC_LANES       = 0,
    parameter V_DEPTH         = 512,
    parameter VEC_PARAM_DEPTH = 256,
    parameter IN_DEPTH        = 1024,
    parameter OUT_DEPTH       = 1024,
    parameter TIMETABLE_DEPTH = 512,
    parameter DESC_DEPTH      = 512
) (
    input  wire        clk_i,
    input  wire        rst_i,
    // AXI4-Lite
    input  wire        s_awvalid_i,       // write address is offered
    output wire        s_awready_o,       // .. is taken
    input  wire [ 8:0] s_awaddr_i,        // .. in bytes
    input  wire        s_wvalid_i,        // write data is offered
    output wire        s_wready_o,        // .. is taken
    input  wire [31:0] s_wdata_i,         // .. itself
    input  wire [ 3:0] s_wstrb_i,         // bytes that are written
    output wire        s_bvalid_o,        // answer to a write
    input  wire        s_bready_i,        // .. is taken
    output wire [ 1:0] s_bresp_o,         // 0: OKAY, 2: SLVERR
    input  wire        s_arvalid_i,       // read address is offered
    output wire        s_arready_o,       // .. is taken
    input  wire [ 8:0] s_araddr_i,        // .. in bytes
    output wire        s_rvalid_o,        // answer to a read
    input  wire        s_rready_i,        // .. is taken
    output wire [31:0] s_rdata_o,         // what is read
    output wire [ 1:0] s_rresp_o,         // 0: OKAY, 2: SLVERR
    output wire        irq_o,             // interrupt, a level
    // run control
    output wire        start_o,           // START was written
    output wire        abandon_o,         // starts that wait are forgotten
    output wire        error_clear_o,     // ERROR is cleared
    output wire        irq_clear_we_o,    // IRQ_STATUS was written
    output wire [31:0] wdata_o,           // what was written
    output wire [31:0] in_bytes_o,        // IN_BYTES
    output wire [31:0] out_bytes_o,       // OUT_BYTES
    output wire [31:0] start_limit_o,     // cycles that a start waits, 0: for ever
    input  wire [ 9:0] status_i,          // STATUS
    input  wire [31:0] error_i,           // ERROR
    input  wire [31:0] cycles_i,          // CYCLES
    input  wire [31:0] runs_i,            // RUNS
    input  wire [ 6:0] irq_status_i,      // IRQ_STATUS
    input  wire [31:0] frames_in_i,       // FRAMES_IN
    input  wire [31:0] frames_out_i,      // FRAMES_OUT
    input  wire [31:0] frames_dropped_i,  // FRAMES_DROPPED
    input  wire [63:0] vectors_i,         // VECTORS
    input  wire [31:0] seq_row_i,         // row of the timetable that is next
    input  wire [31:0] seq_cycle_i,       // cycle of the run
    // a wake sets the lengths of frames
    input  wire [ 1:0] wake_we_i,         // {OUT_BYTES, IN_BYTES}
    input  wire [31:0] wake_bytes_i,      // the length
    // events
    output wire [ 3:0] event_select_o,    // counter that is read
    output wire [15:0] pos_o,             // POS
    output wire [127:0] tok_o,            // of each row of a chunk
    output wire [15:0] entry_o,           // row in which a run begins
    output wire        entry_we_o,        // entry_o is another from the next cycle on
    input  wire        waits_i,           // a start waits
    input  wire [15:0] argmax_i,          // number of the largest value of the run
    // runs that follow by themselves
    output wire        auto_o,            // AUTO is not 0
    output wire        stop_o,            // ARGMAX is the token of STOP
    input  wire        step_i,            // END, and another run follows
    input  wire        auto_clear_i,      // AUTO becomes 0
    input  wire [31:0] auto_cycles_i,     // AUTO_CYCLES
    input  wire [31:0] event_value_i,     // its value
    // registers of the RRAM controller
    output wire        rram_we_o,         // one of them is written
    output wire [ 8:0] rram_waddr_o,      // its address
    output wire [ 8:0] rram_raddr_o,      // address of the one that is read
    input  wire [31:0] rram_rdata_i,      // its value
    input  wire [31:0] rram_budget_i,     // RRAM_BUDGET
    input  wire [31:0] rram_inject_i,     // RRAM_INJECT
    input  wire        rram_slot_i,       // RRAM_SLOT
    // upload
    output wire        set_target_o,      // UPLOAD_TARGET was written
    output wire        set_address_o,     // UPLOAD_ADDRESS was written
    input  wire [ 2:0] target_i,          // UPLOAD_TARGET
    input  wire [31:0] address_i,         // UPLOAD_ADDRESS
    input  wire [31:0] count_i            // UPLOAD_COUNT
);

  localparam OKAY = 2'b00;
  localparam SLVERR = 2'b10;

  // Write: collect address and data, act, respond.
  reg        aw_q, w_q, bvalid_q;
  reg [ 8:0] awaddr_q;
  reg [31:0] wdata_q;
  reg [ 3:0] wstrb_q;
  reg [ 1:0] bresp_q;
  reg        awready_q, wready_q;

  reg [31:0] in_bytes_q, out_bytes_q, start_limit_q, scratch_q;
  reg [ 6:0] irq_enable_q;
  reg [ 3:0] event_select_q;
  reg [15:0] pos_q, entry_q, auto_q;
  wire [127:0] tok_q;
  reg [16:0] stop_q;
  localparam [0:0] VECTOR = VEC_LANES != 0;

  // While AUTO is not 0 position, token and first row are the machine's.
  wire        held_back = auto_q != 16'd0;
  wire        settled = held_back || waits_i;
  wire [15:0] pos = pos_q + {15'd0, step_i};
  wire [15:0] tok = step_i ? argmax_i : tok_q[15:0];

  wire       act = aw_q && w_q && !bvalid_q;
  wire [8:0] waddr = {awaddr_q[8:2], 2'b00};

  // TOK, and behind ENTRY those of the other rows of a chunk.
  wire       writes_tok = waddr == `SYSTOLE_REG_TOK || (waddr >= `SYSTOLE_REG_TOK1 && waddr <= `SYSTOLE_REG_TOK7);
  wire [2:0] tok_row = waddr == `SYSTOLE_REG_TOK ? 3'd0 : waddr[4:2];
  reg        writable;
  always @*
    case (waddr)
      `SYSTOLE_REG_START, `SYSTOLE_REG_IN_BYTES, `SYSTOLE_REG_OUT_BYTES, `SYSTOLE_REG_START_LIMIT,
      `SYSTOLE_REG_IRQ_STATUS, `SYSTOLE_REG_IRQ_ENABLE, `SYSTOLE_REG_UPLOAD_TARGET,
      `SYSTOLE_REG_UPLOAD_ADDRESS, `SYSTOLE_REG_SCRATCH, `SYSTOLE_REG_ERROR_CLEAR, `SYSTOLE_REG_RRAM_COMMAND,
      `SYSTOLE_REG_RRAM_UNLOCK, `SYSTOLE_REG_RRAM_LOCK, `SYSTOLE_REG_RRAM_SLOT, `SYSTOLE_REG_RRAM_SCRUB_BUDGET,
      `SYSTOLE_REG_RRAM_INJECT, `SYSTOLE_REG_EVENT_SELECT: writable = 1'b1;
      `SYSTOLE_REG_POS: writable = VECTOR && !held_back;
      `SYSTOLE_REG_ENTRY: writable = VECTOR && !settled;
      `SYSTOLE_REG_AUTO, `SYSTOLE_REG_STOP: writable = VECTOR;
      default: writable = VECTOR && writes_tok && !held_back;
    endcase

  // The value after the write: bytes without a strobe keep what the register holds (zero for
  // registers that act).
  reg [31:0] held;
  always @*
    case (waddr)
      `SYSTOLE_REG_IN_BYTES:       held = in_bytes_q;
      `SYSTOLE_REG_OUT_BYTES:      held = out_bytes_q;
      `SYSTOLE_REG_START_LIMIT:    held = start_limit_q;
      `SYSTOLE_REG_IRQ_ENABLE:     held = {25'd0, irq_enable_q};
      `SYSTOLE_REG_UPLOAD_TARGET:  held = {29'd0, target_i};
      `SYSTOLE_REG_UPLOAD_ADDRESS: held = address_i;
      `SYSTOLE_REG_SCRATCH:        held = scratch_q;
      `SYSTOLE_REG_EVENT_SELECT:   held = {28'd0, event_select_q};
      `SYSTOLE_REG_POS:            held = {16'd0, pos_q};
      `SYSTOLE_REG_ENTRY:          held = {16'd0, entry_q};
      `SYSTOLE_REG_AUTO:           held = {16'd0, auto_q};
      `SYSTOLE_REG_STOP:           held = {15'd0, stop_q};
      `SYSTOLE_REG_RRAM_SLOT:      held = {31'd0, rram_slot_i};
      `SYSTOLE_REG_RRAM_SCRUB_BUDGET: held = rram_budget_i;
      `SYSTOLE_REG_RRAM_INJECT:    held = rram_inject_i;
      default:                     held = writes_tok ? {16'd0, tok_q[{tok_row, 4'd0}+:16]} : 32'd0;
    endcase
  wire [31:0] value = {
    wstrb_q[3] ? wdata_q[31:24] : held[31:24],
    wstrb_q[2] ? wdata_q[23:16] : held[23:16],
    wstrb_q[1] ? wdata_q[15:8] : held[15:8],
    wstrb_q[0] ? wdata_q[7:0] : held[7:0]
  };

  always @(posedge clk_i)
    if (rst_i) begin
      aw_q          <= 1'b0;
      w_q           <= 1'b0;
      bvalid_q      <= 1'b0;
      awready_q     <= 1'b0;
      wready_q      <= 1'b0;
      in_bytes_q    <= 32'd0;
      out_bytes_q   <= 32'd0;
      start_limit_q <= 32'd0;
      irq_enable_q  <= 7'd0;
      event_select_q <= 4'd0;
      {pos_q, entry_q, auto_q, stop_q} <= 65'd0;
      scratch_q     <= 32'd0;
    end else begin
      if (s_awvalid_i && awready_q) aw_q <= 1'b1;
      if (s_wvalid_i && wready_q) w_q <= 1'b1;
      awready_q <= !(aw_q || (s_awvalid_i && awready_q)) && !bvalid_q;
      wready_q  <= !(w_q || (s_wvalid_i && wready_q)) && !bvalid_q;
      if (act) bvalid_q <= 1'b1;
      if (bvalid_q && s_bready_i) begin
        bvalid_q <= 1'b0;
        aw_q     <= 1'b0;
        w_q      <= 1'b0;
      end
      pos_q <= pos;
      auto_q <= auto_q - {15'd0, step_i};
      if (act && writable)
        case (waddr)
          `SYSTOLE_REG_IN_BYTES:    in_bytes_q <= value;
          `SYSTOLE_REG_OUT_BYTES:   out_bytes_q <= value;
          `SYSTOLE_REG_START_LIMIT: start_limit_q <= value;
          `SYSTOLE_REG_IRQ_ENABLE:  irq_enable_q <= value[6:0];
          `SYSTOLE_REG_SCRATCH:     scratch_q <= value;
          `SYSTOLE_REG_EVENT_SELECT: event_select_q <= value[3:0];
          `SYSTOLE_REG_POS:         pos_q <= value[15:0];
          `SYSTOLE_REG_ENTRY:       entry_q <= value[15:0];
          `SYSTOLE_REG_AUTO:        auto_q <= value[15:0];
          `SYSTOLE_REG_STOP:        stop_q <= value[16:0];
          default:                  ;
        endcase
      if (auto_clear_i || !VECTOR) auto_q <= 16'd0;
      if (!VECTOR) stop_q <= 17'd0;
      if (wake_we_i[0]) in_bytes_q <= wake_bytes_i;
      if (wake_we_i[1]) out_bytes_q <= wake_bytes_i;
    end
  always @(posedge clk_i) begin
    if (s_awvalid_i && awready_q) awaddr_q <= s_awaddr_i;
    if (s_wvalid_i && wready_q) {wstrb_q, wdata_q} <= {s_wstrb_i, s_wdata_i};
    if (act) bresp_q <= writable ? OKAY : SLVERR;
  end

  // The tokens of a chunk's rows. That of row 0 goes on by itself.
  genvar row;
  generate
    for (row = 0; row < 8; row = row + 1) begin : g_tok
      localparam [2:0] ROW = row;
      reg [15:0] q;
      always @(posedge clk_i)
        if (rst_i) q <= 16'd0;
        else if (act && writable && writes_tok && tok_row == ROW) q <= value[15:0];
        else if (ROW == 3'd0) q <= tok;
      assign tok_q[16*row+:16] = q;
    end
  endgenerate

  wire writes_start = act && waddr == `SYSTOLE_REG_START;
  assign start_o        = writes_start && value[0];
  assign abandon_o      = writes_start && value[1];
  assign error_clear_o  = act && waddr == `SYSTOLE_REG_ERROR_CLEAR && value[0];
  assign irq_clear_we_o = act && waddr == `SYSTOLE_REG_IRQ_STATUS;
  assign set_target_o   = act && waddr == `SYSTOLE_REG_UPLOAD_TARGET;
  assign set_address_o  = act && waddr == `SYSTOLE_REG_UPLOAD_ADDRESS;
  assign wdata_o        = value;
  assign in_bytes_o     = in_bytes_q;
  assign out_bytes_o    = out_bytes_q;
  assign start_limit_o  = start_limit_q;
  assign event_select_o = event_select_q;
  assign pos_o          = pos;
  assign tok_o          = {tok_q[127:16], tok};
  assign entry_o        = entry_q;
  assign entry_we_o     = act && waddr == `SYSTOLE_REG_ENTRY && !settled;
  assign auto_o         = held_back;
  assign stop_o         = stop_q[16] && argmax_i == stop_q[15:0];
  assign rram_we_o      = act;
  assign rram_waddr_o   = waddr;

  // Read: what each of three groups has under the address, 0 where it has nothing; their OR in the next cycle. A read of
  // a low word latches the high one.
  reg ar_q, found_q, rvalid_q, arready_q;
  reg [8:0] araddr_q;
  reg [31:0] fixed, fixed_q, live, live_q, rram_q, rdata_q, vectors_high_q;
  reg [1:0] rresp_q;
  reg is_fixed, is_live, known_q;
  wire [8:0] raddr = {araddr_q[8:2], 2'b00};
  wire is_rram = (raddr >= `SYSTOLE_REG_RRAM_COMMAND && raddr <= `SYSTOLE_REG_RRAM_WAKE_CYCLES) || raddr == `SYSTOLE_REG_RRAM_TILE;
  always @* begin
    is_fixed = 1'b1;
    case (raddr)
      `SYSTOLE_REG_ID:              fixed = `SYSTOLE_ID_VALUE;
      `SYSTOLE_REG_FINGERPRINT:     fixed = `SYSTOLE_FINGERPRINT;
      `SYSTOLE_REG_CONFIG:          fixed = MACHINE;
      `SYSTOLE_REG_GEOMETRY:        fixed = {RRAM_WAYS[7:0], X_BANKS[7:0], COLS[7:0], ROWS[7:0]};
      `SYSTOLE_REG_X_DEPTH:         fixed = X_DEPTH;
      `SYSTOLE_REG_W_SRAM_DEPTH:    fixed = W_SRAM_DEPTH;
      `SYSTOLE_REG_RRAM_DEPTH:      fixed = RRAM_DEPTH;
      `SYSTOLE_REG_ACC_DEPTH:       fixed = ACC_DEPTH;
      `SYSTOLE_REG_PARAM_DEPTH:     fixed = PARAM_DEPTH;
      `SYSTOLE_REG_LUT_COUNT:       fixed = LUT_COUNT;
      `SYSTOLE_REG_IN_DEPTH:        fixed = IN_DEPTH;
      `SYSTOLE_REG_OUT_DEPTH:       fixed = OUT_DEPTH;
      `SYSTOLE_REG_TIMETABLE_DEPTH: fixed = TIMETABLE_DEPTH;
      `SYSTOLE_REG_DESC_DEPTH:      fixed = DESC_DEPTH;
      `SYSTOLE_REG_LANE:            fixed = {LANE_TAPS[7:0], LINE_DEPTH[11:0], TAP_DEPTH[11:0]};
      `SYSTOLE_REG_LATENCY:         fixed = `SYSTOLE_LATENCY_L(ROWS, COLS, COLS / POST_LANES);
      `SYSTOLE_REG_VEC_LANES:       fixed = VEC_LANES;
      `SYSTOLE_REG_V_DEPTH:         fixed = V_DEPTH;
      `SYSTOLE_REG_VEC_PARAM_DEPTH: fixed = VEC_PARAM_DEPTH;
      default:                      {is_fixed, fixed} = 33'd0;
    endcase
  end
  always @* begin
    is_live = 1'b1;
    case (raddr)
      `SYSTOLE_REG_START:                live = 32'd0;
      `SYSTOLE_REG_STATUS:               live = {22'd0, status_i};
      `SYSTOLE_REG_ERROR:                live = error_i;
      `SYSTOLE_REG_IN_BYTES:             live = in_bytes_q;
      `SYSTOLE_REG_OUT_BYTES:            live = out_bytes_q;
      `SYSTOLE_REG_START_LIMIT:          live = start_limit_q;
      `SYSTOLE_REG_CYCLES_LO:            live = cycles_i;
      `SYSTOLE_REG_CYCLES_HI:            live = 32'd0;  // a timetable counts to 2^32 - 1
      `SYSTOLE_REG_RUNS:                 live = runs_i;
      `SYSTOLE_REG_IRQ_STATUS:           live = {25'd0, irq_status_i};
      `SYSTOLE_REG_IRQ_ENABLE:           live = {25'd0, irq_enable_q};
      `SYSTOLE_REG_EVENT_FRAMES_IN:      live = frames_in_i;
      `SYSTOLE_REG_EVENT_FRAMES_OUT:     live = frames_out_i;
      `SYSTOLE_REG_EVENT_FRAMES_DROPPED: live = frames_dropped_i;
      `SYSTOLE_REG_EVENT_MACS_LO:        live = vectors_i[31:0];
      `SYSTOLE_REG_EVENT_MACS_HI:        live = vectors_high_q;
      `SYSTOLE_REG_UPLOAD_TARGET:        live = {29'd0, target_i};
      `SYSTOLE_REG_UPLOAD_ADDRESS:       live = address_i;
      `SYSTOLE_REG_UPLOAD_COUNT:         live = count_i;
      `SYSTOLE_REG_SCRATCH:              live = scratch_q;
      `SYSTOLE_REG_SEQ_ROW:              live = seq_row_i;
      `SYSTOLE_REG_SEQ_CYCLE:            live = seq_cycle_i;
      `SYSTOLE_REG_ERROR_CLEAR:          live = 32'd0;
      `SYSTOLE_REG_EVENT_SELECT:         live = {28'd0, event_select_q};
      `SYSTOLE_REG_EVENT_VALUE:          live = event_value_i;
      `SYSTOLE_REG_POS:                  {is_live, live} = {VECTOR, 16'd0, pos_q};
      `SYSTOLE_REG_TOK:                  {is_live, live} = {VECTOR, 16'd0, tok_q[15:0]};
      `SYSTOLE_REG_TOK1, `SYSTOLE_REG_TOK2, `SYSTOLE_REG_TOK3, `SYSTOLE_REG_TOK4, `SYSTOLE_REG_TOK5, `SYSTOLE_REG_TOK6,
      `SYSTOLE_REG_TOK7:                 {is_live, live} = {VECTOR, 16'd0, tok_q[{raddr[4:2], 4'd0}+:16]};
      `SYSTOLE_REG_ENTRY:                {is_live, live} = {VECTOR, 16'd0, entry_q};
      `SYSTOLE_REG_AUTO:                 {is_live, live} = {VECTOR, 16'd0, auto_q};
      `SYSTOLE_REG_STOP:                 {is_live, live} = {VECTOR, 15'd0, stop_q};
      `SYSTOLE_REG_AUTO_CYCLES:          {is_live, live} = {VECTOR, auto_cycles_i};
      `SYSTOLE_REG_ARGMAX:               {is_live, live} = {VECTOR, 16'd0, argmax_i};
      default:                           {is_live, live} = 33'd0;
    endcase
  end

  always @(posedge clk_i)
    if (rst_i) begin
      ar_q      <= 1'b0;
      found_q   <= 1'b0;
      rvalid_q  <= 1'b0;
      arready_q <= 1'b0;
    end else begin
      ar_q      <= s_arvalid_i && arready_q;
      found_q   <= ar_q;
      rvalid_q  <= found_q || (rvalid_q && !s_rready_i);
      arready_q <= !(s_arvalid_i && arready_q) && !ar_q && !found_q && !rvalid_q;
    end
  always @(posedge clk_i) begin
    if (s_arvalid_i && arready_q) araddr_q <= s_araddr_i;
    {fixed_q, live_q, rram_q} <= {fixed, live, rram_rdata_i};
    known_q <= is_fixed || is_live || is_rram;
    if (ar_q && raddr == `SYSTOLE_REG_EVENT_MACS_LO) vectors_high_q <= vectors_i[63:32];
    if (found_q) begin
      rdata_q <= fixed_q | live_q | rram_q;
      rresp_q <= known_q ? OKAY : SLVERR;
    end
  end

  reg irq_q;
  always @(posedge clk_i)
    if (rst_i) irq_q <= 1'b0;
    else irq_q <= (irq_status_i & irq_enable_q) != 7'd0;

  assign rram_raddr_o = raddr;
  assign s_awready_o = awready_q;
  assign s_wready_o  = wready_q;
  assign s_bvalid_o  = bvalid_q;
  assign s_bresp_o   = bresp_q;
  assign s_arready_o = arready_q;
  assign s_rvalid_o  = rvalid_q;
  assign s_rdata_o   = rdata_q;
  assign s_rresp_o   = rresp_q;
  assign irq_o       = irq_q;

`ifdef SYSTOLE_PROOF
  `include "systole_regs.vh"
`endif

endmodule

`default_nettype wire
