"""Booth's rows add up to the product of every pair of factors."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from hwsim.rtl.arithmetic.booth import booth_offset, booth_rows, recoded
from hwsim.rtl.arithmetic.carry_save import two_rows

EXHAUSTIVE = [(8, 8), (8, 4), (4, 8), (5, 3), (2, 2)]
DRAWN = [(32, 17), (32, 33), (16, 9)]  # a total, and a factor of the rescale


class Product:
    """A multiplier of Booth's rows, without a register."""

    def __init__(self, factor_bits: int, digits_bits: int) -> None:
        self.factor = Signal(signed(factor_bits))
        self.digits = Signal(signed(digits_bits))
        self._width = factor_bits + digits_bits
        self.module = Module()
        number = recoded(self.module, self.digits, "digits")
        self._offset = booth_offset(factor_bits, len(number))
        self.total = Signal(self._width + 1)
        rows = booth_rows(self.module, self.factor, number, self._width, "product")
        first, second = two_rows(self.module, rows, "tree")
        self.module.d.comb += self.total.eq(first + second)

    def check(self, ctx: Any, factor: int, digits: int) -> None:
        ctx.set(self.factor, factor)
        ctx.set(self.digits, digits)
        assert ctx.get(self.total) == factor * digits + self._offset, (factor, digits)

    def simulate(self, bench: Any) -> None:
        simulator = Simulator(self.module)
        simulator.add_testbench(bench)
        simulator.run()


@pytest.mark.parametrize(("factor_bits", "digits_bits"), EXHAUSTIVE)
def test_every_product(factor_bits: int, digits_bits: int) -> None:
    """Every product, and it needs no bit more than both factors have."""
    product = Product(factor_bits, digits_bits)

    async def bench(ctx: Any) -> None:
        for factor in range(-(1 << factor_bits - 1), 1 << factor_bits - 1):
            for digits in range(-(1 << digits_bits - 1), 1 << digits_bits - 1):
                product.check(ctx, factor, digits)

    product.simulate(bench)


@pytest.mark.parametrize(("factor_bits", "digits_bits"), DRAWN)
def test_drawn_products_of_wide_factors(factor_bits: int, digits_bits: int) -> None:
    product = Product(factor_bits, digits_bits)
    rng = np.random.default_rng(factor_bits)

    def values(bits: int) -> list[int]:
        least, most = -(1 << bits - 1), (1 << bits - 1) - 1
        drawn = [int(one) >> int(rng.integers(bits)) for one in rng.integers(least, most, 300)]
        return [least, least + 1, -1, 0, 1, most - 1, most, *drawn]

    async def bench(ctx: Any) -> None:
        factors, digits = values(factor_bits), values(digits_bits)
        for factor in factors[:7]:
            for other in digits[:7]:
                product.check(ctx, factor, other)
        for factor, other in zip(factors, digits, strict=True):
            product.check(ctx, factor, other)

    product.simulate(bench)
