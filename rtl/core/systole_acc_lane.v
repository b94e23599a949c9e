// SPDX-License-Identifier: Apache-2.0
// One accumulator lane: 32 bits, wraps. Read address applied in cycle A, column sum on sum_i in
// A + 2, result on total_o in A + 3 and written in that cycle. Sums into one address may follow
// each other at any distance: the flags say from where the running total is forwarded.
// Reset clears nothing.
`default_nettype none

module systole_acc_lane #(
    parameter DEPTH = 256,            // words
    parameter AW    = $clog2(DEPTH)
) (
    input  wire          clk_i,
    input  wire          re_i,     // cycle A
    input  wire [AW-1:0] raddr_i,  // cycle A: its address
    input  wire          first_i,  // cycle A + 1: start from zero
    input  wire          dist2_i,  // cycle A + 1: same address two, three vectors ago
    input  wire          dist3_i,  // cycle A + 1: three vectors ago
    input  wire          dist1_i,  // cycle A + 2: same address as the vector before
    input  wire [  31:0] sum_i,    // cycle A + 2
    input  wire          we_i,     // cycle A + 3
    input  wire [AW-1:0] waddr_i,  // cycle A + 3: address of the vector
    output wire [  31:0] total_o   // cycle A + 3: the total
);

  wire [31:0] stored;
  reg  [31:0] operand_q;
  reg  [31:0] total_q;
  reg  [31:0] total_q2;

  systole_ram #(
      .WIDTH(32),
      .DEPTH(DEPTH)
  ) u_ram (
      .clk_i  (clk_i),
      .we_i   (we_i),
      .waddr_i(waddr_i),
      .wdata_i(total_q),
      .re_i   (re_i),
      .raddr_i(raddr_i),
      .rdata_o(stored)
  );

  always @(posedge clk_i) begin
    operand_q <= first_i ? 32'd0 : dist2_i ? total_q : dist3_i ? total_q2 : stored;
    total_q   <= sum_i + (dist1_i ? total_q : operand_q);
    total_q2  <= total_q;
  end

  assign total_o = total_q;

endmodule

`default_nettype wire
