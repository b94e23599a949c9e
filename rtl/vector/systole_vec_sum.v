// SPDX-License-Identifier: Apache-2.0
// Exact sums (docs/vector.md): values of the lanes in cycle V; those that count are added, in V + 4 to what the slot holds
// (first_i of V + 4: to nothing), and where last_i of V + 4 is set the sum leaves as F24 in V + 8. square_i: of squares. One
// a cycle. Bit k of en_i says that there were values k cycles ago. Reset clears nothing.
`default_nettype none

module systole_vec_sum #(
    parameter LANES = 8
) (
    input  wire                clk_i,
    input  wire [         7:0] en_i,      // bit k: values were there k cycles ago
    input  wire [LANES*13-1:0] value_i,   // signed
    input  wire [   LANES-1:0] count_i,   // lanes that count
    input  wire                square_i,  // their squares are added
    input  wire [         3:0] slot_i,    // V + 4
    input  wire                first_i,   // V + 4
    output wire [        23:0] sum_o      // V + 8
);

  localparam N2 = LANES > 4 ? LANES / 4 : 1;
  localparam N3 = N2 > 4 ? N2 / 4 : 1;

  // V: squares. V + 1 to V + 3: four to one a stage.
  wire [32*26-1:0] stage0;
  wire [8*28-1:0] stage1;
  wire [2*30-1:0] stage2;
  genvar n;
  generate
    for (n = 0; n < 32; n = n + 1) begin : g_in
      if (n < LANES) begin : g_lane
        wire [12:0] value = count_i[n] ? value_i[n*13+:13] : 13'd0;
        wire [25:0] product;
        systole_mul #(
            .A_W(13),
            .B_W(13)
        ) u_square (
            .clk_i(clk_i),
            .en_i (en_i[0]),
            .a_i  (value),
            .b_i  (square_i ? value : 13'd1),
            .p_o  (product)
        );
        assign stage0[n*26+:26] = product;
      end else begin : g_none
        assign stage0[n*26+:26] = 26'd0;
      end
    end
    for (n = 0; n < 8; n = n + 1) begin : g_1
      if (n < N2) begin : g_on
        systole_vec_add4 #(
            .WIDTH(26)
        ) u_add (
            .clk_i(clk_i),
            .en_i (en_i[1]),
            .x_i  (stage0[n*4*26+:4*26]),
            .s_o  (stage1[n*28+:28])
        );
      end else begin : g_off
        assign stage1[n*28+:28] = 28'd0;
      end
    end
    for (n = 0; n < 2; n = n + 1) begin : g_2
      if (n < N3) begin : g_on
        systole_vec_add4 #(
            .WIDTH(28)
        ) u_add (
            .clk_i(clk_i),
            .en_i (en_i[2]),
            .x_i  (stage1[n*4*28+:4*28]),
            .s_o  (stage2[n*30+:30])
        );
      end else begin : g_off
        assign stage2[n*30+:30] = 30'd0;
      end
    end
  endgenerate
  wire [31:0] step;
  systole_vec_add4 #(
      .WIDTH(30)
  ) u_add (
      .clk_i(clk_i),
      .en_i (en_i[3]),
      .x_i  ({60'd0, stage2}),
      .s_o  (step)
  );

  // V + 4: with what came before.
  wire [47:0] held;
  wire [47:0] total = {{16{step[31]}}, step} + (first_i ? 48'd0 : held);
  reg  [47:0] total_q;
  systole_regfile #(
      .WIDTH(48),
      .DEPTH(16)
  ) u_slots (
      .clk_i  (clk_i),
      .we_i   (en_i[4]),
      .waddr_i(slot_i),
      .wdata_i(total),
      .raddr_i(slot_i),
      .rdata_o(held)
  );
  always @(posedge clk_i) if (en_i[4]) total_q <= total;
  systole_f24_int #(
      .WIDTH(48)
  ) u_int (
      .clk_i(clk_i),
      .en_i (en_i[7:5]),
      .x_i  (total_q),
      .f_o  (sum_o)
  );

endmodule

`default_nettype wire
