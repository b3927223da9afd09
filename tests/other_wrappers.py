"""Other modules in the place of the Verilog's wrappers, as an integrator might write them."""

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

# The register of a multiplier may lie in front of it.
EARLY_MULTIPLIER = """\
module accelerator_multiply #(parameter LEFT_BITS = 1, RIGHT_BITS = 1) (
    input clk,
    input signed [LEFT_BITS-1:0] left,
    input signed [RIGHT_BITS-1:0] right,
    output signed [LEFT_BITS+RIGHT_BITS-1:0] product
);
  reg signed [LEFT_BITS-1:0] a;
  reg signed [RIGHT_BITS-1:0] b;
  always @(posedge clk) begin
    a <= left;
    b <= right;
  end
  assign product = a * b;
endmodule
"""


def _pins(letter: str, bits: int) -> str:
    return ", ".join(f"{letter}{bit}" for bit in range(bits))


def _word(letter: str, bits: int) -> str:
    return ", ".join(f"{letter}{bit}" for bit in reversed(range(bits)))


# The ECP5's cell as far as the wrapper uses it: a signed product and one register behind it.
ECP5_MULTIPLIER = f"""\
module MULT18X18D #(
    parameter REG_INPUTA_CLK = "", REG_INPUTB_CLK = "", REG_PIPELINE_CLK = "", REG_OUTPUT_CLK = "",
    CLK0_DIV = "", SOURCEB_MODE = "", GSR = "ENABLED"
) (
    input {_pins("A", 18)}, {_pins("B", 18)},
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input CLK0, CLK1, CLK2, CLK3, CE0, CE1, CE2, CE3, RST0, RST1, RST2, RST3,
    output {_pins("P", 36)}
);
  wire signed [17:0] a = {{{_word("A", 18)}}};
  wire signed [17:0] b = {{{_word("B", 18)}}};
  wire is_used = REG_INPUTA_CLK == "NONE" && REG_INPUTB_CLK == "NONE" && REG_PIPELINE_CLK == "NONE"
      && REG_OUTPUT_CLK == "CLK0" && CLK0_DIV == "ENABLED" && SOURCEB_MODE == "B_INPUT"
      && GSR == "DISABLED" && SIGNEDA && SIGNEDB && !SOURCEA && !SOURCEB && CE0 && !RST0;
  wire unused = &{{CLK1, CLK2, CLK3, CE1, CE2, CE3, RST1, RST2, RST3}};
  reg signed [35:0] product;
  always @(posedge CLK0) product <= is_used ? 36'(a) * 36'(b) : 0;
  assign {{{_word("P", 36)}}} = product;
endmodule
"""
