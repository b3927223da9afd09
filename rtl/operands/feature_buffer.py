"""The feature buffer: words of input features between the bus and the array."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from hwsim.arch.config import Config
from hwsim.isa.fields import BUFFER_ADDRESS_BITS
from hwsim.rtl.memory.word_router import feature_layout
from hwsim.rtl.primitives.block_memory import block_memory
from hwsim.rtl.primitives.read_port import ReadPort


class FeatureBuffer(wiring.Component):
    """Keeps words of input features, one written and one read per cycle; nothing stalls.

    A word written in cycle t can be read from cycle t + `WRITE_LATENCY` on. A read in cycle t is
    answered in cycle t + `READ_LATENCY`. The memory takes many block RAMs, which lie far from each
    other. So a register stands in front of each port, one behind the block RAMs, which answer late,
    and one on the way to the array.

    Members
    -------
    write : In(stream.Signature(feature_layout(config), always_ready=True))
    read : In(ReadPort(BUFFER_ADDRESS_BITS, word_bits))
        `data` keeps its word until the next read.
    """

    WRITE_LATENCY = 1
    READ_LATENCY = 4

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "write": In(stream.Signature(feature_layout(config), always_ready=True)),
                "read": In(ReadPort(BUFFER_ADDRESS_BITS, config.word_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = block_memory(
            self._config.word_bits, self._config.feature_words
        )
        write, read = memory.write_port(), memory.read_port()
        write_address, read_address = (
            Signal(range(self._config.feature_words), name=name, reset_less=True)
            for name in ("written_to", "read_from")
        )
        written, reading = Signal(), Signal()
        word = Signal(self._config.word_bits, reset_less=True)
        output = Signal(self._config.word_bits, reset_less=True)
        m.d.sync += [
            written.eq(self.write.valid),
            write_address.eq(self.write.payload.address),
            word.eq(self.write.payload.data),
            reading.eq(self.read.enable),
            read_address.eq(self.read.address),
            output.eq(read.data),
            self.read.data.eq(output),
        ]
        m.d.comb += [
            write.en.eq(written),
            write.addr.eq(write_address),
            write.data.eq(word),
            read.en.eq(reading),
            read.addr.eq(read_address),
        ]
        return m
