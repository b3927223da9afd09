"""The spatial pool: the maximum over the taps of a window, which come one after the other."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.rtl.arithmetic.channel_pool import maximum


class SpatialPool(wiring.Component):
    """Keeps a running maximum per output lane; the result is complete with the `last` tap.

    Lanes of cycle t give the maximum up to and including them in cycle t + `LATENCY`. All slices of
    a tap come one after the other, then those of the next tap; nothing stalls. A masked tap changes
    nothing; the first tap is never masked. Unless there is only one slice, no two cycles in a row
    have the same.

    Members
    -------
    valid : In(1)
    i : In(ArrayLayout(signed(8), rescale_lanes))
    next_slice : In
        The slice that comes in the next cycle.
    first, last : In(1)
        High with the first, and the last, tap of the pool window.
    masked : In(1)
        High where the tap lies outside the tile.
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
                "next_slice": In(range(max(config.rescale_slices, 2))),
                "first": In(1),
                "last": In(1),
                "masked": In(1),
                "o": Out(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = range(self._config.array.rescale_lanes)
        slices = range(self._config.rescale_slices)
        running = [
            [Signal(signed(8), name=f"running{number}_{lane}", reset_less=True) for lane in lanes]
            for number in slices
        ]
        lane_slice = Signal.like(self.next_slice)
        so_far = Signal(self.o.shape(), reset_less=True)
        results = Signal(self.o.shape())
        m.d.sync += [lane_slice.eq(self.next_slice), self.o.eq(results)]
        for lane in lanes:
            if len(slices) == 1:
                m.d.comb += so_far[lane].eq(running[0][lane])
            else:  # chosen a cycle ahead, when the cycle before changes another slice's
                m.d.sync += so_far[lane].eq(Array(of[lane] for of in running)[self.next_slice])
            greatest = maximum(so_far[lane], self.i[lane])
            m.d.comb += results[lane].eq(
                Mux(self.first, self.i[lane], Mux(self.masked, so_far[lane], greatest))
            )
        for number in slices:
            with m.If(self.valid & ~self.last & (lane_slice == number)):
                m.d.sync += [running[number][lane].eq(results[lane]) for lane in lanes]
        return m
