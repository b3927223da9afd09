"""Placing: puts results into the bytes of their word in staging."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.rtl.memory.staging import staging_layout

FACTORS = 4  # k = 1, 2, 4, 8


class Placing(wiring.Component):
    """Puts the lower rescale_lanes / k lanes (at least one) side by side into a word.

    Results of cycle t are on `o` in cycle t + `LATENCY`, and so are their values on `i`, as a table
    answers late. A result for byte 0 begins its word: the word's other bytes become 0. Nothing
    stalls.

    Members
    -------
    valid : In(1)
    factor : In(2)
        Log2 of k.
    address : In(range(staging_words))
        The word in staging.
    byte : In
        The first result's byte of the word: a multiple of the number of results.
    last : In(1)
        High with the last results of the tile.
    i : In(ArrayLayout(signed(8), rescale_lanes))
        `LATENCY` cycles behind the others.
    o : Out(stream.Signature(staging_layout(config), always_ready=True))
    """

    LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "valid": In(1),
                "factor": In(2),
                "address": In(range(config.staging_words)),
                "byte": In(exact_log2(config.word_bytes)),
                "last": In(1),
                "i": In(data.ArrayLayout(signed(8), config.array.rescale_lanes)),
                "o": Out(stream.Signature(staging_layout(config), always_ready=True)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes, word_bytes = self._config.array.rescale_lanes, self._config.word_bytes
        enable = Signal(word_bytes)
        begins_word = Signal(reset_less=True)
        factor = Signal.like(self.factor, reset_less=True)
        word = Signal(self.o.payload.shape(), reset_less=True)  # its values come a cycle later
        with m.Switch(self.factor):
            for number in range(FACTORS):
                count = max(lanes >> number, 1)
                with m.Case(number):
                    for byte in range(word_bytes):
                        chosen = (self.byte >> exact_log2(count)) == byte // count
                        m.d.comb += enable[byte].eq(chosen)
        # A byte that is not written may be anything: only those behind the first results are 0.
        with m.Switch(factor):
            for number in range(FACTORS):
                count = max(lanes >> number, 1)
                with m.Case(number):
                    for byte in range(word_bytes):
                        value = self.i[byte % count]
                        if byte >= count:
                            value = Mux(begins_word, 0, value)
                        m.d.comb += self.o.payload.data[8 * byte : 8 * byte + 8].eq(value)
        m.d.comb += [self.o.payload[name].eq(word[name]) for name in ("address", "enable", "last")]
        m.d.sync += [
            factor.eq(self.factor),
            begins_word.eq(self.byte == 0),
            self.o.valid.eq(self.valid),
            word.address.eq(self.address),
            word.enable.eq(Mux(self.byte == 0, -1, enable)),
            word.last.eq(self.last),
        ]
        return m
