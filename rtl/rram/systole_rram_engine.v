// SPDX-License-Identifier: Apache-2.0
// The engine that runs the RRAM controller's program (docs/rram-engine.md): two cycles an instruction (READ:
// operands; EXEC: result, while the ROM answers with the next word), one more where it jumps, and those of the
// verb for DO. The ROM is outside and answers one cycle after rom_addr_o; in_i answers in_addr_o one cycle later too.
// verb_o stands from verb_start_o on until verb_done_i, which may come one cycle later at the earliest; mem_we_i is
// for then. Reset begins at address 0 and ends a fault; it clears neither registers nor memory.
`default_nettype none
`include "systole_check.vh"

module systole_rram_engine #(
    parameter WATCH = 20               // 2^WATCH instructions without a verb that may take any time are a fault
) (
    input  wire        clk_i,
    input  wire        rst_i,
    output wire [ 9:0] rom_addr_o,    // instruction that is read
    input  wire [32:0] rom_data_i,    // parity bit on top
    output wire [ 4:0] in_addr_o,     // input that is read
    input  wire [31:0] in_i,          // its value, a cycle later
    output wire        out_we_o,      // an output is written
    output wire [ 4:0] out_addr_o,    // its number
    output wire [31:0] out_o,         // its value
    output wire        verb_start_o,  // a verb begins
    output wire [ 3:0] verb_o,        // its number
    output wire        waiting_o,     // for the end of a verb
    output wire        bounded_o,     // which may not take any time
    input  wire        verb_done_i,   // it has ended
    input  wire        mem_we_i,      // words that a verb leaves in memory
    input  wire [ 5:0] mem_addr_i,    // address of the word
    input  wire [31:0] mem_data_i,    // the word
    output wire [ 2:0] fault_o        // not 0: stopped
);

  // Codes of sw/isa/src/rram_engine.
  localparam OP_ADD = 4'd1, OP_SUB = 4'd2, OP_AND = 4'd3, OP_OR = 4'd4, OP_XOR = 4'd5, OP_ROR = 4'd6, OP_LD = 4'd7;
  localparam OP_ST = 4'd8, OP_GET = 4'd9, OP_PUT = 4'd10, OP_BR = 4'd11, OP_CALL = 4'd12, OP_DO = 4'd13;
  localparam ST_FETCH = 3'd0, ST_REFILL = 3'd1, ST_READ = 3'd2, ST_EXEC = 3'd3, ST_VERB = 3'd4, ST_STOP = 3'd5;
  localparam FAULT_PARITY = 3'd1, FAULT_ILLEGAL = 3'd2, FAULT_FLOW = 3'd3, FAULT_STACK = 3'd4, FAULT_BOUND = 3'd5, FAULT_ENDLESS = 3'd6;

  reg [2:0] state_q, fault_q, fault;
  reg [9:0] pc_q, pc_n_q;               // twice: an upset of either is seen
  reg [43:0] stack_q;                   // four addresses with their parity
  reg [2:0] depth_q;
  reg jumped_q, write_q, put_q, start_q, bounded_q;
  reg [32:0] word_q;
  reg [31:0] a_q, d_q, b_q, result_q;
  reg [3:0] write_reg_q, verb_q;
  reg [4:0] put_addr_q, bound_q;
  reg [26:0] waited_q;                  // cycles in a verb
  reg [WATCH:0] watch_q;                // instructions since the last verb without a bound

  wire sound = fault_q == 3'd0;
  wire read = state_q == ST_READ;
  wire exec = state_q == ST_EXEC;
  wire [3:0] op = word_q[31:28];
  wire [3:0] field_d = word_q[25:22], field_a = word_q[21:18];
  wire mark = word_q[27], constant = word_q[26];
  wire [15:0] k = word_q[15:0];
  wire illegal = op == 4'd0 || op > OP_DO;

  // Operands: a copy of the registers for each read port. A result is written while the next instruction reads.
  wire [31:0] reg_a, reg_d, reg_b;
  systole_regfile #(.WIDTH(32), .DEPTH(16)) u_a (
      .clk_i(clk_i), .we_i(write_q && sound), .waddr_i(write_reg_q), .wdata_i(result_q), .raddr_i(field_a), .rdata_o(reg_a));
  systole_regfile #(.WIDTH(32), .DEPTH(16)) u_b (
      .clk_i(clk_i), .we_i(write_q && sound), .waddr_i(write_reg_q), .wdata_i(result_q), .raddr_i(k[3:0]), .rdata_o(reg_b));
  systole_regfile #(.WIDTH(32), .DEPTH(16)) u_d (
      .clk_i(clk_i), .we_i(write_q && sound), .waddr_i(write_reg_q), .wdata_i(result_q), .raddr_i(field_d), .rdata_o(reg_d));
  wire from_a = write_q && write_reg_q == field_a;
  wire from_b = write_q && write_reg_q == k[3:0];
  wire from_d = write_q && write_reg_q == field_d;

  // Memory.
  wire [5:0] address = a_q[5:0] + k[5:0];
  reg store_q;                          // in the cycle behind EXEC, as all that an instruction does
  reg [5:0] store_addr_q;
  wire [31:0] loaded;
  systole_regfile #(.WIDTH(32), .DEPTH(64)) u_memory (
      .clk_i(clk_i), .we_i(sound && (store_q || (mem_we_i && state_q == ST_VERB))), .waddr_i(store_q ? store_addr_q : mem_addr_i),
      .wdata_i(store_q ? d_q : mem_data_i), .raddr_i(address), .rdata_o(loaded));

  wire minus = op == OP_SUB;
  wire [31:0] sum = a_q + (b_q ^ {32{minus}}) + {31'd0, minus};
  wire [63:0] twice = {a_q, a_q} >> b_q[4:0];
  reg [31:0] result;
  always @* begin
    case (op)
      OP_AND:  result = a_q & b_q;
      OP_OR:   result = a_q | b_q;
      OP_XOR:  result = a_q ^ b_q;
      OP_ROR:  result = twice[31:0];
      OP_LD:   result = loaded;
      OP_GET:  result = in_i;
      OP_PUT:  result = d_q;
      default: result = sum;
    endcase
  end
  wire writes = (op >= OP_ADD && op <= OP_LD) || op == OP_GET;

  // Flow. While an instruction is in EXEC the ROM is asked for what it might jump to.
  wire [31:0] other = constant ? {28'd0, field_a} : a_q;
  wire equal = d_q == other;
  wire less = d_q < other;
  wire holds = word_q[17] ? less ^ word_q[16] : equal ^ word_q[16];
  wire call = op == OP_CALL && !constant;
  wire back = op == OP_CALL && constant;
  wire jump = (op == OP_BR && holds) || op == OP_CALL;
  wire [9:0] after = pc_q + 10'd1;
  wire [9:0] target = back ? stack_q[9:0] : k[9:0];
  wire [9:0] next = jump ? target : after;
  wire anew = op == OP_DO && k[12:8] == 5'd0;  // a verb that may take any time begins anew: the stack is empty
  wire endless = watch_q[WATCH];
  wire late = bounded_q && waited_q[bound_q];

  always @* begin
    fault = 3'd0;
    if (!(^{word_q, pc_q})) fault = FAULT_PARITY;  // of what is done, up to the last moment
    else if (illegal) fault = FAULT_ILLEGAL;
    else if ((jumped_q && !mark) || pc_q != ~pc_n_q || (back && depth_q != 3'd0 && ^stack_q[10:0])) fault = FAULT_FLOW;
    else if ((call && depth_q == 3'd4) || (back && depth_q == 3'd0)) fault = FAULT_STACK;
    else if (endless) fault = FAULT_ENDLESS;
  end

  always @(posedge clk_i)
    if (rst_i) begin
      state_q  <= ST_FETCH;
      fault_q  <= 3'd0;
      pc_q     <= 10'd0;
      pc_n_q   <= ~10'd0;
      depth_q  <= 3'd0;
      jumped_q <= 1'b0;
      watch_q  <= {WATCH + 1{1'b0}};
      {write_q, put_q, start_q, store_q} <= 4'b0000;
    end else begin
      {write_q, put_q, start_q, store_q} <= 4'b0000;
      if (!sound) state_q <= ST_STOP;
      else case (state_q)
        ST_FETCH:  state_q <= ST_REFILL;
        ST_REFILL: state_q <= ST_READ;
        ST_READ:   state_q <= ST_EXEC;
        ST_EXEC: begin
          fault_q  <= fault;             // undoes what follows in the next cycle
          state_q  <= op == OP_DO ? ST_VERB : jump ? ST_REFILL : ST_READ;
          pc_q     <= next;
          pc_n_q   <= ~next;
          jumped_q <= jump;
          depth_q  <= anew ? 3'd0 : call ? depth_q + 3'd1 : back ? depth_q - 3'd1 : depth_q;
          write_q  <= writes && field_d != 4'd0;
          put_q    <= op == OP_PUT;
          start_q  <= op == OP_DO;
          store_q  <= op == OP_ST;
          watch_q  <= anew ? {WATCH + 1{1'b0}} : watch_q + 1'b1;
        end
        ST_VERB:
        if (verb_done_i && !start_q) state_q <= ST_READ;
        else if (late) begin
          state_q <= ST_STOP;
          fault_q <= FAULT_BOUND;
        end
        default: begin
          state_q <= ST_STOP;
          fault_q <= FAULT_FLOW;
        end
      endcase
    end

  always @(posedge clk_i) begin
    if (state_q == ST_REFILL || exec) word_q <= rom_data_i;
    if (read) begin
      a_q      <= from_a ? result_q : field_a == 4'd0 ? 32'd0 : reg_a;
      d_q      <= from_d ? result_q : field_d == 4'd0 ? 32'd0 : reg_d;
      b_q      <= constant ? {16'd0, k} : from_b ? result_q : k[3:0] == 4'd0 ? 32'd0 : reg_b;
    end
    if (exec) begin
      result_q    <= result;
      write_reg_q <= field_d;
      put_addr_q  <= k[4:0];
      store_addr_q <= address;
      verb_q      <= k[3:0];
      bound_q     <= k[12:8];
      bounded_q   <= k[12:8] != 5'd0;
      waited_q    <= 27'd0;
      if (call) stack_q <= {stack_q[32:0], ^after, after};
      if (back) stack_q <= {11'd0, stack_q[43:11]};
    end else if (state_q == ST_VERB) waited_q <= waited_q + 27'd1;
  end

  assign rom_addr_o   = exec ? target : read ? after : pc_q;
  assign in_addr_o    = word_q[4:0];
  assign out_we_o     = put_q && sound;
  assign out_addr_o   = put_addr_q;
  assign out_o        = result_q;
  assign verb_start_o = start_q && sound;
  assign verb_o       = verb_q;
  assign waiting_o    = state_q == ST_VERB && sound;
  assign bounded_o    = bounded_q;
  assign fault_o      = fault_q;

  `SYSTOLE_COVER_STATES(cover_state, state_q, 3)

`ifdef SYSTOLE_WAVES
  // The state by its name, for waves alone (docs/waves.md): SystemVerilog, which nothing else reads.
  generate
    if (1) begin : waves
      typedef enum logic [2:0] {
        FETCH = ST_FETCH, REFILL = ST_REFILL, READ = ST_READ, EXEC = ST_EXEC, VERB = ST_VERB, STOP = ST_STOP
      } state_name_t;
      state_name_t state_name;
      assign state_name = state_name_t'(state_q);
    end
  endgenerate
`endif

endmodule

`default_nettype wire
