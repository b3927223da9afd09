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
CLAMP = (-100, 90)
COUNT = 500
FACTORS = ("multiplier", "negative_multiplier")


@cocotb.test()
@cocotb.parametrize(wide=[False, True])
async def equals_golden(dut: Any, wide: bool) -> None:
    """Sets of lanes equal golden; with wide factors they come twice, for either half of these."""
    rng = np.random.default_rng(0)
    bias = rng.integers(-(2**20), 2**20, (COUNT, LANES))
    sums = rng.integers(-(2**31), 2**31, (COUNT, LANES)) >> rng.integers(0, 31, (COUNT, LANES))
    multiplier, negative = rng.integers(0, 2 ** (31 if wide else 16), (2, COUNT, LANES))
    shift, own_shift = rng.integers(*((17, 62) if wide else (2, 46)), (2, COUNT, LANES))
    has_own_shift, is_below_0 = rng.integers(2, size=(2, COUNT, LANES))
    own_shift = np.where(has_own_shift, own_shift, 0)
    accumulators = np.clip(sums - bias, -(2**31), 2**31 - 1)
    sums = accumulators + bias
    expected = rescale(
        torch.from_numpy(sums.reshape(1, -1, 1, 1)),
        torch.from_numpy(multiplier.flatten()),
        torch.from_numpy(np.where(is_below_0, -negative, negative).flatten()),
        torch.from_numpy(shift.flatten()),
        ZERO_POINT,
        CLAMP,
        negative_shift=torch.from_numpy(np.where(has_own_shift, own_shift, shift).flatten()),
    )
    results = expected.reshape(COUNT, LANES).tolist()
    assert set(CLAMP) < set(expected.flatten().tolist())

    await reset(dut)
    layout = parameter_layout(CONFIG)
    dut.zero_point.value = ZERO_POINT
    dut.clamp_low.value, dut.clamp_high.value = CLAMP[0] + 128, 127 - CLAMP[1]
    dut.wide_factors.value = wide
    sets = [(number, half) for number in range(COUNT) for half in range(1 + wide)]
    for cycle in range(len(sets) + Rescale.LATENCY):
        if cycle < len(sets):
            number, half = sets[cycle]
            records = [
                layout.const({
                    "bias": int(bias[number, lane]), "shift": int(shift[number, lane]),
                    "negative_shift": int(own_shift[number, lane]),
                    "negative_sign": int(is_below_0[number, lane]),
                    **{name: int(values[number, lane]) >> 16 * half & 0xFFFF
                       for name, values in zip(FACTORS, (multiplier, negative), strict=True)},
                }).as_bits()
                for lane in range(LANES)
            ]  # fmt: skip
            dut.upper_half.value = half
            dut.parameters.value = pack(records, layout.size)
            dut.accumulators.value = pack(accumulators[number], 32)
        if cycle >= Rescale.LATENCY:
            number, half = sets[cycle - Rescale.LATENCY]
            if half == wide:
                assert unpack(dut.o, 8, LANES) == results[number]
        await FallingEdge(dut.clk)
