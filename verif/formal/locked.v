// SPDX-License-Identifier: Apache-2.0
// Proof about systole_rram_guard and systole_rram_macro together (docs/rram.md, Keys and locks): from a lock until reset no
// cell of a macro changes, whatever the registers, the controller and the pulse's own pins say. What the guard promises by itself is in
// systole_rram_guard.vh.
`default_nettype none

module locked (
    input wire clk_i,
    input wire rst_i
);

  (* anyseq *) reg unlock_we, lock_we, inject_we, relock, internal;
  (* anyseq *) reg [31:0] wdata;
  (* anyseq *) reg pulse, reset, re;
  (* anyseq *) reg [1:0] raddr, paddr;
  (* anyseq *) reg [3:0] mask;
  wire is_locked, unlocked, enable_a, enable_b;

  systole_rram_guard #(.ROWS(1), .COLS(4), .RW(6), .SP(1)) u_guard (
      .clk_i(clk_i), .rst_i(rst_i), .unlock_we_i(unlock_we), .lock_we_i(lock_we), .inject_we_i(inject_we), .clear_i(1'b0),
      .wdata_i(wdata), .relock_i(relock), .internal_i(internal), .unlocked_o(unlocked), .locked_o(is_locked),
      .enable_a_o(enable_a), .enable_b_o(enable_b), .run_on_i(1'b0), .counted_i(1'b0), .fresh_i(1'b0), .corrected_i(1'b0),
      .uncorrectable_i(1'b0), .lines_i(6'd0), .table_bad_i(1'b0), .pulse_i(1'b0), .retried_i(1'b0), .retired_i(1'b0),
      .swapped_i(1'b0), .used_i(32'd0)
  );
  wire busy;
  systole_rram_macro #(.WIDTH(4), .DEPTH(4), .WAYS(1)) u_macro (
      .clk_i(clk_i), .rst_i(rst_i), .re_i(re && !busy && !pulse), .raddr_i(raddr), .ref_i(3'd0), .rdata_o(), .pulse_i(pulse),
      .reset_i(reset), .level_i(4'd0), .paddr_i(paddr), .mask_i(mask), .enable_a_i(enable_a), .enable_b_i(enable_b),
      .busy_o(busy)
  );

  // A lock was written, and no reset since; a pulse that began before may end.
  reg locked_q, locked_q2;
  always @(posedge clk_i) begin
    locked_q  <= !rst_i && (locked_q || (lock_we && wdata[0]));
    locked_q2 <= !rst_i && locked_q;
  end
  reg busy_q;
  always @(posedge clk_i) busy_q <= !rst_i && busy;
  always @* begin
    assert (is_locked == locked_q);
    if (locked_q) assert (!enable_a && !enable_b && !unlocked);
    if (locked_q2 && !busy_q) assert (!busy);                        // no pulse begins, so nothing is written
  end

`ifdef SYSTOLE_SBY
  initial assume (rst_i);
`endif

endmodule

`default_nettype wire
