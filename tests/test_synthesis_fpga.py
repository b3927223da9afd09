"""The FPGA flows map a small design to a DSP and a block RAM, and state a clock."""

import json
from pathlib import Path

import pytest

from hwsim.rtl.deliver.wrappers import MULTIPLY, wrapper
from hwsim.synthesis.block_ram import take_registers
from hwsim.synthesis.fpga import Implementation, map_to_xc7, place_in_ecp5
from hwsim.synthesis.harness import harness
from hwsim.synthesis.yosys import SynthesisError, run_passes

TARGET_HZ = 100_000_000
PORTS = {"clk": ("input", 1), "a": ("input", 9), "b": ("input", 9), "y": ("output", 18)}
DESIGN = """\
module design(input clk, input [8:0] a, input [8:0] b, output reg [17:0] y);
  reg [8:0] x, w;
  reg [17:0] product, kept;
  reg [17:0] words [511:0];
  always @(posedge clk) begin
    x <= a; w <= b; product <= x * w;
    words[x] <= product; kept <= words[w]; y <= kept;
  end
endmodule
"""


def used(found: Implementation) -> dict[str, int]:
    return {resource.name: resource.used for resource in found.resources}


def test_a_design_is_placed_and_routed_in_the_ecp5() -> None:
    ended: list[None] = []
    found = place_in_ecp5(DESIGN, "design", PORTS, TARGET_HZ, 1, lambda: ended.append(None))
    resources = used(found)
    assert resources["DSPs"] == resources["block RAMs"] == 1
    assert resources["flip-flops"] >= 18 + 18 + 18 + 3  # around the ports
    assert found.clock_hz is not None
    assert found.critical_path is not None
    period_ns = found.critical_path.logic_ns + found.critical_path.routing_ns
    assert found.clock_hz == pytest.approx(1e9 / period_ns, rel=0.01)
    assert len(ended) == 2


MULTIPLIES = """\
module multiplies(input clk, input [15:0] a, output [31:0] y);
  reg [15:0] x;
  always @(posedge clk) x <= a;
  top_multiply #(.LEFT_BITS(8), .RIGHT_BITS(8)) one (
    .clk(clk), .left(x[7:0]), .right(x[15:8]), .product(y[15:0])
  );
  top_multiply #(.LEFT_BITS(8), .RIGHT_BITS(8)) two (
    .clk(clk), .left(x[9:2]), .right(x[12:5]), .product(y[31:16])
  );
endmodule
"""
HARNESS = 3 + 16 + 2 + 2 * 32  # pins, bits on their way to the factors, products in two rows


def test_the_register_of_a_multiplier_is_in_the_dsp() -> None:
    """No flip-flop of the ECP5 or of the 7 series is that of a product."""
    text = MULTIPLIES + wrapper(MULTIPLY, "top")
    ports = {"clk": ("input", 1), "a": ("input", 16), "y": ("output", 32)}
    found = used(place_in_ecp5(text, "multiplies", ports, TARGET_HZ, 1, lambda: None))
    assert (found["DSPs"], found["flip-flops"]) == (2, HARNESS)
    found = used(map_to_xc7(text, "multiplies"))
    assert (found["DSP48E1"], found["flip-flops"]) == (2, 0)


def test_a_design_is_mapped_to_the_7_series() -> None:
    resources = used(map_to_xc7(DESIGN, "design"))
    assert resources["DSP48E1"] == resources["RAMB18E1"] == 1
    assert resources["RAMB36E1"] == resources["LUT RAMs"] == 0


def test_what_does_not_fit_is_refused() -> None:
    many = "".join(
        f"reg [17:0] p{n}; always @(posedge clk) p{n} <= a * (a ^ {n}); assign y[{n}] = ^p{n};"
        for n in range(200)
    )
    design = f"module wide(input clk, input [17:0] a, output [199:0] y); {many} endmodule"
    ports = {"clk": ("input", 1), "a": ("input", 18), "y": ("output", 200)}
    with pytest.raises(SynthesisError, match="nextpnr: "):
        place_in_ecp5(design, "wide", ports, TARGET_HZ, 1, lambda: None)


def test_every_port_is_driven_or_read_through_registers() -> None:
    text = harness("design", PORTS)
    assert ".clk(clk)" in text
    assert ".a(driven[8:0])" in text
    assert ".b(driven[17:9])" in text
    assert ".y(read[17:0])" in text


READS = """\
module reads(input clk, input enable, input [8:0] place, input [17:0] word,
             output reg [17:0] y, output [17:0] z);
  reg [17:0] words [511:0];
  reg [17:0] answer;
  assign z = {other};
  always @(posedge clk) begin
    words[place] <= word;
    answer <= words[~place];
    {register}
  end
endmodule
"""


@pytest.mark.parametrize(
    ("register", "other", "taken"),
    [
        ("y <= answer;", "y", 18),
        ("if (enable) y <= answer;", "y", 0),  # it keeps its word
        ("y <= answer;", "answer", 0),  # the memory's own answer is needed, too
        ("y <= answer ^ 18'd1;", "y", 0),
    ],
)
def test_a_block_ram_takes_the_register_behind_it(
    register: str, other: str, taken: int, tmp_path: Path
) -> None:
    text = READS.replace("{register}", register).replace("{other}", other)
    (tmp_path / "top.v").write_text(text, "utf-8")
    run_passes(("read_verilog top.v", "synth_ecp5 -top reads -json netlist.json"), tmp_path)
    netlist = json.loads((tmp_path / "netlist.json").read_text("utf-8"))
    cells = netlist["modules"]["reads"]["cells"]
    before = sum(cell["type"] == "TRELLIS_FF" for cell in cells.values())
    assert take_registers(netlist, "reads") == taken
    assert sum(cell["type"] == "TRELLIS_FF" for cell in cells.values()) == before - taken
    (memory,) = (cell for cell in cells.values() if cell["type"] == "DP16KD")
    modes = {memory["parameters"][f"REGMODE_{side}"] for side in "AB"}
    assert ("OUTREG" in modes) == (taken > 0)
