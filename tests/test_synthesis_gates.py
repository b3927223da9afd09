"""Yosys counts all gates, memories in bits, and a library's area in its own NAND2."""

import os
from pathlib import Path

import pytest

from hwsim.arch.config import load_config
from hwsim.rtl.accelerator import accelerator_verilog
from hwsim.synthesis.gates import SynthesizedModule, synthesize_gates
from hwsim.synthesis.modules import VerilogModule, separate_modules
from hwsim.synthesis.technology import Liberty, StaticCmos, Technology
from hwsim.synthesis.units import by_unit, unit_name
from hwsim.synthesis.yosys import SynthesisError

CMOS = StaticCmos()
REGISTER = """\
module register(clk, rst, en, d, q);
  input clk, rst, en;
  input [7:0] d;
  output reg [7:0] q = 8'h5a;
  always @(posedge clk) if (rst) q <= 8'h5a; else if (en) q <= d;
endmodule
"""
MEMORY = """\
module memory(clk, we, wa, wd, ra, q);
  input clk, we;
  input [5:0] wa, ra;
  input [23:0] wd;
  output reg [23:0] q;
  reg [23:0] words [63:0];
  always @(posedge clk) begin if (we) words[wa] <= wd; q <= words[ra]; end
endmodule
"""
LIBRARY = """\
library(small) {
  cell(INV) { area: 2; pin(A) { direction: input; }
    pin(Y) { direction: output; function: "!A"; } }
  cell(NAND2) { area: 3; pin(A) { direction: input; } pin(B) { direction: input; }
    pin(Y) { direction: output; function: "!(A & B)"; } }
  cell(BUF) { area: 4; pin(A) { direction: input; }
    pin(Y) { direction: output; function: "A"; } }
  cell(NOR2) { area: 4; pin(A) { direction: input; } pin(B) { direction: input; }
    pin(Y) { direction: output; function: "!(A | B)"; } }
  cell(DFF) { area: 15; ff(IQ, IQN) { clocked_on: "C"; next_state: "D"; }
    pin(C) { direction: input; clock: true; } pin(D) { direction: input; }
    pin(Q) { direction: output; function: "IQ"; } }
}
"""
# The folder of two real libraries in Debian; another folder with the same files works too.
FOLDER = Path(os.environ.get("HWSIM_LIBERTY", "/usr/share/qflow/tech"))
INSTALLED = sorted(FOLDER.rglob("osu0[13][58]_stdcells.lib"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def synthesized(verilog: str, technology: Technology = CMOS) -> SynthesizedModule:
    name = verilog.split()[1].partition("(")[0]
    module = VerilogModule(name, name, frozenset(), verilog)
    (found,) = synthesize_gates([module], technology, lambda: None)
    return found


def test_a_register_with_enable_and_reset_is_counted_whole() -> None:
    """A register of eight bits counts its flip-flops, and a multiplexer and a gate per bit."""
    found = synthesized(REGISTER)
    assert found.flip_flops == 8
    assert 8 * (4 + 2 + 1) <= found.nand2 <= 8 * (4 + 3 + 2)


def test_a_memory_is_counted_in_bits() -> None:
    found = synthesized(MEMORY)
    assert [(memory.words, memory.width_bits) for memory in found.memories] == [(64, 24)]
    assert found.nand2 < 24 * 16  # not its words, nor a register of 24 bits for each


def test_a_memory_that_answers_at_once_is_flip_flops() -> None:
    found = synthesized(MEMORY.replace("q <= words[ra]; end", "end always @* q = words[ra];"))
    assert found.memories == ()
    assert found.flip_flops == 64 * 24
    assert found.nand2 > 64 * 24 * 4


@pytest.mark.parametrize(("gate", "nand2"), [("~(a & b)", 1), ("a ^ b", 3), ("s ? a : b", 3)])
def test_cells_have_the_size_of_their_transistors(gate: str, nand2: int) -> None:
    ports = "input a, input b, input s, output y"
    assert synthesized(f"module gate({ports}); assign y = {gate}; endmodule").nand2 == nand2


def test_a_cell_without_a_size_is_refused() -> None:
    with pytest.raises(SynthesisError, match="box has cells without a size: vendor_cell"):
        synthesized("module box(input a, output y); vendor_cell inside(.a(a), .y(y)); endmodule")


def test_what_is_kept_is_found_again() -> None:
    assert synthesized(REGISTER) == synthesized(REGISTER)


def test_a_library_counts_in_its_own_nand2() -> None:
    library = Liberty("small", LIBRARY.encode())
    gate = "module gate(input a, b, output y); assign y = a & b; endmodule"
    assert synthesized(gate, library).nand2 == pytest.approx((3 + 2) / 3)
    flip_flop = "module ff(input c, d, output reg q); always @(posedge c) q <= d; endmodule"
    assert synthesized(flip_flop, library).nand2 == pytest.approx(15 / 3)


@pytest.mark.parametrize("text", ["", "not Liberty", "library(l) { cell(INV) { area: 1; } }"])
def test_a_library_that_serves_nothing_is_refused(text: str) -> None:
    with pytest.raises(SynthesisError):
        synthesized(REGISTER, Liberty("bad", text.encode()))


def test_a_library_without_nand2_is_refused() -> None:
    """A library without NAND2 is refused, although its other gates can build one."""
    cells = [line for line in LIBRARY.splitlines() if "NAND2" not in line and "A & B" not in line]
    with pytest.raises(SynthesisError, match="it has no NAND2"):
        synthesized(REGISTER, Liberty("bad", "\n".join(cells).encode()))


def test_what_is_kept_in_another_shape_is_found_anew(tmp_path: Path) -> None:
    found = synthesized(REGISTER)
    kept = [path for path in tmp_path.rglob("*.json") if path.is_file()]
    assert kept
    for damage in (b"[]", b"\xff", b"[" * 100_000, None):
        for path in kept:
            path.unlink()
            if damage is None:
                os.mkfifo(path)  # a pipe without a writer
            else:
                path.write_bytes(damage)
        assert synthesized(REGISTER) == found
    for path in kept:
        path.unlink()
        path.mkdir()
    files = len(list(tmp_path.rglob("*")))
    assert synthesized(REGISTER) == found
    assert all(path.is_file() for path in kept)
    assert len(list(tmp_path.rglob("*"))) == files


def test_units_are_files_of_the_hardware() -> None:
    paths = {
        "": "accelerator",
        "core": "core",
        "core.drain": "drain",
        "core.drain.walk": "drain",
        "core.drain.channel_pool": "channel_pool",
        "core.drain.rescale.lane7": "rescale",
        "core.features": "feature_buffer",
        "core.load.guard.windows": "load",
        "registers": "registers",
    }
    assert {path: unit_name(path) for path in paths} == paths


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="no real Liberty library is installed")
@pytest.mark.parametrize("library", INSTALLED, ids=lambda path: path.stem)
def test_real_libraries_agree_on_ratios(library: Path) -> None:
    """Real libraries agree on each unit's share of the gates to two hundredths."""
    modules = separate_modules(accelerator_verilog(load_config("nano"), "accelerator"),
                               "accelerator")  # fmt: skip
    shares = []
    for technology in (CMOS, Liberty(library.name, library.read_bytes())):
        units = by_unit(synthesize_gates(modules, technology, lambda: None))
        whole = sum(unit.nand2 for unit in units)
        shares.append({unit.name: unit.nand2 / whole for unit in units})
    for name, share in shares[0].items():
        assert shares[1][name] == pytest.approx(share, abs=0.02), name
