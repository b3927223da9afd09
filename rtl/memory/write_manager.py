"""The write manager: drives the AXI4 write channels with words from staging."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.memory.axi4 import Axi4Write
from hwsim.rtl.memory.staging import STAGING_BITS, Staging
from hwsim.rtl.memory.store import write_layout
from hwsim.rtl.primitives.queue import Queue
from hwsim.rtl.primitives.read_port import ReadPort
from hwsim.rtl.program.layouts import SOURCE_BITS, copy_fields
from hwsim.rtl.program.run import FAULT


class WriteManager(wiring.Component):
    """Puts burst addresses on the bus, reads their words from staging and counts responses.

    A request taken in cycle t stands on the bus in cycle t + 1, its first word `STORE_DATA` cycles
    later or right behind the last word of the burst before: one beat per cycle across bursts.
    Addresses run up to `BURSTS_AHEAD` bursts ahead of the words read from staging; at most
    `OUTSTANDING_WRITES` bursts wait for their response. `bready` is always high. With `stop` no
    further request is taken, and words that do not yet stand on the bus go with strobes 0. A
    response with an error makes the fault, one cycle later; responses that nobody waits for are
    dropped.

    Members
    -------
    i : In(stream.Signature(write_layout(config)))
    staging : Out(ReadPort(STAGING_BITS, word_bits))
        Answers `Staging.READ_LATENCY` cycles later, and keeps its word until the next read.
    staged : Out(1)
        High `STAGED` cycles after the last word of a STORE was read from staging.
    stored : Out(1)
        High `STORED` cycles after the response to a STORE's last burst was on the bus.
    stop : In(1)
        High for as long as no further request may go out.
    quiet : Out(1)
        High while no address and no word stands on the bus and every response has come.
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
                {"staging_address": STAGING_BITS, "last_beat": len(bus.awlen), "last": 1}
            ),
            self.BURSTS_AHEAD,
        )

        move = Signal()
        take = Signal()
        m.d.comb += [
            move.eq(~bus.awvalid | bus.awready),
            self.i.ready.eq(move & responses.i.ready & waiting.i.ready & ~self.stop),
            take.eq(self.i.valid & self.i.ready),
            waiting.i.payload.staging_address.eq(self.i.payload.staging_address),
            waiting.i.payload.last_beat.eq(self.i.payload.beats - 1),
            waiting.i.payload.last.eq(self.i.payload.last),
            waiting.i.valid.eq(take),
            *copy_fields(responses.i.payload, self.i.payload),
            responses.i.valid.eq(take),
            responses.o.ready.eq(bus.bvalid),
            answered.eq(bus.bvalid & responses.o.valid),
            bus.bready.eq(1),
            self.quiet.eq(~bus.awvalid & ~bus.wvalid & ~responses.o.valid & ~waiting.o.valid),
        ]
        m.d.sync += [
            self.stored.eq(answered & awaited.last),
            self.fault.code.eq(ErrorCode.NONE),
            self.fault.source.eq(awaited.source),
        ]
        with m.If(answered & bus.bresp[1]):  # SLVERR or DECERR
            m.d.sync += self.fault.code.eq(ErrorCode.WRITE_RESPONSE)
        with m.If(move):
            m.d.sync += [
                bus.awvalid.eq(take),
                bus.awaddr.eq(self.i.payload.address),
                bus.awlen.eq(self.i.payload.beats - 1),
            ]
        self._data(m, waiting)
        return m

    def _data(self, m: Module, waiting: Queue) -> None:
        """Move words through staging's memory and the output register, each when the next can."""
        bus, staging = self.bus, self.staging
        burst = waiting.o.payload
        beat = Signal.like(burst.last_beat)
        last = Signal()
        read_valid = Signal()
        read_last = Signal()
        move_read = Signal()
        move_out = Signal()
        m.d.comb += [
            move_out.eq(~bus.wvalid | bus.wready),
            move_read.eq(~read_valid | move_out),
            last.eq(beat == burst.last_beat),
            waiting.o.ready.eq(move_read & last),
            staging.enable.eq(move_read & waiting.o.valid),
            staging.address.eq(burst.staging_address + beat),
        ]
        m.d.sync += self.staged.eq(staging.enable & last & burst.last)
        with m.If(staging.enable):
            m.d.sync += beat.eq(Mux(last, 0, beat + 1))
        with m.If(move_read):
            m.d.sync += [read_valid.eq(waiting.o.valid), read_last.eq(last)]
        with m.If(move_out):
            m.d.sync += bus.wvalid.eq(read_valid)
            with m.If(read_valid):
                m.d.sync += [
                    bus.wdata.eq(staging.data),
                    bus.wstrb.eq(Mux(self.stop, 0, -1)),
                    bus.wlast.eq(read_last),
                ]
