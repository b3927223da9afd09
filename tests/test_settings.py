"""A call sets keys of a configuration: `--set`, `--memory`, and `settings` in Python."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hwsim
from hwsim.arch.config import keys, load_config, preset_text
from hwsim.arch.sections import LONGEST_NAME
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.flows.delivery import verilog
from hwsim.flows.settings import read_settings

MINI = "tiny-yolov2-mini"
COMMANDS = {
    "estimate": [MINI],
    "run": [MINI, "--image", "photo.jpg"],
    "verify": [MINI],
    "compile": [MINI, "--out", "out"],
    "rtl": ["--out", "out"],
    "synth": [],
    "report": ["--out", "out"],
}
SETTINGS = ["array.output_lanes=32", "buffers.feature_bytes=256K", "clock.clock_hz=200_000_000"]

pytestmark = pytest.mark.usefixtures("workplace")


def options(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return what a command writes with `--json -`."""
    assert main([*arguments, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("command", ["estimate", "run", "compile", "rtl"])
def test_what_a_command_records_is_the_effective_configuration(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [command, *COMMANDS[command], *options(SETTINGS), "--memory", "latency=80"]
    config = document(capsys, *arguments)["config"]
    assert config["array"]["output_lanes"] == 32
    assert config["buffers"]["feature_bytes"] == 256 * 1024
    assert config["clock"]["clock_hz"] == 200_000_000
    assert config["memory"]["latency_cycles"] == 80
    usual = load_config("edge").model_dump(mode="json")
    assert config["array"]["input_lanes"] == usual["array"]["input_lanes"]
    assert config["name"].startswith("edge with output_lanes=32, 3 more, ")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (
            ["--set", "array.output_lane=32"],
            "setting 'array.output_lane': no such key: did you mean 'array.output_lanes'?",
        ),
        (["--memory", "latency=0"], "memory latency=0: memory.latency_cycles = 0: "),
    ],
)
def test_every_command_that_has_an_accelerator_takes_both_options(
    command: str, wrong: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(Path().iterdir())
    assert main([command, *COMMANDS[command], *wrong]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"hwsim: error: {expected}")
    assert captured.err.count("\n") == 1
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["array.output_lanes"], "setting 'array.output_lanes' is not KEY=VALUE, such as array."),
        (["=3"], "setting '': no such key"),
        (["output_lanes=32"], "no such key: did you mean 'array.output_lanes'?"),
        (["aray.output_lanes=32"], "no such key: did you mean 'array.output_lanes'?"),
        (["array={input_lanes = 8}"], "setting 'array': it is a section: set keys of it like arr"),
        (["tabels=false"], "no such key: did you mean 'tables'?"),
        (["zzzz=1"], "setting 'zzzz': no such key\n"),
        (["x" * 9999 + "=1"], "setting 'xxxx"),
        (["array.output_lanes=24"], "settings: array.output_lanes = 24: must be a power of two"),
        (["array.input_lanes=8"], "settings: bus.bus_bits = 128 must be at most a word"),
        (["array.output_lanes=32.5"], "settings: array.output_lanes = 32.5: "),
        (["array.output_lanes=inf"], "settings: array.output_lanes = inf: "),
        (["array.output_lanes="], "settings: array.output_lanes = '': "),
        (["array.output_lanes=32\n[bus]"], r"settings: array.output_lanes = '32\n[bus]': "),
        (["array.output_lanes=" + "[" * 900], "settings: array.output_lanes = '[["),
        (["array.output_lanes={" + "a." * 9999 + "b=1}"], "settings: array.output_lanes = '{a.a"),
        (["array.output_lanes=256K"], "settings: array.output_lanes = '256K': "),
        (["buffers.feature_bytes=256k"], "settings: buffers.feature_bytes = '256k': "),
        (["buffers.feature_bytes=99999M"], "settings: buffers.feature_bytes = 104856551424: "),
        (["clock.clock_hz=1", "clock.clock_hz=2"], "clock.clock_hz is set twice"),
        (["name=" + "x" * 65], "settings: name = 'xxxx"),
        (["channel_pool=no"], "settings: channel_pool = 'no': "),
        (["memory.bandwidth_bytes_per_cycle=0.9"], "memory.bandwidth_bytes_per_cycle = 0.9: "),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(
    settings: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", MINI, *options(settings)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert len(captured.err) < 500
    assert expected in captured.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["--set", "memory.latency_cycles=5", "--memory", "latency=6"],
            "memory latency=6: memory.latency_cycles is set twice",
        ),
        (
            ["--set", "widths.weight_bits=8", "--weight-bits", "4"],
            "weight bits 4: widths.weight_bits is set twice",
        ),
        (
            ["--set", "bus.bus_bits=abc", "--memory", "ideal"],
            "settings and memory ideal: bus.bus_bits = 'abc': ",
        ),
        (
            ["--memory", "bandwidth=6.4321"],
            "memory.bandwidth_bytes_per_cycle = 6.4321: must have at most three places",
        ),
        (["--memory", "latency=1.5"], "memory.latency_cycles = 1.5: "),
        (["--memory", "shared,latency=80,shared"], "names shared twice"),
        (["--memory", "shared=1"], "'shared=1' is none of ideal"),
        (["--memory", "latency"], "'latency' is none of ideal"),
        (["--memory", "ideal,shared"], "'ideal' is none of ideal"),
        (["--set", "memory.shared=1"], "memory.shared = 1: "),
        (["--memory", "latency=8,"], "'' is none of ideal"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", MINI, *arguments]) == 2
    assert expected in capsys.readouterr().err


def test_all_values_are_judged_together() -> None:
    """Each alone contradicts the preset."""
    config = hwsim.configuration(
        "edge",
        memory="ideal",
        settings={"array.input_lanes": 8, "bus.bus_bits": 64, "array.output_lanes": 8},
    )
    assert config.word_bytes == config.memory.bandwidth_bytes_per_cycle == 8


def test_a_value_is_toml_or_else_text() -> None:
    assert read_settings(["a=1_000", "b = 0x10", "c=true", "d='t'", "e=a chip", "f=2=3"]) == {
        "a": 1000,
        "b": 16,
        "c": True,
        "d": "t",
        "e": "a chip",
        "f": "2=3",
    }


def test_sizes_in_bytes() -> None:
    settings = {"buffers.feature_bytes": "256K", "buffers.weight_bytes": "1M"}
    buffers = hwsim.configuration("edge", settings=settings).buffers
    assert (buffers.feature_bytes, buffers.weight_bytes) == (262_144, 1_048_576)


def test_settings_in_python_are_checked_as_well() -> None:
    wrong: list[tuple[Any, str]] = [
        ([], "settings []: must map keys to values"),
        ({1: 2}, "setting '1': no such key"),
        ({"array.output_lanes": "32"}, "settings: array.output_lanes = '32': "),
        ({"array.output_lanes": object()}, "settings: array.output_lanes = <object"),
    ]
    for settings, expected in wrong:
        with pytest.raises(InputError) as refused:
            hwsim.configuration("edge", settings=settings)
        assert str(refused.value).startswith(expected)


def test_a_configuration_that_differs_has_another_name() -> None:
    names: dict[str, dict[str, Any]] = {
        "edge with output_lanes=32": {"array.output_lanes": 32},
        "edge with tables=False": {"tables": False},
        "edge": {"array.output_lanes": 16},
        "mine": {"name": "mine", "array.output_lanes": 32},
    }
    for name, settings in names.items():
        assert hwsim.configuration("edge", settings=settings).name == name
    ideal = hwsim.configuration("edge", memory="ideal", weight_bits=4)
    assert ideal.name == "edge with weight_bits=4, latency_cycles=1"
    again = hwsim.configuration(ideal, settings={"tables": False})
    assert again.name == "edge with weight_bits=4, latency_cycles=1, tables=False"


@st.composite
def drawn_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw legal values for some keys of `edge`."""
    sizes = st.sampled_from([64_000, 96_000, 128_000])
    names = ["buffers.feature_bytes", "clock.clock_hz", "memory.latency_cycles"]
    values = {name: draw(sizes) for name in draw(st.sets(st.sampled_from(names)))}
    return values | draw(st.sampled_from([{}, {"tables": False}, {"channel_pool": False}]))


@given(drawn_settings(), drawn_settings(), st.sampled_from(["edge", "x" * LONGEST_NAME, "x" * 40]))
def test_no_two_configurations_share_a_name(
    settings: dict[str, Any], others: dict[str, Any], name: str
) -> None:
    source = load_config("edge").model_copy(update={"name": name})
    found, other = (hwsim.configuration(source, settings=each) for each in (settings, others))
    assert max(len(found.name), len(other.name)) <= LONGEST_NAME
    assert (found.name == name) == (found == source)
    if found != other:
        assert found.name != other.name


def test_a_key_of_a_file_has_a_hint_too(tmp_path: Path) -> None:
    path = tmp_path / "chip.toml"
    path.write_text(preset_text("edge").replace("latency_cycles", "latency"))
    with pytest.raises(
        InputError, match=r"unknown key 'memory\.latency': did you mean 'memory\.lat"
    ):
        load_config(str(path))


def test_every_key_can_be_set() -> None:
    edge = load_config("edge").model_dump()
    for key in keys():
        section, _, name = key.rpartition(".")
        value = edge[section][name] if section else edge[name]
        assert hwsim.configuration("edge", settings={key: value}) == load_config("edge")


def test_verilog_that_is_kept_does_not_depend_on_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Simulators are kept by a hash of the text, whose head has the name."""
    monkeypatch.setattr(
        "hwsim.rtl.accelerator.accelerator_verilog", lambda config, _name: f"// {config.name}"
    )
    slow = hwsim.configuration("nano", memory="latency=200")
    assert slow.name == "nano with latency_cycles=200"
    assert verilog(slow) == verilog(load_config("nano")) == "// nano"
