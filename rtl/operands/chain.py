"""The operands of the MAC array: for each pixel a feature word, or packed taps of an image."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.isa.fields import BUFFER_ADDRESS_BITS
from hwsim.rtl.operands.packing import CHANNELS, KERNEL, PIXEL_BYTES, ROW_TAPS, TAPS, packing
from hwsim.rtl.operands.pixel import accumulate_layout, pixel_layout
from hwsim.rtl.primitives.read_port import ReadPort

LANE = signed(8)


def operand_layout(config: Config) -> data.StructLayout:
    """Return the layout of one pixel's operands."""
    return data.StructLayout(
        {
            "lanes": data.ArrayLayout(LANE, config.array.input_lanes),
            "pixel": 1,  # 0: these only go along the array, as others need them
            "first": 1,  # of its weight block, whose weights come with it
            "diagonal": 1,  # each output lane takes only its own byte, times its weight `tap`
            "chained": 1,  # each output lane takes only its own byte, of these and of nine before
            "tap": range(config.array.input_lanes),
            "accumulate": accumulate_layout(config),
        }
    )


class Operands(wiring.Component):
    """Puts the zero point in place of taps outside the input, and gathers packed taps.

    The word that `i` names is read from the feature buffer, which answers `LATENCY` cycles later;
    its operands leave `o` in that same cycle, one pixel per cycle. Nothing stalls.

    With `packed`, the image's words of each kernel row that the tap pass needs come as a stream of
    its own. Of each stream a current and a next word are kept (with two pixels per word also a
    spare one, except of the last stream). A pixel picks its three columns out of them.

    Members
    -------
    i : In(stream.Signature(pixel_layout(config), always_ready=True))
    features : Out(ReadPort(BUFFER_ADDRESS_BITS, word_bits))
        `data` keeps its word until the next read.
    o : Out(stream.Signature(operand_layout(config), always_ready=True))
    """

    LATENCY = 4

    def __init__(self, config: Config):
        self._config = config
        self._packing = packing(config)
        super().__init__(
            {
                "i": In(stream.Signature(pixel_layout(config), always_ready=True)),
                "features": Out(ReadPort(BUFFER_ADDRESS_BITS, config.word_bits)),
                "o": Out(stream.Signature(operand_layout(config), always_ready=True)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid, pixel = self.i.valid, self.i.payload
        for stage in range(self.LATENCY):
            next_valid = Signal(name=f"valid{stage}")
            next_pixel = Signal(pixel_layout(self._config), name=f"pixel{stage}", reset_less=True)
            m.d.sync += [next_valid.eq(valid), next_pixel.eq(pixel)]
            valid, pixel = next_valid, next_pixel
        m.d.comb += [
            self.features.enable.eq(self.i.valid),
            self.features.address.eq(self.i.payload.address),
            self.o.valid.eq(valid & (pixel.pixel | pixel.chained)),
            self.o.payload.pixel.eq(pixel.pixel),
            self.o.payload.first.eq(pixel.first),
            self.o.payload.diagonal.eq(pixel.diagonal),
            self.o.payload.chained.eq(pixel.chained),
            self.o.payload.tap.eq(pixel.tap),
            self.o.payload.accumulate.eq(pixel.accumulate),
        ]
        for number, lane in enumerate(self.o.payload.lanes):
            m.d.comb += lane.eq(
                Mux(pixel.inside, self.features.data.word_select(number, 8), pixel.zero_point)
            )
        if self._packing.supported:
            windows = self._windows(m, valid, pixel)
            with m.If(pixel.packed.enable):
                self._pick(m, pixel, windows)
        return m

    def _windows(self, m: Module, valid: Signal, pixel: data.View) -> list[list[Signal]]:
        """Return three adjacent pixels of every stream, out of the two words in which they lie."""
        shape, bits = self._packing, self._config.word_bits
        windows: list[list[Signal]] = []
        for number in range(shape.streams):
            current, following, spare = (
                Signal(bits, name=f"{name}{number}", reset_less=True)
                for name in ("current", "next", "spare")
            )
            capture = pixel.packed["capture"][number]
            with m.If(valid & pixel.packed.enable):
                with m.If(pixel.packed.advance):
                    m.d.sync += current.eq(following)
                    if shape.ahead == 2 and number != shape.streams - 1:
                        m.d.sync += following.eq(spare)
                for place, held in enumerate((current, following, spare)[: 1 + shape.ahead]):
                    with m.If(capture[place]):
                        m.d.sync += held.eq(self.features.data)
            pixels = [
                Cat(current, following).word_select(index, 8 * PIXEL_BYTES)
                for index in range(2 * shape.pixels)
            ]
            windows.append([])
            for column in range(KERNEL):
                entry = Signal(8 * PIXEL_BYTES, name=f"window{number}_{column}")
                choices = Array(pixels[column : column + shape.pixels])
                m.d.comb += entry.eq(choices[pixel.packed.phase])
                windows[-1].append(entry)
        return windows

    def _pick(self, m: Module, pixel: data.View, windows: list[list[Signal]]) -> None:
        """Put tap p * lanes + j into lane j of tap pass p, and 0 into lanes past the last tap."""
        shape, packed = self._packing, pixel.packed
        with m.Switch(packed.tap_pass):
            for number in range(shape.tap_passes):
                with m.Case(number):
                    for index, lane in enumerate(self.o.payload.lanes):
                        tap = number * shape.lanes + index
                        if tap >= TAPS:
                            m.d.comb += lane.eq(0)
                            continue
                        row, rest = divmod(tap, ROW_TAPS)
                        column, channel = divmod(rest, CHANNELS)
                        entry = row - shape.first_row(number)
                        value = windows[entry][column].word_select(channel, 8)
                        inside = packed.row_inside[entry] & packed.column_inside[column]
                        m.d.comb += lane.eq(Mux(inside, value, pixel.zero_point))
