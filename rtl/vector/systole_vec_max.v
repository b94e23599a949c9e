// SPDX-License-Identifier: Apache-2.0
// The largest of some lanes (docs/vector.md): s_i, which of them count, and whether magnitudes are compared, in cycle V; in V + 3
// the largest and its lane, the first of equal ones. One a cycle. Bit k of en_i says that there were some k cycles
// ago. Numbers leave as keys that compare as unsigned: negative ones inverted, others with the top bit set. Reset clears nothing.
`default_nettype none

module systole_vec_max #(
    parameter LANES = 8
) (
    input  wire                clk_i,
    input  wire [         2:0] en_i,         // bit k: numbers were there k cycles ago
    input  wire [LANES*24-1:0] s_i,          // numbers of the lanes, F24
    input  wire [   LANES-1:0] count_i,      // lanes that count
    input  wire                magnitude_i,  // magnitudes are compared
    output wire [        23:0] key_o,        // 0: no lane counts
    output wire [         4:0] lane_o        // its lane
);

  // Up to 32 candidates, four to one a stage; lanes that do not count, and are not there, have key 0.
  localparam N2 = LANES > 4 ? LANES / 4 : 1;
  localparam N3 = N2 > 4 ? N2 / 4 : 1;

  wire [32*29-1:0] stage0;
  wire [8*29-1:0] stage1;
  wire [2*29-1:0] stage2;
  genvar n;
  generate
    for (n = 0; n < 32; n = n + 1) begin : g_in
      localparam [4:0] LANE = n;
      if (n < LANES) begin : g_lane
        wire [23:0] s = magnitude_i ? {1'b0, s_i[n*24+:23]} : s_i[n*24+:24];
        assign stage0[n*29+:29] = {count_i[n] ? (s[23] ? ~s : {1'b1, s[22:0]}) : 24'd0, LANE};
      end else begin : g_none
        assign stage0[n*29+:29] = 29'd0;
      end
    end
    for (n = 0; n < 8; n = n + 1) begin : g_1
      if (n < N2) begin : g_on
        systole_vec_max4 u_max (
            .clk_i(clk_i),
            .en_i (en_i[0]),
            .x_i  (stage0[n*4*29+:4*29]),
            .m_o  (stage1[n*29+:29])
        );
      end else begin : g_off
        assign stage1[n*29+:29] = 29'd0;
      end
    end
    for (n = 0; n < 2; n = n + 1) begin : g_2
      if (n < N3) begin : g_on
        systole_vec_max4 u_max (
            .clk_i(clk_i),
            .en_i (en_i[1]),
            .x_i  (stage1[n*4*29+:4*29]),
            .m_o  (stage2[n*29+:29])
        );
      end else begin : g_off
        assign stage2[n*29+:29] = 29'd0;
      end
    end
  endgenerate
  systole_vec_max4 u_max (
      .clk_i(clk_i),
      .en_i (en_i[2]),
      .x_i  ({58'd0, stage2}),
      .m_o  ({key_o, lane_o})
  );

endmodule

`default_nettype wire
