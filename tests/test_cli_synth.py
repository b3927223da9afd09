"""The command `hwsim synth` prints gates by unit, and refuses bad input."""

import json
from pathlib import Path

import pytest

from hwsim.arch.config import load_config
from hwsim.cli import main
from hwsim.cost.gates import calibration
from hwsim.cost.memory import on_chip_memories
from hwsim.synthesis import fpga, gates
from hwsim.synthesis.yosys import SynthesisError
from tests.test_report_document import keeps_to_the_schema

pytestmark = pytest.mark.usefixtures("workplace")


def test_units_add_up_to_the_accelerator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "--config", "nano", "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out)
    assert keeps_to_the_schema(document, "synth")
    gates, config = document["gates"], load_config("nano")
    names = [unit["name"] for unit in gates["units"]]
    assert names[0] == "convolution"
    assert len(set(names)) == len(names)
    for total in ("gates_nand2", "flip_flops", "memory_bits"):
        assert gates[total] == sum(unit[total] for unit in gates["units"])
    # The gate model was fitted to this hardware. ABC's result moves by some ten gates with the
    # order of names, so that equality is too much.
    measured = sum(calibration()["measured"]["nano"].values())
    assert gates["gates_nand2"] == pytest.approx(measured, rel=0.001)
    assert gates["gates_per_mac_nand2"] * config.macs_per_cycle == gates["gates_nand2"]
    bits = {unit["name"]: unit["memory_bits"] for unit in gates["units"]}
    assert bits["feature_buffer"] == 8 * config.buffers.feature_bytes
    assert bits["weight_queue"] == 8 * config.buffers.weight_bytes
    assert bits["accumulators"] == 8 * config.accumulator_bytes
    assert bits["staging"] == 8 * config.buffers.staging_bytes
    assert gates["memory_bits"] == sum(memory.bits for memory in on_chip_memories(config))

    assert main(["synth", "--config", "nano"]) == 0
    printed = capsys.readouterr().out
    total = next(line for line in printed.splitlines() if line.startswith("total"))
    assert f"{gates['gates_nand2']:,.0f}" in total
    assert f"{gates['memory_bits']:,}" in total


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot read Liberty file 'bad.lib': No such file or directory"),
        ("", "bad.lib: No entries found in liberty file `library.lib'."),
        ("gates", "bad.lib: Syntax error in liberty file on line 1."),
        (
            "library(l) { cell(INV) { area: 1; } }",
            "bad.lib: Library with only 0 cell classes cannot be used.",
        ),
        *(
            (
                f"library(l) {{ cell(INV) {{ area : {area}; }} }}",
                f"bad.lib: area '{area}' must be a number of 0 or more",
            )
            for area in ("-400", "inf", "nan", "wide")
        ),
        (
            f"library(l) {{ cell(INV) {{ area : \x1b{'9' * 100}; }} }}",
            rf"bad.lib: area '\x1b{'9' * 39}' must be a number of 0 or more",
        ),
    ],
)
def test_a_library_that_is_none_is_refused_in_a_line(
    content: str | None, reason: str, capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    library = workplace / "bad.lib"
    library.unlink(missing_ok=True)
    if content is not None:
        library.write_text(content, "utf-8")
    arguments = ["synth", "--config", "nano", "--liberty", "bad.lib", "--json", "out.json"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"hwsim: error: {reason}\n"
    assert not (workplace / "out.json").exists()


def test_a_library_that_is_no_file_is_refused_unread(
    capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    with (workplace / "sparse.lib").open("wb") as file:
        file.truncate(200 << 30)
    for name, reason in (
        ("/dev/zero", "is a device, no file"),
        ("sparse.lib", "214,748,364,800 bytes, expected at most 268,435,456 bytes"),
    ):
        assert main(["synth", "--config", "nano", "--liberty", name]) == 2
        expected = f"hwsim: error: cannot read Liberty file '{name}': {reason}\n"
        assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("option", "target", "meant"),
    [
        ("--seed=7", "gates", "ecp5"),
        ("--seed=7", "xc7", "ecp5"),
        ("--liberty=my.lib", "xc7", "gates"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    option: str, target: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", "--config", "nano", "--target", target, option]) == 2
    name = option.partition("=")[0]
    expected = f"hwsim: error: {name} is for the target {meant}, not {target}\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("target", "flow"), [("ecp5", "place_in_ecp5"), ("xc7", "map_to_xc7"), ("gates", "run_passes")]
)
def test_what_a_tool_refuses_is_told_in_a_line(
    target: str,
    flow: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def refuse(*_: object) -> None:
        raise SynthesisError("it does not fit")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # an empty cache
    monkeypatch.setattr(gates if target == "gates" else fpga, flow, refuse)
    assert main(["synth", "--config", "nano", "--target", target]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(": it does not fit\n")
    assert captured.err.startswith("hwsim: error: ")
