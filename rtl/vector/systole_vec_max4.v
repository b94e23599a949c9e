// SPDX-License-Identifier: Apache-2.0
// The largest of four {key, lane}, in a register; of equal keys the first. Reset clears nothing.
`default_nettype none

module systole_vec_max4 (
    input  wire            clk_i,
    input  wire            en_i,   // numbers are there
    input  wire [4*29-1:0] x_i,    // four {key, lane}
    output wire [    28:0] m_o     // the largest, a cycle later
);

  wire [28:0] x0 = x_i[28:0], x1 = x_i[57:29], x2 = x_i[86:58], x3 = x_i[115:87];
  wire [28:0] low = x1[28:5] > x0[28:5] ? x1 : x0;
  wire [28:0] high = x3[28:5] > x2[28:5] ? x3 : x2;
  reg  [28:0] m_q;
  always @(posedge clk_i) if (en_i) m_q <= high[28:5] > low[28:5] ? high : low;
  assign m_o = m_q;

endmodule

`default_nettype wire
