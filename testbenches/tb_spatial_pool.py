"""Compare the spatial pool in Verilog with golden: windows tap by tap, cut at every border."""

from typing import Any

import cocotb
import numpy as np
import torch
from cocotb.triggers import ClockCycles, FallingEdge

from hwsim.golden.spatial_pool import spatial_pool
from hwsim.graph import Padding, SpatialPool
from hwsim.rtl.arithmetic.spatial_pool import SpatialPool as Pool
from hwsim.testbenches.operators import CONFIG, pack, reset, unpack

LANES, BITS = CONFIG.array.output_lanes, CONFIG.widths.accumulator_bits
HEIGHT, WIDTH = 7, 5
POOLS = (
    SpatialPool.NONE,
    SpatialPool.STRIDE_2,
    SpatialPool.STRIDE_1,
    SpatialPool((3, 4), (2, 3), Padding(2, 1, 1, 3)),
)


@cocotb.test()
@cocotb.parametrize(pool=POOLS)
async def equals_golden(dut: Any, pool: SpatialPool) -> None:
    sums = np.random.default_rng(0).integers(-(2**31), 2**31, (LANES, HEIGHT, WIDTH))
    expected = spatial_pool(torch.from_numpy(sums)[None], pool)[0].numpy()
    await reset(dut)
    for row, column in np.ndindex(expected.shape[1:]):
        has_tap = False
        for down, right in np.ndindex(*pool.window):
            y = row * pool.stride[0] - pool.padding.top + down
            x = column * pool.stride[1] - pool.padding.left + right
            masked = not (0 <= y < HEIGHT and 0 <= x < WIDTH)
            dut.first.value, dut.masked.value = not (masked or has_tap), masked
            has_tap |= not masked
            dut.i.value = pack([2**31 - 1] * LANES if masked else sums[:, y, x], BITS)
            await ClockCycles(dut.clk, Pool.LATENCY, FallingEdge)
        assert unpack(dut.o, BITS, LANES) == expected[:, row, column].tolist()
