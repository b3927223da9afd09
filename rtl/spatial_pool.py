"""Spatial pool: the maximum over the taps of a window, which come one after the other."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.config import Config
from rtl.channel_pool import maximum


class SpatialPool(wiring.Component):
    """Keeps a running maximum per output lane; the result leaves with the `last` tap.

    Through logic only: a window of one tap passes untouched. One set of lanes per cycle, group
    after group, then the next tap. A masked tap changes nothing; the first tap is never masked.

    Members
    -------
    valid : In(1)
    i : In(ArrayLayout(signed(8), rescale_lanes))
    group : In
        Which lanes these are.
    first, last : In(1)
        Tap of the window.
    masked : In(1)
    o : Out(ArrayLayout(signed(8), rescale_lanes))
    """

    LATENCY = 0

    def __init__(self, config: Config):
        self._config = config
        lanes = data.ArrayLayout(signed(8), config.array.rescale_lanes)
        super().__init__(
            {
                "valid": In(1),
                "i": In(lanes),
                "group": In(range(max(config.rescale_groups, 2))),
                "first": In(1),
                "last": In(1),
                "masked": In(1),
                "o": Out(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        array = self._config.array
        running = [
            [
                Signal(signed(8), name=f"running{group}_{lane}", reset_less=True)
                for lane in range(array.rescale_lanes)
            ]
            for group in range(self._config.rescale_groups)
        ]
        for lane in range(array.rescale_lanes):
            so_far = Array(group[lane] for group in running)[self.group]
            m.d.comb += self.o[lane].eq(
                Mux(
                    self.first,
                    self.i[lane],
                    Mux(self.masked, so_far, maximum(so_far, self.i[lane])),
                )
            )
        for group, lanes in enumerate(running):
            with m.If(self.valid & ~self.last & (self.group == group)):
                m.d.sync += [value.eq(self.o[lane]) for lane, value in enumerate(lanes)]
        return m
