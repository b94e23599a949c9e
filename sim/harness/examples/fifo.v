// SPDX-License-Identifier: Apache-2.0
// A FIFO of 16 words of 32 bits between two AXI4-Streams.
module fifo (
    input  wire        clk_i,
    input  wire        rst_i,
    input  wire        s_tvalid_i,
    output wire        s_tready_o,
    input  wire [31:0] s_tdata_i,
    input  wire [ 3:0] s_tkeep_i,
    input  wire        s_tlast_i,
    output wire        m_tvalid_o,
    input  wire        m_tready_i,
    output wire [31:0] m_tdata_o,
    output wire [ 3:0] m_tkeep_o,
    output wire        m_tlast_o
);
  reg [36:0] words[0:15];
  reg [4:0] in, out;
  wire [4:0] held = in - out;
  assign s_tready_o = held != 5'd16;
  assign m_tvalid_o = held != 5'd0;
  assign {m_tlast_o, m_tkeep_o, m_tdata_o} = words[out[3:0]];
  always @(posedge clk_i)
    if (rst_i) begin
      in  <= 5'd0;
      out <= 5'd0;
    end else begin
      if (s_tvalid_i && s_tready_o) begin
        words[in[3:0]] <= {s_tlast_i, s_tkeep_i, s_tdata_i};
        in <= in + 5'd1;
      end
      if (m_tvalid_o && m_tready_i) out <= out + 5'd1;
    end
endmodule
