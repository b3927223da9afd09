"""Compare the rescale in Verilog with golden, one set of lanes per cycle."""

from typing import Any

import cocotb
import numpy as np
import torch
from cocotb.triggers import FallingEdge

from hwsim.golden.rescale import rescale
from hwsim.rtl.arithmetic.parameters import parameter_layout
from hwsim.rtl.arithmetic.rescale import Rescale
from hwsim.testbenches.operators import CONFIG, pack, reset, unpack

LANES = CONFIG.array.rescale_lanes
ZERO_POINT = -3
COUNT = 500


@cocotb.test()
async def equals_golden(dut: Any) -> None:
    rng = np.random.default_rng(0)
    bias = rng.integers(-(2**20), 2**20, (COUNT, LANES))
    sums = rng.integers(-(2**31), 2**31, (COUNT, LANES)) >> rng.integers(0, 31, (COUNT, LANES))
    multiplier, negative = rng.integers(0, 2**15, (2, COUNT, LANES))
    shift = rng.integers(2, 46, (COUNT, LANES))
    accumulators = np.clip(sums - bias, -(2**31), 2**31 - 1)
    sums = accumulators + bias
    expected = rescale(
        torch.from_numpy(sums.reshape(1, -1, 1, 1)),
        torch.from_numpy(multiplier.flatten()),
        torch.from_numpy(negative.flatten()),
        torch.from_numpy(shift.flatten()),
        ZERO_POINT,
    )
    results = expected.reshape(COUNT, LANES).tolist()
    assert {-128, 127} < set(expected.flatten().tolist())

    await reset(dut)
    layout = parameter_layout(CONFIG)
    dut.zero_point.value = ZERO_POINT
    for cycle in range(COUNT + Rescale.LATENCY):
        if cycle < COUNT:
            records = [
                layout.const(dict(zip(("bias", "multiplier", "negative_multiplier", "shift"),
                                      map(int, lane), strict=True))).as_bits()
                for lane in zip(bias[cycle], multiplier[cycle], negative[cycle], shift[cycle],
                                strict=True)
            ]  # fmt: skip
            dut.parameters.value = pack(records, layout.size)
            dut.accumulators.value = pack(accumulators[cycle], 32)
        if cycle >= Rescale.LATENCY:
            assert unpack(dut.o, 8, LANES) == results[cycle - Rescale.LATENCY]
        await FallingEdge(dut.clk)
