"""The load unit: turns LOAD descriptors into requests for bursts."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import (
    BUFFER_ADDRESS_BITS,
    DESCRIPTOR_BYTES,
    PAGE_BYTES,
    Destination,
    Opcode,
)
from hwsim.rtl.memory.burst_guard import BurstGuard
from hwsim.rtl.memory.bursts import PLACE_BITS, Bursts
from hwsim.rtl.memory.read_manager import request_layout
from hwsim.rtl.memory.runs import Runs, walked
from hwsim.rtl.program.layouts import SOURCE_BITS, all_names, copy_fields, field_layout
from hwsim.rtl.program.run import FAULT, WAITING, WINDOWS, Launch
from hwsim.rtl.program.tokens import Token, reached

LOAD = field_layout(Opcode.LOAD, all_names(Opcode.LOAD))
TAG = data.StructLayout({"source": SOURCE_BITS, "destination": Destination})


class Load(wiring.Component):
    """Waits for a LOAD's tokens, cuts its runs into bursts and says where their words go.

    A LOAD at the head of its queue with its tokens met in cycle t has its first address on the bus
    in cycle t + `LOAD_START`; then one burst per cycle while the read manager takes them. The next
    LOAD follows without a gap. A burst for the weight queue waits until the queue has room for all
    of it. `launch.start` reads the program's first page: its address is on the bus
    `START_TO_FETCH` cycles later. A burst that leaves the windows or the feature buffer is never
    offered: it stays, as the fault.

    Members
    -------
    i : In(stream.Signature(LOAD))
    o : Out(stream.Signature(request_layout(config)))
    launch : In(Launch)
    computes, stores : In(Token)
    released : In(1)
        High where a word leaves the weight queue.
    windows : In(WINDOWS)
        Where bursts may read; they stand still during a run.
    waiting : Out(WAITING)
    fault : Out(FAULT)
    """

    # And the address register of the read manager.
    LOAD_START = Runs.LATENCY + Bursts.LATENCY + BurstGuard.LATENCY + 1
    BURSTS_HELD = 1 + BurstGuard.ENTRIES  # in cutter and guard
    WEIGHT_ROOM = 1 + 1 + 1  # its register, room counted, address register
    assert WEIGHT_ROOM == pipeline.WEIGHT_ROOM
    assert BURSTS_HELD == pipeline.BURSTS_HELD
    assert LOAD_START == pipeline.LOAD_START
    assert LOAD_START == pipeline.START_TO_FETCH

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(LOAD)),
                "o": Out(stream.Signature(request_layout(config))),
                "launch": In(Launch()),
                "computes": In(Token()),
                "stores": In(Token()),
                "released": In(1),
                "windows": In(WINDOWS),
                "waiting": Out(WAITING),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self._config
        m.submodules.runs = runs = Runs(config)
        m.submodules.bursts = bursts = Bursts(config, TAG)
        m.submodules.guard = guard = BurstGuard(
            bursts.o.payload.shape(), 2, config.feature_words, ErrorCode.READ_WINDOW
        )
        head = self._head(m, runs)
        job, met = walked(m, runs, head, self._have_tokens_come)
        m.d.comb += [
            bursts.i.valid.eq(runs.o.valid & met),
            runs.o.ready.eq(bursts.i.ready & met),
            *copy_fields(bursts.i.payload, runs.o.payload),
            bursts.i.payload.place.eq(self._place(m, runs, job)),
            bursts.i.payload.in_buffer.eq(job.destination == Destination.FEATURES),
            *copy_fields(bursts.i.payload.tag, job),
            guard.windows[0].eq(self.windows.constants),
            guard.windows[1].eq(self.windows.features),
        ]
        wiring.connect(m, bursts.o, guard.i)

        burst = guard.o.payload
        room = self._room(m, guard)
        m.d.comb += [
            self.o.valid.eq(guard.o.valid & room),
            guard.o.ready.eq(self.o.ready & room),
            *copy_fields(self.o.payload, burst),
            *copy_fields(self.o.payload, burst.tag),
            self.o.payload.buffer_address.eq(burst.place),
            self.o.payload.ends_chunk.eq(
                burst.last_of_block & (burst.tag.destination == Destination.FEATURES)
            ),
            self.fault.eq(guard.fault),
            self.waiting.valid.eq(guard.o.valid | runs.o.valid),
            self.waiting.source.eq(Mux(guard.o.valid, burst.tag.source, job.source)),
        ]
        return m

    def _head(self, m: Module, runs: Runs) -> data.View:
        """Return the next descriptor; `start` puts the program's first page in its place."""
        page = Signal(LOAD)
        start = self.launch.start
        head: data.View = data.View(LOAD, Mux(start, page.as_value(), self.i.payload.as_value()))
        m.d.comb += [
            page.destination.eq(Destination.PROGRAM),
            page.source.eq(self.launch.program),
            page.address.eq(self.launch.program << exact_log2(DESCRIPTOR_BYTES)),
            page.row_words.eq(PAGE_BYTES // self._config.word_bytes),
            page.rows.eq(1),
            page.blocks.eq(1),
            runs.i.valid.eq(self.i.valid | start),
            self.i.ready.eq(runs.i.ready & ~start),
            *copy_fields(runs.i.payload, head),
        ]
        return head

    def _have_tokens_come(self, load: data.View) -> Value:
        """Return whether what is overwritten has been read, and what is read has been stored."""
        computes = reached(self.computes.count, load.wait_computes)
        return computes & reached(self.stores.count, load.wait_stores)

    def _room(self, m: Module, guard: BurstGuard) -> Value:
        """Return whether the weight queue has room for all words of the burst on `guard.o`."""
        capacity = self._config.weight_words
        free = Signal(range(-self._config.burst_words, capacity + 1), init=capacity)
        next_ = guard.next
        released = Signal()
        m.d.sync += [released.eq(self.released), free.eq(free + released)]
        with m.If(guard.moves & (next_.tag.destination == Destination.WEIGHTS)):
            m.d.sync += free.eq(free - next_.beats + released)
        return free >= 0

    def _place(self, m: Module, runs: Runs, job: data.View) -> Signal:
        """Follow the runs through the ring of the feature buffer; return the line of each.

        The program's first page, which is read in front of all descriptors, has no line.
        """
        head = self.i.payload
        line = Signal(PLACE_BITS, reset_less=True)  # of the run
        first_line = Signal(PLACE_BITS, reset_less=True)  # of the block's first run
        # To the ring's end, with the run's.
        rows_left = Signal(len(head.ring_rows), reset_less=True)
        first_rows_left = Signal.like(rows_left)  # with the block's first run
        wraps = Signal()  # the next run goes to ring row 0
        next_first_line = Signal(PLACE_BITS)
        m.d.comb += next_first_line.eq(first_line + job.buffer_block_words)
        with m.If(runs.moves):
            m.d.sync += [
                line.eq(
                    line + Mux(wraps, -job.wrap_words, runs.o.payload.words[:BUFFER_ADDRESS_BITS])
                ),
                rows_left.eq(Mux(wraps, job.ring_rows, rows_left - 1)),
                wraps.eq(Mux(wraps, job.ring_rows == 1, rows_left == 2)),
            ]
            with m.If(runs.o.payload.last_of_block):
                m.d.sync += [
                    line.eq(next_first_line),
                    first_line.eq(next_first_line),
                    rows_left.eq(first_rows_left),
                    wraps.eq(first_rows_left == 1),
                ]
            with m.If(runs.begins):
                m.d.sync += [
                    line.eq(head.first_line),
                    first_line.eq(head.first_line),
                    rows_left.eq(head.ring_rows - head.ring_row),
                    first_rows_left.eq(head.ring_rows - head.ring_row),
                    wraps.eq(head.ring_rows - head.ring_row == 1),
                ]
        return line
