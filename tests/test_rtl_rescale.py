"""Rescale equals golden at the ends of int32, for every shift and factor of either sign."""

from typing import Any

import numpy as np
import pytest
import torch
from amaranth.sim import Simulator

from hwsim.golden.rescale import rescale
from hwsim.graph import Rounding
from hwsim.rtl.arithmetic.rescale import Rescale
from tests.drawn import preset_with

OF_FACTORS = ("multiplier", "negative_multiplier", "shift", "negative_shift")
FIELDS = ("bias", *OF_FACTORS, "negative_sign")
EDGES = (0, 1, -1, 2, -2, 127, -128, 2**31 - 1, -(2**31))


def operands(
    rng: np.random.Generator, factor_bits: int, count: int, least_shift: int = 2
) -> list[dict[str, int]]:
    """Return the parameters of lanes, each with an accumulator and bias whose sum fits int32."""
    cases = []
    for index in range(count):
        bits = int(rng.integers(1, 32))
        low, high = -(2**bits), 2**bits - 1
        total = EDGES[index] if index < len(EDGES) else int(rng.integers(low, high, endpoint=True))
        bias = int(rng.integers(max(-(2**31), total - 2**31 + 1), min(2**31 - 1, total + 2**31)))
        factors = rng.integers(0, 2 ** int(rng.integers(1, factor_bits + 1)), 2)
        shift, own_shift = rng.integers(least_shift, 63, 2).tolist()
        if index % 3 == 0:  # halves, or next to them: of the second division or of the only one
            shift = int(rng.integers(factor_bits + 1, factor_bits + 14))
            factors[:] = 1 << (factor_bits - 1)
            odd = 2 * int(rng.integers(-130, 130)) + 1
            total = (odd << (shift - factor_bits)) + int(rng.integers(-1, 2))
            bias = int(rng.integers(-1000, 1000))
            if rng.integers(2):
                shift, own_shift = own_shift, shift
                total = min(total, -total)
        cases.append({
            "total": total, "accumulator": total - bias, "bias": bias,
            "multiplier": int(factors[0]), "negative_multiplier": int(factors[1]),
            "shift": shift, "negative_shift": int(rng.choice([0, own_shift, own_shift])),
            "negative_sign": int(rng.integers(2)),
        })  # fmt: skip
    return cases


def golden(
    case: dict[str, int], zero_point: int, rounding: Rounding, clamp: tuple[int, int] = (-128, 127)
) -> int:
    acc = torch.tensor([[[[case["total"]]]]], dtype=torch.int32)
    positive, negative, shift, own_shift = (torch.tensor([case[name]]) for name in OF_FACTORS)
    negative = -negative if case["negative_sign"] else negative
    own_shift = torch.where(own_shift == 0, shift, own_shift)
    return int(rescale(acc, positive, negative, shift, zero_point, clamp, rounding, own_shift))


@pytest.mark.parametrize(("multiplier_bits", "factor_bits"), [(16, 15), (16, 16), (32, 31)])
@pytest.mark.parametrize("zero_point", [-128, 3, 127])
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(
    ("multipliers", "clamp"),
    [
        *(("dsp", clamp) for clamp in ((-128, 127), (3, 90), (-128, -128), (127, 127), (-100, 0))),
        ("tree", (3, 90)),
    ],
)
def test_rescale_equals_golden_after_its_latency(
    multipliers: str,
    multiplier_bits: int,
    factor_bits: int,
    zero_point: int,
    rounding: Rounding,
    clamp: tuple[int, int],
) -> None:
    config = preset_with(
        "edge",
        array={"multipliers": multipliers},
        widths={"multiplier_bits": multiplier_bits},
    )
    lanes = config.array.rescale_lanes
    rng = np.random.default_rng(multiplier_bits)
    sets = [operands(rng, factor_bits, lanes * 60)[lane::lanes] for lane in range(lanes)]
    dut = Rescale(config)

    async def bench(ctx: Any) -> None:
        ctx.set(dut.zero_point, zero_point)
        ctx.set(dut.rounding, rounding)
        ctx.set(dut.clamp_low, clamp[0] + 128)
        ctx.set(dut.clamp_high, 127 - clamp[1])
        cycles = len(sets[0])
        for cycle in range(cycles + Rescale.LATENCY):
            for lane in range(lanes):
                if cycle < cycles:
                    case = sets[lane][cycle]
                    ctx.set(dut.accumulators[lane], case["accumulator"])
                    for name in FIELDS:
                        ctx.set(dut.parameters[lane][name], case[name])
                if cycle >= Rescale.LATENCY:
                    before = sets[lane][cycle - Rescale.LATENCY]
                    expected = golden(before, zero_point, rounding, clamp)
                    assert ctx.get(dut.o[lane]) == expected, before
            await ctx.tick()

    simulate(dut, bench)


@pytest.mark.parametrize("zero_point", [-128, 3, 127])
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("multipliers", ["dsp", "tree"])
def test_wide_factors_take_two_cycles_among_others(
    multipliers: str, zero_point: int, rounding: Rounding
) -> None:
    """Lanes with factors of 31 bits equal golden, right behind and before those of 16 bits."""
    config = preset_with("edge", array={"multipliers": multipliers})
    lanes = config.array.rescale_lanes
    rng = np.random.default_rng(zero_point + 128)
    wide = iter(operands(rng, 31, lanes * 120, least_shift=17))
    narrow = iter(operands(rng, 16, lanes * 120))
    steps: list[tuple[int, int, list[dict[str, int]]]] = []  # wide, upper half, lanes
    for is_wide in rng.integers(2, size=120):
        cases = [next(wide if is_wide else narrow) for _ in range(lanes)]
        steps += [(1, half, cases) for half in range(2)] if is_wide else [(0, 0, cases)]
    dut = Rescale(config)

    async def bench(ctx: Any) -> None:
        ctx.set(dut.zero_point, zero_point)
        ctx.set(dut.rounding, rounding)
        for cycle in range(len(steps) + Rescale.LATENCY):
            if cycle < len(steps):
                is_wide, half, cases = steps[cycle]
                ctx.set(dut.wide_factors, is_wide)
                ctx.set(dut.upper_half, half)
                for lane, case in enumerate(cases):
                    ctx.set(dut.accumulators[lane], case["accumulator"])
                    for name in ("bias", "shift", "negative_shift", "negative_sign"):
                        ctx.set(dut.parameters[lane][name], case[name])
                    for name in ("multiplier", "negative_multiplier"):
                        ctx.set(dut.parameters[lane][name], case[name] >> 16 * half & 0xFFFF)
            if cycle >= Rescale.LATENCY:
                is_wide, half, before = steps[cycle - Rescale.LATENCY]
                for lane, case in enumerate(before):
                    if half == is_wide:
                        expected = golden(case, zero_point, rounding)
                        assert ctx.get(dut.o[lane]) == expected, case
            await ctx.tick()

    simulate(dut, bench)


def simulate(dut: Any, bench: Any) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
