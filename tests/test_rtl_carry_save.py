"""Trees of carry-save adders keep the sum of their bits, with Dadda's number of adders."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hwsim.rtl.arithmetic.carry_save import columns_of, joined, two_rows


def simulate(m: Module, bench: Any) -> None:
    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 20])
def test_two_rows_add_up_to_all_numbers(count: int) -> None:
    """Numbers of any width and place, modulo 2**width."""
    rng = np.random.default_rng(count)
    width = 14
    m = Module()
    numbers = [Signal(int(rng.integers(1, 9)), name=f"number{index}") for index in range(count)]
    places = [int(rng.integers(0, 10)) for _ in numbers]
    columns = joined(
        *(columns_of(number, width, place) for number, place in zip(numbers, places, strict=True))
    )
    first, second = two_rows(m, columns, "tree")
    total = Signal(width)
    m.d.comb += total.eq(first + second)

    async def bench(ctx: Any) -> None:
        for draw in range(200):
            values = [int(rng.integers(1 << len(number))) for number in numbers]
            if draw == 0:
                values = [(1 << len(number)) - 1 for number in numbers]
            for number, value in zip(numbers, values, strict=True):
                ctx.set(number, value)
            expected = sum(value << place for value, place in zip(values, places, strict=True))
            assert ctx.get(total) == expected % (1 << width)

    simulate(m, bench)
