"""The Verilog text of a component has readable memories and none of the forbidden parts."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import load_config
from hwsim.errors import InputError
from hwsim.rtl.accelerator import Accelerator
from hwsim.rtl.deliver.verilog import VerilogError, to_verilog
from hwsim.rtl.memory.axi4 import constants


def remembers(first_words: list[int]) -> wiring.Component:
    """Return a component with two memories, one of them with the given first words."""
    ports = {"address": In(3), "word": In(32), "o": Out(32), "long_name": Out(1)}
    component = wiring.Component(ports)
    m = Module()
    m.submodules.words = words = Memory(shape=32, depth=8, init=first_words)
    m.submodules.bits = bits = Memory(shape=1, depth=5, init=[])
    counter = Signal(4, init=9)
    m.d.sync += counter.eq(counter + 1)
    write, read = words.write_port(), words.read_port()
    bit_write, bit_read = bits.write_port(), bits.read_port(domain="comb")
    m.d.comb += [
        write.addr.eq(component.address),
        write.data.eq(component.word),
        write.en.eq(counter[0]),
        read.addr.eq(component.address),
        component.o.eq(read.data),
        bit_write.addr.eq(component.address),
        bit_write.data.eq(component.word[0]),
        bit_write.en.eq(counter[1]),
        bit_read.addr.eq(component.address),
        component.long_name.eq(bit_read.data ^ counter[3]),
    ]
    component.elaborate = lambda _platform: m
    return component


def test_memories_have_no_initial_value() -> None:
    text = to_verilog(remembers([]), "remembers")
    assert "reg [31:0] words [7:0];" in text
    assert re.search(r"reg (\[0:0\] )?bits +\[4:0\];", text)
    assert "initial" not in text
    assert "\nmodule remembers(" in text


@pytest.mark.parametrize(("preset", "size"), [("nano", 0b011), ("edge", 0b100)])
def test_every_address_is_that_of_an_incrementing_burst_of_whole_words(
    preset: str, size: int
) -> None:
    """The codes are those of the AXI4 standard: words of 8 and of 16 bytes, INCR, bufferable."""
    config = load_config(preset)
    assert 1 << size == config.word_bytes
    codes = {"id": 0, "size": size, "burst": 0b01, "lock": 0, "cache": 0b0011, "prot": 0b000}
    assert constants(config) == {
        f"m_axi_{channel}{name}": code for channel in ("ar", "aw") for name, code in codes.items()
    }


def test_a_memory_that_is_meant_to_have_values_is_refused() -> None:
    with pytest.raises(VerilogError, match="memory words"):
        to_verilog(remembers([0, 0, 5]), "remembers")


def test_names_and_places_are_kept() -> None:
    config = load_config("nano")
    text = to_verilog(remembers([]), "remembers", config)
    assert "output long_name;" in text
    assert "reg [3:0] counter = 4'h9;" in text
    places = set(re.findall(r'src = "([^":]*)', text))
    assert any(place.startswith("tests/test_rtl_verilog.py") for place in places)
    assert any(place.startswith("amaranth/lib/memory.py") for place in places)
    assert not any(place.startswith("/") for place in places)
    short = to_verilog(remembers([]), "remembers", config, has_places=False)
    assert re.sub(r"(?m)^ *\(\* src = .*\n", "", text) == short
    head = text[: text.index("/*")]
    assert all(line.startswith("// ") for line in head.splitlines())
    assert "hwsim" in head
    assert "Configuration nano: 8 x 8 multipliers" in head


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_largest_memories_cost_little_memory() -> None:
    """Generating large memories takes little of the host's memory, as zeros are not written."""
    code = """
import re, resource
from pathlib import Path
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from hwsim.rtl.deliver.verilog import to_verilog

component = wiring.Component({"address": In(20), "o": Out(64)})
m = Module()
m.submodules.words = words = Memory(shape=64, depth=1 << 20, init=[])
words.write_port()
read = words.read_port()
m.d.comb += [read.addr.eq(component.address), component.o.eq(read.data)]
component.elaborate = lambda _platform: m
assert "reg [63:0] words [1048575:0];" in to_verilog(component, "remembers")
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert max(map(int, done.stdout.split())) < 500_000  # KiB


@pytest.mark.slow
def test_edge_is_short_and_quick() -> None:
    config = load_config("edge")
    start = time.monotonic()
    text = to_verilog(Accelerator(config), "accelerator", config)
    assert len(text) < 1_500_000
    assert time.monotonic() - start < 30


def test_a_yosys_that_cannot_run_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A Yosys that cannot run, here for want of a cache, is reported in one line."""
    cache = tmp_path / "cache"
    cache.write_text("a file", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    with pytest.raises(InputError, match=r"^Yosys cannot write the Verilog: .*cache.*$"):
        to_verilog(remembers([0]), "words")
