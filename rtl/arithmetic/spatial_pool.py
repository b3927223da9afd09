"""The spatial pool: the largest sum of each output lane over the taps of a window."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.rtl.arithmetic.accumulators import pixel_sums


class SpatialPool(wiring.Component):
    """Keeps the largest sum of each output lane over the taps so far of a pool window.

    What follows the sums never decreases with them: the bias, the rescale, whose factors are not
    negative, and the channel pool. So it gives the maximum of what it would make of every tap.

    A tap of cycle t counts in `o` from cycle t + `LATENCY` on; it may come again, which changes
    nothing. Nothing stalls.

    Members
    -------
    i : In(pixel_sums(config))
    first : In(1)
        High with the first tap of a window that is not masked, whatever came before.
    masked : In(1)
        High where the tap lies outside the tile, so that it changes nothing; never with `first`.
    o : Out(pixel_sums(config))
    """

    LATENCY = 2  # the tap's own register, comparison

    def __init__(self, config: Config):
        sums: data.ArrayLayout = pixel_sums(config)
        super().__init__({"i": In(sums), "first": In(1), "masked": In(1), "o": Out(sums)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        taps = Signal(
            self.i.shape(), reset_less=True
        )  # they are chosen from two banks, which is late
        first, masked = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [taps.eq(self.i), first.eq(self.first), masked.eq(self.masked)]
        for number, (tap, largest) in enumerate(zip(taps, self.o, strict=True)):
            so_far = Signal.like(tap, name=f"largest{number}", reset_less=True)
            m.d.comb += largest.eq(so_far)
            with m.If(first | ~masked & (so_far < tap)):
                m.d.sync += so_far.eq(tap)
        return m
