// SPDX-License-Identifier: Apache-2.0
// Top of every board with an ECP5: its clock through a PLL, and systole_board. Pins and numbers come from the board's file
// in constraints/boards. f(core) = f(clk_i) FB / IN, VCO = f(core) OUT.
`default_nettype none

module systole_ecp5 #(
    parameter CONFIG  = 0,
    parameter DIVISOR = 50,
    parameter PLL_IN  = 1,
    parameter PLL_FB  = 2,
    parameter PLL_OUT = 12,
    parameter BOOT    = 0,             // requests from byte BOOT_AT of the flash of the configuration
    parameter [23:0] BOOT_AT = 24'h20_0000,
    parameter LED_ON  = 1              // the level at which a light is on
) (
    input  wire       clk_i,
    input  wire       rx_i,          // serial line from the host
    output wire       tx_o,          // serial line to the host
    output wire       flash_cs_n_o,  // flash: select, low
    output wire       flash_mosi_o,  // flash: bits to it
    input  wire       flash_miso_i,  // flash: bits from it
    output wire [3:0] led_o          // awake, running, poison, error
);

  wire core_clk, locked;
  wire [3:0] state;

  EHXPLLL #(
      .CLKI_DIV      (PLL_IN),
      .CLKFB_DIV     (PLL_FB),
      .CLKOP_DIV     (PLL_OUT),
      .CLKOP_CPHASE  (PLL_OUT - 1),
      .CLKOP_FPHASE  (0),
      .CLKOP_ENABLE  ("ENABLED"),
      .FEEDBK_PATH   ("CLKOP"),
      .PLLRST_ENA    ("DISABLED"),
      .INTFB_WAKE    ("DISABLED"),
      .STDBY_ENABLE  ("DISABLED"),
      .DPHASE_SOURCE ("DISABLED"),
      .OUTDIVIDER_MUXA("DIVA")
  ) u_pll (
      .CLKI        (clk_i),
      .CLKFB       (core_clk),
      .CLKOP       (core_clk),
      .LOCK        (locked),
      .RST         (1'b0),
      .STDBY       (1'b0),
      .PHASESEL0   (1'b0),
      .PHASESEL1   (1'b0),
      .PHASEDIR    (1'b1),
      .PHASESTEP   (1'b1),
      .PHASELOADREG(1'b1),
      .PLLWAKESYNC (1'b0),
      .ENCLKOP     (1'b0)
  );

  reg [1:0] rst_q = 2'b11;
  always @(posedge core_clk) rst_q <= {rst_q[0], !locked};

  // The flash's clock has no pin of its own: it is the one that the configuration came with.
  wire flash_sck;
  generate
    if (BOOT != 0) begin : g_clock
      USRMCLK u_clock (
          .USRMCLKI (flash_sck),
          .USRMCLKTS(1'b0)
      );
    end else begin : g_no_clock
      wire unused = flash_sck;
    end
  endgenerate

  systole_board #(
      .CONFIG (CONFIG),
      .DIVISOR(DIVISOR),
      .BOOT   (BOOT),
      .BOOT_AT(BOOT_AT)
  ) u_board (
      .clk_i       (core_clk),
      .rst_i       (rst_q[1]),
      .rx_i        (rx_i),
      .tx_o        (tx_o),
      .flash_cs_n_o(flash_cs_n_o),
      .flash_sck_o (flash_sck),
      .flash_mosi_o(flash_mosi_o),
      .flash_miso_i(flash_miso_i),
      .state_o     (state)
  );
  assign led_o = LED_ON != 0 ? state : ~state;

endmodule

`default_nettype wire
