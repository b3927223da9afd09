"""Two banks of bias and rescale parameters, one for each bank of accumulators."""

from amaranth.hdl import Array, Cat, Module, ShapeLike, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import PARAMETER_BYTES, Config
from hwsim.isa.parameters import PARAMETER_WORD_BYTES, PARAMETERS
from hwsim.rtl.operands.weight_queue import PARAMETER_BANKS, weight_word_layout
from hwsim.rtl.primitives.block_memory import block_memory


def parameter_fields(config: Config) -> dict[str, ShapeLike]:
    """The fields of an output lane, as wide as this configuration keeps them."""
    return {
        entry.name: signed(entry.bits(config)) if entry.signed else unsigned(entry.bits(config))
        for entry in PARAMETERS
    }


def parameter_layout(config: Config) -> data.StructLayout:
    return data.StructLayout(parameter_fields(config))


class Parameters(wiring.Component):
    """Keeps the parameters of two tiles; one group of `rescale_lanes` is read per cycle.

    A word on `i` in cycle t is in place for reads from cycle t + `WRITE_LATENCY` on. A read of
    `bank` and `group` in cycle t answers in cycle t + `READ_LATENCY`.

    Members
    -------
    i : In(stream.Signature(weight_word_layout(config), always_ready=True))
        Words of weight blocks are ignored.
    bank, group : In
    o : Out(ArrayLayout(parameter_layout(config), rescale_lanes))
    """

    WRITE_LATENCY = 1
    READ_LATENCY = 2  # memory, choice of the group

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(weight_word_layout(config), always_ready=True)),
                "bank": In(1),
                "group": In(range(max(config.rescale_groups, 2))),
                "o": Out(data.ArrayLayout(parameter_layout(config), config.array.rescale_lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        array, word_bytes = self._config.array, self._config.word_bytes
        lanes_per_word = max(word_bytes // PARAMETER_BYTES, 1)
        words_per_lane = max(PARAMETER_BYTES // word_bytes, 1)
        row_lanes = max(array.rescale_lanes, lanes_per_word)
        rows = array.output_lanes // row_lanes

        # A word's index: which part of a lane it is, which slots of the row, which row.
        word = self.i.payload
        part_bits = exact_log2(words_per_lane)
        slot_bits = exact_log2(row_lanes // lanes_per_word)
        index = word.index[: exact_log2(self._config.parameter_words)]
        part = index[:part_bits]
        slot = index[part_bits : part_bits + slot_bits]
        row = index[part_bits + slot_bits :]
        fields_per_word = min(word_bytes, PARAMETER_BYTES) // PARAMETER_WORD_BYTES

        groups_per_row = row_lanes // array.rescale_lanes
        group_bits = exact_log2(groups_per_row)
        chosen = Signal(range(max(groups_per_row, 2)))
        m.d.sync += chosen.eq(self.group[:group_bits])

        for number, (name, shape) in enumerate(parameter_fields(self._config).items()):
            width = Signal(shape).shape().width
            memory = block_memory(
                data.ArrayLayout(unsigned(width), row_lanes), PARAMETER_BANKS * rows
            )
            m.submodules[name] = memory
            write, read = memory.write_port(granularity=1), memory.read_port()
            place = number % fields_per_word
            m.d.comb += [
                write.addr.eq(Cat(row, word.bank)),
                read.addr.eq(
                    Cat(self.group[group_bits : exact_log2(self._config.rescale_groups)], self.bank)
                ),
            ]
            for lane in range(row_lanes):
                field = (lane % lanes_per_word) * (PARAMETER_BYTES // PARAMETER_WORD_BYTES) + place
                m.d.comb += [
                    write.data[lane].eq(word.data.word_select(field, 8 * PARAMETER_WORD_BYTES)),
                    write.en[lane].eq(
                        self.i.valid
                        & word.parameters
                        & (part == number // fields_per_word)
                        & (slot == lane // lanes_per_word)
                    ),
                ]
            groups = Array(
                Cat(read.data[first + lane] for lane in range(array.rescale_lanes))
                for first in range(0, row_lanes, array.rescale_lanes)
            )
            values = Signal(array.rescale_lanes * width, name=f"{name}_group", reset_less=True)
            m.d.sync += values.eq(groups[chosen])
            m.d.comb += [
                self.o[lane][name].eq(values.word_select(lane, width))
                for lane in range(array.rescale_lanes)
            ]
        return m
