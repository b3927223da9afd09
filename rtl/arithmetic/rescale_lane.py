"""One lane of the rescale: the sum of an output lane to its stored value."""

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.isa.parameters import FACTOR_BITS, FACTOR_HALF_BITS, LEAST_WIDE_SHIFT
from hwsim.rtl.arithmetic.parameters import parameter_layout
from hwsim.rtl.arithmetic.split_product import SPLIT_PRODUCTS

ACTIVATION = signed(8)
FIRST_PLACES = 31  # of the first division where a lane rounds twice
ROUNDED_ONCE = FIRST_PLACES  # the largest shift of a lane that always rounds once
FINE_BITS = 3  # of the shift, done in a cycle of their own
NARROW = signed(11)  # holds every shifted product that does not saturate whatever the zero point

# Operands beside the total in stage 2, and beside its product in stage 3.
BESIDE = data.StructLayout({"rounding": 1, "wide_factors": 1, "upper_half": 1})
# The zero point and the clamp of the last stage. Where a shifted product, less its last place, is
# below `below`, the value is `least`; where it is `above` or more, the value is `largest`.
ENDS = data.StructLayout(
    {
        "zero_point": ACTIVATION,
        "least": ACTIVATION,
        "largest": ACTIVATION,
        "below": signed(9),
        "above": signed(9),
    }
)


def fits(value: Value, width: int) -> Value:
    """Return whether a signed value fits into `width` bits: those above are all its sign."""
    above = value[width - 1 :]
    return above.all() | ~above.any()


def extreme(value: Value, width: int) -> Value:
    """Saturate to the most negative or most positive `width`-bit value."""
    negative = value[-1]
    return Cat(~negative.replicate(width - 1), negative).as_signed()


class Total(NamedTuple):
    """The sum of a lane with its bias, and what its sign picked."""

    total: Signal
    factor: Signal
    shift: Signal
    inverted: Signal  # whether the product is inverted before it is rounded


class RescaleLane(wiring.Component):
    """Turns the sum of one lane into its stored value, as `Rescale` says, in six stages.

    What a later stage needs goes along in registers of its own, except for what all lanes share:
    that comes with the stage that needs it.

    Members
    -------
    accumulator : In(signed(32))
    parameters : In(parameter_layout(config))
        Both come with the operands of the cycle.
    beside : In(BESIDE)
        With stage 2, and `upper_half` with stage 3.
    ends : In(ENDS)
        With stage 6.
    o : Out(signed(8))
    """

    LATENCY = 6

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "accumulator": In(signed(config.widths.accumulator_bits)),
                "parameters": In(parameter_layout(config)),
                "beside": In(BESIDE),
                "ends": In(ENDS),
                "o": Out(ACTIVATION),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        total = self._add_bias(m)
        product, less = self._multiply(m, total)
        narrow = self._shift(m, product, less, total.inverted)
        self._round(m, narrow)
        return m

    def _add_bias(self, m: Module) -> Total:
        """Stage 1: add the bias; the sum's sign picks factor and shift."""
        bits = self._config.widths.accumulator_bits
        parameters = self.parameters
        biased = Signal(signed(bits))
        total = Signal(signed(bits), reset_less=True)
        factor = Signal(parameters.multiplier.shape(), reset_less=True)
        shift = Signal(parameters.shift.shape(), reset_less=True)
        inverted = Signal(name="inverted1", reset_less=True)
        has_own_shift = parameters.negative_shift.any()
        m.d.comb += biased.eq(self.accumulator + parameters.bias)
        m.d.sync += [
            total.eq(biased),
            factor.eq(Mux(biased < 0, parameters.negative_multiplier, parameters.multiplier)),
            shift.eq(
                Mux((biased < 0) & has_own_shift, parameters.negative_shift, parameters.shift)
            ),
            inverted.eq((biased < 0) & parameters.negative_sign),
        ]
        return Total(total, factor, shift, inverted)

    def _multiply(self, m: Module, lane: Total) -> tuple[Signal, Signal]:
        """Stages 2 and 3: the product from two numbers, with the nudge.

        The upper half of a factor adds to the product of the lower half instead, which has it.
        """
        total, factor = lane.total, lane.factor
        split = SPLIT_PRODUCTS[self._config.array.multipliers]
        first, second = split(m, total, factor, "product")
        nudge = Signal(signed(FIRST_PLACES + 1), reset_less=True)
        product = Signal(signed(len(total) + len(factor)), reset_less=True)
        added = Signal(signed(len(product)))
        m.d.comb += added.eq(nudge)
        if len(factor) < FACTOR_BITS:
            with m.If(self.beside.upper_half):
                m.d.comb += added.eq(product >> FACTOR_HALF_BITS)
        # The places to shift by: all but the last, or but those that the lower half dropped.
        less2, less3 = (
            Signal(lane.shift.shape(), name=f"less{stage}", reset_less=True) for stage in (2, 3)
        )
        twice = self.beside.rounding & (lane.shift > ROUNDED_ONCE)
        m.d.sync += [
            nudge.eq(Cat(Const(0, FIRST_PLACES - 1), twice, twice & total[-1])),
            less2.eq(lane.shift - Mux(self.beside.wide_factors, LEAST_WIDE_SHIFT, 1)),
            product.eq(first + second + added),
            less3.eq(less2),
        ]
        return product, less3

    def _shift(self, m: Module, product: Signal, less: Signal, inverted: Signal) -> Signal:
        """Stages 4 and 5: shift by one place less; what is out of range stays out of range."""
        for stage in (2, 3, 4):
            delayed = Signal(name=f"inverted{stage}", reset_less=True)
            m.d.sync += delayed.eq(inverted)
            inverted = delayed
        fine_shift = Signal(FINE_BITS, reset_less=True)
        coarse = Signal(product.shape(), reset_less=True)
        fine = Signal(signed(NARROW.width + (1 << FINE_BITS) - 1))
        narrow = Signal(NARROW, reset_less=True)
        m.d.comb += fine.eq(coarse[: len(fine)].as_signed() >> fine_shift)
        inversion = inverted.replicate(NARROW.width)
        m.d.sync += [
            coarse.eq(product >> Cat(Const(0, FINE_BITS), less[FINE_BITS:])),
            fine_shift.eq(less),
            narrow.eq(
                Mux(
                    fits(coarse, len(fine)) & fits(fine, NARROW.width),
                    fine ^ inversion,
                    extreme(coarse, NARROW.width) ^ inversion,
                )
            ),
        ]
        return narrow

    def _round(self, m: Module, narrow: Signal) -> None:
        """Stage 6: round halves up and add the zero point in one addition; beside it, clamp."""
        ends = self.ends
        doubled = Signal(signed(NARROW.width + 1))
        m.d.comb += doubled.eq(narrow + Cat(Const(1, 1), ends.zero_point).as_signed())
        m.d.sync += self.o.eq(
            Mux(
                (narrow >> 1) < ends.below,
                ends.least,
                Mux((narrow >> 1) >= ends.above, ends.largest, doubled >> 1),
            )
        )
