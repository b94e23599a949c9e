// SPDX-License-Identifier: Apache-2.0
// A register slice for an AXI4-Stream of WIDTH bits, with TKEEP and TLAST. BROKEN = 1 changes data
// while it waits.
`default_nettype none
module stream_fifo #(
    parameter WIDTH  = 32,
    parameter BROKEN = 0
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire               s_tvalid_i,
    output wire               s_tready_o,
    input  wire [  WIDTH-1:0] s_tdata_i,
    input  wire [WIDTH/8-1:0] s_tkeep_i,
    input  wire               s_tlast_i,
    output reg                m_tvalid_o,
    input  wire               m_tready_i,
    output reg  [  WIDTH-1:0] m_tdata_o,
    output reg  [WIDTH/8-1:0] m_tkeep_o,
    output reg                m_tlast_o
);
  assign s_tready_o = !m_tvalid_o || m_tready_i;
  always @(posedge clk_i)
    if (rst_i) m_tvalid_o <= 1'b0;
    else if (s_tready_o) begin
      m_tvalid_o <= s_tvalid_i;
      m_tdata_o  <= s_tdata_i;
      m_tkeep_o  <= s_tkeep_i;
      m_tlast_o  <= s_tlast_i;
    end else if (BROKEN) m_tdata_o <= ~m_tdata_o;
endmodule
`default_nettype wire
