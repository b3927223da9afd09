"""The window guard: no burst leaves the memory windows that the host opened."""

from amaranth.hdl import Module, Signal, ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.bursts import BOUNDARY_BYTES, Bursts
from rtl.layouts import ADDRESS_BITS

PAGE_OFFSET_BITS = BOUNDARY_BYTES.bit_length() - 1
PAGE_BITS = ADDRESS_BITS - PAGE_OFFSET_BITS

# A window of whole pages; `limit` is its last page. With `limit` below `base` it is empty.
WINDOW = data.StructLayout({"base": PAGE_BITS, "limit": PAGE_BITS})


class WindowGuard(wiring.Component):
    """Whether a burst's address lies in one of `windows` windows.

    Through logic only, from a registered address. Windows are whole 4 KiB pages, and no burst
    crosses 4 KiB, so the page of the first byte is the page of every byte.

    Members
    -------
    address : In(32)
        First byte of the burst.
    windows : In(ArrayLayout(WINDOW, count))
    inside : Out(1)
    """

    LATENCY = 0

    def __init__(self, count: int):
        self._count = count
        super().__init__(
            {
                "address": In(ADDRESS_BITS),
                "windows": In(data.ArrayLayout(WINDOW, count)),
                "inside": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        page = Signal(PAGE_BITS)
        m.d.comb += page.eq(self.address[PAGE_OFFSET_BITS:])
        inside: ValueLike = 0
        for number in range(self._count):
            window = self.windows[number]
            within = Signal(name=f"within{number}")
            m.d.comb += within.eq((window.base <= page) & (page <= window.limit))
            inside = inside | within
        m.d.comb += self.inside.eq(inside)
        return m


def guarded(m: Module, bursts: Bursts, windows: list[data.View]) -> Signal:
    """Whether the burst that `bursts` offers lies in a window, from a register.

    Both addresses that may be offered next are judged before it is known which one will be. The
    windows stand still from the cycle before a run's start on.
    """
    inside = Signal()
    for name, address, moves in (
        ("guard", bursts.following, bursts.o.valid & bursts.o.ready),
        ("first_guard", bursts.i.payload.address, bursts.i.valid & bursts.i.ready),
    ):
        guard = WindowGuard(len(windows))
        m.submodules[name] = guard
        m.d.comb += guard.address.eq(address)
        m.d.comb += [guard.windows[n].eq(window) for n, window in enumerate(windows)]
        with m.If(moves):
            m.d.sync += inside.eq(guard.inside)
    return inside
