// SPDX-License-Identifier: Apache-2.0
// The macro's port list (rtl/rram) in front of the device model: what a cell reads as at each reference lies
// in Verilog, one plane a reference, and the model changes it. A pulse lasts pulse_cycles; at its end the
// model says what the pulsed cells are now. Reset during a pulse is a power cut: the model says what is left.
// Reads as the block-RAM variant: WAYS + 1 cycles, a way busy for WAYS. Simulation only.
`default_nettype none
`include "systole_check.vh"

module systole_rram_macro #(
    parameter ROW   = 0,
    parameter WIDTH = 72,
    parameter DEPTH = 2048,
    parameter WAYS  = 2,
    parameter AW    = $clog2(DEPTH)
) (
    input  wire             clk_i,
    input  wire             rst_i,
    input  wire             re_i,
    input  wire [   AW-1:0] raddr_i,
    input  wire [      2:0] ref_i,
    output wire [WIDTH-1:0] rdata_o,
    input  wire             pulse_i,
    input  wire             reset_i,
    input  wire [      3:0] level_i,
    input  wire [   AW-1:0] paddr_i,
    input  wire [WIDTH-1:0] mask_i,
    input  wire             enable_a_i,
    input  wire             enable_b_i,
    output wire             busy_o
);

  // 64 cells of a sub-word from bit 64 * part on, how they read at each reference afterwards. cut: the pulse was not ended.
  import "DPI-C" function void systole_rram_pulse(
    input int row, input int address, input int part, input int reset, input int level, input int cut,
    input longint mask, output longint normal, output longint strong_1, output longint strong_0,
    output longint verify_1, output longint verify_0);

  localparam PARTS = (WIDTH + 63) / 64;
  localparam FULL = PARTS * 64;
  localparam WW = WAYS > 1 ? $clog2(WAYS) : 1;

  reg [31:0] pulse_cycles  /*verilator public_flat_rw*/;  // written from outside before the first cycle

  reg [WIDTH-1:0] normal[0:DEPTH-1]  /*verilator public_flat_rw*/;
  reg [WIDTH-1:0] strong_1[0:DEPTH-1]  /*verilator public_flat_rw*/;
  reg [WIDTH-1:0] strong_0[0:DEPTH-1]  /*verilator public_flat_rw*/;
  reg [WIDTH-1:0] verify_1[0:DEPTH-1]  /*verilator public_flat_rw*/;
  reg [WIDTH-1:0] verify_0[0:DEPTH-1]  /*verilator public_flat_rw*/;

  // Reads.
  reg [WIDTH-1:0] read_q;
  always @(posedge clk_i)
    if (re_i)
      case (ref_i)
        3'd1: read_q <= strong_1[raddr_i];
        3'd2: read_q <= strong_0[raddr_i];
        3'd3: read_q <= verify_1[raddr_i];
        3'd4: read_q <= verify_0[raddr_i];
        default: read_q <= normal[raddr_i];
      endcase
  systole_delay #(
      .WIDTH (WIDTH),
      .CYCLES(WAYS)
  ) u_read (
      .clk_i(clk_i),
      .d_i  (read_q),
      .q_o  (rdata_o)
  );
  generate
    if (WAYS > 1) begin : g_busy
      reg [WAYS-2:0] asked_q;                    // in the cycles before
      reg [(WAYS-1)*WW-1:0] ways_q;
      wire [WAYS-2:0] same;
      genvar i;
      for (i = 0; i < WAYS - 1; i = i + 1) begin : g_same
        assign same[i] = asked_q[i] && ways_q[i*WW+:WW] == raddr_i[WW-1:0];
      end
      always @(posedge clk_i)
        if (rst_i) asked_q <= {WAYS - 1{1'b0}};
        else asked_q <= (asked_q << 1) | {{WAYS - 2{1'b0}}, re_i};
      wire [WAYS*WW-1:0] ways = {ways_q, raddr_i[WW-1:0]};
      always @(posedge clk_i) ways_q <= ways[(WAYS-1)*WW-1:0];
      `SYSTOLE_ASSERT(check_way_idle, !(re_i && same != {WAYS - 1{1'b0}}))
    end
  endgenerate

  // Pulses.
  reg [31:0] left_q = 32'd0;                     // a macro's own: when power comes no pulse is on that reset would cut
  wire [FULL-1:0] mask = {{FULL - WIDTH{1'b0}}, mask_i};
  assign busy_o = left_q != 32'd0;
  `SYSTOLE_ASSERT(check_pulse_alone, !(re_i && busy_o))
  integer part;
  reg [FULL-1:0] now_n, now_s1, now_s0, now_v1, now_v0;
  longint n, s1, s0, v1, v0;
  always @(posedge clk_i) begin
    if (rst_i) left_q <= 32'd0;
    else if (left_q != 32'd0) left_q <= left_q - 32'd1;
    else if (pulse_i && enable_a_i && enable_b_i) left_q <= pulse_cycles;
    if (busy_o && (left_q == 32'd1 || rst_i)) begin
      now_n  = {{FULL - WIDTH{1'b0}}, normal[paddr_i]};
      now_s1 = {{FULL - WIDTH{1'b0}}, strong_1[paddr_i]};
      now_s0 = {{FULL - WIDTH{1'b0}}, strong_0[paddr_i]};
      now_v1 = {{FULL - WIDTH{1'b0}}, verify_1[paddr_i]};
      now_v0 = {{FULL - WIDTH{1'b0}}, verify_0[paddr_i]};
      for (part = 0; part < PARTS; part = part + 1)
        if (mask[part*64+:64] != 64'd0) begin
          systole_rram_pulse(ROW, 32'(paddr_i), part, 32'(reset_i), 32'(level_i), 32'(rst_i), mask[part*64+:64], n, s1, s0, v1, v0);
          now_n[part*64+:64]  = n;
          now_s1[part*64+:64] = s1;
          now_s0[part*64+:64] = s0;
          now_v1[part*64+:64] = v1;
          now_v0[part*64+:64] = v0;
        end
      normal[paddr_i]   <= now_n[WIDTH-1:0];
      strong_1[paddr_i] <= now_s1[WIDTH-1:0];
      strong_0[paddr_i] <= now_s0[WIDTH-1:0];
      verify_1[paddr_i] <= now_v1[WIDTH-1:0];
      verify_0[paddr_i] <= now_v0[WIDTH-1:0];
    end
  end

endmodule

`default_nettype wire
