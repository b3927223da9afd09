"""A lane of the rescale takes what all lanes share with the stage that needs it."""

from typing import Any

import pytest
from amaranth.sim import Simulator

from hwsim.rtl.arithmetic.rescale_lane import RescaleLane
from hwsim.rtl.arithmetic.split_product import SPLIT_PRODUCTS
from tests.drawn import preset_with

# Accumulator and bias, zero point, and the value: half of the sum, halves up, from -5 to 100.
CASES = (
    ((10, 5), 0, 8),
    ((-10, -5), 0, -5),
    ((-10, 5), 1, -1),
    ((-10, 5), 3, 1),
    ((400, 0), -100, 100),
    ((50, 3), -20, 7),
)
LEAST, LARGEST = -5, 100
WITH_LAST = 5  # cycles after the accumulator


@pytest.mark.parametrize("multipliers", SPLIT_PRODUCTS)
def test_a_lane_takes_the_ends_with_its_last_stage(multipliers: str) -> None:
    dut = RescaleLane(preset_with("edge", array={"multipliers": multipliers}))

    async def bench(ctx: Any) -> None:
        ctx.set(
            dut.parameters,
            {"multiplier": 1 << 14, "negative_multiplier": 1 << 14, "shift": 15},
        )
        for cycle in range(len(CASES) + dut.LATENCY):
            if cycle < len(CASES):
                accumulator, bias = CASES[cycle][0]
                ctx.set(dut.accumulator, accumulator)
                ctx.set(dut.parameters.bias, bias)
            if 0 <= cycle - WITH_LAST < len(CASES):
                zero_point = CASES[cycle - WITH_LAST][1]
                ctx.set(
                    dut.ends,
                    {
                        "zero_point": zero_point,
                        "least": LEAST,
                        "largest": LARGEST,
                        "below": LEAST - zero_point,
                        "above": LARGEST - zero_point,
                    },
                )
            if cycle >= dut.LATENCY:
                assert ctx.get(dut.o) == CASES[cycle - dut.LATENCY][2], cycle
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
