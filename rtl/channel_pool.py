"""Channel pool (maxout): condenses groups of k adjacent output lanes into one value."""

from amaranth.hdl import Module, Mux, Signal, ValueLike, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.config import Config


def maximum(left: ValueLike, right: ValueLike) -> ValueLike:
    return Mux(left > right, left, right)


class ChannelPool(wiring.Component):
    """The maximum of every k lanes, through logic only: k = 1 passes untouched.

    Where k is more than the lanes of one cycle, a register keeps the maximum of the group's cycles
    so far; the result leaves with the group's `last`, in that same cycle. One set per cycle,
    nothing stalls.

    Members
    -------
    valid : In(1)
    i : In(ArrayLayout(signed(8), rescale_lanes))
    factor : In(2)
        Log2 of k.
    first, last : In(1)
        These are the first, the last lanes of a group that takes several cycles.
    o : Out(ArrayLayout(signed(8), rescale_lanes))
        The lower rescale_lanes / k are results.
    """

    LATENCY = 0

    def __init__(self, config: Config):
        self._config = config
        lanes = data.ArrayLayout(signed(8), config.array.rescale_lanes)
        super().__init__(
            {
                "valid": In(1),
                "i": In(lanes),
                "factor": In(2),
                "first": In(1),
                "last": In(1),
                "o": Out(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = self._config.array.rescale_lanes
        m.d.comb += self.o.eq(self.i)
        if not self._config.channel_pool:
            return m

        level = [self.i[number] for number in range(lanes)]
        with m.Switch(self.factor):
            with m.Case(0):
                pass
            for factor in range(1, exact_log2(lanes) + 1):
                condensed = []
                for number, pair in enumerate(zip(level[::2], level[1::2], strict=True)):
                    value = Signal(signed(8), name=f"maximum{factor}_{number}")
                    m.d.comb += value.eq(maximum(*pair))
                    condensed.append(value)
                level = condensed
                with m.Case(factor):
                    m.d.comb += [self.o[number].eq(value) for number, value in enumerate(level)]
                if factor == 3:
                    break
            else:
                self._over_cycles(m, level[0])
        return m

    def _over_cycles(self, m: Module, value: Signal) -> None:
        """k beyond the lanes of a cycle."""
        so_far = Signal(signed(8))
        total = Signal(signed(8))
        m.d.comb += total.eq(Mux(self.first, value, maximum(so_far, value)))
        with m.Default():
            m.d.comb += self.o[0].eq(total)
            with m.If(self.valid):
                m.d.sync += so_far.eq(total)
