// SPDX-License-Identifier: Apache-2.0
// In the RRAM controller's place where RRAM_CTRL is 0 (docs/architecture.md): words of the image stream go to the banks,
// one a cycle, a cycle later. A record, and a command, end in ERROR RRAM_ABSENT; the controller's other registers read 0
// and keep nothing. Reset clears valid bits.
`default_nettype none
`include "systole_isa.vh"

module systole_w_load #(
    parameter ROWS       = 4,
    parameter COLS       = 4,
    parameter RRAM_DEPTH = 1024,                // words of a row
    parameter RW         = $clog2(RRAM_DEPTH),
    parameter LW         = $clog2(ROWS)
) (
    input  wire              clk_i,
    input  wire              rst_i,
    // registers
    input  wire              we_i,        // a register of the RRAM controller is written
    input  wire [       8:0] waddr_i,     // its address
    // image stream
    input  wire              s_valid_i,   // a word is offered
    input  wire              s_record_i,  // it is one of a record
    input  wire [      31:0] s_index_i,   // its number, {line, row}
    input  wire [COLS*8-1:0] s_data_i,    // the word
    // banks: by row
    output wire [  ROWS-1:0] we_o,        // a word is written
    output wire [    RW-1:0] line_o,      // its line
    output wire [COLS*8-1:0] data_o,      // its bytes
    output wire [       7:0] error_o      // for a cycle
);

  reg  [  ROWS-1:0] we_q;
  reg  [    RW-1:0] line_q;
  reg  [COLS*8-1:0] data_q;
  reg               absent_q;
  wire [    LW-1:0] row = s_index_i[LW-1:0];
  always @(posedge clk_i)
    if (rst_i) begin
      we_q     <= {ROWS{1'b0}};
      absent_q <= 1'b0;
    end else begin
      we_q     <= s_valid_i && !s_record_i ? {{ROWS - 1{1'b0}}, 1'b1} << row : {ROWS{1'b0}};
      absent_q <= (s_valid_i && s_record_i) || (we_i && waddr_i == `SYSTOLE_REG_RRAM_COMMAND);
    end
  always @(posedge clk_i) begin
    line_q <= s_index_i[LW+:RW];
    data_q <= s_data_i;
  end

  assign we_o    = we_q;
  assign line_o  = line_q;
  assign data_o  = data_q;
  assign error_o = absent_q ? `SYSTOLE_ERROR_RRAM_ABSENT : 8'd0;

endmodule

`default_nettype wire
