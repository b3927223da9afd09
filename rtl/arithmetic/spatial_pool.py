"""Spatial pool: the maximum over the taps of a window, which come one after the other."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.rtl.arithmetic.channel_pool import maximum


class SpatialPool(wiring.Component):
    """Keeps a running maximum per output lane; the result leaves behind the `last` tap.

    Lanes in cycle t give the maximum up to them in cycle t + `LATENCY`. One set of lanes per cycle,
    group after group, then the next tap; nothing stalls. A masked tap changes nothing; the first
    tap is never masked. Unless there is only one group, no two cycles in a row have the same.

    Members
    -------
    valid : In(1)
    i : In(ArrayLayout(signed(8), rescale_lanes))
    next_group : In
        Which lanes come in the next cycle.
    first, last : In(1)
        Tap of the window.
    masked : In(1)
    o : Out(ArrayLayout(signed(8), rescale_lanes))
    """

    LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        lanes = data.ArrayLayout(signed(8), config.array.rescale_lanes)
        super().__init__(
            {
                "valid": In(1),
                "i": In(lanes),
                "next_group": In(range(max(config.rescale_groups, 2))),
                "first": In(1),
                "last": In(1),
                "masked": In(1),
                "o": Out(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = range(self._config.array.rescale_lanes)
        groups = range(self._config.rescale_groups)
        running = [
            [Signal(signed(8), name=f"running{group}_{lane}", reset_less=True) for lane in lanes]
            for group in groups
        ]
        group = Signal.like(self.next_group)
        so_far = Signal(self.o.shape(), reset_less=True)
        results = Signal(self.o.shape())
        m.d.sync += [group.eq(self.next_group), self.o.eq(results)]
        for lane in lanes:
            if len(groups) == 1:
                m.d.comb += so_far[lane].eq(running[0][lane])
            else:  # chosen a cycle ahead, when the cycle before changes another group's
                m.d.sync += so_far[lane].eq(Array(of[lane] for of in running)[self.next_group])
            greatest = maximum(so_far[lane], self.i[lane])
            m.d.comb += results[lane].eq(
                Mux(self.first, self.i[lane], Mux(self.masked, so_far[lane], greatest))
            )
        for number in groups:
            with m.If(self.valid & ~self.last & (group == number)):
                m.d.sync += [running[number][lane].eq(results[lane]) for lane in lanes]
        return m
