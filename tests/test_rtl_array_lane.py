"""A lane of the array takes weights when it is told, and any of them for its own byte."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.rtl.arithmetic.array_lane import AT_FIRST, ArrayLane
from hwsim.rtl.arithmetic.lane_sum import LANE_SUMS
from tests.booth_digits import all_stored
from tests.drawn import preset_with

CYCLES = 120


@pytest.mark.parametrize("multipliers", LANE_SUMS)
@pytest.mark.parametrize("weight_bits", [4, 8])
def test_a_lane_sums_with_the_weights_that_it_took(weight_bits: int, multipliers: str) -> None:
    config = preset_with(
        "nano", array={"multipliers": multipliers}, widths={"weight_bits": weight_bits}
    )
    lanes = config.array.input_lanes
    dut = ArrayLane(config)
    latency = dut.latency
    rng = np.random.default_rng(weight_bits)
    high = 1 << weight_bits - 1
    operands = rng.integers(-128, 128, (CYCLES, lanes))
    arriving = rng.integers(-high, high, (CYCLES, lanes))
    first, alone = rng.random(CYCLES) < 0.3, rng.random(CYCLES) < 0.4
    first[0] = True
    chosen = np.where(first, rng.integers(AT_FIRST, size=CYCLES), rng.integers(lanes, size=CYCLES))
    sums = []  # of the operands that come a cycle later
    for cycle in range(CYCLES - 1):
        weights = arriving[np.flatnonzero(first[: cycle + 1])[-1]].copy()
        weights[0] = weights[chosen[cycle]]
        products = operands[cycle + 1] * weights
        sums.append(products[0] if alone[cycle + 1] else products.sum())

    async def bench(ctx: Any) -> None:
        for cycle in range(CYCLES + latency):
            if cycle < CYCLES:
                ctx.set(dut.arriving, all_stored(arriving[cycle], weight_bits, multipliers))
                ctx.set(dut.first, bool(first[cycle]))
                ctx.set(dut.chosen, 1 << int(chosen[cycle]))
                ctx.set(dut.operands, operands[cycle].tolist())
                ctx.set(dut.alone, bool(alone[cycle]))
            if cycle > latency:
                assert ctx.get(dut.o) == sums[cycle - latency - 1], cycle
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
