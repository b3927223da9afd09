"""The distributor: descriptors in program order to the queues of the units."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.isa.fields import QUEUE_DEPTH, Opcode
from hwsim.rtl.primitives.queue import Queue
from hwsim.rtl.program.fetch import FETCHED, Fetch
from hwsim.rtl.program.layouts import as_descriptor, copy_fields
from hwsim.rtl.program.run import FAULT
from hwsim.rtl.program.tokens import Token, reached


class Distributor(wiring.Component):
    """Hands each descriptor to the queues of its units, `QUEUE_DEPTH` per output.

    A descriptor offered in cycle t heads its empty queue in cycle t + `LATENCY`. A descriptor whose
    queue is full holds up those behind it. A COMPUTE goes to three outputs at once, to each with
    only the fields that it needs, when all three have room; the drain takes only those with `last`,
    and is the last to make room. END
    is taken in the cycle after its stores are done. A descriptor with an error is never taken: it
    stays, as the fault. `i.ready` depends on `i.valid` and on the descriptor, whose queues must
    have room.

    Members
    -------
    i : In(stream.Signature(FETCHED))
    stores : In(Token)
    ended : Out(1)
        High for one cycle, in which END is taken.
    fault : Out(FAULT)
    load, weights, issue, drain, store : Out(stream.Signature(...))
    """

    LATENCY = Queue.LATENCY
    END = 1
    assert Fetch.FETCH + LATENCY == pipeline.DISTRIBUTE
    assert 1 + LATENCY == pipeline.DISTRIBUTE_ROOM

    def __init__(self, outputs: dict[str, tuple[Opcode, data.StructLayout]]):
        self._outputs = outputs
        super().__init__(
            {
                "i": In(stream.Signature(FETCHED)),
                "stores": In(Token()),
                "ended": Out(1),
                "fault": Out(FAULT),
            }
            | {name: Out(stream.Signature(layout)) for name, (_, layout) in outputs.items()}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        queues = {}
        for name, (_, layout) in self._outputs.items():
            queue = Queue(layout, QUEUE_DEPTH)
            m.submodules[f"{name}_queue"] = queues[name] = queue
            wiring.connect(m, queue.o, wiring.flipped(getattr(self, name)))

        descriptor = as_descriptor(self.i.payload.descriptor)
        source = self.i.payload.source
        m.d.comb += self.fault.source.eq(source)
        with m.If(self.i.valid):
            m.d.comb += self.fault.code.eq(self.i.payload.error)
        for code in (Opcode.LOAD, Opcode.COMPUTE, Opcode.STORE):
            fields = descriptor[code.name.lower()]
            mine = [queues[name] for name, (of, _) in self._outputs.items() if of is code]
            goes = Signal(name=f"{code.name.lower()}_goes")
            m.d.comb += goes.eq(
                self.i.valid
                & self.i.payload.kind[code.name.lower()]
                & Cat(queue.i.ready for queue in mine).all()
            )
            with m.If(goes):
                m.d.comb += self.i.ready.eq(1)
            for queue in mine:
                m.d.comb += [
                    queue.i.valid.eq(goes),
                    *copy_fields(queue.i.payload, fields),
                    *copy_fields(queue.i.payload, self.i.payload),
                ]
        with m.If(~descriptor.compute.last):
            m.d.comb += queues["drain"].i.valid.eq(0)
        m.d.sync += self.ended.eq(
            self.i.valid
            & self.i.payload.kind.end
            & reached(self.stores.count, descriptor.end.wait_stores)
            & ~self.ended
        )
        with m.If(self.ended):
            m.d.comb += self.i.ready.eq(1)
        return m
