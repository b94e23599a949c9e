// SPDX-License-Identifier: Apache-2.0
// The chip behind a serial line (docs/board.md): what the top of each board holds. clk_i runs when power comes, reset
// lasts 16 cycles from then on, and as long as rst_i stands. With BOOT requests come out of a flash first.
`default_nettype none
`include "systole_isa.vh"

module systole_board #(
    parameter CONFIG  = 1,
    parameter COLS    = `SYSTOLE_CFG_COLS(CONFIG),
    parameter DIVISOR = 100,                  // cycles of a bit on the line
    parameter LIMIT   = 22,
    parameter BOOT    = 0,                    // there is a flash with requests in it
    parameter [23:0] BOOT_AT = 24'h20_0000    // from this byte on
) (
    input  wire       clk_i,
    input  wire       rst_i,
    input  wire       rx_i,          // serial line from the host
    output wire       tx_o,          // serial line to the host
    output wire       flash_cs_n_o,  // flash: select, low
    output wire       flash_sck_o,   // flash: clock
    output wire       flash_mosi_o,  // flash: bits to it
    input  wire       flash_miso_i,  // flash: bits from it
    output wire [3:0] state_o        // {an error, poison, a run, an image is awake}
);

  localparam AW = 9;

  reg [4:0] begin_q = 5'd0;
  always @(posedge clk_i) begin_q <= rst_i ? 5'd0 : begin_q + {4'd0, !begin_q[4]};
  wire rst = !begin_q[4];

  wire rx_valid, rx_bad, request, done, send, sending, tx_valid, tx_ready, answer_we, chip_rst;
  wire [7:0] rx_data, request_data, tx_data, answer, sent_data;
  wire [AW-1:0] request_length, request_addr, answer_length, answer_addr, sent_addr;

  systole_uart_rx #(
      .DIVISOR(DIVISOR)
  ) u_uart_rx (
      .clk_i  (clk_i),
      .rst_i  (rst),
      .rx_i   (rx_i),
      .valid_o(rx_valid),
      .bad_o  (rx_bad),
      .data_o (rx_data)
  );
  wire booting, boot_failed, boot_valid;
  wire [7:0] boot_data;
  generate
    if (BOOT != 0) begin : g_boot
      systole_boot #(
          .AT(BOOT_AT),
          .AW(AW)
      ) u_boot (
          .clk_i        (clk_i),
          .rst_i        (rst),
          .cs_n_o       (flash_cs_n_o),
          .sck_o        (flash_sck_o),
          .mosi_o       (flash_mosi_o),
          .miso_i       (flash_miso_i),
          .valid_o      (boot_valid),
          .data_o       (boot_data),
          .request_i    (request),
          .done_i       (done),
          .answer_we_i  (answer_we),
          .answer_addr_i(answer_addr),
          .answer_data_i(answer),
          .active_o     (booting),
          .failed_o     (boot_failed)
      );
    end else begin : g_no_boot
      assign {booting, boot_failed, boot_valid, boot_data} = 11'd0;
      assign {flash_cs_n_o, flash_sck_o, flash_mosi_o} = 3'b100;
      wire unused = flash_miso_i;
    end
  endgenerate
  // A byte of the line or of the flash, a cycle later: what link_rx makes of it takes a cycle by itself.
  reg link_valid_q, link_bad_q;
  reg [7:0] link_data_q;
  always @(posedge clk_i) begin
    link_valid_q <= !rst && (booting ? boot_valid : rx_valid);
    link_bad_q   <= !rst && !booting && rx_bad;
    link_data_q  <= booting ? boot_data : rx_data;
  end
  systole_link_rx #(
      .AW(AW)
  ) u_link_rx (
      .clk_i    (clk_i),
      .rst_i    (rst),
      .valid_i  (link_valid_q),
      .bad_i    (link_bad_q),
      .data_i   (link_data_q),
      .request_o(request),
      .length_o (request_length),
      .done_i   (done),
      .raddr_i  (request_addr),
      .rdata_o  (request_data)
  );
  systole_ram #(
      .WIDTH(8),
      .DEPTH(1 << AW)
  ) u_answer (
      .clk_i  (clk_i),
      .we_i   (answer_we),
      .waddr_i(answer_addr),
      .wdata_i(answer),
      .re_i   (1'b1),
      .raddr_i(sent_addr),
      .rdata_o(sent_data)
  );
  systole_link_tx #(
      .AW(AW)
  ) u_link_tx (
      .clk_i   (clk_i),
      .rst_i   (rst),
      .send_i  (send),
      .length_i(answer_length),
      .busy_o  (sending),
      .raddr_o (sent_addr),
      .rdata_i (sent_data),
      .valid_o (tx_valid),
      .ready_i (tx_ready),
      .data_o  (tx_data)
  );
  systole_uart_tx #(
      .DIVISOR(DIVISOR)
  ) u_uart_tx (
      .clk_i  (clk_i),
      .rst_i  (rst),
      .valid_i(tx_valid),
      .ready_o(tx_ready),
      .data_i (tx_data),
      .tx_o   (tx_o)
  );

  wire [3:0] state;
  assign state_o = {state[3] || boot_failed, state[2:0]};
  wire awvalid, awready, wvalid, wready, bvalid, arvalid, arready, rvalid, irq;
  wire [8:0] addr;
  wire [31:0] wdata, rdata;
  wire [1:0] bresp, rresp;
  wire img_tvalid, img_tready, in_tvalid, in_tready, in_tlast, out_tvalid, out_tready, out_tlast;
  wire [COLS*8-1:0] tdata, out_tdata;
  wire [COLS-1:0] in_tkeep, out_tkeep;

  systole_bridge #(
      .COLS (COLS),
      .LIMIT(LIMIT),
      .AW   (AW)
  ) u_bridge (
      .clk_i        (clk_i),
      .rst_i        (rst),
      .chip_rst_o   (chip_rst),
      .boot_i       (booting),
      .request_i    (request),
      .length_i     (request_length),
      .done_o       (done),
      .raddr_o      (request_addr),
      .rdata_i      (request_data),
      .send_o       (send),
      .length_o     (answer_length),
      .sending_i    (sending),
      .answer_we_o  (answer_we),
      .answer_addr_o(answer_addr),
      .answer_data_o(answer),
      .awvalid_o    (awvalid),
      .awready_i    (awready),
      .wvalid_o     (wvalid),
      .wready_i     (wready),
      .addr_o       (addr),
      .wdata_o      (wdata),
      .bvalid_i     (bvalid),
      .bresp_i      (bresp),
      .arvalid_o    (arvalid),
      .arready_i    (arready),
      .rvalid_i     (rvalid),
      .rdata_axi_i  (rdata),
      .rresp_i      (rresp),
      .irq_i        (irq),
      .img_tvalid_o (img_tvalid),
      .img_tready_i (img_tready),
      .in_tvalid_o  (in_tvalid),
      .in_tready_i  (in_tready),
      .tdata_o      (tdata),
      .in_tkeep_o   (in_tkeep),
      .in_tlast_o   (in_tlast),
      .out_tvalid_i (out_tvalid),
      .out_tready_o (out_tready),
      .out_tdata_i  (out_tdata),
      .out_tkeep_i  (out_tkeep),
      .out_tlast_i  (out_tlast)
  );

  systole_top #(
      .CONFIG(CONFIG)
  ) u_chip (
      .clk_i              (clk_i),
      .rst_i              (chip_rst),
      .s_axil_awvalid_i   (awvalid),
      .s_axil_awready_o   (awready),
      .s_axil_awaddr_i    (addr),
      .s_axil_wvalid_i    (wvalid),
      .s_axil_wready_o    (wready),
      .s_axil_wdata_i     (wdata),
      .s_axil_wstrb_i     (4'hf),
      .s_axil_bvalid_o    (bvalid),
      .s_axil_bready_i    (1'b1),
      .s_axil_bresp_o     (bresp),
      .s_axil_arvalid_i   (arvalid),
      .s_axil_arready_o   (arready),
      .s_axil_araddr_i    (addr),
      .s_axil_rvalid_o    (rvalid),
      .s_axil_rready_i    (1'b1),
      .s_axil_rdata_o     (rdata),
      .s_axil_rresp_o     (rresp),
      .irq_o              (irq),
      .state_o            (state),
      .s_axis_in_tvalid_i (in_tvalid),
      .s_axis_in_tready_o (in_tready),
      .s_axis_in_tdata_i  (tdata),
      .s_axis_in_tkeep_i  (in_tkeep),
      .s_axis_in_tlast_i  (in_tlast),
      .m_axis_out_tvalid_o(out_tvalid),
      .m_axis_out_tready_i(out_tready),
      .m_axis_out_tdata_o (out_tdata),
      .m_axis_out_tkeep_o (out_tkeep),
      .m_axis_out_tlast_o (out_tlast),
      .s_axis_img_tvalid_i(img_tvalid),
      .s_axis_img_tready_o(img_tready),
      .s_axis_img_tdata_i (tdata)
  );

endmodule

`default_nettype wire
