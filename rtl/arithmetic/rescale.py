"""Rescale: int32 accumulators to int8 activations, with a second factor for negative ones."""

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, ShapeLike, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.parameters import FACTOR_BITS, FACTOR_HALF_BITS, LEAST_WIDE_SHIFT
from hwsim.rtl.arithmetic.parameters import parameter_layout
from hwsim.rtl.arithmetic.split_product import SPLIT_PRODUCTS

ACTIVATION = signed(8)
FIRST_PLACES = 31  # of the first division where a lane rounds twice
ROUNDED_ONCE = FIRST_PLACES  # the largest shift of a lane that always rounds once
FINE_BITS = 3  # of the shift, done in a cycle of their own
NARROW = signed(11)  # holds every shifted product that does not saturate whatever the zero point

SHARED = ("zero_point", "clamp_low", "clamp_high")  # by all lanes, to the last stage


def fits(value: Value, width: int) -> Value:
    """Return whether a signed value fits into `width` bits: those above are all its sign."""
    above = value[width - 1 :]
    return above.all() | ~above.any()


def extreme(value: Value, width: int) -> Value:
    """Saturate to the most negative or most positive `width`-bit value."""
    negative = value[-1]
    return Cat(~negative.replicate(width - 1), negative).as_signed()


class Ends(NamedTuple):
    """The zero point and the clamp of the last stage, for all lanes.

    Where a shifted product, less its last place, is below `below`, the value is `least`; where it
    is `above` or more, the value is `largest`.
    """

    zero_point: Signal
    least: Signal
    largest: Signal
    below: Signal
    above: Signal


class Beside(NamedTuple):
    """Operands of all lanes, beside the total in stage 2 and beside its product in stage 3."""

    rounding: Signal
    wide_factors: Signal
    upper_half: Signal


class Total(NamedTuple):
    """The sum of a lane with its bias, and what its sign picked."""

    total: Signal
    factor: Signal
    shift: Signal
    inverted: Signal  # whether the product is inverted before it is rounded


class Rescale(wiring.Component):
    """Turns the sum of each lane into its stored value.

        y = clamp(((acc + bias) * m + nudge + (1 << (shift - 1)) >> shift) + zero_point)

    Where acc + bias is below 0, the factor m is `negative_multiplier`, and the shift is
    `negative_shift` unless that is 0; elsewhere they are `multiplier` and `shift`. The product is
    exact; it is shifted by one place less, and the last place decides the rounding. The nudge is 0
    where a lane rounds once, halves up. With `rounding`, lanes whose shift exceeds 31 round twice:
    there it is 2**30, and -2**30 where acc + bias is below 0. Then one shift gives what a division
    by 2**31 to the nearest integer gives, followed by one by 2**(shift - 31). The clamp is to
    -128 + `clamp_low` and 127 - `clamp_high`.

    Where acc + bias is below 0 and `negative_sign` is 1, the rounded value is negated before the
    zero point is added. For that, the product is inverted while it has its last place: halves that
    went up go down then, as the inverse of n is -n - 1.
    Operands of cycle t give their result in cycle t + `LATENCY`, one set per cycle, always.

    Factors that are wider than the multipliers come in two cycles, one right behind the other, with
    the other operands the same: the lower half, whose result has no meaning, then the upper. The
    products are added up without the places below the upper half. The shift, one of at least
    `LEAST_WIDE_SHIFT`, drops them anyway.

    Members
    -------
    accumulators : In(ArrayLayout(signed(32), rescale_lanes))
    parameters : In(ArrayLayout(parameter_layout(config), rescale_lanes))
    zero_point : In(signed(8))
    rounding : In(1)
    wide_factors, upper_half : In(1)
        `upper_half` is only high with `wide_factors`.
    clamp_low, clamp_high : In(8)
        All these come with the operands of the cycle.
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
                "rounding": In(1),
                "wide_factors": In(1),
                "upper_half": In(1),
                "clamp_low": In(8),
                "clamp_high": In(8),
                "o": Out(data.ArrayLayout(ACTIVATION, lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ends = self._ends(m)
        beside = self._beside(m)
        for number in range(self._config.array.rescale_lanes):
            self._lane(m, number, ends, beside)
        return m

    def _beside(self, m: Module) -> Beside:
        """Return what all lanes share in stages 2 and 3."""
        rounding, wide_factors, early, upper_half = (
            Signal(name=name)
            for name in ("rounding1", "wide_factors1", "upper_half0", "upper_half1")
        )
        m.d.sync += [
            rounding.eq(self.rounding),
            wide_factors.eq(self.wide_factors),
            early.eq(self.upper_half),
            upper_half.eq(early),
        ]
        return Beside(rounding, wide_factors, upper_half)

    def _ends(self, m: Module) -> Ends:
        """Return what all lanes share in the last stage."""
        shared = [getattr(self, name) for name in SHARED]
        for stage in range(self.LATENCY - 2):
            delayed = [
                Signal.like(value, name=f"{name}{stage}", reset_less=True)
                for name, value in zip(SHARED, shared, strict=True)
            ]
            m.d.sync += [after.eq(now) for after, now in zip(delayed, shared, strict=True)]
            shared = delayed
        zero_point, clamp_low, clamp_high = shared
        low, high = Signal(ACTIVATION), Signal(ACTIVATION)
        ends = Ends(
            *(
                Signal(ACTIVATION, name=name, reset_less=True)
                for name in ("last_zero_point", "least", "largest")
            ),
            *(Signal(signed(9), name=name, reset_less=True) for name in ("below", "above")),
        )
        m.d.comb += [
            low.eq(Cat(clamp_low[:-1], ~clamp_low[-1])),  # -128 + clamp_low
            high.eq(Cat(~clamp_high[:-1], clamp_high[-1])),  # 127 - clamp_high
        ]
        m.d.sync += [
            ends.zero_point.eq(zero_point),
            ends.least.eq(low),
            ends.largest.eq(high),
            ends.below.eq(low - zero_point),
            ends.above.eq(high - zero_point),
        ]
        return ends

    def _lane(self, m: Module, number: int, ends: Ends, beside: Beside) -> None:
        """Six stages; what a later stage needs goes along in registers of its own."""
        total = self._add_bias(m, number)
        product, less = self._multiply(m, number, total, beside)
        narrow = self._shift(m, number, product, less, total.inverted)
        self._round(m, number, narrow, ends)

    def _signal(self, shape: ShapeLike, name: str, number: int) -> Signal:
        return Signal(shape, name=f"{name}{number}", reset_less=True)

    def _add_bias(self, m: Module, number: int) -> Total:
        """Stage 1: add the bias; the sum's sign picks factor and shift."""
        bits = self._config.widths.accumulator_bits
        parameters = self.parameters[number]
        biased = self._signal(signed(bits), "biased", number)
        total = self._signal(signed(bits), "total", number)
        factor = self._signal(parameters.multiplier.shape(), "factor", number)
        shift = self._signal(parameters.shift.shape(), "shift", number)
        inverted = self._signal(1, "inverted1_", number)
        has_own_shift = parameters.negative_shift.any()
        m.d.comb += biased.eq(self.accumulators[number] + parameters.bias)
        m.d.sync += [
            total.eq(biased),
            factor.eq(Mux(biased < 0, parameters.negative_multiplier, parameters.multiplier)),
            shift.eq(
                Mux((biased < 0) & has_own_shift, parameters.negative_shift, parameters.shift)
            ),
            inverted.eq((biased < 0) & parameters.negative_sign),
        ]
        return Total(total, factor, shift, inverted)

    def _multiply(
        self, m: Module, number: int, lane: Total, beside: Beside
    ) -> tuple[Signal, Signal]:
        """Stages 2 and 3: the product from two numbers, with the nudge.

        The upper half of a factor adds to the product of the lower half instead, which has it.
        """
        total, factor = lane.total, lane.factor
        split = SPLIT_PRODUCTS[self._config.array.multipliers]
        first, second = split(m, total, factor, f"product{number}")
        nudge = self._signal(signed(FIRST_PLACES + 1), "nudge", number)
        product = self._signal(signed(len(total) + len(factor)), "product", number)
        added = self._signal(signed(len(product)), "added", number)
        m.d.comb += added.eq(nudge)
        if len(factor) < FACTOR_BITS:
            with m.If(beside.upper_half):
                m.d.comb += added.eq(product >> FACTOR_HALF_BITS)
        # The places to shift by: all but the last, or but those that the lower half dropped.
        less2, less3 = (
            self._signal(lane.shift.shape(), f"less{stage}_", number) for stage in (2, 3)
        )
        twice = beside.rounding & (lane.shift > ROUNDED_ONCE)
        m.d.sync += [
            nudge.eq(Cat(Const(0, FIRST_PLACES - 1), twice, twice & total[-1])),
            less2.eq(lane.shift - Mux(beside.wide_factors, LEAST_WIDE_SHIFT, 1)),
            product.eq(first + second + added),
            less3.eq(less2),
        ]
        return product, less3

    def _shift(
        self, m: Module, number: int, product: Signal, less: Signal, inverted: Signal
    ) -> Signal:
        """Stages 4 and 5: shift by one place less; what is out of range stays out of range."""
        for stage in (2, 3, 4):
            delayed = self._signal(1, f"inverted{stage}_", number)
            m.d.sync += delayed.eq(inverted)
            inverted = delayed
        fine_shift = self._signal(FINE_BITS, "fine_shift", number)
        coarse = self._signal(product.shape(), "coarse", number)
        fine = self._signal(signed(NARROW.width + (1 << FINE_BITS) - 1), "fine", number)
        narrow = self._signal(NARROW, "narrow", number)
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

    def _round(self, m: Module, number: int, narrow: Signal, ends: Ends) -> None:
        """Stage 6: round halves up and add the zero point in one addition; beside it, clamp."""
        doubled = self._signal(signed(NARROW.width + 1), "doubled", number)
        m.d.comb += doubled.eq(narrow + Cat(Const(1, 1), ends.zero_point).as_signed())
        m.d.sync += self.o[number].eq(
            Mux(
                (narrow >> 1) < ends.below,
                ends.least,
                Mux((narrow >> 1) >= ends.above, ends.largest, doubled >> 1),
            )
        )
