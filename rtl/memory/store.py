"""The store unit: turns STORE descriptors into requests to write bursts from staging."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.fields import ADDRESS_BITS, Opcode
from hwsim.rtl.memory.bursts import Bursts
from hwsim.rtl.memory.runs import Runs, walked
from hwsim.rtl.memory.staging import STAGING_BITS
from hwsim.rtl.memory.store_guard import StoreGuard
from hwsim.rtl.program.layouts import SOURCE_BITS, all_names, copy_fields, field_layout
from hwsim.rtl.program.run import FAULT, WAITING, WINDOW
from hwsim.rtl.program.tokens import Token, reached

STORE = field_layout(Opcode.STORE, all_names(Opcode.STORE))
TAG = data.StructLayout({"destination": 1, "source": SOURCE_BITS})


def write_layout(config: Config) -> data.StructLayout:
    """Return the layout of a burst to write, and of where its words stand in staging."""
    return data.StructLayout(
        {
            "destination": 1,
            "address": ADDRESS_BITS,  # in memory, or of a byte in the feature buffer
            "beats": range(config.burst_words + 1),
            "staging_address": STAGING_BITS,
            "last": 1,  # of its STORE
            "source": SOURCE_BITS,
        }
    )


class Store(wiring.Component):
    """Waits for a STORE's drains and cuts its runs into bursts; their words adjoin in staging.

    A STORE at the head of its queue with its token met in cycle t has its first address on the bus
    in cycle t + `STORE_START`; then one burst per cycle while the write manager takes them. The
    next STORE follows without a gap. One into the feature buffer goes the same way. A burst that
    leaves the window, staging or the feature buffer is never offered: it stays, as the fault.

    Members
    -------
    i : In(stream.Signature(STORE))
    o : Out(stream.Signature(write_layout(config)))
    drains : In(Token)
    window : In(WINDOW)
        Where bursts may write.
    waiting : Out(WAITING)
    fault : Out(FAULT)
    """

    # And the address register of the write manager.
    STORE_START = Runs.LATENCY + Bursts.LATENCY + StoreGuard.LATENCY + 1
    assert STORE_START == pipeline.STORE_START

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(STORE)),
                "o": Out(stream.Signature(write_layout(config))),
                "drains": In(Token()),
                "window": In(WINDOW),
                "waiting": Out(WAITING),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self._config
        m.submodules.runs = runs = Runs(config)
        m.submodules.bursts = bursts = Bursts(config, TAG)
        m.submodules.guard = guard = StoreGuard(config, bursts.o.payload.shape())
        head = self.i.payload
        job, met = walked(m, runs, head, self._has_token_come)
        place = Signal(STAGING_BITS + 1, reset_less=True)  # the largest staging ends at 2**16
        m.d.comb += [
            runs.i.valid.eq(self.i.valid),
            self.i.ready.eq(runs.i.ready),
            *copy_fields(runs.i.payload, head),
            bursts.i.valid.eq(runs.o.valid & met),
            runs.o.ready.eq(bursts.i.ready & met),
            *copy_fields(bursts.i.payload, runs.o.payload),
            bursts.i.payload.place.eq(place),
            bursts.i.payload.in_buffer.eq(1),
            *copy_fields(bursts.i.payload.tag, job),
            guard.windows[0].eq(self.window),
        ]
        with m.If(runs.moves):
            m.d.sync += place.eq(
                Mux(runs.begins, head.staging_address, place + runs.o.payload.words)
            )
        wiring.connect(m, bursts.o, guard.i)

        burst = guard.o.payload
        m.d.comb += [
            self.o.valid.eq(guard.o.valid),
            guard.o.ready.eq(self.o.ready),
            *copy_fields(self.o.payload, burst),
            *copy_fields(self.o.payload, burst.tag),
            self.o.payload.staging_address.eq(burst.place),
            self.fault.eq(guard.fault),
            self.waiting.valid.eq(runs.o.valid),
            self.waiting.source.eq(job.source),
        ]
        return m

    def _has_token_come(self, store: data.View) -> Value:
        """Return whether all that is stored has been drained."""
        return reached(self.drains.count, store.wait_drains)
