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
from hwsim.rtl.program.layouts import DESCRIPTOR_BITS, KIND, SOURCE_BITS, as_descriptor
from hwsim.rtl.program.run import Launch

PAGES = 2

FETCHED = data.StructLayout(
    {
        "descriptor": DESCRIPTOR_BITS,
        "source": SOURCE_BITS,
        "error": ErrorCode,  # NONE, or why this descriptor must not run
        "kind": KIND,  # none with an error
    }
)


class Fetch(wiring.Component):
    """Reads descriptors from the program buffer, one word per cycle, and offers them checked.

    A descriptor whose last word can be read in cycle t, the one before having been taken, is
    offered in cycle t + its words + `FETCH`. It waits until it is taken; only then does reading the
    next begin. Nothing is read behind END. A program that goes on behind its last page is offered
    as one descriptor with an error.

    Members
    -------
    words : In(stream.Signature(word_bits, always_ready=True))
        Program words as they arrive; they fill the buffer in order, page after page.
    launch : In(Launch)
    o : Out(stream.Signature(FETCHED))
    active : Out(1)
        High while a descriptor is being read or judged.
    """

    FETCH = 1 + DescriptorCheck.LATENCY  # last word captured, check
    GAP = FETCH + 1  # taken
    assert GAP == pipeline.DISTRIBUTE_GAP

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "words": In(stream.Signature(config.word_bits, always_ready=True)),
                "launch": In(Launch()),
                "o": Out(stream.Signature(FETCHED)),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.check = self.check = DescriptorCheck(self._config)
        self._declare()
        self._read(m)
        self._follow_pages(m)
        self._offer(m)
        return m

    def _declare(self) -> None:
        self.descriptor = Signal(DESCRIPTOR_BITS, reset_less=True)
        self.occupied = Signal()  # from a descriptor's first read until it is taken
        self.judged = Signal()  # the descriptor is, in the next cycle
        self.accepted = Signal()
        self.ended = Signal(init=1)  # until the program starts, and behind its END
        self.source = Signal(SOURCE_BITS, reset_less=True)  # of the descriptor
        self.left = Signal(range(PAGE_DESCRIPTORS + 1))  # of the page, this descriptor included
        self.misplaced = Signal()  # it loads a page, but from a place that it may not
        self.behind = Signal()  # the last page, without an END

    def _read(self, m: Module) -> None:
        """Read word after word into `descriptor`, and let it be judged."""
        words = DESCRIPTOR_BYTES // self._config.word_bytes
        index = Signal(range(max(words, 2)))
        reading = Signal()
        ends = Signal()
        capture = Signal()
        steps = Signal(self.FETCH)  # where the last word is: captured, then judged
        word, is_complete = self._buffer(m, reading)
        m.d.comb += [
            reading.eq((index != 0) | (is_complete & ~self.occupied & ~self.ended)),
            ends.eq(index == words - 1),
            self.judged.eq(steps[-1]),
        ]
        m.d.sync += [
            capture.eq(reading),
            steps.eq(Cat(reading & ends, steps)),
            self.occupied.eq(reading | (self.occupied & ~self.accepted)),
        ]
        with m.If(reading):
            m.d.sync += index.eq(Mux(ends, 0, index + 1))
        with m.If(capture):
            m.d.sync += self.descriptor.eq(Cat(self.descriptor, word) >> len(word))

    def _offer(self, m: Module) -> None:
        """Offer the descriptor with its judgement, up to the program's END."""
        check, o = self.check, self.o
        m.d.comb += [
            check.descriptor.eq(self.descriptor),
            check.refused.eq(self.misplaced | self.behind),
            o.payload.descriptor.eq(self.descriptor),
            o.payload.source.eq(self.source),
            o.payload.error.eq(check.error),
            o.payload.kind.eq(check.kind),
            self.accepted.eq(o.valid & o.ready),
            self.active.eq(self.occupied & ~o.valid),
            self.behind.eq((self.left == 0) & ~self.ended),
        ]
        m.d.sync += o.valid.eq(self.judged | self.behind | (o.valid & ~self.accepted))
        with m.If(self.accepted & check.kind.end):
            m.d.sync += self.ended.eq(1)
        with m.If(self.launch.start):
            m.d.sync += self.ended.eq(0)

    def _buffer(self, m: Module, reading: Signal) -> tuple[Value, Value]:
        """Keep the program's words; return the one read before, and if a descriptor waits whole."""
        depth = PAGES * PAGE_BYTES // self._config.word_bytes
        m.submodules.buffer = buffer = block_memory(self._config.word_bits, depth)
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

    def _follow_pages(self, m: Module) -> None:
        """Count where the descriptor lies, from page to page.

        A page is loaded by the first descriptor of the full page before it: then the other half of
        the buffer is free, and the pages follow one another without a hole.
        """
        words = DESCRIPTOR_BYTES // self._config.word_bytes
        first = Signal()  # of its page
        full = Signal()  # the page has all its descriptors
        next_source = Signal(SOURCE_BITS, reset_less=True)
        next_left = Signal.like(self.left)
        loads_page = Signal()
        load = as_descriptor(self.descriptor).load
        m.d.sync += loads_page.eq(
            (load.opcode == Opcode.LOAD) & (load.destination == Destination.PROGRAM)
        )
        m.d.comb += self.misplaced.eq(loads_page & ~(first & full))
        with m.If(self.accepted):
            m.d.sync += [self.source.eq(self.source + 1), self.left.eq(self.left - 1), first.eq(0)]
            with m.If(loads_page):
                m.d.sync += [
                    next_source.eq(load.address >> exact_log2(DESCRIPTOR_BYTES)),
                    next_left.eq(load.row_words >> exact_log2(words)),
                ]
            with m.If((self.left == 1) & (next_left != 0)):
                m.d.sync += [
                    self.source.eq(next_source),
                    self.left.eq(next_left),
                    next_left.eq(0),
                    first.eq(1),
                    full.eq(next_left == PAGE_DESCRIPTORS),
                ]
        with m.If(self.launch.start):
            m.d.sync += [
                self.source.eq(self.launch.program),
                self.left.eq(PAGE_DESCRIPTORS),
                first.eq(1),
                full.eq(1),
            ]
