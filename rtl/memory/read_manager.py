"""The read manager: drives the AXI4 read channels, and says where each word goes."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import ADDRESS_BITS, Destination
from hwsim.rtl.memory.axi4 import Axi4Read
from hwsim.rtl.program.layouts import SOURCE_BITS, copy_fields
from hwsim.rtl.program.run import FAULT


def tag_layout(config: Config) -> data.StructLayout:
    """Return the layout of where the words of a burst go, and whose they are."""
    return data.StructLayout(
        {
            "destination": Destination,
            "buffer_address": range(config.feature_words),
            "ends_chunk": 1,
            "source": SOURCE_BITS,
        }
    )


def request_layout(config: Config) -> data.StructLayout:
    """Return the layout of a burst to read, and of where its words go."""
    return data.StructLayout(
        {
            "address": ADDRESS_BITS,
            "beats": range(config.burst_words + 1),
            "destination": Destination,
            "buffer_address": range(config.feature_words),  # there only: word of the first beat
            "ends_chunk": 1,
            "source": SOURCE_BITS,
        }
    )


def word_layout(config: Config) -> data.StructLayout:
    """Return the layout of a word that has arrived, and of where it goes."""
    return data.StructLayout(
        {
            "data": config.word_bits,
            "destination": Destination,
            "buffer_address": range(config.feature_words),
            "ends_chunk": 1,
        }
    )


class ReadManager(wiring.Component):
    """Puts one burst address per cycle on the bus and hands the words on as they arrive.

    A request taken in cycle t stands on the bus in cycle t + 1. At most `outstanding_reads` bursts
    are unanswered: the last beat of one in cycle t lets the next address out in cycle
    t + `READ_SLOT`. A beat on the bus in cycle t leaves `o` in cycle t + 1; nothing stalls it, so
    `rready` is always high. With `stop` no further request is taken; an address that stands on the
    bus stays until it is accepted, and what is unanswered still comes. A beat with an error makes
    the fault, one cycle later; beats that nobody asked for are dropped.

    Members
    -------
    i : In(stream.Signature(request_layout(config)))
    o : Out(stream.Signature(word_layout(config), always_ready=True))
    stop : In(1)
        High for as long as no further request may go out.
    quiet : Out(1)
        High while no address stands on the bus and no burst is unanswered.
    fault : Out(FAULT)
    bus : Out(Axi4Read)
    """

    WORD_LATENCY = 1
    READ_SLOT = 2
    assert READ_SLOT == pipeline.READ_SLOT

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(request_layout(config))),
                "o": Out(stream.Signature(word_layout(config), always_ready=True)),
                "stop": In(1),
                "quiet": Out(1),
                "fault": Out(FAULT),
                "bus": Out(Axi4Read(config.word_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        take = Signal()
        expected = Signal()  # the beat on the bus has been asked for
        answered = Signal()  # and ends its burst
        self._send_addresses(m, take, expected, answered)
        tag = self._tags(m, take, answered)
        self._hand_on_words(m, expected, tag)
        return m

    def _send_addresses(self, m: Module, take: Signal, expected: Signal, answered: Signal) -> None:
        """Take requests while fewer than `outstanding_reads` bursts are unanswered."""
        bus, outstanding = self.bus, self._config.bus.outstanding_reads
        unanswered = Signal(range(outstanding + 1))
        is_any = Signal()  # is unanswered
        is_full = Signal()  # no more may be
        move = Signal()
        address = Signal.like(bus.araddr, reset_less=True)
        length = Signal.like(bus.arlen, reset_less=True)
        m.d.comb += [
            bus.araddr.eq(address),
            bus.arlen.eq(length),
            move.eq(~bus.arvalid | bus.arready),
            self.i.ready.eq(move & ~is_full & ~self.stop),
            take.eq(self.i.valid & self.i.ready),
            expected.eq(bus.rvalid & is_any),
            answered.eq(expected & bus.rlast),
            self.quiet.eq(~bus.arvalid & ~is_any),
            bus.rready.eq(1),
        ]
        m.d.sync += [
            unanswered.eq(unanswered + take - answered),
            is_any.eq(take | (is_any & ~(answered & (unanswered == 1)))),
            is_full.eq(~answered & (is_full | (take & (unanswered == outstanding - 1)))),
        ]
        with m.If(move):
            m.d.sync += [
                bus.arvalid.eq(take),
                address.eq(self.i.payload.address),
                length.eq(self.i.payload.beats - 1),
            ]

    def _tags(self, m: Module, take: Signal, answered: Signal) -> data.View:
        """Keep where the words of each unanswered burst go, and return it for the oldest.

        A tag is readable in the cycle after its request, which is before the first beat can be.
        """
        m.submodules.tags = tags = Memory(
            shape=tag_layout(self._config), depth=self._config.read_tags, init=[]
        )
        write, read = tags.write_port(), tags.read_port(domain="comb")
        m.d.comb += [write.en.eq(take), *copy_fields(write.data, self.i.payload)]
        m.d.sync += [write.addr.eq(write.addr + take), read.addr.eq(read.addr + answered)]
        tag: data.View = read.data
        return tag

    def _hand_on_words(self, m: Module, expected: Signal, tag: data.View) -> None:
        """Give each word its place, or report that its beat has an error."""
        bus = self.bus
        word = Signal(self.o.payload.shape(), reset_less=True)
        source = Signal(SOURCE_BITS, reset_less=True)
        m.d.comb += [self.o.payload.eq(word), self.fault.source.eq(source)]
        beat = Signal.like(self.i.payload.beats)
        m.d.sync += [self.o.valid.eq(expected), self.fault.code.eq(ErrorCode.NONE)]
        with m.If(expected & bus.rresp[1]):  # SLVERR or DECERR
            m.d.sync += self.fault.code.eq(ErrorCode.READ_RESPONSE)
        with m.If(expected):
            m.d.sync += [
                beat.eq(Mux(bus.rlast, 0, beat + 1)),
                source.eq(tag.source),
                word.data.eq(bus.rdata),
                word.destination.eq(tag.destination),
                word.buffer_address.eq(tag.buffer_address + beat),
                word.ends_chunk.eq(tag.ends_chunk & bus.rlast),
            ]
