"""The spatial pool in the Amaranth simulator against golden: windows tap by tap, masked taps."""

from typing import Any

import numpy as np
import pytest
import torch
from amaranth.sim import Simulator

from golden.spatial_pool import spatial_pool
from hwsim.graph import SpatialPool as Pool
from rtl.spatial_pool import SpatialPool
from tests.drawn import preset_with

LANES, GROUPS = 4, 4


@pytest.mark.parametrize("pool", Pool)
def test_spatial_pool_equals_golden(pool: Pool) -> None:
    dut = SpatialPool(preset_with("edge"))
    height, width = 5, 7  # odd: the last windows are cut off
    maps = np.random.default_rng(0).integers(-128, 128, (LANES * GROUPS, height, width))
    expected = spatial_pool(torch.from_numpy(maps)[None], pool)[0].numpy()
    taps = [(row, column) for row in range(pool.window) for column in range(pool.window)]

    async def bench(ctx: Any) -> None:
        ctx.set(dut.valid, 1)
        for row, column in np.ndindex(expected.shape[1:]):
            for tap, (down, right) in enumerate(taps):
                y, x = row * pool.stride + down, column * pool.stride + right
                masked = y >= height or x >= width
                ctx.set(dut.masked, masked)
                ctx.set(dut.first, tap == 0)
                ctx.set(dut.last, tap == len(taps) - 1)
                for group in range(GROUPS):
                    ctx.set(dut.group, group)
                    for lane in range(LANES):
                        channel = group * LANES + lane
                        value = 127 if masked else int(maps[channel, y, x])
                        ctx.set(dut.i[lane], value)
                        if tap == len(taps) - 1:
                            assert ctx.get(dut.o[lane]) == expected[channel, row, column]
                    await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
