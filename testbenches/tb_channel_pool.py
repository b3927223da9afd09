"""Compare the channel pool in Verilog with golden, for every k, within a cycle and over cycles."""

from typing import Any

import cocotb
import numpy as np
import torch
from cocotb.triggers import ClockCycles, FallingEdge

from hwsim.golden.channel_pool import channel_pool
from hwsim.rtl.arithmetic.channel_pool import ChannelPool
from hwsim.testbenches.operators import CONFIG, pack, reset, unpack

LANES = CONFIG.array.rescale_lanes
FILTERS = CONFIG.array.output_lanes


@cocotb.test()
@cocotb.parametrize(k=[1, 2, 4, 8])
async def equals_golden(dut: Any, k: int) -> None:
    pixels = np.random.default_rng(k).integers(-128, 128, (50, FILTERS))
    expected = channel_pool(torch.from_numpy(pixels)[:, :, None, None], k).flatten().tolist()
    cycles = max(k // LANES, 1)  # cycles of one result
    results: list[int] = []
    await reset(dut)
    dut.factor.value = k.bit_length() - 1
    dut.valid.value = 1
    for pixel in pixels:
        for lane_slice, first in enumerate(range(0, FILTERS, LANES)):
            dut.first.value = lane_slice % cycles == 0
            dut.i.value = pack(pixel[first : first + LANES], 8)
            await ClockCycles(dut.clk, ChannelPool.LATENCY, FallingEdge)
            if lane_slice % cycles == cycles - 1:
                results += unpack(dut.o, 8, LANES)[: max(LANES // k, 1)]
    assert results == expected
