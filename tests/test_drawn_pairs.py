"""The timeline keeps its bounds on drawn pairs of a configuration and a memory, in Verilog.

`HWSIM_SEED` draws others. Each accelerator has a simulator of its own, built in a minute.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from hwsim.testbenches.drawn_pairs import ACCELERATORS, MEMORIES, MeasuredPair, Pair, pairs
from hwsim.testbenches.tb_pairs import ACCELERATOR, MEASURED, MOST_PAIRS
from hwsim.timeline import whole
from hwsim.timeline.bounds import cycle_bounds
from tests.test_accelerator import run_bench

BENCH = "hwsim.testbenches.tb_pairs"
QUICK = (1,)  # numbers of accelerators that are not slow
MOST_QUICK = 2  # of their pairs


def measured(accelerator: int, most: int, folder: Path) -> list[MeasuredPair]:
    """Run some pairs of an accelerator in Verilog."""
    built = pairs(accelerator)[0].config
    chosen = {ACCELERATOR: str(accelerator), MOST_PAIRS: str(most)}
    run_bench(built, folder, BENCH, **chosen)
    return TypeAdapter(list[MeasuredPair]).validate_json((folder / MEASURED).read_bytes())


def layers(pair: Pair, found: MeasuredPair) -> Iterator[tuple[str, int, int]]:
    """Yield each layer's name, and its cycles in Verilog and timeline, where the bus shows both."""
    before = before_in_timeline = 0
    for time, end in zip(pair.timeline.stages, found.layer_ends, strict=True):
        if end is not None:
            yield time.stage.name, end - before, time.stored_cycle - before_in_timeline
            before, before_in_timeline = end, time.stored_cycle


def check(accelerator: int, most: int, folder: Path) -> None:
    for pair, found in zip(pairs(accelerator), measured(accelerator, most, folder), strict=False):
        off = pair.timeline.cycles / found.cycles - 1
        each = {name: (said, took) for name, took, said in layers(pair, found)}
        errors = {name: said / took - 1 for name, (said, took) in each.items()}
        worst = max(errors, key=lambda name: abs(errors[name]))
        print(
            f"{pair}: {found.cycles:,} cycles, timeline {pair.timeline.cycles:,}, {off:+.3%}; "
            f"{worst} {errors[worst]:+.2%}"
        )
        bounds = cycle_bounds(pair.config)
        assert bounds is not None, f"{pair}: no bounds are stated"
        assert abs(off) <= bounds.run, pair
        assert all(bounds.holds_layer(*cycles) for cycles in each.values()), (pair, worst)
        least = whole([stage.roofline for stage in pair.timeline.stages]).cycles
        assert least <= found.cycles, f"{pair}: below the roofline"


@pytest.mark.verilator
@pytest.mark.parametrize("accelerator", QUICK)
def test_the_timeline_keeps_its_bounds_on_drawn_pairs(accelerator: int, tmp_path: Path) -> None:
    check(accelerator, MOST_QUICK, tmp_path)


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("accelerator", range(ACCELERATORS))
def test_the_timeline_keeps_its_bounds_on_a_hundred_pairs(accelerator: int, tmp_path: Path) -> None:
    check(accelerator, MEMORIES, tmp_path)
