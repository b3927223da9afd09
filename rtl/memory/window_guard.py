"""The window guard: no burst leaves the memory windows that the host opened."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.isa.fields import ADDRESS_BITS, BOUNDARY_BYTES
from hwsim.rtl.program.run import WINDOW

PAGE_OFFSET_BITS = BOUNDARY_BYTES.bit_length() - 1
PAGE_BITS = ADDRESS_BITS - PAGE_OFFSET_BITS


class WindowGuard(wiring.Component):
    """Tells in which of `count` windows a burst lies.

    The answer comes in the same cycle, through logic alone. Windows are whole pages of 4 KiB, and
    no burst crosses 4 KiB, so the page of the first byte is the page of every byte.

    Members
    -------
    address : In(32)
        The burst's first byte.
    windows : In(ArrayLayout(WINDOW, count))
    inside : Out(count)
        A bit for each window, high where the burst lies in it.
    """

    LATENCY = 0

    def __init__(self, count: int):
        self._count = count
        super().__init__(
            {
                "address": In(ADDRESS_BITS),
                "windows": In(data.ArrayLayout(WINDOW, count)),
                "inside": Out(count),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        page = Signal(PAGE_BITS)
        m.d.comb += page.eq(self.address[PAGE_OFFSET_BITS:])
        for number in range(self._count):
            window = self.windows[number]
            m.d.comb += self.inside[number].eq((page >= window.base) & (window.limit >= page))
        return m
