"""The spatial pool keeps the largest sums, tap by tap, whatever is masked (Amaranth simulator)."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.graph import SpatialPool as Pool
from hwsim.rtl.arithmetic.spatial_pool import SpatialPool
from tests.drawn import preset_with

ENDS = (-(2**31), 2**31 - 1, -1, 0, 1)


@pytest.mark.parametrize("again", [0.0, 0.4])
@pytest.mark.parametrize("pool", Pool)
def test_the_largest_sum_of_every_window_stands_behind_its_last_tap(
    pool: Pool, again: float
) -> None:
    """A tap may come several times; one outside the tile may be anything."""
    config = preset_with("nano")
    dut, lanes = SpatialPool(config), config.array.output_lanes
    height, width = 5, 7  # odd: the last windows are cut off
    rng = np.random.default_rng(int(pool))
    sums = rng.integers(-(2**31), 2**31, (height, width, lanes))
    sums = np.where(rng.random(sums.shape) < 0.3, rng.choice(ENDS, sums.shape), sums)
    window = range(pool.window)

    async def bench(ctx: Any) -> None:
        for row, column in product(range(pool.pooled(height)), range(pool.pooled(width))):
            top, left = row * pool.stride, column * pool.stride
            for down, right in product(window, window):
                y, x = top + down, left + right
                masked = y >= height or x >= width
                ctx.set(dut.first, down == right == 0)
                ctx.set(dut.masked, masked)
                for lane in range(lanes):
                    ctx.set(dut.i[lane], 2**31 - 1 if masked else int(sums[y, x, lane]))
                await ctx.tick().repeat(SpatialPool.LATENCY)
                while rng.random() < again:
                    await ctx.tick()
            taken = sums[top : top + pool.window, left : left + pool.window]
            assert [ctx.get(lane) for lane in dut.o] == taken.max(axis=(0, 1)).tolist()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
