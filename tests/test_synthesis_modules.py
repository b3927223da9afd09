"""A Verilog text is split into its modules."""

from hwsim.synthesis.modules import separate_modules

VERILOG = """\
/* Generated */
(* top =  1  *)
(* src = "rtl/top.py:1" *)
module top(clk, a, b, y);
  (* src = "rtl/top.py:2" *)
  input clk;
  wire clk;
  input [3:0] a;
  wire [3:0] a;
  input b;
  wire b;
  output y;
  wire y;
  top__inner inner (
    .a(a),
    .y(y)
  );
  top_clock_gate gate (
    .clock(clk)
  );
endmodule

module top__inner(a, y);
  input [3:0] a;
  wire [3:0] a;
  output y;
  reg y;
  top_ram #(
    .WORDS(32'd2)
  ) words (
    .clk(clk)
  );
  always @* y = ^a;
endmodule

"""
GATE = """\
module top_clock_gate (
    input clock
);
endmodule
"""
RAM = """\
module top_ram #(
    parameter WORDS = 16
) (
    input clk
);
endmodule
"""


def test_every_module_stands_alone_with_its_memories() -> None:
    outer, inner = separate_modules(VERILOG + GATE + RAM, "top")
    assert (outer.path, outer.identifier) == ("", "top")
    assert outer.inside == {"top__inner", "top_clock_gate"}
    assert (inner.path, inner.identifier, inner.inside) == ("inner", "top__inner", frozenset())
    box = "(* blackbox *)\nmodule top__inner (a, y);\n  input [3:0] a;\n  output y;\nendmodule"
    assert box in outer.text
    assert RAM not in outer.text
    assert inner.text.startswith("module top__inner(a, y);")
    assert inner.text.endswith(RAM)


def test_instances_of_a_module_are_its_text_twice() -> None:
    second = VERILOG.replace(
        "  top_clock_gate", "  top__inner \\more[1]  (\n  );\n  top_clock_gate"
    )
    outer, inner, more = separate_modules(second + GATE + RAM, "top")
    assert (inner.path, more.path) == ("inner", "more[1]")
    assert inner.text == more.text
    assert outer.text.count("module top__inner") == 1


def test_the_clock_gate_is_a_cell_of_the_library() -> None:
    outer, inner = separate_modules(VERILOG + GATE + RAM, "top")
    assert "(* blackbox *)\nmodule top_clock_gate (\n    input clock\n);" in outer.text
    assert "clock_gate" not in inner.text


def test_source_positions_do_not_tell_two_modules_apart() -> None:
    moved = VERILOG.replace("top.py:2", "top.py:3")
    assert separate_modules(moved, "top") == separate_modules(VERILOG, "top")
