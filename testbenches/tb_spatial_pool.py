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

LANES = CONFIG.array.rescale_lanes
HEIGHT, WIDTH = 7, 5


@cocotb.test()
@cocotb.parametrize(pool=list(SpatialPool))
async def equals_golden(dut: Any, pool: SpatialPool) -> None:
    filters = CONFIG.array.output_lanes
    maps = np.random.default_rng(0).integers(-128, 128, (filters, HEIGHT, WIDTH))
    expected = spatial_pool(torch.from_numpy(maps)[None], pool)[0].numpy()
    await reset(dut)
    dut.valid.value = 1
    for row, column in np.ndindex(expected.shape[1:]):
        stored: list[int] = []
        for tap in range(pool.window**2):
            y, x = (place * pool.stride + step for place, step in
                    zip((row, column), divmod(tap, pool.window), strict=True))  # fmt: skip
            masked = y >= HEIGHT or x >= WIDTH
            last = tap == pool.window**2 - 1
            dut.first.value, dut.last.value, dut.masked.value = tap == 0, last, masked
            for lane_slice, first in enumerate(range(0, filters, LANES)):
                lanes = [127] * LANES if masked else maps[first : first + LANES, y, x]
                dut.next_slice.value = (lane_slice + 1) % CONFIG.rescale_slices
                dut.i.value = pack(lanes, 8)
                await ClockCycles(dut.clk, Pool.LATENCY, FallingEdge)
                if last:
                    stored += unpack(dut.o, 8, LANES)
        assert stored == expected[:, row, column].tolist()
