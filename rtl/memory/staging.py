"""Staging: finished output words between the drain and the bus."""

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In

from hwsim.arch.config import Config
from hwsim.rtl.primitives.block_memory import block_memory
from hwsim.rtl.primitives.read_port import ReadPort

STAGING_BITS = 16  # of a word's address


def staging_layout(config: Config) -> data.StructLayout:
    """Return the layout of a write into staging."""
    return data.StructLayout(
        {
            "address": range(config.staging_words),
            "data": config.word_bits,
            "enable": config.word_bytes,
            "last": 1,  # of the tile
        }
    )


class Staging(wiring.Component):
    """Keeps finished output words; they are written byte by byte and read whole.

    A write in cycle t can be read from cycle t + 1 on. A read in cycle t is answered in cycle
    t + `READ_LATENCY`. One of each per cycle; nothing stalls.

    Members
    -------
    i : In(stream.Signature(staging_layout(config), always_ready=True))
    read : In(ReadPort(STAGING_BITS, word_bits))
        `data` keeps its word until the next read.
    """

    READ_LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(staging_layout(config), always_ready=True)),
                "read": In(ReadPort(STAGING_BITS, config.word_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bytes_layout = data.ArrayLayout(8, self._config.word_bytes)
        m.submodules.memory = memory = block_memory(bytes_layout, self._config.staging_words)
        write, read = memory.write_port(granularity=1), memory.read_port()
        m.d.comb += [
            write.addr.eq(self.i.payload.address),
            write.data.eq(self.i.payload.data),
            read.addr.eq(self.read.address),
            read.en.eq(self.read.enable),
            self.read.data.eq(read.data),
        ]
        with m.If(self.i.valid):
            m.d.comb += write.en.eq(self.i.payload.enable)
        return m
