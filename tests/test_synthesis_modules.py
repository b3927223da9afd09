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
  \\top.inner$5  \\inner$5  (
    .a(a),
    .y(y)
  );
endmodule

module \\top.inner$5 (a, y);
  input [3:0] a;
  wire [3:0] a;
  output y;
  reg y;
  always @* y = ^a;
endmodule
"""


def test_every_module_stands_alone() -> None:
    outer, inner = separate_modules(VERILOG, "top")
    assert (outer.path, outer.identifier, outer.inside) == ("", "top", frozenset({"top.inner$5"}))
    assert (inner.path, inner.identifier, inner.inside) == ("inner", "\\top.inner$5", frozenset())
    box = "(* blackbox *)\nmodule \\top.inner$5 (a, y);\n  input [3:0] a;\n  output y;\nendmodule"
    assert outer.text.endswith(f"{box}\n")
    assert inner.text.startswith("module \\top.inner$5 (a, y);")


def test_source_positions_do_not_tell_two_modules_apart() -> None:
    moved = VERILOG.replace("top.py:2", "top.py:3")
    assert separate_modules(moved, "top") == separate_modules(VERILOG, "top")
