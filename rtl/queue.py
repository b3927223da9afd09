"""First in, first out, with a registered head."""

from amaranth.hdl import Module, ShapeLike
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out


class Queue(wiring.Component):
    """Keeps up to `depth` payloads in order, one in and one out per cycle (depth 3 or more).

    A payload taken in cycle t is offered from cycle t + `LATENCY` on, later if others stand before
    it. `i.ready` is low while the queue is full; an entry that leaves in cycle t makes room in
    cycle t + 1. The head stands in a register, behind a memory with synchronous read.

    Members
    -------
    i : In(stream.Signature(shape))
    o : Out(stream.Signature(shape))
    """

    LATENCY = 2

    def __init__(self, shape: ShapeLike, depth: int):
        self._depth = depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = len(self.i.payload.as_value())
        m.submodules.store = store = fifo.SyncFIFOBuffered(width=width, depth=self._depth)
        m.d.comb += [
            store.w_data.eq(self.i.payload),
            store.w_en.eq(self.i.valid),
            self.i.ready.eq(store.w_rdy),
            self.o.payload.eq(store.r_data),
            self.o.valid.eq(store.r_rdy),
            store.r_en.eq(self.o.ready),
        ]
        return m
