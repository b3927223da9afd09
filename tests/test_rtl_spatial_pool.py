"""The spatial pool equals golden, tap by tap, with masked taps (Amaranth simulator)."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from amaranth.sim import Simulator

from hwsim.golden.spatial_pool import spatial_pool
from hwsim.graph import SpatialPool as Pool
from hwsim.rtl.arithmetic.spatial_pool import SpatialPool
from tests.drawn import preset_with

CHANNELS = 16


@pytest.mark.parametrize("idle", [0.0, 0.4])
@pytest.mark.parametrize("lanes", [1, 4, 16])
@pytest.mark.parametrize("pool", Pool)
def test_spatial_pool_equals_golden(pool: Pool, lanes: int, idle: float) -> None:
    dut = SpatialPool(preset_with("edge", array={"rescale_lanes": lanes}))
    height, width = 3, 5  # odd: the last windows are cut off
    rng = np.random.default_rng(lanes)
    maps = rng.integers(-128, 128, (CHANNELS, height, width))
    expected = spatial_pool(torch.from_numpy(maps)[None], pool)[0].numpy()
    # Row and column of the result, down and right of the tap, first channel of the slice.
    window = range(pool.window)
    plan = list(product(*map(range, expected.shape[1:]), window, window, range(0, CHANNELS, lanes)))
    results = np.zeros_like(expected)

    async def bench(ctx: Any) -> None:
        for place, (row, column, down, right, channel) in enumerate(plan):
            while rng.random() < idle:  # whatever stands there
                ctx.set(dut.valid, 0)
                ctx.set(dut.next_slice, channel // lanes)
                await ctx.tick()
            y, x = row * pool.stride + down, column * pool.stride + right
            masked = y >= height or x >= width
            last = down == right == pool.window - 1
            ctx.set(dut.valid, 1)
            ctx.set(dut.first, down == right == 0)
            ctx.set(dut.last, last)
            ctx.set(dut.masked, masked)
            ctx.set(dut.next_slice, plan[(place + 1) % len(plan)][-1] // lanes)
            for lane in range(lanes):
                ctx.set(dut.i[lane], 127 if masked else int(maps[channel + lane, y, x]))
            await ctx.tick().repeat(SpatialPool.LATENCY)
            if last:
                got = [ctx.get(lane) for lane in dut.o]
                results[channel : channel + lanes, row, column] = got

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert results.tolist() == expected.tolist()
