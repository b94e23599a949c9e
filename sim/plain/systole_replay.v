// SPDX-License-Identifier: Apache-2.0
// A test bench in plain Verilog: plays a script of what a host does (systole script; docs/simulators.md) against the chip, compares
// registers and output frames, and in a simulator of four states looks for X in every cycle behind reset: at all outputs, and at what
// says in the core that something is valid. Runs in Icarus Verilog and any other simulator of Verilog-2005.
// One thing is given a value that the chip does not give it: memory of IN that no frame has written (below).
//   +script=FILE   what to play
//   +wave=FILE     a VCD of all of it
//   +verbose       a line for each step
`default_nettype none
`timescale 1ns / 1ps
`include "systole_isa.vh"

module systole_replay #(
    parameter CONFIG       = 5,
    parameter COLS         = `SYSTOLE_CFG_COLS(CONFIG),
    parameter PULSE_CYCLES = 1,
    parameter POLLS        = 20000                     // reads of a register until it has its value
);

  localparam BITS = COLS * 8;

  reg clk = 1'b0, rst = 1'b1;
  always #5 clk = !clk;

  reg awvalid = 1'b0, wvalid = 1'b0, bready = 1'b1, arvalid = 1'b0, rready = 1'b1;
  reg [8:0] awaddr = 9'd0, araddr = 9'd0;
  reg [31:0] wdata = 32'd0;
  wire awready, wready, bvalid, arready, rvalid, irq;
  wire [1:0] bresp, rresp;
  wire [31:0] rdata;
  wire [3:0] state;
  reg in_valid = 1'b0, in_last = 1'b0, out_ready = 1'b0, img_valid = 1'b0;
  reg [BITS-1:0] in_data = 0, img_data = 0;
  reg [COLS-1:0] in_keep = 0;
  wire in_ready, out_valid, out_last, img_ready;
  wire [BITS-1:0] out_data;
  wire [COLS-1:0] out_keep;

  systole_top #(
      .CONFIG(CONFIG)
  ) dut (
      .clk_i               (clk),
      .rst_i               (rst),
      .s_axil_awvalid_i    (awvalid),
      .s_axil_awready_o    (awready),
      .s_axil_awaddr_i     (awaddr),
      .s_axil_wvalid_i     (wvalid),
      .s_axil_wready_o     (wready),
      .s_axil_wdata_i      (wdata),
      .s_axil_wstrb_i      (4'hf),
      .s_axil_bvalid_o     (bvalid),
      .s_axil_bready_i     (bready),
      .s_axil_bresp_o      (bresp),
      .s_axil_arvalid_i    (arvalid),
      .s_axil_arready_o    (arready),
      .s_axil_araddr_i     (araddr),
      .s_axil_rvalid_o     (rvalid),
      .s_axil_rready_i     (rready),
      .s_axil_rdata_o      (rdata),
      .s_axil_rresp_o      (rresp),
      .irq_o               (irq),
      .state_o             (state),
      .s_axis_in_tvalid_i  (in_valid),
      .s_axis_in_tready_o  (in_ready),
      .s_axis_in_tdata_i   (in_data),
      .s_axis_in_tkeep_i   (in_keep),
      .s_axis_in_tlast_i   (in_last),
      .m_axis_out_tvalid_o (out_valid),
      .m_axis_out_tready_i (out_ready),
      .m_axis_out_tdata_o  (out_data),
      .m_axis_out_tkeep_o  (out_keep),
      .m_axis_out_tlast_o  (out_last),
      .s_axis_img_tvalid_i (img_valid),
      .s_axis_img_tready_o (img_ready),
      .s_axis_img_tdata_i  (img_data)
  );

  // A row of LOAD takes whole words, so it may read bytes of IN behind a frame's end, which meet a weight of zero. In the chip such a
  // product is 0, whatever the memory holds; in four states X times 0 is X. So the two memories of IN hold zeros before the first frame.
  // Nothing else is filled: X from any other place is a fault.
  integer fill;
  initial
    for (fill = 0; fill < dut.u_host.u_in.DEPTH; fill = fill + 1) begin
      dut.u_host.u_in.u_even.mem[fill] = {BITS{1'b0}};
      dut.u_host.u_in.u_odd.mem[fill] = {BITS{1'b0}};
    end

  integer cycle = 0, steps = 0, frames = 0;
  always @(posedge clk) cycle <= cycle + 1;

  task fail(input [8*40-1:0] what);
    begin
      $display("FAIL: %0s in cycle %0d, step %0d", what, cycle, steps);
      $finish;
    end
  endtask

  // X: what an output shows is looked at where it says that it is valid, its valid bits always.
  reg was_reset = 1'b0;
  wire [15:0] shown = {awready, wready, bvalid, arready, rvalid, irq, state, in_ready, out_valid, img_ready, 3'd0};
  wire [15:0] valid = {dut.u_core.post_valid, dut.u_core.load_valid, dut.u_core.store_we, dut.u_core.u_results.take, dut.u_core.u_rows.x_valid,
                       dut.u_core.u_rows.r_en, dut.u_core.acc_valid, dut.u_core.u_rows.flat_valid_q, dut.u_core.desc_valid,
                       dut.u_core.matmul_active, dut.u_core.load_active, dut.u_core.store_active, dut.u_core.vec_active,
                       dut.u_core.lane_active, dut.u_core.done_o, 1'b0};
  integer lane;
  always @(posedge clk) begin
    if (rst) was_reset <= 1'b1;
    if (was_reset && !rst) begin
      if (^shown === 1'bx) fail("X at an output");
      if (^valid === 1'bx) fail("X at a valid bit of the core");
      if (^dut.u_core.start === 1'bx) fail("X at the start of a unit");
      if (bvalid && ^bresp === 1'bx) fail("X in an answer to a write");
      if (rvalid && ^{rresp, rdata} === 1'bx) fail("X in what is read");
      if (out_valid && ^{out_last, out_keep} === 1'bx) fail("X beside an output word");
      if (out_valid)
        for (lane = 0; lane < COLS; lane = lane + 1)
          if (out_keep[lane] && ^out_data[8*lane+:8] === 1'bx) fail("X in an output word");
    end
  end

  // Steps. Inputs change behind the clock's edge.
  reg aw_done, w_done;
  task write(input [8:0] offset, input [31:0] value);
    begin
      {awvalid, awaddr, wvalid, wdata} = {1'b1, offset, 1'b1, value};
      {aw_done, w_done} = 2'b00;
      while (!(aw_done && w_done)) begin
        @(posedge clk);
        if (awready) aw_done = 1'b1;
        if (wready) w_done = 1'b1;
        #1;
        if (aw_done) awvalid = 1'b0;
        if (w_done) wvalid = 1'b0;
      end
      @(posedge clk);
      while (!bvalid) @(posedge clk);
      if (bresp != 2'd0) fail("a write is refused");
      #1;
    end
  endtask

  reg [31:0] seen;
  task read(input [8:0] offset);
    begin
      {arvalid, araddr} = {1'b1, offset};
      @(posedge clk);
      while (!arready) @(posedge clk);
      #1 arvalid = 1'b0;
      @(posedge clk);
      while (!rvalid) @(posedge clk);
      seen = rdata;
      if (rresp != 2'd0) fail("a read is refused");
      #1;
    end
  endtask

  integer file, got, n, words, last, polls, verbose;
  reg [8*8-1:0] name;
  reg [31:0] a, b, mask;
  reg [255:0] word;
  reg [8*256-1:0] path;

  task next_word;
    begin
      got = $fscanf(file, "%s %h\n", name, word);
      if (got != 2 || name != "d") fail("the script ends in the middle of words");
    end
  endtask

  initial begin
    if (!$value$plusargs("script=%s", path)) begin
      $display("FAIL: +script=FILE is missing");
      $finish;
    end
    file = $fopen(path, "r");
    if (file == 0) begin
      $display("FAIL: cannot read %0s", path);
      $finish;
    end
    if ($value$plusargs("wave=%s", path)) begin
      $dumpfile(path);
      $dumpvars(0, systole_replay);
    end
    verbose = $test$plusargs("verbose");
    repeat (8) @(posedge clk);
    #1 rst = 1'b0;
    repeat (2) @(posedge clk);
    #1;
    got = $fscanf(file, "%s", name);
    while (got == 1) begin
      steps = steps + 1;
      if (verbose) $display("cycle %0d, step %0d: %0s", cycle, steps, name);
      case (name)
        "w": begin
          got = $fscanf(file, "%h %h\n", a, b);
          write(a[8:0], b);
        end
        "r": begin
          got = $fscanf(file, "%h %h %h\n", a, b, mask);
          polls = 0;
          read(a[8:0]);
          while ((seen & mask) !== b && polls < POLLS) begin
            polls = polls + 1;
            read(a[8:0]);
          end
          if ((seen & mask) !== b) begin
            $display("register %h: %h, not %h", a[8:0], seen, b);
            fail("a register");
          end
        end
        "m": begin
          got = $fscanf(file, "%h\n", words);
          for (n = 0; n < words; n = n + 1) begin
            next_word;
            {img_valid, img_data} = {1'b1, word[BITS-1:0]};
            @(posedge clk);
            while (!img_ready) @(posedge clk);
            #1;
          end
          img_valid = 1'b0;
        end
        "i": begin
          got = $fscanf(file, "%h %h\n", words, last);
          for (n = 0; n < words; n = n + 1) begin
            next_word;
            {in_valid, in_data, in_last} = {1'b1, word[BITS-1:0], n == words - 1};
            in_keep = n == words - 1 ? {COLS{1'b1}} >> (COLS - last) : {COLS{1'b1}};
            @(posedge clk);
            while (!in_ready) @(posedge clk);
            #1;
          end
          {in_valid, in_last} = 2'b00;
        end
        "o": begin
          got = $fscanf(file, "%h %h\n", words, last);
          out_ready = 1'b1;
          for (n = 0; n < words; n = n + 1) begin
            next_word;
            @(posedge clk);
            while (!out_valid) @(posedge clk);
            for (lane = 0; lane < (n == words - 1 ? last : COLS); lane = lane + 1)
              if (out_data[8*lane+:8] !== word[8*lane+:8]) begin
                $display("word %0d, lane %0d: %h, not %h", n, lane, out_data[8*lane+:8], word[8*lane+:8]);
                fail("an output word");
              end
            if (out_last != (n == words - 1)) fail("the length of an output frame");
            #1;
          end
          out_ready = 1'b0;
          frames = frames + 1;
        end
        "p": begin
          got = $fscanf(file, "%h\n", a);
          repeat (a) @(posedge clk);
          #1;
        end
        "q": begin
          got = $fscanf(file, "%h\n", a);
          n = 0;
          while (!irq && n < a) begin
            @(posedge clk);
            #1 n = n + 1;
          end
          if (!irq) fail("no interrupt");
        end
        default: fail("a step that is none");
      endcase
      got = $fscanf(file, "%s", name);
    end
    if (steps == 0) fail("the script has no steps");
    else $display("PASS: %0d steps, %0d output frames, %0d cycles, no X", steps, frames, cycle);
    $finish;
  end

endmodule

`default_nettype wire
