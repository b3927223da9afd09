"""Both circuits of a lane's sum of products are exact (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.rtl.arithmetic.lane_sum import LANE_SUMS, LaneSum
from tests.booth_digits import all_stored
from tests.drawn import preset_with

CYCLES = 100


def config_of(lanes_in: int, weight_bits: int, multipliers: str) -> Config:
    return preset_with(
        "nano",
        array={"input_lanes": lanes_in, "output_lanes": lanes_in, "multipliers": multipliers},
        bus={"bus_bits": 8 * lanes_in},
        widths={"weight_bits": weight_bits},
    )


@pytest.mark.parametrize("multipliers", LANE_SUMS)
@pytest.mark.parametrize("weight_bits", [4, 8])
@pytest.mark.parametrize("lanes_in", [8, 16, 32])
def test_sums_come_after_the_latency(lanes_in: int, weight_bits: int, multipliers: str) -> None:
    config = config_of(lanes_in, weight_bits, multipliers)
    dut: LaneSum = LANE_SUMS[multipliers](config)
    assert dut.latency == pipeline.tree_stages(config)
    rng = np.random.default_rng(lanes_in)
    high = 1 << weight_bits - 1
    operands = rng.integers(-128, 128, (CYCLES, lanes_in))
    weights = rng.integers(-high, high, (CYCLES, lanes_in))
    for cycle, (operand, weight) in enumerate([(-128, -high), (-128, high - 1), (127, -high)]):
        operands[cycle], weights[cycle] = operand, weight  # the ends of the sum's range
    alone = rng.random(CYCLES) < 0.4
    alone[:3] = 0
    products = operands * weights
    expected = np.where(alone, products[:, 0], products.sum(axis=1))

    async def bench(ctx: Any) -> None:
        for cycle in range(CYCLES + dut.latency):
            if cycle < CYCLES:
                ctx.set(dut.operands, operands[cycle].tolist())
                ctx.set(dut.weights, all_stored(weights[cycle], weight_bits, multipliers))
                ctx.set(dut.alone, bool(alone[cycle]))
            if cycle >= dut.latency:
                assert ctx.get(dut.o) == expected[cycle - dut.latency], cycle
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
