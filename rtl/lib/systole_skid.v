// SPDX-License-Identifier: Apache-2.0
// Register slice for a valid/ready stream: both directions are registered, full throughput,
// latency 1 cycle. Reset empties it.
`default_nettype none

module systole_skid #(
    parameter WIDTH = 8  // bits of the payload
) (
    input  wire             clk_i,
    input  wire             rst_i,
    input  wire             s_valid_i,  // a word is offered
    output wire             s_ready_o,  // it is taken
    input  wire [WIDTH-1:0] s_data_i,   // the word
    output wire             m_valid_o,  // a word is offered
    input  wire             m_ready_i,  // it is taken
    output wire [WIDTH-1:0] m_data_o    // the word
);

  reg             ready_q;
  reg             valid_q;
  reg             full_q;
  reg [WIDTH-1:0] data_q;
  reg [WIDTH-1:0] spare_q;

  wire            take = s_valid_i && ready_q;
  wire            give = !valid_q || m_ready_i;

  always @(posedge clk_i)
    if (rst_i) begin
      ready_q <= 1'b0;
      valid_q <= 1'b0;
      full_q  <= 1'b0;
    end else if (give) begin
      ready_q <= 1'b1;
      valid_q <= full_q || take;
      full_q  <= 1'b0;
    end else begin
      // The output is stuck: what is taken now goes to the spare register.
      ready_q <= !(full_q || take);
      full_q  <= full_q || take;
    end

  always @(posedge clk_i) begin
    if (give) data_q <= full_q ? spare_q : s_data_i;
    if (take) spare_q <= s_data_i;
  end

  assign s_ready_o = ready_q;
  assign m_valid_o = valid_q;
  assign m_data_o  = data_q;

`ifdef SYSTOLE_PROOF
  `include "systole_skid.vh"
`endif

endmodule

`default_nettype wire
