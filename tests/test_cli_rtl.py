"""The command `hwsim rtl` writes a folder that an engineer can use, or one line with the error."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from amaranth.hdl import Shape
from amaranth.lib.wiring import In

import hwsim.rtl.accelerator
from hwsim.arch.config import Config, load_config
from hwsim.cli import main
from hwsim.isa.registers import REGISTERS, register
from hwsim.isa.rules import RULES
from hwsim.rtl.deliver.example import example_files
from hwsim.rtl.deliver.fusesoc import core_file
from hwsim.rtl.deliver.system_rdl import write_manual
from hwsim.rtl.deliver.wrappers import module_names
from hwsim.rtl.host.axi4_lite import axi4_lite_ports
from hwsim.rtl.memory.axi4 import axi4_ports
from hwsim.rtl.primitives.queue import Queue
from hwsim.testbenches.simulator import lint, verilator_environment
from tests.other_wrappers import ECP5_MULTIPLIER
from tests.test_report_document import keeps_to_the_schema

VERILOG = ("npu.v", "npu_ram.v", "npu_clock_gate.v", "npu_multiply.v")
SOURCES = {*VERILOG, "npu.vlt", "npu.sdc", "npu.core", "npu.rdl", "npu.h", "npu_driver.h"} | {
    "example.c",
    "npu_host_ops.h",
    "host_ops.c",
}
FILES = SOURCES | {"README.md", "html/index.html"}
MODULE = r"^module ([^\s(]+).*?^endmodule"
INSTANCE = r"^  (\w+) \\?(\w+) +\($"  # an instance: module and name
COMPILED = {"memory.bin", "memory.json", "memory.h", "expected.bin"}  # by `hwsim compile`


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the command writes for the smallest configuration."""
    folder = tmp_path_factory.mktemp("rtl") / "build" / "nano"
    output = folder.parent / "rtl.json"
    arguments = ["rtl", "--config", "nano", "--name", "npu", "--out", str(folder)]
    assert main([*arguments, "--json", str(output)]) == 0
    return folder


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the generator by one that takes no time."""

    def files(config: Config, name: str = "accelerator") -> dict[str, str]:
        modules = (name, *module_names(config, name))
        return {module: f"\nmodule {module}(clk);\n  input clk;\nendmodule\n" for module in modules}

    monkeypatch.setattr(hwsim.rtl.accelerator, "accelerator_files", files)


def test_the_folder_has_everything(written: Path) -> None:
    files = everything(written)
    assert files >= FILES
    document = json.loads((written.parent / "rtl.json").read_text())
    assert keeps_to_the_schema(document, "rtl")
    assert {file["path"] for file in document["files"]} == files
    for file in document["files"]:
        assert (written / file["path"]).stat().st_size == file["size_bytes"]
    assert document["config"] == load_config("nano").model_dump()
    assert not [path for path in written.parent.rglob("*") if path.name.endswith(".part")]


def test_the_ports_are_those_of_the_hardware(written: Path) -> None:
    document = json.loads((written.parent / "rtl.json").read_text())
    found = {port["name"]: (port["direction"], port["bits"]) for port in document["ports"]}
    members = axi4_lite_ports() | axi4_ports(load_config("nano"))
    expected = {
        name: ("input" if member.flow is In else "output", Shape.cast(member.shape).width)
        for name, member in members.items()
    }
    others = {"clk": ("input", 1), "rst": ("input", 1), "irq": ("output", 1)}
    assert found == expected | others


@pytest.mark.verilator
def test_fusesoc_lints_it(written: Path, tmp_path: Path) -> None:
    fusesoc = Path(sys.executable).with_name("fusesoc")
    core = read_core((written / "npu.core").read_text())["name"]
    result = subprocess.run(
        [fusesoc, "--cores-root", written, "run", "--target", "lint", core],
        cwd=tmp_path,
        env=verilator_environment() | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    (arguments,) = tmp_path.rglob("*.vc")
    assert {"--lint-only", "-Wall", "--top-module npu"} <= set(arguments.read_text().splitlines())


@pytest.mark.parametrize("name", ["npu", "my_driver", "host_ops"])
@pytest.mark.usefixtures("stand_in")
def test_every_file_is_told_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["rtl", "--config", "nano", "--name", name, "--out", str(tmp_path)]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    kinds = {line.split()[0]: line.split(" bytes  ")[1] for line in lines}
    at_top = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert kinds.keys() == at_top | {"html/index.html"}
    assert kinds["example.c"] == "a driver in C"
    assert kinds[f"{name}.h"] == "registers, errors, descriptors: C"
    assert kinds[f"{name}_driver.h"] == "the driver's declarations"
    assert kinds["host_ops.c"] == "a .tflite's operators of the host"
    assert kinds[f"{name}_host_ops.h"] == "declarations of these operators"
    guide = (tmp_path / "README.md").read_text()
    assert not [file for file in at_top - {"README.md"} if f"\n| `{file}` |" not in guide]


@pytest.mark.parametrize("name", ["npu", "yes", "null", "e1"])
def test_the_core_file_names_are_texts(name: str) -> None:
    config = load_config("nano")
    modules = dict.fromkeys((name, *module_names(config, name)), "")
    core = read_core(core_file(config, name, modules))
    assert re.fullmatch(rf"hwsim::{name}_[0-9a-f]{{12}}:[0-9.]+", core["name"])
    assert core["targets"]["default"]["toplevel"] == core["targets"]["lint"]["toplevel"] == name
    assert core["filesets"]["rtl"]["files"] == [f"{module}.v" for module in modules]


def read_core(text: str) -> Any:
    return yaml.safe_load(text.removeprefix("CAPI=2:\n"))


def test_no_two_accelerators_share_a_core_s_name() -> None:
    """The name tells generated texts apart, and wrappers; nothing else changes it."""
    config = load_config("nano")
    texts = (
        {"npu": "a", "npu_ram": "b"},
        {"npu": "ab", "npu_ram": ""},
        {"npu": "a", "npu_ram": ""},
    )
    names = [read_core(core_file(config, "npu", modules))["name"] for modules in texts]
    assert len(set(names)) == len(names)
    turned = dict(reversed(texts[0].items()))
    assert read_core(core_file(load_config("edge"), "npu", turned))["name"] == names[0]


def test_the_constraints_name_every_port(written: Path) -> None:
    """A Tcl interpreter runs the file; each port but the clock has its delay, of half a period."""
    tkinter = pytest.importorskip("tkinter", exc_type=ImportError)
    tcl = tkinter.Tcl()
    called: list[tuple[str, ...]] = []
    for command in ("create_clock", "set_input_delay", "set_output_delay"):
        tcl.createcommand(command, lambda *words, command=command: called.append((command, *words)))
    tcl.createcommand("get_ports", lambda names: names)
    tcl.eval((written / "npu.sdc").read_text())
    clock, inputs, outputs = called
    assert clock == ("create_clock", "-name", "clk", "-period", "10", "clk")
    assert inputs[:4] == ("set_input_delay", "5.0", "-clock", "clk")
    assert outputs[:4] == ("set_output_delay", "5.0", "-clock", "clk")
    found: dict[str, list[str]] = {"input": [], "output": []}
    for port in json.loads((written.parent / "rtl.json").read_text())["ports"]:
        suffix = "[*]" if port["bits"] > 1 else ""
        found[port["direction"]].append(f"{port['name']}{suffix}")
    assert sorted((*inputs[4].split(), "clk")) == sorted(found["input"])
    assert sorted(outputs[4].split()) == sorted(found["output"])


@pytest.mark.verilator
def test_protection_and_caching_are_parameters(written: Path, tmp_path: Path) -> None:
    """The system sets them where it instantiates the accelerator; the guide has their defaults."""
    guide, text = (written / "README.md").read_text(), (written / "npu.v").read_text()
    defaults = {"AXI_ARPROT": 2, "AXI_AWPROT": 2, "AXI_ARCACHE": 2, "AXI_AWCACHE": 2}
    for name, value in defaults.items():
        bits = 3 if name.endswith("PROT") else 4
        port = f"m_axi_{name.removeprefix('AXI_').lower()}"
        assert (
            f"  parameter [{bits - 1}:0] {name} = {bits}'h{value};\n  assign {port} = {name};"
            in text
        )
        assert f"| `{name}` | {bits}'b{value:0{bits}b} | `{port}` |" in guide
    top = """\
module top(input wire clk, output wire [2:0] prot);
  npu #(.AXI_ARPROT(3'b101)) npu_0 (.clk(clk), .rst(1'b1), .m_axi_arprot(prot));
endmodule
"""
    (tmp_path / "top.v").write_text(top)
    result = subprocess.run(
        ["verilator", "--lint-only", "-Wall", "-Wno-PINMISSING", "--top-module", "top",
         "npu.vlt", *VERILOG, tmp_path / "top.v"],
        cwd=written, env=verilator_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.verilator
def test_the_verilog_stands_alone(written: Path, tmp_path: Path) -> None:
    text = "".join((written / name).read_text() for name in VERILOG)
    alone = tmp_path / "npu.v"
    alone.write_text(text)
    lint(alone, "npu")


@pytest.mark.verilator
@pytest.mark.parametrize("macros", [[], ["HWSIM_UNGATED_CLOCK", "HWSIM_ECP5"]])
def test_the_wrappers_need_no_waivers(written: Path, macros: list[str], tmp_path: Path) -> None:
    (tmp_path / "MULT18X18D.v").write_text(ECP5_MULTIPLIER)  # where an instance looks for it
    options = [f"-I{tmp_path}", *(f"+define+{macro}" for macro in macros)]
    for name in VERILOG[1:]:
        result = subprocess.run(
            ["verilator", "--lint-only", "-Wall", *options, name],
            cwd=written, env=verilator_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.usefixtures("stand_in")
def test_an_accelerator_without_multipliers_has_no_module_for_them(tmp_path: Path) -> None:
    arguments = ["rtl", "--config", "nano", "--set", "array.multipliers=tree", "--name", "npu"]
    assert main([*arguments, "--out", str(tmp_path), "--quiet"]) == 0
    assert not (tmp_path / "npu_multiply.v").exists()
    guide = (tmp_path / "README.md").read_text()
    assert "npu_multiply" not in guide
    assert "with the next 2 it needs nothing else" in guide


@pytest.mark.verilator
def test_lint_is_silent_as_the_guide_says(written: Path, tmp_path: Path) -> None:
    """Lint as the guide says is silent, and still warns about a user's own file."""
    command = f"verilator --lint-only -Wall npu.vlt {' '.join(VERILOG)}"
    assert f"    {command}\n" in (written / "README.md").read_text()
    own = tmp_path / "own.v"
    own.write_text("module own(input wire [1:0] a, output wire b); assign b = a[0]; endmodule\n")

    def said(*arguments: str) -> tuple[int, str]:
        result = subprocess.run(
            [*command.split(), *arguments],
            cwd=written,
            env=verilator_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return result.returncode, result.stderr

    assert said("--top-module", "npu") == (0, "")
    status, warnings = said("--top-module", "own", str(own))
    assert status
    assert "UNUSEDSIGNAL: " in warnings
    assert "npu.v" not in warnings


def test_the_driver_compiles_beside_its_header(written: Path, tmp_path: Path) -> None:
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes"]
    output = tmp_path / "driver.so"
    subprocess.run(["cc", *flags, written / "example.c", "-o", output], check=True)


@pytest.mark.parametrize(
    "name", ["int32", "uint8", "size", "wchar", "double", "div", "pid", "bool", "namespace", "NULL"]
)
@pytest.mark.parametrize("language", ["c", "c++"])
def test_no_name_meets_one_of_c(name: str, language: str, tmp_path: Path) -> None:
    """Header and driver compile after every standard header that could define the same names."""
    headers = ("math", "stdint", "stdlib", "time", "wchar", "sys/types", f"{name}_driver")
    files = example_files(name) | {f"{name}.h": write_manual(load_config("nano"), name).header}
    for path, content in files.items():
        (tmp_path / path).write_text(content)
    code = "".join(f"#include <{header}.h>\n" for header in (*headers, name))
    command = ["cc", "-x", language, "-fsyntax-only", "-Wall", "-Werror", "-I", str(tmp_path), "-"]
    subprocess.run(command, input=code, text=True, check=True)


def test_without_a_home_that_can_be_written_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yosys, which needs a cache it can write, works without a home that can be written."""
    home = tmp_path / "home"
    home.write_text("no folder")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(hwsim.rtl.accelerator, "Accelerator", lambda _config: Queue(8, 2))
    monkeypatch.setattr(hwsim.rtl.accelerator, "parameters", dict)
    monkeypatch.setattr("hwsim.rtl.deliver.guide.connection_guide", lambda *_: "")
    assert main(["rtl", "--config", "nano", "--out", str(tmp_path / "out"), "-q"]) == 0
    assert "module accelerator(" in (tmp_path / "out" / "accelerator.v").read_text()
    assert "XDG_CACHE_HOME" not in os.environ
    assert {path.name for path in tmp_path.iterdir()} == {"home", "out"}


def test_the_guide_says_what_was_built(written: Path) -> None:
    guide = (written / "README.md").read_text()
    config = load_config("nano")
    for entry in REGISTERS:
        assert f"| 0x{entry.offset:02X} | {entry.name} | {entry.access.value} |" in guide
    assert f"{register('IDENTITY').pack():08X}" in guide
    for phrase in (
        "# How to connect `npu`",
        "| `clk` | input | 1 | the one clock |",
        "| `rst` | input | 1 | synchronous, active high |",
        f"* {config.word_bits} data bits, 32 address bits",
        f"bursts of 1 to {config.burst_words} whole words ({config.word_bytes} bytes)",
        f"At most {config.bus.outstanding_reads} reads and 64 writes",
        "| 5 | READ_WINDOW |",
        "### When data is there",
        "HWSIM_UNGATED_CLOCK",
    ):
        assert phrase in guide
    assert not re.search(r"\|\s*\|$", guide.replace("| | |", ""), re.MULTILINE), (
        "a port has no words"
    )
    named = set(re.findall(r"`([\w/.]+\.(?:v|vlt|sdc|core|rdl|h|c|html|bin|json))`", guide))
    assert named - COMPILED <= everything(written)
    assert named >= COMPILED


def test_the_guide_has_an_instance_with_every_port(written: Path) -> None:
    guide = (written / "README.md").read_text()
    document = json.loads((written.parent / "rtl.json").read_text())
    for port in document["ports"]:
        name, bits = port["name"], port["bits"]
        assert f"| `{name}` | {port['direction']} | {bits} |" in guide
        assert len(re.findall(rf"^    \.{name}\({name}\),? // ", guide, re.MULTILINE)) == 1
    assert guide.count("\n    .") == len(document["ports"])


def test_the_guide_lists_memories_and_rules(written: Path) -> None:
    guide = (written / "README.md").read_text()
    config = load_config("nano")
    step = config.array.output_lanes // config.weight_block_words
    bank = f"{config.buffers.accumulator_depth} x {step * 32}"
    for pattern in (
        rf"`core\.features\.even` \| \d+ \| {config.feature_words // 2} x 64 \| whole words \|",
        rf"`core\.features\.odd` \| \d+ \| {config.feature_words // 2} x 64 \| whole words \|",
        rf"`core\.weight_queue\.ring` \| \d+ \| {config.weight_words} x 64 \| .* The weight queue:",
        rf"`core\.staging\.memory` \| \d+ \| {config.staging_words} x 64 \| 8 lanes of 8 bits \|",
        rf"`core\.accumulators\.bank1_7` \| \d+ \| {bank} \| .* Two banks of accumulators:",
    ):
        assert re.search(pattern, guide), pattern
    for rule in RULES:
        assert f"* {rule.text}\n" in guide


def test_every_memory_is_found_where_the_guide_says(written: Path) -> None:
    """The guide's path and line lead to every memory, instance by instance from the top."""
    text = (written / "npu.v").read_text()
    modules = {found[1]: found for found in re.finditer(MODULE, text, re.MULTILINE | re.DOTALL)}
    lines = text.splitlines()
    guide = (written / "README.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| (\d+) \| (\d+) x (\d+) \|", guide, re.MULTILINE)
    for path, line, words, bits in rows:
        *instances, memory = path.split(".")
        module = modules["npu"]
        for instance in instances:
            inside = dict(map(reversed, re.findall(INSTANCE, module[0], re.MULTILINE)))
            module = modules[inside[instance]]
        assert lines[int(line) - 1] == "  npu_ram #("
        instance = module[0][: module[0].index(f"\n  ) {memory} (\n")].rpartition("  npu_ram #(")[2]
        assert f".WORDS(32'd{words})" in instance
        assert f".BITS(32'd{bits})" in instance
    assert len(rows) == lines.count("  npu_ram #(")


@pytest.mark.usefixtures("stand_in")
def test_a_second_call_replaces_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second call replaces its own files and leaves other files alone."""
    arguments = ["rtl", "--config", "nano", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    notes = tmp_path / "out" / "notes.txt"
    notes.write_text("mine")
    (tmp_path / "out" / "accelerator.v").write_text("old")
    assert main(arguments) == 0
    second = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert second == first | {notes: b"mine"}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * (1 + len(FILES))
    assert max(map(len, lines[1 : 1 + len(FILES)])) <= 80
    assert lines[0].startswith("Module accelerator, configuration nano, in ")


@pytest.mark.usefixtures("stand_in")
def test_json_stands_alone_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rtl", "--out", str(tmp_path / "out"), "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ports"] == [{"name": "clk", "direction": "input", "bits": 1}]
    assert main(["rtl", "--out", str(tmp_path / "quiet"), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert everything(tmp_path / "quiet") == everything(tmp_path / "out")


@pytest.mark.usefixtures("stand_in")
def test_json_can_go_into_an_open_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    arguments = ["rtl", "-q", "--out", str(tmp_path / "out"), "--json", f"/dev/fd/{writing}"]
    assert main(arguments) == 0
    os.close(writing)
    with os.fdopen(reading) as file:
        assert json.load(file)["name"] == "accelerator"


@pytest.mark.usefixtures("stand_in")
def test_bad_input_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("")
    (tmp_path / "taken" / "README.md").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    out = ["--out", str(tmp_path / "out")]
    for arguments, expected in [
        ([], "Missing option '-o' / '--out'"),
        ([*out, "--config", "egde"], "did you mean 'edge'?"),
        ([*out, "--config", "none.toml"], "cannot read config 'none.toml'"),
        ([*out, "--name", "7up"], "name '7up' must be letters"),
        ([*out, "--name", "logic"], "name 'logic' is a keyword of Verilog"),
        ([*out, "--name", "Memory"], "name 'Memory' is taken: `hwsim compile` writes memory.h"),
        ([*out, "--name", "stdint"], "name 'stdint' is taken: stdint.h is a header of C or POSIX"),
        ([*out, "--name", "Float"], "name 'Float' is taken: float.h is a header of C or POSIX"),
        ([*out, "--name", "a b"], "name 'a b' must be letters"),
        ([*out, "--json", str(tmp_path / "out" / "README.md")], "named for two outputs"),
        ([*out, "--json", str(tmp_path)], "it is a folder"),
        (["--out", str(file)], "it is not a folder"),
        (["--out", "-"], "only --json can go to standard output"),
        (["--out", ""], "cannot create folder ''"),
        (["--out", str(tmp_path / "taken")], "README.md': it is a folder"),
    ]:
        assert main(["rtl", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert expected in captured.err
        assert sorted(tmp_path.rglob("*")) == before


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_config: Any, _name: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(hwsim.rtl.accelerator, "accelerator_files", fails)
    assert main(["rtl", "--out", str(tmp_path / "a" / "b")]) == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["amaranth", "systemrdl", "peakrdl_html", "peakrdl_cheader"])
def test_a_missing_extra_is_told_in_one_line(module: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules['{module}'] = None;"
        "from hwsim.cli import main; sys.exit(main(['rtl', '--out', 'out']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert f"needs {module}" in result.stderr
    assert "pip install 'hwsim[rtl]'" in result.stderr
    assert list(tmp_path.iterdir()) == []
