"""The multiplier is exact (Amaranth simulator), and an instance of its wrapper in Verilog."""

import re
from typing import Any

import pytest
from amaranth.hdl import Module, Shape, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hwsim.rtl.deliver.verilog import to_verilog
from hwsim.rtl.primitives.multiplier import Multiplier, multiply

PAIRS = [(signed(4), signed(4)), (unsigned(4), unsigned(3)), (signed(3), unsigned(4))]


def multiplies(left: Shape, right: Shape) -> tuple[wiring.Component, Value]:
    """Return a component with one product, and the product as `multiply` returns it."""
    component = wiring.Component({"left": In(left), "right": In(right), "o": Out(signed(40))})
    m = Module()
    product = multiply(m, component.left, component.right, "multiplier")
    m.d.comb += component.o.eq(product)
    component.elaborate = lambda _platform: m
    return component, product


def ends(shape: Shape) -> range:
    """Return all values of a shape."""
    low = -(1 << shape.width - 1) if shape.signed else 0
    return range(low, low + (1 << shape.width))


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_every_product_is_exact_after_the_latency(left: Shape, right: Shape) -> None:
    dut, product = multiplies(left, right)
    assert product.shape() == (Signal(left) * Signal(right)).shape()
    pairs = [(a, b) for a in ends(left) for b in ends(right)]

    async def bench(ctx: Any) -> None:
        for cycle in range(len(pairs) + Multiplier.LATENCY):
            if cycle < len(pairs):
                ctx.set(dut.left, pairs[cycle][0])
                ctx.set(dut.right, pairs[cycle][1])
            if cycle >= Multiplier.LATENCY:
                a, b = pairs[cycle - Multiplier.LATENCY]
                assert ctx.get(dut.o) == a * b, (a, b)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_the_verilog_has_an_instance_of_the_wrapper() -> None:
    text = to_verilog(multiplies(signed(8), unsigned(16))[0], "top")
    (found,) = re.findall(r"^  top_multiply #\(\n(.*?)^  \);", text, re.MULTILINE | re.DOTALL)
    assert ".LEFT_BITS(32'd8)" in found
    assert ".RIGHT_BITS(32'd17)" in found
    assert ".clk(clk)" in found
    assert "module top_multiply #(" in text
