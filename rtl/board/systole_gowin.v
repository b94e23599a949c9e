// SPDX-License-Identifier: Apache-2.0
// Top of every board with a Gowin GW2A: its clock through a PLL, and systole_board. Pins and numbers come from the board's
// file in constraints/boards. f(core) = f(clk_i) FB / IN, VCO = f(core) OUT.
`default_nettype none

module systole_gowin #(
    parameter CONFIG  = 5,
    parameter DIVISOR = 27,
    parameter CLOCK   = "27",          // of the board, in MHz
    parameter PLL_IN  = 1,
    parameter PLL_FB  = 1,
    parameter PLL_OUT = 32,
    parameter LED_ON  = 0              // the level at which a light is on
) (
    input  wire       clk_i,
    input  wire       rx_i,   // serial line from the host
    output wire       tx_o,   // serial line to the host
    output wire [3:0] led_o   // awake, running, poison, error
);

  wire core_clk, locked;
  wire [3:0] state;

  rPLL #(
      .DEVICE          ("GW2A-18C"),
      .FCLKIN          (CLOCK),
      .IDIV_SEL        (PLL_IN - 1),
      .FBDIV_SEL       (PLL_FB - 1),
      .ODIV_SEL        (PLL_OUT),
      .CLKFB_SEL       ("internal"),
      .CLKOUTD_SRC     ("CLKOUT"),
      .CLKOUTD3_SRC    ("CLKOUT"),
      .CLKOUT_BYPASS   ("false"),
      .CLKOUTP_BYPASS  ("false"),
      .CLKOUTD_BYPASS  ("false"),
      .DYN_IDIV_SEL    ("false"),
      .DYN_FBDIV_SEL   ("false"),
      .DYN_ODIV_SEL    ("false"),
      .DYN_DA_EN       ("false"),
      .PSDA_SEL        ("0000"),
      .DUTYDA_SEL      ("1000"),
      .CLKOUT_FT_DIR   (1'b1),
      .CLKOUTP_FT_DIR  (1'b1),
      .CLKOUT_DLY_STEP (0),
      .CLKOUTP_DLY_STEP(0),
      .DYN_SDIV_SEL    (2)
  ) u_pll (
      .CLKIN   (clk_i),
      .CLKOUT  (core_clk),
      .LOCK    (locked),
      .CLKOUTP (),
      .CLKOUTD (),
      .CLKOUTD3(),
      .CLKFB   (1'b0),
      .RESET   (1'b0),
      .RESET_P (1'b0),
      .FBDSEL  (6'd0),
      .IDSEL   (6'd0),
      .ODSEL   (6'd0),
      .PSDA    (4'd0),
      .DUTYDA  (4'd0),
      .FDLY    (4'd0)
  );

  reg [1:0] rst_q = 2'b11;
  always @(posedge core_clk) rst_q <= {rst_q[0], !locked};

  wire [2:0] no_flash;
  wire unused = &no_flash;
  systole_board #(
      .CONFIG (CONFIG),
      .DIVISOR(DIVISOR)
  ) u_board (
      .clk_i       (core_clk),
      .rst_i       (rst_q[1]),
      .rx_i        (rx_i),
      .tx_o        (tx_o),
      .flash_cs_n_o(no_flash[0]),
      .flash_sck_o (no_flash[1]),
      .flash_mosi_o(no_flash[2]),
      .flash_miso_i(1'b0),
      .state_o     (state)
  );
  assign led_o = LED_ON != 0 ? state : ~state;

endmodule

`default_nettype wire
