"""Descriptor fetch: the two-page program buffer, read one checked descriptor after the other."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim import pipeline
from hwsim.config import Config
from hwsim.program.error_codes import ErrorCode
from hwsim.program.fields import (
    DESCRIPTOR_BYTES,
    OPCODE,
    PAGE_BYTES,
    PAGE_DESCRIPTORS,
    Destination,
    Opcode,
)
from rtl.descriptor_check import DescriptorCheck
from rtl.layouts import DESCRIPTOR_BITS, SOURCE_BITS, descriptor_layout

PAGES = 2

FETCHED = data.StructLayout(
    {
        "descriptor": DESCRIPTOR_BITS,
        "source": SOURCE_BITS,
        "error": ErrorCode,  # NONE, or why this descriptor must not run
    }
)


class Fetch(wiring.Component):
    """Reads descriptors from the program buffer, one word per cycle, and offers them checked.

    A descriptor whose last word can be read in cycle t, the one before being taken, is offered in
    cycle t + its words + `FETCH`; reading the next begins when it is taken. Nothing is read behind
    END. A program that goes on behind its last page is offered as one descriptor with an error.

    Members
    -------
    write, data : In
        A program word arrives; the buffer is filled in order, page after page.
    start, program : In
        Pulse, and where the first page lies (address / 64).
    o : Out(stream.Signature(FETCHED))
    active : Out(1)
        A descriptor is being read.
    """

    FETCH = 1 + DescriptorCheck.LATENCY  # last word captured, check
    assert FETCH == pipeline.DISTRIBUTE_GAP

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "write": In(1),
                "data": In(config.bus.bus_bits),
                "start": In(1),
                "program": In(SOURCE_BITS),
                "o": Out(stream.Signature(FETCHED)),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = DESCRIPTOR_BYTES // self._config.word_bytes
        bits = self._config.bus.bus_bits
        depth = PAGES * PAGE_BYTES // self._config.word_bytes

        m.submodules.buffer = buffer = Memory(shape=bits, depth=depth, init=[])
        write, read = buffer.write_port(), buffer.read_port()

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

        # Read word after word into `descriptor`, let it be checked, then offer it.
        index = Signal(range(max(words, 2)))
        occupied = Signal()  # from a descriptor's first read until it is taken
        reading = Signal()
        capture = Signal()
        captured_index = Signal.like(index)
        assembled = Signal()
        offered = Signal()
        left = Signal(range(PAGE_DESCRIPTORS + 1))  # descriptors of the page, this one included
        ended = Signal(init=1)  # until the program starts, and behind its END
        accepted = Signal()
        ending = Signal()
        free = Signal()
        descriptor = Signal(DESCRIPTOR_BITS, reset_less=True)
        m.d.comb += [
            accepted.eq(offered & self.o.ready),
            ending.eq(accepted & (descriptor[: OPCODE.bits] == Opcode.END)),
            free.eq(~occupied | (accepted & ~ending)),
            reading.eq((index != 0) | (complete & free & ~ended)),
            self.active.eq(occupied & ~offered),
        ]
        m.d.sync += [
            capture.eq(reading),
            captured_index.eq(index),
            assembled.eq(capture & (captured_index == words - 1)),
            offered.eq(assembled | (offered & ~accepted)),
            occupied.eq(reading | (occupied & ~accepted)),
        ]
        with m.If(reading):
            m.d.sync += [
                taken.eq(taken + 1),
                index.eq(Mux(index == words - 1, 0, index + 1)),
            ]
        for number in range(words):
            with m.If(capture & (captured_index == number)):
                m.d.sync += descriptor.word_select(Const(number), bits).eq(read.data)
        with m.If(ending):
            m.d.sync += ended.eq(1)
        with m.If(self.start):
            m.d.sync += ended.eq(0)

        m.submodules.check = check = DescriptorCheck(self._config)
        source, misplaced = self._pages(m, descriptor, accepted, left)
        behind = Signal()
        m.d.comb += [
            check.descriptor.eq(descriptor),
            behind.eq((left == 0) & ~ended),
            self.o.valid.eq(offered | behind),
            self.o.payload.descriptor.eq(descriptor),
            self.o.payload.source.eq(source),
            self.o.payload.error.eq(check.error),
        ]
        with m.If(behind | ((check.error == ErrorCode.NONE) & misplaced)):
            m.d.comb += self.o.payload.error.eq(ErrorCode.PROGRAM)
        return m

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
        layout = descriptor_layout(Opcode.LOAD)
        load = data.View(layout, descriptor[: layout.size])
        m.d.comb += [
            loads_page.eq((load.opcode == Opcode.LOAD) & (load.destination == Destination.PROGRAM)),
            misplaced.eq(loads_page & ~(first & full)),
        ]
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
        with m.If(self.start):
            m.d.sync += [
                source.eq(self.program),
                left.eq(PAGE_DESCRIPTORS),
                first.eq(1),
                full.eq(1),
            ]
        return source, misplaced
