"""The burst guard: a burst that may not go out to the bus is kept back."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.memory.window_guard import WindowGuard
from hwsim.rtl.program.run import FAULT, WINDOW


class BurstGuard(wiring.Component):
    """Passes bursts on, but keeps one that would leave the windows or the buffer, as the fault.

    A burst taken in cycle t is offered in cycle t + `LATENCY` at the earliest; one per cycle. A
    burst that is kept back is never offered, nor is any behind it. The guard holds up to `ENTRIES`
    bursts, so that `i.ready` comes from a register. The windows stand still.

    Members
    -------
    i, o : In, Out(stream.Signature(burst_layout(config, tag)))
        `tag` has the member `source`.
    next : Out(burst_layout(config, tag))
    moves : Out(1)
        High where `next` is held, and offered if it is allowed, from the next cycle on.
    windows : In(ArrayLayout(WINDOW, count))
    fault : Out(FAULT)
        The code is `error` for a burst outside the windows, BUFFER for one past the buffer.
    """

    LATENCY = 1
    ENTRIES = 2

    def __init__(self, layout: data.StructLayout, count: int, buffer_words: int, error: ErrorCode):
        self._count = count
        self._buffer_words = buffer_words
        self._error = error
        super().__init__(
            {
                "i": In(stream.Signature(layout)),
                "o": Out(stream.Signature(layout)),
                "next": Out(layout),
                "moves": Out(1),
                "windows": In(data.ArrayLayout(WINDOW, count)),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.window_guard = windows = WindowGuard(self._count)
        # Of what is checked, each answer has its own bit: they are put together behind registers.
        checked = data.StructLayout({"burst": self.next.shape(), "inside": self._count, "fits": 1})
        arriving, spare, next_, held = (
            Signal(checked, name=name, reset_less=True)
            for name in ("arriving", "spare", "next", "held")
        )
        spare_full = Signal()  # a burst has come when `o` was not ready
        held_full = Signal()
        free = Signal()
        inside = held.inside.any()
        m.d.comb += [
            windows.address.eq(self.i.payload.address),
            windows.windows.eq(self.windows),
            arriving.burst.eq(self.i.payload),
            arriving.inside.eq(self._inside(windows.inside)),
            arriving.fits.eq(self._fits()),
            self.i.ready.eq(~spare_full),
            next_.eq(Mux(spare_full, spare, arriving)),
            free.eq(~held_full | (self.o.valid & self.o.ready)),
            self.moves.eq(free & (spare_full | self.i.valid)),
            self.next.eq(next_.burst),
            self.o.valid.eq(held_full & inside & held.fits),
            self.o.payload.eq(held.burst),
            self.fault.source.eq(held.burst.tag.source),
        ]
        m.d.sync += spare_full.eq(~free & (spare_full | self.i.valid))
        with m.If(self.i.ready):
            m.d.sync += spare.eq(arriving)
        with m.If(free):
            m.d.sync += [held_full.eq(spare_full | self.i.valid), held.eq(next_)]
        with m.If(held_full & ~inside):
            m.d.comb += self.fault.code.eq(self._error)
        with m.Elif(held_full & ~held.fits):
            m.d.comb += self.fault.code.eq(ErrorCode.BUFFER)
        return m

    def _inside(self, windows: Value) -> Value:
        """Return, for each window, whether the arriving burst lies in it."""
        return windows

    def _fits(self) -> Value:
        """Return whether the arriving burst lies in the buffer."""
        return ~self.i.payload.in_buffer | (self.i.payload.end <= self._buffer_words)
