"""The load unit: LOAD descriptors in, burst requests out."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim import pipeline
from hwsim.config import Config
from hwsim.program.error_codes import ErrorCode
from hwsim.program.fields import DESCRIPTOR_BYTES, PAGE_BYTES, TOKEN_BITS, Destination, Opcode
from rtl.bursts import Bursts
from rtl.layouts import (
    FAULT,
    SOURCE_BITS,
    WAITING,
    all_names,
    field_layout,
    reached,
    with_first_line,
)
from rtl.read_manager import BUFFER_ADDRESS_BITS, request_layout
from rtl.window_guard import WINDOW, guarded

PLACE_BITS = BUFFER_ADDRESS_BITS + 2  # sums of a block's address and offsets, before the check

LOAD = with_first_line(field_layout(Opcode.LOAD, all_names(Opcode.LOAD)))


class Load(wiring.Component):
    """Waits for a LOAD's tokens, cuts its runs into bursts and says where their words go.

    A LOAD at the head of its queue with its tokens met in cycle t has its first address on the bus
    in cycle t + `LOAD_START`; then one burst per cycle while the read manager takes them. The next
    LOAD follows without a gap. A burst for the weight queue waits until the queue has room for all
    of it. `start` reads the first page, `START_TO_FETCH` cycles later on the bus. A burst that
    leaves the windows or the feature buffer is never offered: it stays, as the fault.

    Members
    -------
    i : In(stream.Signature(LOAD))
    o : Out(stream.Signature(request_layout(config)))
    start, program : In
        Pulse, and where the first page lies (address / 64).
    computes, stores : In
        Tokens.
    released : In(1)
        A word leaves the weight queue.
    windows : In(ArrayLayout(WINDOW, 2))
        Where bursts may read.
    waiting : Out(WAITING)
    fault : Out(FAULT)
    """

    LOAD_START = Bursts.LATENCY + 1  # and the address register of the read manager
    WEIGHT_ROOM = 1 + 1  # room counted, address register
    assert WEIGHT_ROOM == pipeline.WEIGHT_ROOM
    assert LOAD_START == pipeline.LOAD_START
    assert LOAD_START == pipeline.START_TO_FETCH

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(LOAD)),
                "o": Out(stream.Signature(request_layout(config))),
                "start": In(1),
                "program": In(SOURCE_BITS),
                "computes": In(TOKEN_BITS),
                "stores": In(TOKEN_BITS),
                "released": In(1),
                "windows": In(data.ArrayLayout(WINDOW, 2)),
                "waiting": Out(WAITING),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bursts = bursts = Bursts(self._config)

        # Tokens gate the descriptor; `start` puts the first page in its place.
        met = Signal()
        head = Signal(LOAD)
        m.d.comb += [
            met.eq(
                reached(self.computes, self.i.payload.wait_computes)
                & reached(self.stores, self.i.payload.wait_stores)
            ),
            head.eq(self.i.payload),
            bursts.i.valid.eq(self.i.valid & met),
            self.i.ready.eq(bursts.i.ready & met),
        ]
        with m.If(self.start):
            m.d.comb += [
                head.destination.eq(Destination.PROGRAM),
                head.source.eq(self.program),
                head.address.eq(self.program << exact_log2(DESCRIPTOR_BYTES)),
                head.row_words.eq(PAGE_BYTES // self._config.word_bytes),
                head.rows.eq(1),
                head.blocks.eq(1),
                bursts.i.valid.eq(1),
                self.i.ready.eq(0),
            ]
        m.d.comb += [bursts.i.payload[name].eq(head[name]) for name, _ in bursts.i.payload.shape()]

        place, ends_chunk = self._place(m, bursts, head)

        # A weight burst needs room for all of its words.
        capacity = self._config.weight_words
        reserved = Signal(range(capacity + 1))
        is_weights = place.destination == Destination.WEIGHTS
        room = Signal()
        taken = Signal()
        burst = bursts.o.payload
        allowed = self._guard(m, bursts, place)
        m.d.comb += [
            room.eq(~is_weights | (reserved + burst.beats <= capacity)),
            self.o.valid.eq(bursts.o.valid & room & allowed),
            bursts.o.ready.eq(self.o.ready & room & allowed),
            taken.eq(self.o.valid & self.o.ready),
            self.o.payload.address.eq(burst.address),
            self.o.payload.beats.eq(burst.beats),
            self.o.payload.destination.eq(place.destination),
            self.o.payload.buffer_address.eq(place.address),
            self.o.payload.ends_chunk.eq(ends_chunk),
            self.o.payload.source.eq(place.source),
        ]
        m.d.sync += reserved.eq(reserved + Mux(taken & is_weights, burst.beats, 0) - self.released)
        return m

    def _guard(self, m: Module, bursts: Bursts, place: data.View) -> Signal:
        """Whether the burst may be offered; if not, the fault."""
        inside = guarded(m, bursts, [self.windows[0], self.windows[1]])
        burst = bursts.o.payload
        fits = Signal()
        allowed = Signal()
        m.d.comb += [
            fits.eq(
                (place.destination != Destination.FEATURES)
                | (~place.beyond & (place.address + burst.beats <= self._config.feature_words))
            ),
            allowed.eq(inside & fits),
            self.fault.source.eq(place.source),
            self.waiting.valid.eq(bursts.o.valid | self.i.valid),
            self.waiting.source.eq(Mux(bursts.o.valid, place.source, self.i.payload.source)),
        ]
        with m.If(bursts.o.valid & ~inside):
            m.d.comb += self.fault.code.eq(ErrorCode.READ_WINDOW)
        with m.Elif(bursts.o.valid & ~fits):
            m.d.comb += self.fault.code.eq(ErrorCode.BUFFER)
        return allowed

    def _place(self, m: Module, bursts: Bursts, head: data.View) -> tuple[data.View, Signal]:
        """Follow the bursts through the ring rows of the feature buffer."""
        place = Signal(
            data.StructLayout(
                {
                    "source": SOURCE_BITS,
                    "destination": Destination,
                    "address": PLACE_BITS,  # of the next burst
                    "line": PLACE_BITS,  # of the run's ring row
                    "block": PLACE_BITS,  # of ring row 0
                    "block_words": BUFFER_ADDRESS_BITS,
                    "first_row": 16,
                    "first_line": PLACE_BITS,  # of the block's first run
                    "beyond": 1,  # the first run lies past the feature buffer
                    "row": 16,
                    "rows": 16,
                    "row_words": BUFFER_ADDRESS_BITS,
                }
            )
        )
        burst = bursts.o.payload
        next_line = Signal(PLACE_BITS)
        next_first_line = Signal(PLACE_BITS)
        wraps = Signal()
        ends_chunk = Signal()
        m.d.comb += [
            wraps.eq(place.row + 1 == place.rows),
            next_line.eq(Mux(wraps, place.block, place.line + place.row_words)),
            next_first_line.eq(place.first_line + place.block_words),
            ends_chunk.eq(burst.last_of_block & (place.destination == Destination.FEATURES)),
        ]
        with m.If(bursts.o.valid & bursts.o.ready):
            m.d.sync += place.address.eq(place.address + burst.beats)
            with m.If(burst.last_of_run):
                m.d.sync += [
                    place.address.eq(next_line),
                    place.line.eq(next_line),
                    place.row.eq(Mux(wraps, 0, place.row + 1)),
                ]
            with m.If(burst.last_of_block):
                m.d.sync += [
                    place.address.eq(next_first_line),
                    place.line.eq(next_first_line),
                    place.first_line.eq(next_first_line),
                    place.block.eq(place.block + place.block_words),
                    place.row.eq(place.first_row),
                ]
        with m.If(bursts.i.valid & bursts.i.ready):
            m.d.sync += [
                place.source.eq(head.source),
                place.destination.eq(head.destination),
                place.address.eq(head.first_line),
                place.line.eq(head.first_line),
                place.first_line.eq(head.first_line),
                place.block.eq(head.buffer_address),
                place.block_words.eq(head.buffer_block_words),
                place.first_row.eq(head.ring_row),
                place.beyond.eq(head.first_line >= self._config.feature_words),
                place.row.eq(head.ring_row),
                place.rows.eq(head.ring_rows),
                place.row_words.eq(head.row_words),
            ]
        return place, ends_chunk
