"""The AXI4 write channels: burst addresses and staged words out, responses in."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim import pipeline
from hwsim.config import Config
from hwsim.program.error_codes import ErrorCode
from rtl.layouts import ADDRESS_BITS, FAULT, SOURCE_BITS
from rtl.placing import STAGING_BITS
from rtl.staging import Staging
from rtl.store import write_layout

BURSTS_AHEAD = 4  # addresses that may precede their data


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
    read_enable, read_address, word
        Read port of staging.
    stored : Out(1)
        The response to a STORE's last burst is on the bus.
    stop : In(1)
    quiet : Out(1)
        No address and no word stands on the bus and every response has come.
    fault : Out(FAULT)
    aw*, w*, b* : the AXI4 write channels
    """

    STORE_DATA = Staging.READ_LATENCY + 1
    assert STORE_DATA == pipeline.STORE_DATA

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(write_layout(config))),
                "read_enable": Out(1),
                "read_address": Out(STAGING_BITS),
                "word": In(config.bus.bus_bits),
                "stored": Out(1),
                "stop": In(1),
                "quiet": Out(1),
                "fault": Out(FAULT),
                "awvalid": Out(1),
                "awready": In(1),
                "awaddr": Out(ADDRESS_BITS),
                "awlen": Out(8),
                "wvalid": Out(1),
                "wready": In(1),
                "wdata": Out(config.bus.bus_bits),
                "wstrb": Out(config.word_bytes),
                "wlast": Out(1),
                "bvalid": In(1),
                "bresp": In(2),
                "bready": Out(1, init=1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Of each burst that waits for a response, its STORE, and whether it ends it.
        awaited = Signal(data.StructLayout({"last": 1, "source": SOURCE_BITS}))
        incoming = Signal.like(awaited)
        m.submodules.responses = responses = fifo.SyncFIFO(
            width=len(awaited.as_value()), depth=pipeline.OUTSTANDING_WRITES
        )
        answered = Signal()
        waiting = Signal(
            data.StructLayout(
                {
                    "staging_address": STAGING_BITS,
                    "beats": self.i.payload.beats.shape(),
                }
            )
        )
        m.submodules.waiting = bursts = fifo.SyncFIFO(
            width=len(waiting.as_value()), depth=BURSTS_AHEAD
        )

        move = Signal()
        take = Signal()
        m.d.comb += [
            move.eq(~self.awvalid | self.awready),
            self.i.ready.eq(move & responses.w_rdy & bursts.w_rdy & ~self.stop),
            take.eq(self.i.valid & self.i.ready),
            waiting.staging_address.eq(self.i.payload.staging_address),
            waiting.beats.eq(self.i.payload.beats),
            bursts.w_data.eq(waiting),
            bursts.w_en.eq(take),
            incoming.last.eq(self.i.payload.last),
            incoming.source.eq(self.i.payload.source),
            responses.w_data.eq(incoming),
            responses.w_en.eq(take),
            responses.r_en.eq(self.bvalid),
            awaited.eq(responses.r_data),
            answered.eq(self.bvalid & responses.r_rdy),
            self.bready.eq(1),
            self.stored.eq(answered & awaited.last),
            self.quiet.eq(~self.awvalid & ~self.wvalid & ~responses.r_rdy & ~bursts.r_rdy),
        ]
        m.d.sync += [self.fault.code.eq(ErrorCode.NONE), self.fault.source.eq(awaited.source)]
        with m.If(answered & self.bresp[1]):  # SLVERR or DECERR
            m.d.sync += self.fault.code.eq(ErrorCode.WRITE_RESPONSE)
        with m.If(move):
            m.d.sync += self.awvalid.eq(take)
            with m.If(take):
                m.d.sync += [
                    self.awaddr.eq(self.i.payload.address),
                    self.awlen.eq(self.i.payload.beats - 1),
                ]
        self._data(m, bursts, waiting.shape())
        return m

    def _data(self, m: Module, bursts: fifo.SyncFIFO, layout: data.StructLayout) -> None:
        """Two stages, memory and output register; each moves when the one behind it does."""
        burst = data.View(layout, bursts.r_data)
        beat = Signal.like(burst.beats)
        last = Signal()
        read_valid = Signal()
        read_last = Signal()
        move_read = Signal()
        move_out = Signal()
        m.d.comb += [
            move_out.eq(~self.wvalid | self.wready),
            move_read.eq(~read_valid | move_out),
            last.eq(beat + 1 == burst.beats),
            bursts.r_en.eq(move_read & last),
            self.read_enable.eq(move_read & bursts.r_rdy),
            self.read_address.eq(burst.staging_address + beat),
        ]
        with m.If(self.read_enable):
            m.d.sync += beat.eq(Mux(last, 0, beat + 1))
        with m.If(move_read):
            m.d.sync += [read_valid.eq(bursts.r_rdy), read_last.eq(last)]
        with m.If(move_out):
            m.d.sync += self.wvalid.eq(read_valid)
            with m.If(read_valid):
                m.d.sync += [
                    self.wdata.eq(self.word),
                    self.wstrb.eq(Mux(self.stop, 0, -1)),
                    self.wlast.eq(read_last),
                ]
