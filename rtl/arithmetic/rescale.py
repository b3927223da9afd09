"""Rescale: int32 accumulators to int8 activations, with leaky ReLU as a second multiplier."""

from amaranth.hdl import Cat, Const, Module, Mux, ShapeLike, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.rtl.arithmetic.parameters import parameter_layout

ACTIVATION = signed(8)
FINE_BITS = 3  # of the shift, done in a cycle of their own
NARROW = signed(11)  # holds every shifted product that does not saturate whatever the zero point


def fits(value: Value, width: int) -> Value:
    """Whether a signed value fits into fewer bits: those above are all its sign."""
    above = value[width - 1 :]
    return above.all() | ~above.any()


def extreme(value: Value, width: int) -> Value:
    """Of the values of so many bits the one nearest to a value that does not fit."""
    negative = value[-1]
    return Cat(~negative.replicate(width - 1), negative).as_signed()


class Rescale(wiring.Component):
    """Bias, multiplier by the sum's sign, shift with halves up, zero point, clamp, in every lane.

        y = clamp(((acc + bias) * m + (1 << (shift - 1)) >> shift) + zero_point)

    Operands in cycle t give their result in cycle t + `LATENCY`, one set per cycle, always. The
    product is exact; it is shifted by `shift` - 1, and the last place decides the rounding.

    Members
    -------
    accumulators : In(ArrayLayout(signed(32), rescale_lanes))
    parameters : In(ArrayLayout(parameter_layout(config), rescale_lanes))
    zero_point : In(signed(8))
    o : Out(ArrayLayout(signed(8), rescale_lanes))
    """

    LATENCY = 6
    assert LATENCY == pipeline.RESCALE

    def __init__(self, config: Config):
        self._config = config
        lanes = config.array.rescale_lanes
        accumulator = signed(config.widths.accumulator_bits)
        super().__init__(
            {
                "accumulators": In(data.ArrayLayout(accumulator, lanes)),
                "parameters": In(data.ArrayLayout(parameter_layout(config), lanes)),
                "zero_point": In(signed(8)),
                "o": Out(data.ArrayLayout(ACTIVATION, lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        zero_point = self.zero_point
        for stage in range(self.LATENCY - 1):
            delayed = Signal(signed(8), name=f"zero_point{stage}")
            m.d.sync += delayed.eq(zero_point)
            zero_point = delayed
        for number in range(self._config.array.rescale_lanes):
            self._lane(m, number, zero_point)
        return m

    def _lane(self, m: Module, number: int, zero_point: Signal) -> None:
        bits = self._config.widths.accumulator_bits
        factor_bits = self._config.widths.multiplier_bits - 1
        product_bits = bits + factor_bits
        accumulator, parameters = self.accumulators[number], self.parameters[number]

        def signal(shape: ShapeLike, name: str) -> Signal:
            return Signal(shape, name=f"{name}{number}", reset_less=True)

        # Stage 1: the sum; its sign picks the factor.
        biased = signal(signed(bits), "biased")
        total = signal(signed(bits), "total")
        factor = signal(factor_bits, "factor")
        less1, less2, less3 = (signal(6, f"less{stage}_") for stage in (1, 2, 3))
        fine_shift = signal(FINE_BITS, "fine_shift")
        m.d.comb += biased.eq(accumulator + parameters.bias)
        m.d.sync += [
            total.eq(biased),
            factor.eq(Mux(biased < 0, parameters.negative_multiplier, parameters.multiplier)),
            less1.eq(parameters.shift - 1),
        ]

        # Stages 2 and 3: the product from two halves.
        low = signal(bits // 2 + factor_bits, "low")
        high = signal(signed(bits // 2 + factor_bits), "high")
        product = signal(signed(product_bits), "product")
        m.d.sync += [
            low.eq(total[: bits // 2] * factor),
            high.eq(total[bits // 2 :].as_signed() * factor),
            less2.eq(less1),
            product.eq((high << (bits // 2)) + low),
            less3.eq(less2),
        ]

        # Stages 4 and 5: shift by one place less; what is out of range stays out of range.
        coarse = signal(signed(product_bits), "coarse")
        fine = signal(signed(NARROW.width + (1 << FINE_BITS) - 1), "fine")
        narrow = signal(NARROW, "narrow")
        m.d.comb += fine.eq(coarse[: fine.shape().width].as_signed() >> fine_shift)
        m.d.sync += [
            coarse.eq(product >> Cat(Const(0, FINE_BITS), less3[FINE_BITS:])),
            fine_shift.eq(less3),
            narrow.eq(
                Mux(
                    fits(coarse, fine.shape().width) & fits(fine, NARROW.width),
                    fine,
                    extreme(coarse, NARROW.width),
                )
            ),
        ]

        # Stage 6: round halves up and move to the zero point in one addition, clamp.
        doubled = signal(signed(NARROW.width + 1), "doubled")
        moved = signal(NARROW, "moved")
        m.d.comb += [
            doubled.eq(narrow + Cat(Const(1, 1), zero_point).as_signed()),
            moved.eq(doubled >> 1),
        ]
        m.d.sync += self.o[number].eq(
            Mux(fits(moved, ACTIVATION.width), moved, extreme(moved, ACTIVATION.width))
        )
