"""The feature buffer: words of features from the bus and from the drain, for the array."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import WritePort
from amaranth.lib.wiring import In
from amaranth.utils import ceil_log2

from hwsim.arch.config import FEATURE_BANKS, Config
from hwsim.isa.fields import BUFFER_ADDRESS_BITS
from hwsim.rtl.memory.word_router import feature_layout
from hwsim.rtl.primitives.block_memory import block_memory
from hwsim.rtl.primitives.read_port import ReadPort


class FeatureBuffer(wiring.Component):
    """Keeps words of features: one is read per cycle, and one written by LOADs and by STOREs each.

    A word written in cycle t can be read from cycle t + `WRITE_LATENCY` on. A read in cycle t is
    answered in cycle t + `READ_LATENCY`. Words with even and with odd addresses lie in two banks. A
    word of a STORE waits while the bus brings one for the same bank; as both come in the order of
    their addresses, it then meets no other. The memories take many block RAMs, which lie far from
    each other. So a register stands in front of each port, one behind the block RAMs, which answer
    late, and one on the way to the array.

    Members
    -------
    loaded : In(stream.Signature(feature_layout(config), always_ready=True))
    stored : In(stream.Signature(feature_layout(config)))
        `ready` depends on the address and on `loaded` of the same cycle.
    read : In(ReadPort(BUFFER_ADDRESS_BITS, word_bits))
        `data` keeps its word until the next read.
    """

    WRITE_LATENCY = 1
    READ_LATENCY = 4

    def __init__(self, config: Config):
        self._config = config
        layout = feature_layout(config)
        super().__init__(
            {
                "loaded": In(stream.Signature(layout, always_ready=True)),
                "stored": In(stream.Signature(layout)),
                "read": In(ReadPort(BUFFER_ADDRESS_BITS, config.word_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = self._config.word_bits
        bank_words = -(-self._config.feature_words // FEATURE_BANKS)
        address_bits = ceil_log2(bank_words)
        reading = Signal()
        read_address = Signal(1 + address_bits, reset_less=True)
        # The bank that was read last: as its memory answers, and as its register does.
        answering, offering = Signal(reset_less=True), Signal(reset_less=True)
        even, odd = outputs = [
            Signal(bits, name=f"output{bank}", reset_less=True) for bank in range(FEATURE_BANKS)
        ]
        answer = Signal(bits, reset_less=True)
        m.d.comb += self.read.data.eq(answer)
        m.d.comb += self.stored.ready.eq(
            ~self.loaded.valid | (self.loaded.payload.address[0] != self.stored.payload.address[0])
        )
        m.d.sync += [
            reading.eq(self.read.enable),
            read_address.eq(self.read.address),
            offering.eq(answering),
            answer.eq(Mux(offering, odd, even)),
        ]
        with m.If(reading):
            m.d.sync += answering.eq(read_address[0])
        for bank in range(FEATURE_BANKS):
            memory = block_memory(bits, bank_words)
            m.submodules["odd" if bank else "even"] = memory
            read = memory.read_port()
            self._write(m, bank, memory.write_port())
            m.d.comb += [
                read.en.eq(reading & (read_address[0] == bank)),
                read.addr.eq(read_address[1:]),
            ]
            m.d.sync += outputs[bank].eq(read.data)
        return m

    def _write(self, m: Module, bank: int, write: WritePort) -> None:
        """Write a word of a LOAD into the bank, else one of a STORE."""
        loads, stores = (self._goes_to(bank, words) for words in (self.loaded, self.stored))
        word = Signal(feature_layout(self._config), name=f"word{bank}", reset_less=True)
        written = Signal(name=f"written{bank}")
        m.d.sync += [
            written.eq(loads | stores),
            word.eq(Mux(loads, self.loaded.payload, self.stored.payload)),
        ]
        m.d.comb += [
            write.en.eq(written),
            write.addr.eq(word.address >> 1),
            write.data.eq(word.data),
        ]

    def _goes_to(self, bank: int, words: stream.Interface) -> Value:
        goes: Value = words.valid & (words.payload.address[0] == bank)
        return goes
