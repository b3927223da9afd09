"""Descriptor fetch: the two-page program buffer, read one checked descriptor after the other."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    PAGE_BYTES,
    PAGE_DESCRIPTORS,
    Destination,
    Opcode,
)
from hwsim.rtl.primitives.block_memory import block_memory
from hwsim.rtl.program.descriptor_check import DescriptorCheck
from hwsim.rtl.program.first_line import FirstLine
from hwsim.rtl.program.layouts import (
    DESCRIPTOR_BITS,
    FIRST_LINE,
    FIRST_LINE_BITS,
    KIND,
    SOURCE_BITS,
    as_descriptor,
)
from hwsim.rtl.program.run import Launch

PAGES = 2

FETCHED = data.StructLayout(
    {
        "descriptor": DESCRIPTOR_BITS,
        "source": SOURCE_BITS,
        "error": ErrorCode,  # NONE, or why this descriptor must not run
        "kind": KIND,  # none with an error
        FIRST_LINE: FIRST_LINE_BITS,  # of a LOAD or a COMPUTE
    }
)


class Fetch(wiring.Component):
    """Reads descriptors from the program buffer, one word per cycle, and offers them checked.

    A descriptor whose last word can be read in cycle t, the one before being taken, is offered in
    cycle t + its words + `FETCH`; reading the next begins when it has been. Nothing is read behind
    END. A program that goes on behind its last page is offered as one descriptor with an error.

    Members
    -------
    words : In(stream.Signature(bus_bits, always_ready=True))
        Program words as they arrive; they fill the buffer in order, page after page.
    launch : In(Launch)
    o : Out(stream.Signature(FETCHED))
    active : Out(1)
        A descriptor is being read.
    """

    FETCH = 1 + DescriptorCheck.LATENCY  # last word captured, check
    assert FirstLine.LATENCY == DescriptorCheck.LATENCY
    GAP = FETCH + 1  # taken
    assert GAP == pipeline.DISTRIBUTE_GAP

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "words": In(stream.Signature(config.bus.bus_bits, always_ready=True)),
                "launch": In(Launch()),
                "o": Out(stream.Signature(FETCHED)),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = DESCRIPTOR_BYTES // self._config.word_bytes
        reading = Signal()
        word, is_complete = self._buffer(m, reading)

        # Read word after word into `descriptor`, let it be checked, then offer it.
        index = Signal(range(max(words, 2)))
        ends = Signal()
        steps = Signal(self.FETCH)  # where the last word is: captured, then judged
        occupied = Signal()  # from a descriptor's first read until it is taken
        capture = Signal()
        left = Signal(range(PAGE_DESCRIPTORS + 1))  # descriptors of the page, this one included
        ended = Signal(init=1)  # until the program starts, and behind its END
        behind = Signal()  # the last page, without one
        accepted = Signal()
        ending = Signal()
        descriptor = Signal(DESCRIPTOR_BITS, reset_less=True)
        m.submodules.check = check = DescriptorCheck(self._config)
        m.submodules.first_line = first_line = FirstLine()
        m.d.comb += [
            accepted.eq(self.o.valid & self.o.ready),
            behind.eq((left == 0) & ~ended),
            ending.eq(accepted & check.kind.end),
            reading.eq((index != 0) | (is_complete & ~occupied & ~ended)),
            ends.eq(index == words - 1),
            self.active.eq(occupied & ~self.o.valid),
        ]
        m.d.sync += [
            capture.eq(reading),
            steps.eq(Cat(reading & ends, steps)),
            self.o.valid.eq(steps[-1] | behind | (self.o.valid & ~accepted)),
            occupied.eq(reading | (occupied & ~accepted)),
        ]
        with m.If(reading):
            m.d.sync += index.eq(Mux(ends, 0, index + 1))
        with m.If(capture):
            m.d.sync += descriptor.eq(Cat(descriptor, word) >> len(word))
        with m.If(ending):
            m.d.sync += ended.eq(1)
        with m.If(self.launch.start):
            m.d.sync += ended.eq(0)

        source, misplaced = self._pages(m, descriptor, accepted, left)
        m.d.comb += [
            check.descriptor.eq(descriptor),
            first_line.descriptor.eq(descriptor),
            check.refused.eq(misplaced | behind),
            self.o.payload.descriptor.eq(descriptor),
            self.o.payload.source.eq(source),
            self.o.payload.error.eq(check.error),
            self.o.payload.kind.eq(check.kind),
            self.o.payload.first_line.eq(first_line.line),
        ]
        return m

    def _buffer(self, m: Module, reading: Signal) -> tuple[Value, Value]:
        """The word read in the cycle before, and whether a whole descriptor waits."""
        depth = PAGES * PAGE_BYTES // self._config.word_bytes
        m.submodules.buffer = buffer = block_memory(self._config.bus.bus_bits, depth)
        write, read = buffer.write_port(), buffer.read_port()
        waiting = Signal(range(depth + 1))  # words in the buffer
        m.d.comb += [write.data.eq(self.words.payload), write.en.eq(self.words.valid)]
        with m.If(self.words.valid):
            m.d.sync += write.addr.eq(write.addr + 1)
        with m.If(reading):
            m.d.sync += read.addr.eq(read.addr + 1)
        with m.If(self.words.valid & ~reading):
            m.d.sync += waiting.eq(waiting + 1)
        with m.Elif(~self.words.valid & reading):
            m.d.sync += waiting.eq(waiting - 1)
        descriptor_words = DESCRIPTOR_BYTES // self._config.word_bytes
        return read.data, waiting[exact_log2(descriptor_words) :].any()

    def _pages(
        self, m: Module, descriptor: Signal, accepted: Signal, left: Signal
    ) -> tuple[Signal, Signal]:
        """Where this descriptor lies, and whether it loads a page from the wrong place.

        A page is loaded by the first descriptor of the full page before it: then the other half of
        the buffer is free, and the pages follow one another without a hole.
        """
        words = DESCRIPTOR_BYTES // self._config.word_bytes
        source = Signal(SOURCE_BITS)
        first = Signal()  # of its page
        full = Signal()  # the page has all its descriptors
        next_source = Signal(SOURCE_BITS)
        next_left = Signal.like(left)
        loads_page = Signal()
        misplaced = Signal()
        load = as_descriptor(descriptor).load
        m.d.sync += loads_page.eq(
            (load.opcode == Opcode.LOAD) & (load.destination == Destination.PROGRAM)
        )
        m.d.comb += misplaced.eq(loads_page & ~(first & full))
        with m.If(accepted):
            m.d.sync += [source.eq(source + 1), left.eq(left - 1), first.eq(0)]
            with m.If(loads_page):
                m.d.sync += [
                    next_source.eq(load.address >> exact_log2(DESCRIPTOR_BYTES)),
                    next_left.eq(load.row_words >> exact_log2(words)),
                ]
            with m.If((left == 1) & (next_left != 0)):
                m.d.sync += [
                    source.eq(next_source),
                    left.eq(next_left),
                    next_left.eq(0),
                    first.eq(1),
                    full.eq(next_left == PAGE_DESCRIPTORS),
                ]
        with m.If(self.launch.start):
            m.d.sync += [
                source.eq(self.launch.program),
                left.eq(PAGE_DESCRIPTORS),
                first.eq(1),
                full.eq(1),
            ]
        return source, misplaced
