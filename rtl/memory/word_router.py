"""The word router: words that have arrived, each to the buffer that its LOAD names."""

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.isa.fields import Destination
from hwsim.rtl.memory.read_manager import word_layout


def feature_layout(config: Config) -> data.StructLayout:
    """Return the layout of a write into the feature buffer."""
    return data.StructLayout({"address": range(config.feature_words), "data": config.word_bits})


class WordRouter(wiring.Component):
    """Hands each word on in the cycle in which it comes, one per cycle; nothing stalls.

    Members
    -------
    i : In(stream.Signature(word_layout(config), always_ready=True))
    program, weights : Out(stream.Signature(word_bits, always_ready=True))
    features : Out(stream.Signature(feature_layout(config), always_ready=True))
    chunk_loaded : Out(1)
        High with the last word of a chunk.
    """

    LATENCY = 0

    def __init__(self, config: Config):
        word = stream.Signature(config.word_bits, always_ready=True)
        super().__init__(
            {
                "i": In(stream.Signature(word_layout(config), always_ready=True)),
                "program": Out(word),
                "weights": Out(word),
                "features": Out(stream.Signature(feature_layout(config), always_ready=True)),
                "chunk_loaded": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word = self.i.payload
        for o, destination in (
            (self.program, Destination.PROGRAM),
            (self.weights, Destination.WEIGHTS),
            (self.features, Destination.FEATURES),
        ):
            m.d.comb += o.valid.eq(self.i.valid & (word.destination == destination))
        m.d.comb += [
            self.program.payload.eq(word.data),
            self.weights.payload.eq(word.data),
            self.features.payload.data.eq(word.data),
            self.features.payload.address.eq(word.buffer_address),
            self.chunk_loaded.eq(self.i.valid & word.ends_chunk),
        ]
        return m
