"""The spatial pool keeps the largest sums, tap by tap, whatever is masked (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.graph import Padding
from hwsim.graph import SpatialPool as Pool
from hwsim.rtl.arithmetic.spatial_pool import SpatialPool
from tests.drawn import preset_with

POOLS = (Pool.NONE, Pool.STRIDE_2, Pool.STRIDE_1, Pool((3, 4), (2, 3), Padding(2, 1, 1, 3)))
ENDS = (-(2**31), 2**31 - 1, -1, 0, 1)


@pytest.mark.parametrize("again", [0.0, 0.4])
@pytest.mark.parametrize("pool", POOLS)
def test_the_largest_sum_of_every_window_stands_behind_its_last_tap(
    pool: Pool, again: float
) -> None:
    """A tap may come several times; one outside the tile may be anything."""
    config = preset_with("nano")
    dut, lanes = SpatialPool(config), config.array.output_lanes
    height, width = 5, 7  # odd: the last windows are cut off
    rng = np.random.default_rng(POOLS.index(pool))
    sums = rng.integers(-(2**31), 2**31, (height, width, lanes))
    sums = np.where(rng.random(sums.shape) < 0.3, rng.choice(ENDS, sums.shape), sums)

    async def bench(ctx: Any) -> None:
        for row, column in np.ndindex(pool.pooled(height, 0), pool.pooled(width, 1)):
            top = row * pool.stride[0] - pool.padding.top
            left = column * pool.stride[1] - pool.padding.left
            has_tap = False
            for down, right in np.ndindex(*pool.window):
                y, x = top + down, left + right
                masked = not (0 <= y < height and 0 <= x < width)
                ctx.set(dut.first, not (masked or has_tap))
                ctx.set(dut.masked, masked)
                has_tap |= not masked
                for lane in range(lanes):
                    ctx.set(dut.i[lane], 2**31 - 1 if masked else int(sums[y, x, lane]))
                await ctx.tick().repeat(SpatialPool.LATENCY)
                while rng.random() < again:
                    await ctx.tick()
            taken = sums[max(top, 0) : top + pool.window[0], max(left, 0) : left + pool.window[1]]
            assert [ctx.get(lane) for lane in dut.o] == taken.max(axis=(0, 1)).tolist()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
