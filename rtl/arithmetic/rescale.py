"""Rescale: int32 accumulators to int8 activations, with a second factor for negative ones."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.rtl.arithmetic.parameters import parameter_layout
from hwsim.rtl.arithmetic.rescale_lane import ACTIVATION, BESIDE, ENDS, RescaleLane

SHARED = ("zero_point", "clamp_low", "clamp_high")  # by all lanes, to the last stage


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

    LATENCY = RescaleLane.LATENCY
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
            m.submodules[f"lane{number}"] = lane = RescaleLane(self._config)
            m.d.comb += [
                lane.accumulator.eq(self.accumulators[number]),
                lane.parameters.eq(self.parameters[number]),
                lane.beside.eq(beside),
                lane.ends.eq(ends),
                self.o[number].eq(lane.o),
            ]
        return m

    def _beside(self, m: Module) -> data.View:
        """Return what all lanes share in stages 2 and 3."""
        beside = Signal(BESIDE)
        early = Signal()
        m.d.sync += [
            beside.rounding.eq(self.rounding),
            beside.wide_factors.eq(self.wide_factors),
            early.eq(self.upper_half),
            beside.upper_half.eq(early),
        ]
        return beside

    def _ends(self, m: Module) -> data.View:
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
        ends = Signal(ENDS, reset_less=True)
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
