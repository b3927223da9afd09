"""Bounds of the timeline's error are stated where the Verilog was compared, and nowhere else."""

from typing import Any

import pytest

from hwsim.arch.config import PRESETS, load_config
from hwsim.flows.estimate import price
from hwsim.frontends.builtin import build_network
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.report.document import make_document
from hwsim.report.text import cycles_error
from hwsim.testbenches.drawn_pairs import ACCELERATORS, MEMORIES, PAIRS, pairs
from hwsim.timeline.bounds import MEASURED, cycle_bounds
from tests.drawn import preset_with

OUTSIDE: list[tuple[str, dict[str, Any]]] = [
    ("edge", {"memory": {"latency_cycles": 1001}}),
    ("mid", {"memory": {"bandwidth_bytes_per_cycle": 1.5}}),
    ("edge", {"array": {"output_lanes": 64}}),
    ("edge", {"array": {"input_lanes": 64, "output_lanes": 32}}),
    ("edge", {"buffers": {"feature_bytes": 16 * 63}}),
    ("edge", {"buffers": {"staging_bytes": 16 * 7}}),
]


@pytest.mark.parametrize("accelerator", range(ACCELERATORS))
def test_every_drawn_pair_has_bounds(accelerator: int) -> None:
    found = pairs(accelerator)
    assert [pair.number for pair in found] == list(
        range(MEMORIES * accelerator, MEMORIES * (accelerator + 1))
    )
    assert all(cycle_bounds(pair.config) == MEASURED for pair in found)
    assert len({(pair.config, pair.network) for pair in found}) == MEMORIES
    assert MEMORIES * ACCELERATORS == PAIRS


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_bounds(preset: str) -> None:
    assert cycle_bounds(load_config(preset)) == MEASURED


@pytest.mark.parametrize(("preset", "sections"), OUTSIDE)
def test_no_bound_is_stated_where_no_verilog_was_compared(
    preset: str, sections: dict[str, Any]
) -> None:
    config = preset_with(preset, **sections)
    assert cycle_bounds(config) is None
    found = make_document(price(ProgramGraphs.of(build_network("tiny-yolov2-mini")), config)).totals
    assert found.cycles_error_ratio is None
    assert cycles_error(found) == "no Verilog was compared for such a configuration and memory"


def test_an_estimate_states_the_bound() -> None:
    network = ProgramGraphs.of(build_network("tiny-yolov2-mini"))
    found = make_document(price(network, load_config("edge"))).totals
    assert cycles_error(found) == "within 0.5% of the Verilog's"
