"""Program buffer and distributor: descriptors in program order to the queues of the units."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim import pipeline
from hwsim.config import Config
from hwsim.program.fields import (
    DESCRIPTOR_BYTES,
    OPCODE,
    PAGE_BYTES,
    QUEUE_DEPTH,
    TOKEN_BITS,
    Opcode,
)
from rtl.layouts import DESCRIPTOR_BITS, copy_fields, descriptor_layout, reached
from rtl.queue import Queue

PAGES = 2


class Distributor(wiring.Component):
    """Reads descriptors from the two-page program buffer and queues them, `QUEUE_DEPTH` per output.

    A descriptor whose last word can be read in cycle t heads its empty queue in cycle
    t + its words + `DISTRIBUTE`; a further one follows every words + `DISTRIBUTE_GAP` cycles. A
    full queue holds up those behind it. COMPUTE goes to three outputs at once, to each only its
    own fields, when all three have room: the drain, last of them, makes it. END stops the
    distributor until its stores are done.

    Members
    -------
    write, data : In
        A program word arrives; the buffer is filled in order, page after page.
    start : In(1)
        Forget everything and begin with the first word.
    stores : In(TOKEN_BITS)
    done : Out(1)
        END has been reached and its stores are done, until the next `start`.
    load, weights, issue, drain, store : Out(stream.Signature(...))
    """

    DISTRIBUTE = 1 + Queue.LATENCY  # last word captured, queue
    DISTRIBUTE_GAP = 1
    assert DISTRIBUTE == pipeline.DISTRIBUTE
    assert DISTRIBUTE_GAP == pipeline.DISTRIBUTE_GAP

    def __init__(self, config: Config, outputs: dict[str, tuple[Opcode, data.StructLayout]]):
        self._config = config
        self._outputs = outputs
        super().__init__(
            {
                "write": In(1),
                "data": In(config.bus.bus_bits),
                "start": In(1),
                "stores": In(TOKEN_BITS),
                "done": Out(1),
            }
            | {name: Out(stream.Signature(layout)) for name, (_, layout) in outputs.items()}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = DESCRIPTOR_BYTES // self._config.word_bytes
        bits = self._config.bus.bus_bits
        depth = PAGES * PAGE_BYTES // self._config.word_bytes

        m.submodules.buffer = buffer = Memory(shape=bits, depth=depth, init=[])
        write = buffer.write_port()
        read = buffer.read_port()

        # Word counters, one bit wider than the buffer: their difference is what waits in it.
        written = Signal(exact_log2(depth) + 1)
        taken = Signal.like(written)
        complete = Signal()
        m.d.comb += [
            write.addr.eq(written[:-1]),
            write.data.eq(self.data),
            write.en.eq(self.write),
            read.addr.eq(taken[:-1]),
            complete.eq((written - taken)[: len(written)] >= words),
        ]
        m.d.sync += written.eq(written + self.write)

        # Read word after word into `descriptor`, then offer it until its queues take it.
        index = Signal(range(max(words, 2)))
        reading = Signal()
        capture = Signal()
        captured_index = Signal.like(index)
        last_captured = Signal()
        assembled = Signal()
        ending = Signal()
        ended = Signal()
        descriptor = Signal(DESCRIPTOR_BITS)
        accepted = Signal()
        m.d.comb += [
            reading.eq(
                (index != 0) | (complete & ~ended & ~ending & ~capture & (~assembled | accepted))
            ),
            last_captured.eq(capture & (captured_index == words - 1)),
        ]
        m.d.sync += [
            capture.eq(reading),
            captured_index.eq(index),
            assembled.eq(last_captured | (assembled & ~accepted)),
        ]
        with m.If(reading):
            m.d.sync += [
                taken.eq(taken + 1),
                index.eq(Mux(index == words - 1, 0, index + 1)),
            ]
        for number in range(words):
            with m.If(capture & (captured_index == number)):
                m.d.sync += descriptor.word_select(Const(number), bits).eq(read.data)

        self._offer(m, descriptor, assembled, accepted, ending)
        with m.If(ending):
            m.d.sync += ended.eq(1)
            with m.If(accepted):
                m.d.sync += self.done.eq(1)
        with m.If(self.start):
            m.d.sync += [written.eq(0), taken.eq(0), index.eq(0), capture.eq(0), assembled.eq(0)]
            m.d.sync += [ended.eq(0), self.done.eq(0)]
        return m

    def _offer(
        self, m: Module, descriptor: Signal, assembled: Signal, accepted: Signal, ending: Signal
    ) -> None:
        """Decode the opcode and hand the fields to every queue that wants them."""
        opcode = Signal(Opcode)
        m.d.comb += opcode.eq(descriptor[: OPCODE.bits])
        queues = {}
        for name, (_, layout) in self._outputs.items():
            queue = Queue(layout, QUEUE_DEPTH)
            m.submodules[f"{name}_queue"] = queues[name] = queue
            wiring.connect(m, queue.o, wiring.flipped(getattr(self, name)))
        with m.Switch(opcode):
            for code in (Opcode.LOAD, Opcode.COMPUTE, Opcode.STORE):
                fields = data.View(
                    descriptor_layout(code), descriptor[: descriptor_layout(code).size]
                )
                mine = [queues[name] for name, (of, _) in self._outputs.items() if of is code]
                with m.Case(code):
                    m.d.comb += accepted.eq(assembled & Cat(queue.i.ready for queue in mine).all())
                    for queue in mine:
                        m.d.comb += queue.i.valid.eq(accepted)
                        m.d.comb += copy_fields(queue.i.payload, fields)
            with m.Case(Opcode.END):
                end = data.View(
                    descriptor_layout(Opcode.END), descriptor[: descriptor_layout(Opcode.END).size]
                )
                m.d.comb += ending.eq(assembled)
                m.d.comb += accepted.eq(assembled & reached(self.stores, end.wait_stores))
