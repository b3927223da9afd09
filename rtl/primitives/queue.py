"""The queue: first in, first out, in a small memory whose output is the head."""

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwsim.rtl.primitives.block_memory import block_memory


class Queue(wiring.Component):
    """Keeps up to `depth` payloads in order; `depth` is 3 or more.

    One payload is taken and one leaves per cycle. A payload taken in cycle t is offered from cycle
    t + `LATENCY` on, or later if others stand before it. `i.ready` is low while the queue is full;
    an entry that leaves in cycle t makes room in cycle t + 1. `i.ready` and `o.valid` come from
    registers. The head comes straight from a memory with synchronous read, which has few rows.

    Members
    -------
    i : In(stream.Signature(shape))
    o : Out(stream.Signature(shape))
    """

    LATENCY = 2

    def __init__(self, shape: ShapeLike, depth: int):
        self._depth = depth
        self._shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        most = self._depth - 1  # behind the head
        store = block_memory(self._shape, 1 << ceil_log2(self._depth))
        m.submodules.store = store
        write, read = store.write_port(), store.read_port()
        count = Signal(range(self._depth))  # in the memory
        is_full = Signal()
        is_empty = Signal(init=1)
        enters = Signal()
        moves = Signal()  # to the head
        m.d.comb += [
            self.i.ready.eq(~is_full),
            enters.eq(self.i.valid & ~is_full),
            moves.eq(~is_empty & (~self.o.valid | self.o.ready)),
            self.o.payload.eq(read.data),
            write.data.eq(self.i.payload),
            write.en.eq(1),  # its row is always free, and what is written need not be known early
            read.en.eq(moves),
        ]
        m.d.sync += [
            write.addr.eq(write.addr + enters),
            count.eq(count + enters - moves),
            is_full.eq(~moves & (is_full | (enters & (count == most - 1)))),
            is_empty.eq(~enters & (is_empty | (moves & (count == 1)))),
            self.o.valid.eq(moves | (self.o.valid & ~self.o.ready)),
        ]
        with m.If(moves):
            m.d.sync += read.addr.eq(read.addr + 1)
        return m
