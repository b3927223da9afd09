"""The walk over pool windows shows every tap in its turn (Amaranth simulator)."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.rtl.arithmetic.drain_walk import DRAIN
from hwsim.rtl.arithmetic.window_walk import WindowWalk
from tests.drained import Fields, config_of, drawn_fields

OUTPUTS = ("index", "masked", "first_tap", "last_tap", "next_tap_last")
Read = dict[str, int | None]


def expected_reads(fields: Fields, more: int) -> list[Read]:
    """Return what is shown for each read; a window's last tap is read `more` times again."""
    reads: list[Read] = []
    taps = list(np.ndindex(fields["window_rows"], fields["window_columns"]))
    for down, right in np.ndindex(fields["pooled_rows"], fields["pooled_columns"]):
        top = down * fields["window_stride_rows"] - fields["window_top"]
        left = right * fields["window_stride_columns"] - fields["window_left"]
        has_tap = False
        for tap in [*taps, *[taps[-1]] * more]:
            row, column = top + tap[0], left + tap[1]
            masked = not (0 <= row < fields["rows"] and 0 <= column < fields["columns"])
            reads.append({
                "index": None if masked else row * fields["columns"] + column,
                "masked": masked,
                "first_tap": not masked and not has_tap,
                "last_tap": tap == taps[-1],
            })  # fmt: skip
            has_tap |= not masked
    for read, following in pairwise(reads):
        read["next_tap_last"] = following["last_tap"]
    reads[-1]["next_tap_last"] = len(taps) == 1
    return reads


@pytest.mark.parametrize("chance", [1.0, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_every_read_is_of_its_tap(seed: int, chance: float) -> None:
    """Tiles follow each other at once; a cycle without `read` changes nothing."""
    config = config_of(8, 8, 8)
    dut, rng = WindowWalk(config, DRAIN), np.random.default_rng(seed)
    tiles = [drawn_fields(rng, config, number) for number in range(60)]

    async def bench(ctx: Any) -> None:
        ctx.set(dut.next_tile, tiles[0])
        ctx.set(dut.begins, 1)
        await ctx.tick()
        for number, fields in enumerate(tiles):
            more = int(rng.integers(3))
            ctx.set(dut.tile, fields)
            ctx.set(dut.next_tile, tiles[(number + 1) % len(tiles)])
            reads = expected_reads(fields, more)
            of_pixel = fields["window_rows"] * fields["window_columns"] + more
            for place, read in enumerate(reads, start=1):
                pixel_ends = place % of_pixel == 0
                ends = {
                    "read": 1,
                    "pixel_ends": pixel_ends,
                    "row_ends": place % (of_pixel * fields["pooled_columns"]) == 0,
                    "begins": place == len(reads),
                }
                while rng.random() > chance:
                    for name in ends:
                        ctx.set(getattr(dut, name), 0)
                    await ctx.tick()
                for name, value in ends.items():
                    ctx.set(getattr(dut, name), value)
                shown: Read = {name: ctx.get(getattr(dut, name)) for name in OUTPUTS}
                if read["masked"]:
                    shown["index"] = None
                assert shown == read, (number, place)
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
