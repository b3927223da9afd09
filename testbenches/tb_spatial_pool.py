"""Compare the spatial pool in Verilog with golden: windows tap by tap, cut at right and bottom."""

from typing import Any

import cocotb
import numpy as np
import torch
from cocotb.triggers import ClockCycles, FallingEdge

from hwsim.golden.spatial_pool import spatial_pool
from hwsim.graph import SpatialPool
from hwsim.rtl.arithmetic.spatial_pool import SpatialPool as Pool
from hwsim.testbenches.operators import CONFIG, pack, reset, unpack

LANES, BITS = CONFIG.array.output_lanes, CONFIG.widths.accumulator_bits
HEIGHT, WIDTH = 7, 5


@cocotb.test()
@cocotb.parametrize(pool=list(SpatialPool))
async def equals_golden(dut: Any, pool: SpatialPool) -> None:
    sums = np.random.default_rng(0).integers(-(2**31), 2**31, (LANES, HEIGHT, WIDTH))
    expected = spatial_pool(torch.from_numpy(sums)[None], pool)[0].numpy()
    await reset(dut)
    for row, column in np.ndindex(expected.shape[1:]):
        for tap in range(pool.window**2):
            y, x = (place * pool.stride + step for place, step in
                    zip((row, column), divmod(tap, pool.window), strict=True))  # fmt: skip
            masked = y >= HEIGHT or x >= WIDTH
            dut.first.value, dut.masked.value = tap == 0, masked
            dut.i.value = pack([2**31 - 1] * LANES if masked else sums[:, y, x], BITS)
            await ClockCycles(dut.clk, Pool.LATENCY, FallingEdge)
        assert unpack(dut.o, BITS, LANES) == expected[:, row, column].tolist()
