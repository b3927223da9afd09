"""The drain's walk makes every read in its cycle, with the right controls (Amaranth simulator)."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from hwsim.arch.config import ACCUMULATOR_BANKS, Config
from hwsim.rtl.arithmetic.drain_walk import DrainWalk
from tests.drained import DEPTH, Chances, Fields, Gate, config_of, drawn_fields
from tests.streams import Each, step, values


def expected_reads(config: Config, fields: Fields, number: int) -> list[dict[str, int]]:
    """Return the reads by pixel: its taps, then slices; a masked read may have any index."""
    k = 1 << fields["channel_pool"]
    lanes, slices = config.array.rescale_lanes, config.rescale_slices
    reads_per_result = max(k // lanes, 1)
    has_planes = config.array.output_lanes > config.array.input_lanes
    sides = fields["pooled_rows"], fields["pooled_columns"]
    table = {"table": fields["table"], "table_bank": number % ACCUMULATOR_BANKS}
    table = table if config.tables else {}
    reads = []
    has_tap = False  # of the window so far
    *taps, last_tap = np.ndindex(fields["window_rows"], fields["window_columns"])
    of_pixel = [(tap, 0, 0) for tap in taps]
    of_pixel += product([last_tap], range(slices), range(1 + fields["wide_factors"]))
    for (row, column), (tap, lane_slice, half) in product(np.ndindex(*sides), of_pixel):
        y = row * fields["window_stride_rows"] - fields["window_top"] + tap[0]
        x = column * fields["window_stride_columns"] - fields["window_left"] + tap[1]
        masked = not (0 <= y < fields["rows"] and 0 <= x < fields["columns"])
        has_tap &= not (tap == (0, 0) and (lane_slice, half) == (0, 0))
        place = fields["byte_offset"] + lane_slice * lanes // k
        reads.append({
            "index": -1 if masked else y * fields["columns"] + x,
            "bank": number % ACCUMULATOR_BANKS,
            "block": place // config.word_bytes,
            "plane": sides[0] * sides[1] if has_planes else 0,
            "source": fields["source"],
            "lane_slice": lane_slice,
            "first_lanes": lane_slice % reads_per_result == 0,
            "last_lanes": lane_slice % reads_per_result == reads_per_result - 1,
            "first_tap": not masked and not has_tap,
            "last_tap": tap == last_tap,
            "masked": masked,
            "factor": fields["channel_pool"],
            "zero_point": fields["output_zero_point"],
            "rounding": fields["rounding"],
            "wide_factors": fields["wide_factors"],
            "upper_half": half,
            "clamp_low": fields["clamp_low"],
            "clamp_high": fields["clamp_high"],
            **table,
            "address": fields["staging_address"] + row * sides[1] + column,
            "byte": place % config.word_bytes,
            "last": False,
        })  # fmt: skip
        has_tap |= not masked
    reads[-1]["last"] = True
    return reads


def check_tiles(config: Config, count: int, chances: Chances, seed: int) -> list[int]:
    """Check drawn tiles, and return the cycles of all reads."""
    assert config.buffers.accumulator_depth == DEPTH
    rng = np.random.default_rng(seed)
    tiles = [drawn_fields(rng, config, number) for number in range(count)]
    dut = DrainWalk(config)
    gate = Gate(dut, tiles, chances, rng)
    cycles: list[int] = []
    reads: list[dict[str, int]] = []

    def record(ctx: Any, cycle: int) -> None:
        if ctx.get(dut.o.valid):
            read = values(ctx, dut.o.payload)
            read |= read.pop("beside")
            cycles.append(cycle - DrainWalk.LATENCY)
            reads.append(read | {"index": -1 if read["masked"] else read["index"]})

    step(dut, [gate, Each(sample=record)], lambda: gate.done, further_cycles=5)
    assert cycles == gate.check(config)
    assert reads == [
        read for number, tile in enumerate(tiles) for read in expected_reads(config, tile, number)
    ]
    return cycles


SHAPES = [(8, 8, 1), (8, 8, 2), (8, 8, 8), (16, 16, 4), (8, 16, 2), (8, 32, 8), (16, 32, 16)]


@pytest.mark.parametrize(("lanes_in", "lanes_out", "rescale"), SHAPES)
def test_tiles_follow_each_other_without_a_gap(lanes_in: int, lanes_out: int, rescale: int) -> None:
    cycles = check_tiles(config_of(lanes_in, lanes_out, rescale), 24, Chances(), seed=rescale)
    assert cycles == list(range(cycles[0], cycles[-1] + 1))


CHANCES = [
    Chances(tile=0.01),
    Chances(accumulated=0.01),
    Chances(parameters=0.01),
    Chances(store=0.01),
    Chances(0.05, 0.02, 0.02, 0.02),
]


@pytest.mark.parametrize("chances", CHANCES, ids=str)
@pytest.mark.parametrize(("lanes_out", "rescale"), [(8, 1), (8, 8), (16, 8)])
def test_a_tile_waits_for_all_that_it_needs(lanes_out: int, rescale: int, chances: Chances) -> None:
    check_tiles(config_of(8, lanes_out, rescale), 24, chances, seed=lanes_out)
