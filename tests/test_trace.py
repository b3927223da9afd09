"""A trace of the Verilog's events has them in the cycles that the timeline says."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from hwsim.isa.fields import Destination
from hwsim.testbenches.trace import TRACE
from hwsim.timeline import time_program
from tests.test_measured_cycles import BUILDS, of_build, on_verilog

BUILD = "nano"


def events(lines: Sequence[str]) -> dict[str, list[int]]:
    """Return the cycles of each kind of event, in order, by unit and the event's two words."""
    found: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        cycle, unit, *words = line.split()
        found[" ".join((unit, *words[:2]))].append(int(cycle))
    return found


@pytest.mark.verilator
def test_a_trace_has_the_cycles_of_the_timeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trace.txt"
    monkeypatch.setenv(TRACE, str(path))
    measured = of_build[BUILD][0]
    assert on_verilog(BUILDS[BUILD], [measured.case], tmp_path) == [measured.cycles]

    (program,) = measured.case.programs(BUILDS[BUILD])
    timeline = time_program(program)
    title, *lines = path.read_text("utf-8").splitlines()
    assert title == f"{program.graph.name} {program.config.name}"
    found = events(lines)
    tiles, stores = timeline.tiles, timeline.stores
    assert found["array tile begins"] == [tile.issue_start for tile in tiles]
    assert found["array last pixel"] == [tile.issue_end - 1 for tile in tiles]
    assert found["drain first read"] == [tile.drain_start for tile in tiles]
    assert found["drain last read"] == [tile.drain_end - 1 for tile in tiles]
    firsts = {load.first_cycle for load in timeline.loads}
    assert firsts <= set(found["read first beat"])
    assert found["write response"][-1] == stores[-1].done_cycle
    chunks = sum(load.destination == Destination.FEATURES for load in timeline.loads)
    counts = {"chunks": chunks, "computes": len(tiles), "staged": len(stores)}
    for token, count in (counts | {"drains": len(stores), "stores": len(stores)}).items():
        assert f"token {token} {count}" in found, token
