"""The channel pool equals golden for every k and number of lanes (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
import torch
from amaranth.sim import Simulator

from hwsim.golden.channel_pool import channel_pool
from hwsim.rtl.arithmetic.channel_pool import ChannelPool
from tests.drawn import preset_with

FILTERS = 16


@pytest.mark.parametrize("k", [1, 2, 4, 8])
@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16])
def test_channel_pool_equals_golden(k: int, lanes: int) -> None:
    dut = ChannelPool(preset_with("edge", array={"rescale_lanes": lanes}))
    pixels = np.random.default_rng(k).integers(-128, 128, (20, FILTERS))
    expected = channel_pool(torch.from_numpy(pixels)[:, :, None, None], k).flatten().tolist()
    cycles = max(k // lanes, 1)  # cycles of one result
    results: list[int] = []

    async def bench(ctx: Any) -> None:
        ctx.set(dut.factor, k.bit_length() - 1)
        for pixel in pixels:
            for lane_slice, first in enumerate(range(0, FILTERS, lanes)):
                ctx.set(dut.valid, 1)
                ctx.set(dut.first, lane_slice % cycles == 0)
                for lane in range(lanes):
                    ctx.set(dut.i[lane], int(pixel[first + lane]))
                await ctx.tick().repeat(ChannelPool.LATENCY)
                if lane_slice % cycles == cycles - 1:
                    results.extend(ctx.get(dut.o[lane]) for lane in range(max(lanes // k, 1)))
                if lane_slice % 3 == 0:  # idle cycles must change nothing
                    ctx.set(dut.valid, 0)
                    ctx.set(dut.i[0], 127)
                    await ctx.tick()

    simulate(dut, bench)
    assert results == expected


def test_a_build_without_the_unit_passes_every_lane() -> None:
    dut = ChannelPool(preset_with("edge", channel_pool=False))

    async def bench(ctx: Any) -> None:
        ctx.set(dut.valid, 1)
        for lane, value in enumerate((-128, -1, 0, 127, 5, -7, 126, 1)):
            ctx.set(dut.i[lane], value)
        await ctx.tick().repeat(ChannelPool.LATENCY)  # the unit's own latency
        assert [ctx.get(lane) for lane in dut.o] == [-128, -1, 0, 127, 5, -7, 126, 1]

    simulate(dut, bench)


def simulate(dut: ChannelPool, bench: Any) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
