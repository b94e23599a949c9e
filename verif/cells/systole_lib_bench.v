// SPDX-License-Identifier: Apache-2.0
// The memories and delays of rtl/lib side by side, for one bench: all have the same writes and reads.
`default_nettype none

module systole_lib_bench (
    input  wire        clk_i,
    input  wire        rst_i,
    input  wire [ 3:0] we_i,
    input  wire [ 3:0] waddr_i,
    input  wire [31:0] wdata_i,
    input  wire        re_i,
    input  wire [ 3:0] raddr_i,
    output wire [31:0] ram_o,       // systole_ram, OUTREG 0
    output wire [31:0] ram_reg_o,   // .. 1
    output wire [31:0] ram_be_o,
    output wire [31:0] regfile_o,
    output wire [31:0] delay_0_o,   // systole_delay of wdata_i
    output wire [31:0] delay_1_o,
    output wire [31:0] delay_5_o,
    output wire [ 3:0] delay_ctl_1_o,  // systole_delay_ctl of we_i
    output wire [ 3:0] delay_ctl_4_o
);

  genvar n;
  generate
    for (n = 0; n < 2; n = n + 1) begin : g_ram
      wire [31:0] rdata;
      systole_ram #(.WIDTH(32), .DEPTH(16), .OUTREG(n)) u_ram (
          .clk_i(clk_i), .we_i(&we_i), .waddr_i(waddr_i), .wdata_i(wdata_i), .re_i(re_i), .raddr_i(raddr_i), .rdata_o(rdata)
      );
    end
  endgenerate
  assign ram_o     = g_ram[0].rdata;
  assign ram_reg_o = g_ram[1].rdata;

  systole_ram_be #(.LANES(4), .DEPTH(16)) u_ram_be (
      .clk_i(clk_i), .we_i(we_i), .waddr_i(waddr_i), .wdata_i(wdata_i), .re_i(re_i), .raddr_i(raddr_i), .rdata_o(ram_be_o)
  );
  systole_regfile #(.WIDTH(32), .DEPTH(16)) u_regfile (
      .clk_i(clk_i), .we_i(&we_i), .waddr_i(waddr_i), .wdata_i(wdata_i), .raddr_i(raddr_i), .rdata_o(regfile_o)
  );
  systole_delay #(.WIDTH(32), .CYCLES(0)) u_delay_0 (.clk_i(clk_i), .d_i(wdata_i), .q_o(delay_0_o));
  systole_delay #(.WIDTH(32), .CYCLES(1)) u_delay_1 (.clk_i(clk_i), .d_i(wdata_i), .q_o(delay_1_o));
  systole_delay #(.WIDTH(32), .CYCLES(5)) u_delay_5 (.clk_i(clk_i), .d_i(wdata_i), .q_o(delay_5_o));
  systole_delay_ctl #(.WIDTH(4), .CYCLES(1)) u_ctl_1 (.clk_i(clk_i), .rst_i(rst_i), .d_i(we_i), .q_o(delay_ctl_1_o));
  systole_delay_ctl #(.WIDTH(4), .CYCLES(4)) u_ctl_4 (.clk_i(clk_i), .rst_i(rst_i), .d_i(we_i), .q_o(delay_ctl_4_o));

endmodule

`default_nettype wire
