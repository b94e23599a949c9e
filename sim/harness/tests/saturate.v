module saturate (
    input  wire       clk_i,
    input  wire       en_i,
    input  wire [7:0] a_i,
    input  wire [7:0] b_i,
    output reg  [7:0] sum_o
);
  wire [8:0] wide = a_i + b_i;
  always @(posedge clk_i) if (en_i) sum_o <= wide[8] ? 8'hff : wide[7:0];
endmodule
