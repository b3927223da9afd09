"""Two banks of bias and rescale parameters, one for each bank of accumulators."""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Module, Mux, Shape, ShapeLike, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In
from amaranth.utils import exact_log2

from hwsim.arch.config import PARAMETER_BYTES, Config
from hwsim.isa.parameters import PARAMETERS, Parameter, factor_bits, first_byte
from hwsim.rtl.operands.weights import PARAMETER_BANKS, WeightWords
from hwsim.rtl.primitives.block_memory import block_memory
from hwsim.rtl.primitives.read_port import ReadPort

FACTORS = ("multiplier", "negative_multiplier")
MEMORY_BYTES = 4  # of a record, whose fields share a memory


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


def kept_together() -> list[list[Parameter]]:
    """Return the fields of each memory."""
    found: dict[int, list[Parameter]] = {}
    for entry in PARAMETERS:
        found.setdefault(first_byte(entry) // MEMORY_BYTES, []).append(entry)
    return list(found.values())


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

    Every four bytes of a record have a memory of their own, named after their first field. A row of
    it holds the fields of all lanes that one word brings, or of all lanes that are rescaled in one
    cycle, whichever are more. A word on `i` in cycle t is in place for reads from cycle
    t + `WRITE_LATENCY` on. A read in cycle t is answered in cycle t + `READ_LATENCY`. Nothing
    stalls.

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
        place = self.read.address
        lane_slice = data.View(self._slice_place, place.lane_slice[: self._slice_place.size])
        in_row = Signal(range(max(self._slices_per_row, 2)))
        upper_half = Signal()
        m.d.sync += [in_row.eq(lane_slice.in_row), upper_half.eq(place.upper_half)]
        shapes = parameter_fields(self._config)
        for entries in kept_together():
            row = self._row(m, entries, Cat(lane_slice.row, place.bank))
            for name in (entry.name for entry in entries):
                bits = Shape.cast(shapes[name]).width
                fields = [lane[name] for lane in row]
                if len(fields[0]) > bits:
                    fields = [Mux(upper_half, field[bits:], field[:bits]) for field in fields]
                self._read_slice(m, name, shapes[name], fields, in_row)
        return m

    def _read_slice(
        self, m: Module, name: str, shape: ShapeLike, fields: Sequence[Value], in_row: Signal
    ) -> None:
        """Answer a read with one of the slices of a row."""
        lanes = self._config.array.rescale_lanes
        slices = Array(
            Cat(fields[first : first + lanes]) for first in range(0, self._row_lanes, lanes)
        )
        values = Signal(data.ArrayLayout(shape, lanes), name=f"{name}_slice", reset_less=True)
        m.d.sync += values.eq(slices[in_row])
        m.d.comb += [self.read.data[lane][name].eq(values[lane]) for lane in range(lanes)]

    def _row(self, m: Module, entries: Sequence[Parameter], address: Value) -> data.View:
        """Keep fields of one memory for all lanes; return the row at `address`, a cycle later."""
        word = self.i.payload
        word_bytes = data.View(data.ArrayLayout(8, len(word.data) // 8), word.data)
        bytes_per_part = min(len(word_bytes), PARAMETER_BYTES)
        part = first_byte(entries[0]) // bytes_per_part
        place = data.View(self._word_place, word.index[: self._word_place.size])
        kept = {entry.name: unsigned(entry.bits(self._config)) for entry in entries}
        memory = block_memory(
            data.ArrayLayout(data.StructLayout(kept), self._row_lanes),
            PARAMETER_BANKS * self._rows,
        )
        m.submodules[entries[0].name] = memory
        write, read = memory.write_port(granularity=1), memory.read_port()
        m.d.comb += [write.addr.eq(Cat(place.row, word.bank)), read.addr.eq(address)]
        for lane in range(self._row_lanes):
            slot, lane_in_word = divmod(lane, self._lanes_per_word)
            m.d.comb += write.en[lane].eq(
                self.i.valid & word.parameters & (place.part == part) & (place.slot == slot)
            )
            for entry in entries:
                first = lane_in_word * PARAMETER_BYTES + first_byte(entry) % bytes_per_part
                field = Cat(word_bytes[first : first + entry.size_bytes])
                m.d.comb += write.data[lane][entry.name].eq(field)
        row: data.View = read.data
        return row
