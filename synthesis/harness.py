"""Registers around the accelerator, behind four pins, so that it can be placed without its pads."""

from collections.abc import Mapping

TOP = "harness"


def harness(top: str, ports: Mapping[str, tuple[str, int]], clock: str = "clk") -> str:
    """Return the Verilog of a module that drives and reads every port of `top` by shift registers.

    A bus is wider than any package has pins, and paths through pads would hide those inside.
    `ports` are (direction, bits) by name.
    """
    inputs = {name: bits for name, (way, bits) in ports.items() if way == "input" and name != clock}
    outputs = {name: bits for name, (way, bits) in ports.items() if way == "output"}
    driven, read = sum(inputs.values()), sum(outputs.values())
    connections = [f".{clock}(clk)", *_slices(inputs, "driven"), *_slices(outputs, "read")]
    return f"""\
module {TOP}(input clk, input serial_in, input capture, output reg serial_out);
  reg serial, captures;
  reg [{driven - 1}:0] shifted_in, driven;
  wire [{read - 1}:0] read;
  reg [{read - 1}:0] held, shifted_out;
  always @(posedge clk) begin
    serial <= serial_in;
    captures <= capture;
    shifted_in <= {{shifted_in, serial}};
    driven <= shifted_in;
    held <= read;
    shifted_out <= captures ? held : {{shifted_out, 1'b0}};
    serial_out <= shifted_out[{read - 1}];
  end
  {top} inside (
    {("," + chr(10) + "    ").join(connections)}
  );
endmodule
"""


def _slices(ports: Mapping[str, int], vector: str) -> list[str]:
    """Connect the ports to consecutive bits of a vector."""
    found, low = [], 0
    for name, bits in ports.items():
        found.append(f".{name}({vector}[{low + bits - 1}:{low}])")
        low += bits
    return found
