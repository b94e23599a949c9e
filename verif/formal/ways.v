// SPDX-License-Identifier: Apache-2.0
// Proof about systole_rram_macro (P4 in docs/rram.md): a run that asks by the checker's rule of ways (two
// sub-words asked for less than WAYS cycles apart lie in different ways by their logical line) never asks a
// busy way, wherever the line table sends its lines, as long as they keep their class. The assertion is the
// macro's own check_way_idle.
`default_nettype none

module ways #(
    parameter WAYS  = 2,
    parameter BEATS = 1,
    parameter LINES = 16
) (
    input wire clk_i,
    input wire rst_i
);

  localparam LW = $clog2(LINES);
  localparam BW = BEATS > 1 ? $clog2(BEATS) : 0;
  localparam WW = WAYS > 1 ? $clog2(WAYS) : 1;

  (* anyconst *) reg turned;                  // the classes of the slot have changed places
  (* anyseq *) reg en;
  (* anyseq *) reg [LW-1:0] line, phys;
  (* anyseq *) reg [1:0] beat;

  wire [LW+1:0] logical_word = BEATS == 1 ? {2'b00, line} : BEATS == 2 ? {1'b0, line, beat[0]} : {line, beat};
  wire [LW+1:0] word = BEATS == 1 ? {2'b00, phys} : BEATS == 2 ? {1'b0, phys, beat[0]} : {phys, beat};

  // What was asked for in the cycles before, newest first.
  reg [2:0] en_q;
  reg [3*WW-1:0] way_q;
  always @(posedge clk_i)
    if (rst_i) en_q <= 3'd0;
    else en_q <= {en_q[1:0], en};
  always @(posedge clk_i) way_q <= {way_q[2*WW-1:0], logical_word[WW-1:0]};

  integer i;
  always @* begin
    if (BEATS < WAYS) assume (phys[0] == (line[0] ^ turned));
    for (i = 0; i < WAYS - 1; i = i + 1) assume (!(en && en_q[i] && way_q[i*WW+:WW] == logical_word[WW-1:0]));
  end

  systole_rram_macro #(
      .WIDTH(4),
      .DEPTH(LINES * BEATS),
      .WAYS (WAYS)
  ) u_macro (
      .clk_i     (clk_i),
      .rst_i     (rst_i),
      .re_i      (en && !rst_i),
      .raddr_i   (word[LW+BW-1:0]),
      .ref_i     (3'd0),
      .rdata_o   (),
      .pulse_i   (1'b0),
      .reset_i   (1'b0),
      .level_i   (4'd0),
      .paddr_i   ({LW + BW{1'b0}}),
      .mask_i    (4'd0),
      .enable_a_i(1'b0),
      .enable_b_i(1'b0),
      .busy_o    ()
  );

endmodule

`default_nettype wire
