"""The multiplier: a module of its own, in which an FPGA puts one of those that it has ready."""

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline


class Multiplier(wiring.Component):
    """Multiplies two signed factors, one pair per cycle; nothing stalls.

    The factors of cycle t give their product in cycle t + `LATENCY`. A platform with
    `get_multiplier` says how; without one it is `*` in front of a register.

    Members
    -------
    left : In(signed(left_bits))
    right : In(signed(right_bits))
    product : Out(signed(left_bits + right_bits))
    """

    LATENCY = 1
    assert LATENCY == pipeline.MULTIPLY

    def __init__(self, left_bits: int, right_bits: int):
        super().__init__(
            {
                "left": In(signed(left_bits)),
                "right": In(signed(right_bits)),
                "product": Out(signed(left_bits + right_bits)),
            }
        )

    def elaborate(self, platform: object) -> object:
        if hasattr(platform, "get_multiplier"):
            return platform.get_multiplier(self.left, self.right, self.product)
        m = Module()
        held = Signal.like(self.product, reset_less=True)
        m.d.sync += held.eq(self.left * self.right)
        m.d.comb += self.product.eq(held)
        return m


def multiply(m: Module, left: Value, right: Value, name: str) -> Value:
    """Return the product of two factors `Multiplier.LATENCY` cycles later, of a submodule `name`.

    A factor without a sign gets one bit more there. The product is as wide as that of `*`.
    """
    left_signed, right_signed = (value.shape().signed for value in (left, right))
    multiplier = Multiplier(len(left) + (not left_signed), len(right) + (not right_signed))
    m.submodules[name] = multiplier
    m.d.comb += [multiplier.left.eq(left), multiplier.right.eq(right)]
    product = multiplier.product[: len(left) + len(right)]
    return product.as_signed() if left_signed or right_signed else product
