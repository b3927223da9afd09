"""The timeline equals the cycles of small programs that were once measured on the Verilog.

The timeline and the hardware share one table of pipeline depths, `hwsim.arch.pipeline`, so that a
mistake there would be in both. `kept/measured_cycles.jsonl` has the values of the Verilog's CYCLES
register. A change of the hardware's cycles on purpose needs a new file:

    .venv/bin/python -m tests.test_measured_cycles
"""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pydantic import TypeAdapter

from hwsim.arch import pipeline
from hwsim.arch.config import Config, load_config
from hwsim.testbenches.drawn_cases import DrawnCase
from hwsim.testbenches.tb_cycles import CASES, CYCLES
from hwsim.timeline import time_program
from tests.drawn import preset_with
from tests.test_accelerator import run_bench

KEPT = Path(__file__).parent / "kept" / "measured_cycles.jsonl"
FEW_READS = {"outstanding_reads": 3, "burst_beats": 8}
BUILDS = {
    "nano": load_config("nano"),
    "edge": preset_with("edge", array={"rescale_lanes": 4, "multipliers": "dsp"}),
    "queue": preset_with(
        "nano", buffers={"weight_bytes": 1024, "accumulator_depth": 16}, bus=FEW_READS
    ),
    "short queue": preset_with("nano", buffers={"weight_bytes": 512}, bus=FEW_READS),
    "cramped": preset_with(
        "nano",
        buffers={
            "feature_bytes": 1024,
            "weight_bytes": 1024,
            "accumulator_depth": 16,
            "staging_bytes": 1024,
        },
        bus=FEW_READS,
    ),
}


@dataclass(frozen=True)
class Measured:
    """The cycles that a build's Verilog took for a network, on a given memory."""

    build: str
    cycles: int
    case: DrawnCase


LINE = TypeAdapter(Measured)
MEASURED = [LINE.validate_json(line) for line in KEPT.read_text("utf-8").splitlines()]
of_build = {build: [one for one in MEASURED if one.build == build] for build in BUILDS}


def predicted(measured: Measured) -> int:
    (program,) = measured.case.programs(BUILDS[measured.build])
    return time_program(program).cycles


def on_verilog(config: Config, cases: list[DrawnCase], results: Path) -> list[int]:
    """Return the value of the CYCLES register after each case."""
    text = TypeAdapter(list[DrawnCase]).dump_json(cases).decode()
    run_bench(config, results, "hwsim.testbenches.tb_cycles", **{CASES: text})
    cycles: list[int] = json.loads((results / CYCLES).read_text("utf-8"))
    return cycles


@pytest.mark.parametrize("measured", MEASURED, ids=lambda one: f"{one.build} {one.cycles}")
def test_the_timeline_says_what_was_measured(measured: Measured) -> None:
    assert predicted(measured) == measured.cycles, measured.case.note


DEPTHS = [
    "START_TO_FETCH", "DISTRIBUTE", "DISTRIBUTE_GAP", "DISTRIBUTE_ROOM", "LOAD_START",
    "BURSTS_HELD", "READ_SLOT", "WEIGHT_ROOM", "LOAD_VISIBLE", "ISSUE_START", "FIRST_READ",
    "BLOCK_VISIBLE", "PARAMETERS_VISIBLE", "PARAMETERS_FILL", "BANK_VISIBLE", "ISSUE_VISIBLE",
    "DRAIN", "STORE_START", "STORE_DATA", "STAGED_VISIBLE", "STORE_VISIBLE", "END_VISIBLE",
    "REVISIT", "KEPT_READABLE",
]  # fmt: skip


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("name", DEPTHS)
def test_a_cycle_more_or_less_in_any_depth_would_show(
    name: str, change: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, name, getattr(pipeline, name) + change)
    assert any(predicted(measured) != measured.cycles for measured in MEASURED)


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("name", ["accumulate", "packed_fill"])
def test_a_cycle_more_or_less_in_what_depends_on_lanes_would_show(
    name: str, change: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = getattr(pipeline, name)
    monkeypatch.setattr(pipeline, name, lambda config: depth(config) + change)
    assert any(predicted(measured) != measured.cycles for measured in MEASURED)


def test_every_depth_is_among_them() -> None:
    """The programs depend on every depth, except sums of others and bounds they never reach."""
    contained = {"RESCALE", "MULTIPLY", "KEPT_VISIBLE", "KEPT_ORDER"}
    found = {name for name in vars(pipeline) if name.isupper()}
    assert found == {*DEPTHS, *contained, "OUTSTANDING_WRITES", "ISSUE_ROOM"}
    assert (pipeline.RESCALE, pipeline.MULTIPLY) == (6, 1)
    assert (pipeline.KEPT_VISIBLE, pipeline.KEPT_ORDER) == (2, 3)
    assert pipeline.ISSUE_ROOM == 1
    assert pipeline.OUTSTANDING_WRITES == 64


@pytest.mark.parametrize(
    ("preset", "stages", "skew", "accumulated", "filled"),
    [("nano", 3, 7, 17, 5), ("edge", 3, 15, 25, 4), ("mid", 4, 31, 42, 6)],
)
def test_depths_that_depend_on_lanes(
    preset: str, stages: int, skew: int, accumulated: int, filled: int
) -> None:
    """Depths follow the input lanes: log2(lanes) levels of adders, as many words as lanes."""
    config = load_config(preset)
    assert pipeline.tree_stages(config) == stages
    assert pipeline.skew(config) == skew
    assert pipeline.accumulate(config) == accumulated
    assert pipeline.packed_fill(config) == filled


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS)
def test_the_verilog_still_takes_what_was_measured(build: str, tmp_path: Path) -> None:
    cases = [measured.case for measured in of_build[build]]
    wanted = [measured.cycles for measured in of_build[build]]
    assert on_verilog(BUILDS[build], cases, tmp_path) == wanted


if __name__ == "__main__":
    lines: list[str] = []
    for build, measured in of_build.items():
        cases = [one.case for one in measured]
        with TemporaryDirectory() as results:
            found = on_verilog(BUILDS[build], cases, Path(results))
        lines += [
            LINE.dump_json(Measured(build, cycles, case)).decode()
            for cycles, case in zip(found, cases, strict=True)
        ]
    KEPT.write_text("\n".join(lines) + "\n", "utf-8")
