"""The feature read: finds the word that a pixel reads, and which taps lie inside the input."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.isa.fields import BUFFER_ADDRESS_BITS
from hwsim.rtl.operands.packing import KERNEL, packing
from hwsim.rtl.operands.pixel import (
    COORDINATE,
    LINE_BITS,
    RING_BITS,
    RowStep,
    packed_layout,
    weight_block_layout,
)


class FeatureRead(wiring.Component):
    """Turns a place in the input into a read of the feature buffer, `LATENCY` cycles later.

    With `packed` it fetches ahead: two words of every stream in front of a row, then with each
    pixel a word of one stream. A word that is fetched with a pixel is captured after that pixel has
    used its own. The line of each further stream is known a cycle after that of the one before: no
    row's fill asks for it earlier.

    Members
    -------
    block : In(weight_block_layout(config))
        The weight block, at the row of the pixel.
    x : In(COORDINATE)
    fill : In(range(Packing.fill + 1))
        The cycles of the row's fill that are still to come, this one included; 0 with a pixel.
    pixel : In(1)
    unneeded : In(1)
        High where the word is read in vain; it then counts as outside the input.
    address : Out(BUFFER_ADDRESS_BITS)
    inside : Out(1)
    packed : Out(packed_layout(packing(config)))
    beyond : Out(1)
        High where the pixel reads past the feature buffer. With `packed`, where words that are
        fetched ahead may lie past the row's end and the buffer's: high where a row that the tap
        pass needs does not end in the buffer, or a column of the pixel does not lie in its row.
    """

    LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        self._packing = packing(config)
        super().__init__(
            {
                "block": In(weight_block_layout(config)),
                "x": In(COORDINATE),
                "fill": In(range(self._packing.fill + 1)),
                "pixel": In(1),
                "unneeded": In(1),
                "address": Out(BUFFER_ADDRESS_BITS),
                "inside": Out(1),
                "packed": Out(packed_layout(self._packing)),
                "beyond": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.line = Signal(LINE_BITS)
        self.column = Signal(COORDINATE)
        self.words = Signal(2)  # ahead of it
        place = Signal(LINE_BITS, reset_less=True)
        m.d.comb += [
            self.line.eq(self.block.line),
            self.column.eq(Mux(self.block.upsample, self.x >> 1, self.x)),
        ]
        m.d.sync += [
            place.eq(self.line + self.column + self.words),
            self.inside.eq(self._row_inside(0) & self._column_inside(0) & ~self.unneeded),
        ]
        m.d.comb += [
            self.address.eq(place),
            self.beyond.eq(self.inside & (place >= self._config.feature_words)),
        ]
        if self._packing.supported:
            lines = self._lines(m)
            self._fetch_ahead(m, lines)
            self._check_packed(m, lines)
        return m

    def _row_inside(self, tap: int) -> ValueLike:
        return (self.block.y + tap >= 0) & (self.block.y + tap < self.block.input_height)

    def _column_inside(self, tap: int) -> ValueLike:
        return (self.x + tap >= self.block.low) & (self.x + tap < self.block.high)

    def _lines(self, m: Module) -> list[Value]:
        """Return the lines of the rows that a tap pass needs."""
        lines: list[Value] = [self.block.line]
        until_wrap: Value = self.block.until_wrap
        for number in range(1, self._packing.streams):
            step = RowStep(self.block, "stride")  # of one row
            next_line, next_until_wrap = step.after(lines[-1], until_wrap, self.block.y)
            line = Signal(LINE_BITS, name=f"line{number}", reset_less=True)
            until_wrap = Signal(RING_BITS, name=f"until_wrap{number}", reset_less=True)
            m.d.sync += [line.eq(next_line), until_wrap.eq(next_until_wrap)]
            lines.append(line)
        return lines

    def _fetch_ahead(self, m: Module, lines: list[Value]) -> None:
        shape, packed = self._packing, self.packed
        phase_bits = exact_log2(shape.pixels)
        phase = self.x[:phase_bits]
        line = Signal(LINE_BITS)
        words = Signal(2)  # from the word that the pixel starts in
        capture = Signal(packed["capture"].shape())
        for position in range(shape.fill):
            number, ahead = position % shape.streams, position // shape.streams
            with m.If(self.fill == shape.fill - position):
                m.d.comb += [line.eq(lines[number]), words.eq(ahead)]
                m.d.comb += capture[number][ahead].eq(1)
        for number in range(shape.streams):
            with m.If(self.pixel & (phase == number)):
                m.d.comb += [line.eq(lines[number]), words.eq(shape.ahead)]
                m.d.comb += capture[number][shape.ahead].eq(1)
                if number == shape.streams - 1:  # just in time for the next word's place
                    m.d.comb += capture[number][1].eq(1)

        m.d.sync += [
            packed.enable.eq(self.block.packed),
            packed.phase.eq(phase),
            packed["capture"].eq(capture),
            packed.advance.eq(self.pixel & (phase == shape.pixels - 1)),
            packed.tap_pass.eq(self.block.tap_pass),
            packed.row_inside.eq(Cat(self._row_inside(tap) for tap in range(shape.streams))),
            packed.column_inside.eq(Cat(self._column_inside(tap) for tap in range(KERNEL))),
        ]
        with m.If(self.block.packed):
            m.d.comb += [
                self.line.eq(line),
                self.column.eq(self.x >> phase_bits),
                self.words.eq(words),
            ]

    def _check_packed(self, m: Module, lines: list[Value]) -> None:
        """Compare beside the read, each comparison into a register of its own."""
        row_words, phase_bits = self.block.row_words, exact_log2(self._packing.pixels)
        rows_past = Signal(len(lines))
        columns_past = Signal(KERNEL)
        m.d.sync += [
            rows_past.eq(Cat(self.block.last_line < line for line in lines)),
            columns_past.eq(
                Cat((self.x + tap) >> phase_bits >= row_words for tap in range(KERNEL))
            ),
        ]
        with m.If(self.packed.enable):
            m.d.comb += self.beyond.eq(
                (self.packed.row_inside & rows_past).any()
                | (self.packed.column_inside & columns_past).any()
            )
