"""Two banks of bias and rescale parameters, one for each bank of accumulators."""

from amaranth.hdl import Array, Cat, Module, Mux, Shape, ShapeLike, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In
from amaranth.utils import exact_log2

from hwsim.arch.config import PARAMETER_BYTES, Config
from hwsim.isa.parameters import PARAMETER_WORD_BYTES, PARAMETERS, factor_bits
from hwsim.rtl.operands.weights import PARAMETER_BANKS, WeightWords
from hwsim.rtl.primitives.block_memory import block_memory
from hwsim.rtl.primitives.read_port import ReadPort

FACTORS = ("multiplier", "negative_multiplier")


def parameter_fields(config: Config) -> dict[str, ShapeLike]:
    """Return the fields of an output lane as they are read: of a factor, what a lane multiplies."""
    return {
        entry.name: signed(entry.bits(config))
        if entry.signed
        else unsigned(factor_bits(config) if entry.name in FACTORS else entry.bits(config))
        for entry in PARAMETERS
    }


def parameter_layout(config: Config) -> data.StructLayout:
    """Return the layout of the parameters of one output lane."""
    return data.StructLayout(parameter_fields(config))


def parameter_place(config: Config) -> data.StructLayout:
    """Return the layout of the place of the lanes that are rescaled in one cycle."""
    return data.StructLayout(
        {
            "lane_slice": range(max(config.rescale_slices, 2)),
            "bank": 1,
            "upper_half": 1,  # of wide factors
        }
    )


def lane_parameters(config: Config) -> data.ArrayLayout:
    """Return the layout of the parameters of the lanes that are rescaled in one cycle."""
    return data.ArrayLayout(parameter_layout(config), config.array.rescale_lanes)


class Parameters(wiring.Component):
    """Keeps the parameters of two tiles; one slice of `rescale_lanes` is read per cycle.

    Of a factor that is wider than a lane multiplies by in one cycle, one half is read.

    Each field has a memory of its own. A row of it holds the field of all lanes that one word
    brings, or of all lanes that are rescaled in one cycle, whichever are more. A word on `i` in
    cycle t is in place for reads from cycle t + `WRITE_LATENCY` on. A read in cycle t is answered
    in cycle t + `READ_LATENCY`. Nothing stalls.

    Members
    -------
    i : In(WeightWords(config))
        Words of weight blocks are ignored.
    read : In(ReadPort(parameter_place(config), lane_parameters(config)))
        Every cycle is a read; `enable` is not looked at.
    """

    WRITE_LATENCY = 1
    READ_LATENCY = 2  # memory, choice of the slice and of the half

    def __init__(self, config: Config):
        self._config = config
        lanes, words = config.array.output_lanes, config.parameter_words
        self._lanes_per_word = max(config.word_bytes // PARAMETER_BYTES, 1)
        self._row_lanes = max(config.array.rescale_lanes, self._lanes_per_word)
        self._rows = lanes // self._row_lanes
        self._slices_per_row = self._row_lanes // config.array.rescale_lanes
        # A word's index counts the parts of a lane's record, then the words of a row, then rows.
        part_bits = exact_log2(max(PARAMETER_BYTES // config.word_bytes, 1))
        slot_bits = exact_log2(self._row_lanes // self._lanes_per_word)
        self._word_place = data.StructLayout(
            {"part": part_bits, "slot": slot_bits, "row": exact_log2(words) - part_bits - slot_bits}
        )
        # A slice's number counts the slices of a row, then rows.
        slice_bits = exact_log2(self._slices_per_row)
        self._slice_place = data.StructLayout(
            {"in_row": slice_bits, "row": exact_log2(config.rescale_slices) - slice_bits}
        )
        super().__init__(
            {
                "i": In(WeightWords(config)),
                "read": In(ReadPort(parameter_place(config), lane_parameters(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = self._config.array.rescale_lanes
        place = self.read.address
        lane_slice = data.View(self._slice_place, place.lane_slice[: self._slice_place.size])
        in_row = Signal(range(max(self._slices_per_row, 2)))
        upper_half = Signal()
        m.d.sync += [in_row.eq(lane_slice.in_row), upper_half.eq(place.upper_half)]
        for number, (name, shape) in enumerate(parameter_fields(self._config).items()):
            row = self._row(m, number, name, Cat(lane_slice.row, place.bank))
            bits = Shape.cast(shape).width
            fields = [Mux(upper_half, field[bits:], field[:bits]) if len(field) > bits else field
                      for field in row]  # fmt: skip
            slices = Array(
                Cat(fields[first : first + lanes]) for first in range(0, self._row_lanes, lanes)
            )
            values = Signal(data.ArrayLayout(shape, lanes), name=f"{name}_slice", reset_less=True)
            m.d.sync += values.eq(slices[in_row])
            m.d.comb += [self.read.data[lane][name].eq(values[lane]) for lane in range(lanes)]
        return m

    def _row(self, m: Module, number: int, name: str, address: Value) -> data.View:
        """Keep field `number` of all lanes, and return the row at `address`, a cycle later."""
        word = self.i.payload
        field_bits, record_fields = 8 * PARAMETER_WORD_BYTES, len(PARAMETERS)
        fields = data.View(data.ArrayLayout(field_bits, len(word.data) // field_bits), word.data)
        fields_per_part = min(len(fields), record_fields)
        part, place_in_part = divmod(number, fields_per_part)
        place = data.View(self._word_place, word.index[: self._word_place.size])
        bits = PARAMETERS[number].bits(self._config)
        memory = block_memory(
            data.ArrayLayout(unsigned(bits), self._row_lanes), PARAMETER_BANKS * self._rows
        )
        m.submodules[name] = memory
        write, read = memory.write_port(granularity=1), memory.read_port()
        m.d.comb += [write.addr.eq(Cat(place.row, word.bank)), read.addr.eq(address)]
        for lane in range(self._row_lanes):
            slot, lane_in_word = divmod(lane, self._lanes_per_word)
            m.d.comb += [
                write.data[lane].eq(fields[lane_in_word * record_fields + place_in_part]),
                write.en[lane].eq(
                    self.i.valid & word.parameters & (place.part == part) & (place.slot == slot)
                ),
            ]
        row: data.View = read.data
        return row
