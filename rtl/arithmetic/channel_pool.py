"""The channel pool (maxout): condenses k adjacent output lanes into one value."""

from amaranth.hdl import Module, Mux, ValueLike, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import Config

MOST = 3  # log2 of the greatest k


def maximum(left: ValueLike, right: ValueLike) -> ValueLike:
    return Mux(left < right, right, left)


class ChannelPool(wiring.Component):
    """Takes the maximum of k adjacent lanes, one slice per cycle; nothing stalls.

    Lanes of cycle t give their results in cycle t + `LATENCY`, with k = 1 and in a build without
    the channel pool too. Where k is more than the lanes of a slice, the result's register keeps the
    maximum of the slices so far, and the result stands there behind the last of them.

    Members
    -------
    valid : In(1)
    i : In(ArrayLayout(signed(8), rescale_lanes))
    factor : In(2)
        Log2 of k.
    first : In(1)
        High with the first of the slices that are condensed into one value.
    o : Out(ArrayLayout(signed(8), rescale_lanes))
        The lower rescale_lanes / k are results.
    next_o : Out(ArrayLayout(signed(8), rescale_lanes))
        What stands on `o` in the next cycle, with `valid`.
    """

    LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        lanes = data.ArrayLayout(signed(8), config.array.rescale_lanes)
        super().__init__(
            {
                "valid": In(1),
                "i": In(lanes),
                "factor": In(2),
                "first": In(1),
                "o": Out(lanes),
                "next_o": Out(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = self._config.array.rescale_lanes
        results = self.next_o
        m.d.comb += results.eq(self.i)
        if self._config.channel_pool:
            level = [self.i[number] for number in range(lanes)]
            with m.Switch(self.factor):
                with m.Case(0):
                    pass
                for factor in range(1, min(exact_log2(lanes), MOST) + 1):
                    pairs = zip(level[::2], level[1::2], strict=True)
                    level = [maximum(*pair) for pair in pairs]
                    with m.Case(factor):
                        m.d.comb += [results[place].eq(value) for place, value in enumerate(level)]
                if lanes < 1 << MOST:
                    with m.Default():  # k beyond the lanes of a cycle
                        so_far = self.o[0]
                        m.d.comb += results[0].eq(
                            Mux(self.first, level[0], maximum(so_far, level[0]))
                        )
        with m.If(self.valid):
            m.d.sync += self.o.eq(results)
        return m
