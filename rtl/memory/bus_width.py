"""The width converters: words on one side, beats of a narrower bus on the other."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.rtl.memory.axi4 import Axi4Read, Axi4Write


def _bus_length(config: Config, words: Signal) -> Signal:
    """Return the last beat of a burst on the bus, by its last word."""
    beats = config.beats_per_word
    return Cat(Const(beats - 1, exact_log2(beats)), words)[: len(words)]


class ReadWidth(wiring.Component):
    """Puts the beats of the bus together to words; the lowest bytes come first.

    A word is there in the cycle of its last beat. It has an error if one of its beats has.

    Members
    -------
    words : In(Axi4Read(word_bits))
    bus : Out(Axi4Read(bus_bits))
    """

    LATENCY = 0

    def __init__(self, config: Config):
        assert config.beats_per_word > 1
        self._config = config
        super().__init__(
            {"words": In(Axi4Read(config.word_bits)), "bus": Out(Axi4Read(config.bus.bus_bits))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words, bus, beats = self.words, self.bus, self._config.beats_per_word
        m.d.comb += [
            bus.arvalid.eq(words.arvalid),
            words.arready.eq(bus.arready),
            bus.araddr.eq(words.araddr),
            bus.arlen.eq(_bus_length(self._config, words.arlen)),
            bus.rready.eq(words.rready),
            words.rlast.eq(bus.rlast),
        ]
        place = Signal(range(beats))
        before = Signal(len(words.rdata) - len(bus.rdata), reset_less=True)
        faults = Signal.like(bus.rresp)  # of the beats before
        m.d.comb += [
            words.rvalid.eq(bus.rvalid & (place == beats - 1)),
            words.rdata.eq(Cat(before, bus.rdata)),
            words.rresp.eq(bus.rresp | faults),
        ]
        with m.If(bus.rvalid & words.rready):
            m.d.sync += [
                place.eq(Mux(bus.rlast, 0, place + 1)),
                faults.eq(Mux(place == beats - 1, 0, bus.rresp | faults)),
                before.eq(Cat(before, bus.rdata)[len(bus.rdata) :]),
            ]
        return m


class WriteWidth(wiring.Component):
    """Takes words apart into beats of the bus; the lowest bytes go first.

    A word is accepted in the cycle of its last beat.

    Members
    -------
    words : In(Axi4Write(word_bits))
    bus : Out(Axi4Write(bus_bits))
    """

    LATENCY = 0

    def __init__(self, config: Config):
        assert config.beats_per_word > 1
        self._config = config
        super().__init__(
            {"words": In(Axi4Write(config.word_bits)), "bus": Out(Axi4Write(config.bus.bus_bits))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words, bus, beats = self.words, self.bus, self._config.beats_per_word
        m.d.comb += [
            bus.awvalid.eq(words.awvalid),
            words.awready.eq(bus.awready),
            bus.awaddr.eq(words.awaddr),
            bus.awlen.eq(_bus_length(self._config, words.awlen)),
            bus.wvalid.eq(words.wvalid),
            words.bvalid.eq(bus.bvalid),
            bus.bready.eq(words.bready),
            words.bresp.eq(bus.bresp),
        ]
        place = Signal(range(beats))
        last = Signal()
        m.d.comb += [
            last.eq(place == beats - 1),
            words.wready.eq(bus.wready & last),
            bus.wlast.eq(words.wlast & last),
        ]
        with m.Switch(place):
            for number in range(beats):
                with m.Case(number):
                    m.d.comb += [
                        bus.wdata.eq(words.wdata.word_select(number, len(bus.wdata))),
                        bus.wstrb.eq(words.wstrb.word_select(number, len(bus.wstrb))),
                    ]
        with m.If(words.wvalid & bus.wready):
            m.d.sync += place.eq(place + 1)
        return m
