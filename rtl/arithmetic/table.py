"""Tables: any function of a stored value, as its 256 values, for the tiles of both banks."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.rtl.operands.weights import PARAMETER_BANKS, WeightWords
from hwsim.rtl.primitives.block_memory import block_memory


class Table(wiring.Component):
    """Keeps a table for each bank in the memory of every rescale lane, and looks values up in it.

    A word of a table on `words` in cycle t counts for values from cycle t + `WRITE_LATENCY` on. The
    entry of a value of cycle t is on `o` in cycle t + `LATENCY`. Nothing stalls.

    The first entry is that of -128. A row of the memory is a word. As a memory answers late in its
    cycle, a register stands right behind it, and the byte is chosen behind that.

    Members
    -------
    words : In(WeightWords(config))
        Words of weight blocks and of parameters are ignored.
    i : In(ArrayLayout(signed(8), rescale_lanes))
    bank : In(1)
        With the values of the cycle.
    o : Out(ArrayLayout(signed(8), rescale_lanes))
    """

    WRITE_LATENCY = 1
    LATENCY = 3  # memory, its register, choice of the byte

    def __init__(self, config: Config):
        self._config = config
        assert config.tables
        lanes = data.ArrayLayout(signed(8), config.array.rescale_lanes)
        super().__init__(
            {
                "words": In(WeightWords(config)),
                "i": In(lanes),
                "bank": In(1),
                "o": Out(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, word = self._config, self.words.payload
        byte_bits = exact_log2(config.word_bytes)
        row = Signal(range(config.table_words))
        m.d.comb += row.eq(word.index - config.parameter_words)
        for lane in range(config.array.rescale_lanes):
            memory = block_memory(config.word_bits, PARAMETER_BANKS * config.table_words)
            m.submodules[f"lane{lane}"] = memory
            write, read = memory.write_port(), memory.read_port()
            value = self.i[lane].as_unsigned()
            place = Cat(value[:-1], ~value[-1])  # from -128 on
            answer = Signal(config.word_bits, name=f"answer{lane}", reset_less=True)
            byte_read = Signal(byte_bits, name=f"byte_read{lane}", reset_less=True)
            chosen = Signal(config.word_bytes, name=f"chosen{lane}", reset_less=True)
            entry = reduce(
                or_,
                (
                    answer.word_select(byte, 8) & chosen[byte].replicate(8)
                    for byte in range(config.word_bytes)
                ),
            )
            found = Signal(signed(8), name=f"found{lane}", reset_less=True)
            m.d.sync += [
                byte_read.eq(place[:byte_bits]),
                chosen.eq(1 << byte_read),
                answer.eq(read.data),
                found.eq(entry),
            ]
            m.d.comb += [
                write.addr.eq(Cat(row, word.bank)),
                write.data.eq(word.data),
                write.en.eq(self.words.valid & word.table),
                read.addr.eq(Cat(place[byte_bits:], self.bank)),
                self.o[lane].eq(found),
            ]
        return m
