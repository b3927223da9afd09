"""Another module in the place of the Verilog's memory wrapper, as an integrator might write it."""

# Lanes are memories of their own, and a word that is read while any lane of it is written comes out
# complemented: a macro promises no more, and every result must be the same.
NOISY_RAM = """\
module accelerator_ram #(
    parameter WORDS = 16, BITS = 8, ADDRESS_BITS = 4, LANES = 1, READ_LATENCY = 1
) (
    input clk,
    input [LANES-1:0] write_enable,
    input [ADDRESS_BITS-1:0] write_address,
    input [BITS-1:0] write_data,
    input read_enable,
    input [ADDRESS_BITS-1:0] read_address,
    output [BITS-1:0] read_data
);
  localparam WIDTH = BITS / LANES;
  wire collides = read_enable && |write_enable && write_address == read_address;
  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : slices
      reg [WIDTH-1:0] slice[0:WORDS-1];
      always @(posedge clk)
        if (write_enable[lane]) slice[write_address] <= write_data[lane*WIDTH+:WIDTH];
      if (READ_LATENCY == 0) begin : direct
        wire unused = collides;
        assign read_data[lane*WIDTH+:WIDTH] = slice[read_address];
      end else begin : registered
        reg [WIDTH-1:0] word;
        always @(posedge clk)
          if (read_enable) word <= collides ? ~slice[read_address] : slice[read_address];
        assign read_data[lane*WIDTH+:WIDTH] = word;
      end
    end
  endgenerate
endmodule
"""
