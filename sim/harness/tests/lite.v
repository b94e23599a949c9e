// SPDX-License-Identifier: Apache-2.0
// An AXI4-Lite slave with one register, whose channels can be held. Beside it buses of widths that the standards do not have:
// nothing drives them, only their ports are looked at.
`default_nettype none
module lite (
    input  wire        clk_i,
    input  wire        rst_i,
    input  wire        no_aw_i, no_w_i, no_b_i, no_ar_i, no_r_i,
    input  wire        s_awvalid_i,
    output wire        s_awready_o,
    input  wire [11:0] s_awaddr_i,
    input  wire        s_wvalid_i,
    output wire        s_wready_o,
    input  wire [31:0] s_wdata_i,
    input  wire [ 3:0] s_wstrb_i,
    output reg         s_bvalid_o,
    input  wire        s_bready_i,
    output wire [ 1:0] s_bresp_o,
    input  wire        s_arvalid_i,
    output wire        s_arready_o,
    input  wire [11:0] s_araddr_i,
    output reg         s_rvalid_o,
    input  wire        s_rready_i,
    output wire [31:0] s_rdata_o,
    output wire [ 1:0] s_rresp_o,
    // Data of 16 bits, and a WSTRB of 3.
    input  wire        h_awvalid, h_awready, h_wvalid, h_wready, h_bvalid, h_bready, h_arvalid, h_arready, h_rvalid, h_rready,
    input  wire [11:0] h_awaddr, h_araddr,
    input  wire [15:0] h_wdata, h_rdata,
    input  wire [ 1:0] h_wstrb, h_bresp, h_rresp,
    input  wire        k_awvalid, k_awready, k_wvalid, k_wready, k_bvalid, k_bready, k_arvalid, k_arready, k_rvalid, k_rready,
    input  wire [11:0] k_awaddr, k_araddr,
    input  wire [63:0] k_wdata, k_rdata,
    input  wire [ 2:0] k_wstrb,
    input  wire [ 1:0] k_bresp, k_rresp,
    // Streams: TDATA of 4 and of 12 bits, TKEEP that is too narrow, TLAST of two bits.
    input  wire        n_tvalid, n_tready, o_tvalid, o_tready, p_tvalid, p_tready, q_tvalid, q_tready,
    input  wire [ 3:0] n_tdata,
    input  wire [11:0] o_tdata,
    input  wire [31:0] p_tdata, q_tdata,
    input  wire [ 2:0] p_tkeep,
    input  wire [ 1:0] q_tlast
);
  reg aw_q, w_q, ar_q;
  reg [31:0] reg_q, data_q;
  assign s_awready_o = !aw_q && !no_aw_i;
  assign s_wready_o  = !w_q && !no_w_i;
  assign s_arready_o = !ar_q && !no_ar_i;
  assign s_bresp_o   = 2'd0;
  assign s_rresp_o   = 2'd0;
  assign s_rdata_o   = reg_q;
  always @(posedge clk_i) begin
    if (s_awvalid_i && s_awready_o) aw_q <= 1'b1;
    if (s_wvalid_i && s_wready_o) begin
      w_q    <= 1'b1;
      data_q <= s_wdata_i;
    end
    if (aw_q && w_q && !s_bvalid_o && !no_b_i) begin
      s_bvalid_o <= 1'b1;
      reg_q      <= data_q;
    end
    if (s_bvalid_o && s_bready_i) begin
      s_bvalid_o <= 1'b0;
      aw_q       <= 1'b0;
      w_q        <= 1'b0;
    end
    if (s_arvalid_i && s_arready_o) ar_q <= 1'b1;
    if (ar_q && !s_rvalid_o && !no_r_i) s_rvalid_o <= 1'b1;
    if (s_rvalid_o && s_rready_i) begin
      s_rvalid_o <= 1'b0;
      ar_q       <= 1'b0;
    end
    if (rst_i) begin
      {aw_q, w_q, ar_q, s_bvalid_o, s_rvalid_o} <= 5'd0;
      reg_q <= 32'd0;
    end
  end
endmodule
`default_nettype wire
