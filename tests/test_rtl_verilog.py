"""The Verilog text of a component shows enables, resets and wrappers, and no initial value."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import load_config
from hwsim.errors import InputError
from hwsim.rtl.accelerator import Accelerator, accelerator_files, accelerator_verilog
from hwsim.rtl.deliver.verilog import VerilogError, to_verilog, verilog_files
from hwsim.rtl.deliver.verilog_contents import MODULE, memories
from hwsim.rtl.deliver.wrappers import TOP
from hwsim.rtl.memory.axi4 import constants
from hwsim.synthesis.yosys import run_passes


def remembers(first_words: list[int]) -> wiring.Component:
    """Return a component with two memories, one of them with the given first words."""
    ports = {"address": In(3), "word": In(32), "o": Out(32), "long_name": Out(1)}
    component = wiring.Component(ports)
    m = Module()
    m.submodules.bits = bits = Memory(shape=1, depth=5, init=[])
    m.submodules.words = words = Memory(shape=32, depth=8, init=first_words)
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


def test_memories_are_instances_of_the_wrapper() -> None:
    files = verilog_files(remembers([]), "remembers")
    assert list(files) == ["remembers", "remembers_ram"]
    text = files["remembers"]
    assert re.search(r"\n  remembers_ram #\((?s:[^;]*)WORDS\(32'd8\)[^;]*\) words \(", text)
    assert re.search(r"\n  remembers_ram #\((?s:[^;]*)READ_LATENCY\(32'd0\)[^;]*\) bits \(", text)
    assert "\nmodule remembers(" in text
    assert "module remembers_ram #(" in files["remembers_ram"]
    assert TOP not in files["remembers_ram"]
    assert to_verilog(remembers([]), "remembers") == "\n".join(files.values())


def test_there_are_no_initial_values() -> None:
    text = accelerator_verilog(load_config("nano"))
    assert not re.search(r"\binitial\b(?!.*\*/)", re.sub("//.*", "", text))
    assert not re.search(r"^ *reg .*=", text, re.MULTILINE)


def test_modules_have_plain_names() -> None:
    """No name of a module needs Verilog's escape, which other languages and scripts cannot read."""
    names = re.findall(
        r"^module (\S+?) ?[(#]", accelerator_verilog(load_config("nano")), re.MULTILINE
    )
    assert len(names) > 40
    assert all(
        re.fullmatch(r"accelerator(_[a-z0-9]+)*(__[a-z0-9]+(_[a-z0-9]+)*)*", x) for x in names
    )
    assert "accelerator__core__drain" in names


def test_a_module_without_a_plain_name_is_refused() -> None:
    component = wiring.Component({"o": Out(1)})
    m = Module()
    m.submodules += (inner := remembers([]))  # without a name
    m.d.comb += component.o.eq(inner.long_name)
    component.elaborate = lambda _platform: m
    with pytest.raises(VerilogError, match="no plain name"):
        to_verilog(component, "top")


def keeps(count: int, levels: int) -> wiring.Component:
    """Return a component that keeps words in a memory, which is so many levels further down."""
    component = wiring.Component({"address": In(3), "i": In(4), "o": Out(4)})
    m = Module()
    if levels:
        m.submodules.deep = deep = keeps(count, levels - 1)
        m.d.comb += [
            deep.address.eq(component.address),
            deep.i.eq(component.i),
            component.o.eq(deep.o),
        ]
    else:
        m.submodules.words = words = Memory(shape=4, depth=count, init=[])
        write, read = words.write_port(), words.read_port()
        m.d.comb += [
            write.addr.eq(component.address),
            write.data.eq(component.i),
            write.en.eq(1),
            read.addr.eq(component.address),
            component.o.eq(read.data),
        ]
    component.elaborate = lambda _platform: m
    return component


def twins(*words: int) -> wiring.Component:
    """Return a component with numbered submodules, which keep so many words."""
    component = wiring.Component({"address": In(3), "i": In(4), "o": Out(4 * len(words))})
    m = Module()
    for number, words_of_one in enumerate(words):
        m.submodules[f"twin{number}"] = twin = keeps(words_of_one, levels=1)
        m.d.comb += [
            twin.address.eq(component.address),
            twin.i.eq(component.i),
            component.o.word_select(number, 4).eq(twin.o),
        ]
    component.elaborate = lambda _platform: m
    return component


def test_equal_modules_side_by_side_are_one() -> None:
    text = to_verilog(twins(8, 8, 8), "top")
    assert re.findall(r"^module (\w+)\(", text, re.MULTILINE) == [
        "top", "top__twin", "top__twin__deep",
    ]  # fmt: skip
    assert re.findall(r"^  top__twin (\w+) \(", text, re.MULTILINE) == ["twin0", "twin1", "twin2"]
    found = [(memory.instance, memory.words) for memory in memories(text, "top")]
    assert found == [(f"twin{number}.deep.words", 8) for number in range(3)]


def test_modules_that_differ_inside_stay_apart() -> None:
    text = to_verilog(twins(8, 6), "top")
    assert re.findall(r"^module (\w+)\(", text, re.MULTILINE) == [
        "top", "top__twin0", "top__twin0__deep", "top__twin1", "top__twin1__deep",
    ]  # fmt: skip


def enabled() -> wiring.Component:
    """Return a register with an enable and a reset, one with a reset, and one with neither."""
    component = wiring.Component({"en": In(1), "i": In(4), "o": Out(12)})
    m = Module()
    both, reset = Signal(4, name="both", init=3), Signal(4, name="reset", init=5)
    plain = Signal(4, name="plain", reset_less=True)
    with m.If(component.en):
        m.d.sync += both.eq(component.i)
    m.d.sync += [reset.eq(both), plain.eq(reset)]
    m.d.comb += component.o.eq(Cat(both, reset, plain))
    component.elaborate = lambda _platform: m
    return component


def test_enables_and_resets_stand_in_the_clocked_processes() -> None:
    text = to_verilog(enabled(), "top", has_places=False)
    processes = re.findall(r"^  always @\(posedge clk\)\n((?:    .*\n)+)", text, re.MULTILINE)
    assert {process.strip() for process in processes} == {
        "if (rst) both <= 4'h3;\n    else if (en) both <= i;",
        "if (rst) reset <= 4'h5;\n    else reset <= both;",
        "plain <= reset;",
    }


def test_no_register_of_the_accelerator_hides_its_enable_or_reset(tmp_path: Path) -> None:
    """Every register for which Yosys finds an enable or a reset shows it in its process."""
    pytest.importorskip("pyosys", exc_type=ImportError)
    text = accelerator_files(load_config("nano"))["accelerator"]
    (tmp_path / "a.v").write_text(text, "utf-8")
    run_passes(
        (
            "read_verilog a.v",
            "proc",
            "opt_clean",
            "opt_dff",
            "select -set found t:$dffe t:$sdff t:$sdffe t:$sdffce",
            "tee -o found.txt select -list @found %co1:+[Q] w:* %i",
        ),
        tmp_path,
    )
    found = set(re.findall(r"^(\S+)/\\?(\S+)$", (tmp_path / "found.txt").read_text(), re.MULTILINE))
    shown: set[tuple[str, str]] = set()
    hidden: set[tuple[str, str]] = set()
    for module, body in MODULE.findall(text):
        for process in re.findall(r"^  always @.*\n((?:    .*\n)+)", body, re.MULTILINE):
            (register, *_) = re.findall(r"\\?([\w.$]+)\S* +<= ", process)
            (shown if "if (" in process else hidden).add((module, register))
    assert not found & hidden - shown
    assert found <= shown
    assert len(found) > 350


@pytest.mark.parametrize(("preset", "size"), [("nano", 0b011), ("edge", 0b100)])
def test_every_address_is_that_of_an_incrementing_burst_of_whole_words(
    preset: str, size: int
) -> None:
    """The codes are those of the AXI4 standard: whole words, INCR, non-secure, not bufferable."""
    config = load_config(preset)
    assert 1 << size == config.word_bytes
    codes = {"id": 0, "size": size, "burst": 0b01, "lock": 0, "cache": 0b0010, "prot": 0b010}
    assert constants(config) == {
        f"m_axi_{channel}{name}": code for channel in ("ar", "aw") for name, code in codes.items()
    }


def test_a_memory_that_is_meant_to_have_values_is_refused() -> None:
    with pytest.raises(VerilogError, match="initial values"):
        to_verilog(remembers([0, 0, 5]), "remembers")


def test_names_and_places_are_kept() -> None:
    config = load_config("nano")
    text = to_verilog(remembers([]), "remembers", config)
    assert "output long_name;" in text
    assert "reg [3:0] counter;" in text
    assert "if (rst) counter <= 4'h9;" in text
    places = set(re.findall(r'src = "([^":]*)', text))
    assert any(place.startswith("tests/test_rtl_verilog.py") for place in places)
    assert any(place.startswith("hwsim/rtl/deliver/wrappers.py") for place in places)
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
assert ".WORDS(32'd1048576)" in to_verilog(component, "remembers")
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert max(map(int, done.stdout.split())) < 500_000  # KiB


def processor_seconds() -> float:
    """Return the time on processors of this process and its children, whatever else runs there."""
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


@pytest.mark.slow
def test_edge_is_short_and_quick() -> None:
    config = load_config("edge")
    start = processor_seconds()
    text = to_verilog(Accelerator(config), "accelerator", config)
    assert len(text) < 1_500_000
    assert processor_seconds() - start < 30


def test_a_yosys_that_cannot_run_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A Yosys that cannot run, here for want of a cache, is reported in one line."""
    cache = tmp_path / "cache"
    cache.write_text("a file", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    with pytest.raises(InputError, match=r"^Yosys cannot write the Verilog: .*cache.*$"):
        to_verilog(remembers([0]), "words")
