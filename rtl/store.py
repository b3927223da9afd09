"""The store unit: STORE descriptors in, bursts of staged words out."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim import pipeline
from hwsim.config import Config
from hwsim.program.error_codes import ErrorCode
from hwsim.program.fields import TOKEN_BITS, Opcode
from rtl.bursts import Bursts
from rtl.layouts import (
    ADDRESS_BITS,
    FAULT,
    SOURCE_BITS,
    WAITING,
    all_names,
    field_layout,
    reached,
)
from rtl.placing import STAGING_BITS
from rtl.window_guard import WINDOW, guarded

STORE = field_layout(Opcode.STORE, all_names(Opcode.STORE))


def write_layout(config: Config) -> data.StructLayout:
    """A burst to write, and where its words stand in staging."""
    return data.StructLayout(
        {
            "address": ADDRESS_BITS,
            "beats": range(config.bus.burst_beats + 1),
            "staging_address": STAGING_BITS,
            "last": 1,  # of its STORE
            "source": SOURCE_BITS,
        }
    )


class Store(wiring.Component):
    """Waits for a STORE's drains and cuts its runs into bursts; staging is read straight through.

    A STORE at the head of its queue with its token met in cycle t has its first address on the bus
    in cycle t + `STORE_START`; then one burst per cycle while the write manager takes them. The
    next STORE follows without a gap. A burst that leaves the window or staging is never offered: it
    stays, as the fault.

    Members
    -------
    i : In(stream.Signature(STORE))
    o : Out(stream.Signature(write_layout(config)))
    drains : In(TOKEN_BITS)
    window : In(WINDOW)
        Where bursts may write.
    waiting : Out(WAITING)
    fault : Out(FAULT)
    """

    STORE_START = Bursts.LATENCY + 1  # and the address register of the write manager
    assert STORE_START == pipeline.STORE_START

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(STORE)),
                "o": Out(stream.Signature(write_layout(config))),
                "drains": In(TOKEN_BITS),
                "window": In(WINDOW),
                "waiting": Out(WAITING),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bursts = bursts = Bursts(self._config)
        head = self.i.payload
        met = Signal()
        m.d.comb += [
            met.eq(reached(self.drains, head.wait_drains)),
            bursts.i.valid.eq(self.i.valid & met),
            self.i.ready.eq(bursts.i.ready & met),
        ]
        m.d.comb += [bursts.i.payload[name].eq(head[name]) for name, _ in bursts.i.payload.shape()]

        staging_address = Signal(STAGING_BITS + 1)  # the largest ends at 2**16
        source = Signal(SOURCE_BITS)
        burst = bursts.o.payload
        inside = guarded(m, bursts, [self.window])
        fits = Signal()
        allowed = Signal()
        m.d.comb += [
            fits.eq(staging_address + burst.beats <= self._config.staging_words),
            allowed.eq(inside & fits),
            self.fault.source.eq(source),
            self.waiting.valid.eq(self.i.valid),
            self.waiting.source.eq(head.source),
        ]
        with m.If(bursts.o.valid & ~inside):
            m.d.comb += self.fault.code.eq(ErrorCode.WRITE_WINDOW)
        with m.Elif(bursts.o.valid & ~fits):
            m.d.comb += self.fault.code.eq(ErrorCode.BUFFER)
        m.d.comb += [
            self.o.valid.eq(bursts.o.valid & allowed),
            bursts.o.ready.eq(self.o.ready & allowed),
            self.o.payload.address.eq(burst.address),
            self.o.payload.beats.eq(burst.beats),
            self.o.payload.staging_address.eq(staging_address),
            self.o.payload.last.eq(burst.last),
            self.o.payload.source.eq(source),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += staging_address.eq(staging_address + burst.beats)
        with m.If(bursts.i.valid & bursts.i.ready):
            m.d.sync += [staging_address.eq(head.staging_address), source.eq(head.source)]
        return m
