"""The command `hwsim verify` runs a small network on Verilator and ends any fault with 1."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from torch import Tensor

from hwsim.arch.config import load_config
from hwsim.arch.sections import ExternalMemory
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.flows.configuration import configuration
from hwsim.golden.reference import run_stage
from hwsim.graph import Stage
from hwsim.testbenches import bus_record, network_bench, simulator
from hwsim.testbenches.axi_memory import Violation
from hwsim.testbenches.bus_record import BusRecord
from hwsim.testbenches.network_bench import NetworkRun
from tests.test_report_document import keeps_to_the_schema

MINI = ["verify", "condensation-net-mini", "--config", "nano", "--no-residency"]
CLASSES = ("program", "weights", "features_read", "features_written")


pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture
def simulated_once(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the simulator for the first test only; the other tests get its files."""
    run, kept = simulator.run, workplace / "kept"

    def simulate(model: Path, top: str, module: str, folder: Path, *rest: Any) -> None:
        if not kept.exists():
            run(model, top, module, folder, *rest)
            copytree(folder, kept)
        copytree(kept, folder, dirs_exist_ok=True)

    monkeypatch.setattr(simulator, "run", simulate)


def failures(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the figures out of bounds that a run printed, which must end with 1."""
    assert main([*MINI, "--json", "-"]) == 1
    captured = capsys.readouterr()
    found: list[str] = json.loads(captured.out)["failures"]
    more = f"; and {len(found) - 1} more" if len(found) > 1 else ""
    assert captured.err == f"hwsim: error: {found[0]}{more}\n"
    return found


@pytest.mark.verilator
def test_all_witnesses_agree(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*MINI, "--memory", "latency=50", "--unfused", "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out)
    assert keeps_to_the_schema(document, "verify")
    assert not keeps_to_the_schema(document | {"saving": 0.5}, "verify")
    assert (document["command"], document["failures"]) == ("verify", [])
    assert document["config"]["memory"]["latency_cycles"] == 50
    assert document["image"] == "rocket.jpg"
    fused, unfused = document["programs"]
    assert (fused["variant"], unfused["variant"]) == ("C", "B")
    assert len(fused["layers"]) == 9
    assert len(unfused["layers"]) == 9 + 8
    for program in (fused, unfused):
        cycles = sum(stage["verilog_cycles"] for stage in program["layers"])
        assert 0 < program["verilog_cycles"] - cycles < 20, "from the last response to the end"
        for kind in CLASSES:
            total = sum(stage["bus_bytes"][kind] for stage in program["layers"])
            counts = {program[f"{witness}_bytes"][kind] for witness in ("monitor", "counter")}
            assert counts == {total}
    moved = [sum(program["monitor_bytes"].values()) for program in (fused, unfused)]
    assert document["saving"]["total_saving_ratio"] == 1 - moved[0] / moved[1]


@pytest.mark.verilator
def test_tables_are_for_people(capsys: pytest.CaptureFixture[str], workplace: Path) -> None:
    assert main([*MINI, "--json", str(workplace / "verified.json")]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.endswith("Values and bytes are equal, cycles within their bounds.\n")
    document = json.loads((workplace / "verified.json").read_text("utf-8"))
    for stage in document["programs"][0]["layers"]:
        row = f"{stage['verilog_cycles']:,}", f"{stage['timeline_cycles']:,}"
        assert any({*row, stage["name"]} <= set(line.split()) for line in captured.out.splitlines())
    assert main([*MINI, "-q"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.verilator
@pytest.mark.usefixtures("simulated_once")
def test_another_golden_is_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(stage: Stage, tensors: Mapping[str, Tensor]) -> Tensor:
        y = run_stage(stage, tensors)
        if stage.name == "conv9":
            y[0, 20, 0, 0] ^= 1
        return y

    monkeypatch.setattr("hwsim.golden.reference.run_stage", wrong)
    machine, verilog = failures(capsys)
    assert machine.startswith("C: conv9 differs in 1 of 128 bytes, first at channel 20, row 0, ")
    assert ": machine " in machine
    assert verilog.startswith("C: conv9 differs in 1 of 128 bytes, first at channel 20, row 0, ")
    assert ": Verilog " in verilog


def changed_record(monkeypatch: pytest.MonkeyPatch, change: Callable[[BusRecord], None]) -> None:
    """Let `change` alter the record of the bus, in place."""
    load = bus_record.load_record

    def changed(*arguments: Any) -> BusRecord:
        record = load(*arguments)
        record = replace(record, words=record.words.copy())
        change(record)
        return record

    monkeypatch.setattr(bus_record, "load_record", changed)


@pytest.mark.verilator
@pytest.mark.usefixtures("simulated_once")
def test_a_wrong_byte_on_the_bus_is_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(record: BusRecord) -> None:
        record.words[0, 1] ^= 0x40

    changed_record(monkeypatch, change)
    (found,) = failures(capsys)
    assert found.startswith("C: conv1 differs in 1 of 16,384 bytes, first at channel 1, row 0, ")
    assert "Verilog" in found


@pytest.mark.verilator
@pytest.mark.usefixtures("simulated_once")
def test_a_late_layer_is_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(record: BusRecord) -> None:
        record.response_cycles[-1] += 100

    changed_record(monkeypatch, change)
    (found,) = failures(capsys)
    assert found.startswith("C: conv9: the timeline's cycles are -")
    assert found.endswith(" off, more than 1.0%")


@pytest.mark.verilator
@pytest.mark.usefixtures("simulated_once")
def test_late_cycles_alone_are_told_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are a failure where bounds are stated, and none on a memory where there are none."""

    def change(record: BusRecord) -> None:
        record.response_cycles[-1] += 100

    changed_record(monkeypatch, change)
    assert main(MINI) == 1
    last = capsys.readouterr().out.splitlines()[-2:]
    assert last[0] == "Values and bytes are equal; the timeline's cycles are out of bounds"
    assert last[1].startswith("C: conv9: the timeline's cycles are -")
    monkeypatch.setattr("hwsim.flows.verification.cycle_bounds", lambda _config: None)
    assert main([*MINI, "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["layer_bound_ratio"], document["total_bound_ratio"]) == (None, None)
    assert document["failures"] == []
    (late,) = document["cycles_off"]
    assert late.startswith("C: conv9: the timeline's cycles are -")
    assert main(MINI) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Values and bytes are equal. The timeline's error was not measured for such" in text


@pytest.mark.verilator
@pytest.mark.usefixtures("simulated_once")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cycles": 1}, "C: the run: the timeline's cycles are +"),
        ({"array_cycles": 7}, "C: the array is busy for 7 cycles, in the timeline for "),
        ({"violation": Violation.UNALIGNED}, "C: the bus monitor saw UNALIGNED"),
        ({"read_beats": 7}, "C: beats on the bus are not those that its addresses announced"),
        ({"events": {"end": 0}}, "C: the run ended with events {'end': 0}"),
        ({"counter_bytes": 8}, "C: counter: 8 bytes of program, "),
    ],
)
def test_what_the_hardware_reports_is_judged(
    changes: dict[str, Any],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = network_bench.load_run

    def changed(folder: Path) -> NetworkRun:
        run = load(folder)
        values = dict(changes)
        if "counter_bytes" in values:
            values["counter_bytes"] = replace(run.counter_bytes, program=values["counter_bytes"])
        return replace(run, **values)

    monkeypatch.setattr(network_bench, "load_run", changed)
    assert failures(capsys)[0].startswith(expected)


@pytest.mark.verilator
def test_a_simulator_that_fails_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: Any) -> None:
        *_, log = arguments
        log.write_text("...\nAssertionError: no interrupt after 5 cycles, 4 predicted\n", "utf-8")
        raise simulator.FailedRunError("1 of 1 cocotb tests failed\nreplay: ...")

    monkeypatch.setattr(simulator, "run", run)
    assert main(MINI) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "hwsim: error: simulating condensation-net-mini (C): "
        "no interrupt after 5 cycles, 4 predicted\n"
    )


@pytest.mark.verilator
def test_a_build_that_fails_says_where_its_log_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_: Any, **__: Any) -> None:
        raise simulator.FailedBuildError("Command failed with return code: 1: see build.log")

    monkeypatch.setattr(simulator, "build", build)
    assert main(MINI) == 1
    assert capsys.readouterr().err == (
        "hwsim: error: building the simulator: Command failed with return code: 1: see build.log\n"
    )


def test_memories() -> None:
    edge = load_config("edge")

    def memory(text: str | None) -> ExternalMemory:
        return configuration(edge, memory=text).memory

    assert memory(None) == edge.memory
    ideal = ExternalMemory(latency_cycles=1, bandwidth_bytes_per_cycle=16)
    assert memory("ideal") == ideal
    assert memory("latency=1") == ideal
    half = ExternalMemory(latency_cycles=60, bandwidth_bytes_per_cycle=8)
    assert memory("bandwidth=8") == half
    assert memory("latency=60,bandwidth=8") == half
    assert memory("latency=60,bandwidth=8.0") == half
    assert memory("bandwidth=6.4").bandwidth_bytes_per_cycle == 6.4
    assert memory("bandwidth=8,shared") == half.model_copy(update={"shared": True})
    assert memory("shared") == edge.memory.model_copy(update={"shared": True})
    with pytest.raises(InputError, match="'fast' is none of ideal, latency=CYCLES"):
        memory("fast")


def test_bad_inputs_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    for arguments, expected in [
        (["--memory", "latency"], "memory latency: 'latency' is none of ideal"),
        (["--memory", "latency=0"], "memory latency=0: memory.latency_cycles = 0: "),
        (
            ["--memory", "bandwidth=0"],
            "bandwidth_bytes_per_cycle = 0: Input should be greater than or equal to 1",
        ),
        (["--memory", "latency=1,size=2"], "'size=2' is none of ideal"),
        (["--memory", "latency=1,latency=2"], "names latency twice"),
        (["--k", "1", "--unfused"], "unfused: nothing in condensation-net-mini is condensed"),
        (["--image", "none.jpg"], "cannot read image 'none.jpg'"),
        (["--image", str(text)], "neither a JPEG nor a PNG"),
        (["--config", "egde"], "did you mean 'edge'?"),
        (["--weights", "none.weights"], "cannot read weights 'none.weights'"),
        (["--json", str(tmp_path)], "cannot write"),
    ]:
        before = sorted(tmp_path.iterdir())
        assert main([*MINI, *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert expected in captured.err
        assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("module", "extra"), [("torch", "golden"), ("amaranth", "rtl"), ("cocotb", "verify")]
)
def test_a_missing_extra_is_told_in_one_line(module: str, extra: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules['{module}'] = None;"
        f"from hwsim.cli import main; sys.exit(main({MINI!r}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert f"pip install 'hwsim[{extra}]'" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tool", ["verilator", "g++"])
def test_a_missing_tool_is_told_in_one_line(
    tool: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if tool == "verilator":
        monkeypatch.setattr(simulator, "find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", lambda name, **_: None if name == tool else f"/bin/{name}")
    assert main(MINI) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "is not installed" in captured.err
    assert tool in captured.err.lower()
