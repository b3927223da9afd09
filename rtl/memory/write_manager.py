"""The write manager: drives the AXI4 write channels, or the feature buffer, with staged words."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import StoreDestination
from hwsim.rtl.memory.axi4 import Axi4Write
from hwsim.rtl.memory.staging import STAGING_BITS, Staging
from hwsim.rtl.memory.store import write_layout
from hwsim.rtl.memory.word_router import feature_layout
from hwsim.rtl.primitives.queue import Queue
from hwsim.rtl.primitives.read_port import ReadPort
from hwsim.rtl.program.layouts import SOURCE_BITS, copy_fields
from hwsim.rtl.program.run import FAULT


class WriteManager(wiring.Component):
    """Puts burst addresses on the bus, reads their words from staging and counts responses.

    A request taken in cycle t stands on the bus in cycle t + 1, its first word `STORE_DATA` cycles
    later or right behind the last word of the burst before: one beat per cycle across bursts.
    Addresses run up to `BURSTS_AHEAD` bursts ahead of the words read from staging; at most
    `OUTSTANDING_WRITES` bursts wait for their response. `bready` is always high. A burst into the
    feature buffer has no address on the bus and no response: its words leave `features` in the
    cycles in which they would be on the bus, all in the order of the requests. With `stop` no
    further request is taken, and words that do not yet stand on the bus go with strobes 0. A
    response with an error makes the fault, one cycle later; responses that nobody waits for are
    dropped.

    Members
    -------
    i : In(stream.Signature(write_layout(config)))
    staging : Out(ReadPort(STAGING_BITS, word_bits))
        Answers `Staging.READ_LATENCY` cycles later, and keeps its word until the next read.
    features : Out(stream.Signature(feature_layout(config)))
    staged : Out(1)
        High `STAGED` cycles after the last word of a STORE was read from staging, or was taken by
        the feature buffer: once for each STORE, in their order. So the last word of a STORE waits
        in staging for that of one before it to be in the feature buffer.
    stored : Out(1)
        High `STORED` cycles after the response to a STORE's last burst was on the bus.
    stop : In(1)
        High for as long as no further request may go out.
    quiet : Out(1)
        High while no address and no word stands on the bus or goes to the feature buffer, and every
        response has come.
    fault : Out(FAULT)
    bus : Out(Axi4Write)
    """

    # From its address: behind the queue, staging and the output register.
    STORE_DATA = Queue.LATENCY - 1 + Staging.READ_LATENCY + 1
    STAGED = 1
    STORED = 1
    OUTSTANDING_WRITES = pipeline.OUTSTANDING_WRITES
    BURSTS_AHEAD = 4  # addresses that may precede their data
    assert STORE_DATA == pipeline.STORE_DATA

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(write_layout(config))),
                "staging": Out(ReadPort(STAGING_BITS, config.word_bits)),
                "features": Out(stream.Signature(feature_layout(config))),
                "staged": Out(1),
                "stored": Out(1),
                "stop": In(1),
                "quiet": Out(1),
                "fault": Out(FAULT),
                "bus": Out(Axi4Write(config.word_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        # Of each burst that waits for a response, its STORE, and whether it ends it. The response
        # comes behind the data, and that later than an entry goes through the queue.
        m.submodules.responses = responses = Queue(
            data.StructLayout({"last": 1, "source": SOURCE_BITS}), self.OUTSTANDING_WRITES
        )
        awaited = responses.o.payload
        answered = Signal()
        m.submodules.waiting = waiting = Queue(
            data.StructLayout(
                {
                    "staging_address": STAGING_BITS,
                    "last_beat": len(bus.awlen),
                    "last": 1,
                    "kept": 1,  # in the feature buffer
                    "line": range(self._config.feature_words),  # of it: the first word's
                }
            ),
            self.BURSTS_AHEAD,
        )

        request = self.i.payload
        address = Signal.like(bus.awaddr, reset_less=True)
        length = Signal.like(bus.awlen, reset_less=True)
        source = Signal(SOURCE_BITS, reset_less=True)
        move = Signal()
        take = Signal()
        kept = Signal()
        m.d.comb += [
            bus.awaddr.eq(address),
            bus.awlen.eq(length),
            self.fault.source.eq(source),
            move.eq(~bus.awvalid | bus.awready),
            kept.eq(request.destination == StoreDestination.FEATURES),
            self.i.ready.eq((kept | (move & responses.i.ready)) & waiting.i.ready & ~self.stop),
            take.eq(self.i.valid & self.i.ready),
            waiting.i.payload.staging_address.eq(request.staging_address),
            waiting.i.payload.last_beat.eq(request.beats - 1),
            waiting.i.payload.last.eq(request.last),
            waiting.i.payload.kept.eq(kept),
            waiting.i.payload.line.eq(request.address >> exact_log2(self._config.word_bytes)),
            waiting.i.valid.eq(take),
            *copy_fields(responses.i.payload, request),
            responses.i.valid.eq(take & ~kept),
            responses.o.ready.eq(bus.bvalid),
            answered.eq(bus.bvalid & responses.o.valid),
            bus.bready.eq(1),
        ]
        m.d.sync += [
            self.stored.eq(answered & awaited.last),
            self.fault.code.eq(ErrorCode.NONE),
            source.eq(awaited.source),
        ]
        with m.If(answered & bus.bresp[1]):  # SLVERR or DECERR
            m.d.sync += self.fault.code.eq(ErrorCode.WRITE_RESPONSE)
        with m.If(move):
            m.d.sync += [
                bus.awvalid.eq(take & ~kept),
                address.eq(request.address),
                length.eq(request.beats - 1),
            ]
        words_move = self._data(m, waiting)
        enters = Signal()  # the queue of bursts that wait, in which it stands a cycle later
        m.d.sync += enters.eq(take & kept)
        m.d.comb += self.quiet.eq(~bus.awvalid & ~responses.o.valid & ~enters & ~words_move)
        return m

    def _data(self, m: Module, waiting: Queue) -> Value:
        """Move words through staging's memory and the output register, each when the next can.

        Return whether any word is still to move.
        """
        bus, staging, features = self.bus, self.staging, self.features
        burst = waiting.o.payload
        beat = Signal.like(burst.last_beat)
        last = Signal()
        read_valid = Signal()
        read_last = Signal()
        move_read = Signal()
        move_out = Signal()
        # A word that ends a STORE into the feature buffer, read from staging and in the output.
        read_kept, read_ends, out_ends = Signal(), Signal(), Signal()
        # Of the word read from staging.
        line = Signal(range(self._config.feature_words), reset_less=True)
        out_data = Signal.like(bus.wdata, reset_less=True)
        out_line = Signal.like(line)
        waits = Signal()  # for such a word, so that `staged` keeps the order
        m.d.comb += [
            move_out.eq((~bus.wvalid | bus.wready) & (~features.valid | features.ready)),
            waits.eq(burst.last & last & (read_valid & read_ends | features.valid & out_ends)),
            move_read.eq((~read_valid | move_out) & ~waits),
            last.eq(beat == burst.last_beat),
            waiting.o.ready.eq(move_read & last),
            staging.enable.eq(move_read & waiting.o.valid),
            staging.address.eq(burst.staging_address + beat),
            bus.wdata.eq(out_data),
            features.payload.data.eq(out_data),
            features.payload.address.eq(out_line),
        ]
        m.d.sync += self.staged.eq(
            (staging.enable & last & burst.last & ~burst.kept)
            | (features.valid & features.ready & out_ends)
        )
        with m.If(staging.enable):
            m.d.sync += beat.eq(Mux(last, 0, beat + 1))
        with m.If(move_out):
            m.d.sync += read_valid.eq(0)
        with m.If(move_read):
            m.d.sync += [
                read_valid.eq(waiting.o.valid),
                read_last.eq(last),
                read_kept.eq(burst.kept),
                read_ends.eq(burst.kept & burst.last & last),
                line.eq(burst.line + beat),
            ]
        with m.If(move_out):
            m.d.sync += [
                bus.wvalid.eq(read_valid & ~read_kept),
                features.valid.eq(read_valid & read_kept),
                out_ends.eq(read_ends),
            ]
            with m.If(read_valid):
                m.d.sync += [
                    out_data.eq(staging.data),
                    bus.wstrb.eq(Mux(self.stop, 0, -1)),
                    bus.wlast.eq(read_last),
                    out_line.eq(line),
                ]
        return waiting.o.valid | read_valid | bus.wvalid | features.valid
