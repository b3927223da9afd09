"""The walk over strips of the input, in which the array computes nine taps of a pixel at a time."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.chain import CHAINED_KERNEL, STRIP_ROWS, STRIP_STEP
from hwsim.arch.config import Config
from hwsim.rtl.operands.pixel import COORDINATE, LINE_BITS, RING_BITS, weight_block_layout

FILL_COLUMNS = CHAINED_KERNEL - 1  # in front of the first column of pixels

# A row of the input, as the fields of a weight block describe it.
INPUT_ROW = data.StructLayout({"line": LINE_BITS, "until_wrap": RING_BITS, "y": COORDINATE})


class StripWalk(wiring.Component):
    """Walks over the words of a weight block with `chained`, one in every cycle with `step`.

    A strip is `STRIP_ROWS` rows of the input, read column by column from top to bottom. The word of
    its third row completes the kernel window of a pixel. So does the word of the fourth row for the
    pixel below, which there is only with a stride of 1, and not behind an odd number of rows. The
    next strip begins `STRIP_STEP` rows further down.

    Members
    -------
    take : In(1)
        High where `offered` is walked over from the next cycle on.
    offered : In(weight_block_layout(config))
    block : In(weight_block_layout(config))
        The weight block, at the row of the word.
    below : In(INPUT_ROW)
        The row below that.
    step : In(1)
    last_column : In(1)
        High where no column of pixels follows in this strip.
    row : Out(INPUT_ROW)
        The row of the next word of the same block.
    next_pixel : Out(1)
        High where that word makes a pixel.
    is_second : Out(1)
        High with a word of the fourth row, if that makes pixels.
    unneeded : Out(1)
        High with a word of the fourth row, if that makes no pixels.
    ends_column : Out(1)
    has_pixels : Out(1)
        High in a column that makes pixels.
    ends_strip : Out(1)
    ends_block : Out(1)
        High with the block's last pixel.
    """

    LATENCY = 0  # what is said of a word comes with it

    def __init__(self, config: Config):
        super().__init__(
            {
                "take": In(1),
                "offered": In(weight_block_layout(config)),
                "block": In(weight_block_layout(config)),
                "below": In(INPUT_ROW),
                "step": In(1),
                "last_column": In(1),
                "row": Out(INPUT_ROW),
                "next_pixel": Out(1),
                "is_second": Out(1),
                "unneeded": Out(1),
                "ends_column": Out(1),
                "has_pixels": Out(1),
                "ends_strip": Out(1),
                "ends_block": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.word = Signal(range(STRIP_ROWS))
        self.both = Signal()  # rows of pixels, which a strip makes
        self.last_strip = Signal()
        second, third, fourth = (self.word == number for number in range(1, STRIP_ROWS))
        ends_row = self.has_pixels & self.last_column
        m.d.comb += [
            self.next_pixel.eq(self.has_pixels & (second | (third & self.both))),
            self.is_second.eq(fourth & self.both),
            self.unneeded.eq(fourth & ~self.both),
            self.ends_column.eq(fourth),
            self.ends_strip.eq(fourth & ends_row),
            self.ends_block.eq(ends_row & self.last_strip & Mux(self.both, fourth, third)),
        ]
        self._follow_rows(m, turns=third & ends_row)
        self._count_columns(m)
        self._count_rows(m)
        return m

    def _follow_rows(self, m: Module, turns: Signal) -> None:
        """Go down a row, or back to the strip's first; at the end that is the next strip's."""
        first = Signal(INPUT_ROW)
        m.d.comb += self.row.eq(Mux(self.ends_column, first, self.below))
        for when, row in ((turns, self.block), (self.take, self.offered)):
            with m.If(when):
                m.d.sync += [first[name].eq(row[name]) for name in INPUT_ROW.members]

    def _count_columns(self, m: Module) -> None:
        until = Signal(range(FILL_COLUMNS + 1))  # columns until one that makes pixels
        m.d.comb += self.has_pixels.eq(until == 0)
        with m.If(self.step):
            m.d.sync += self.word.eq(self.word + 1)
        with m.If(self.step & self.ends_column):
            is_wide = self.block.stride_columns != 1
            m.d.sync += until.eq(Mux(self.has_pixels, is_wide, until - 1))
        with m.If(self.take | (self.step & self.ends_strip)):
            m.d.sync += [self.word.eq(0), until.eq(FILL_COLUMNS)]

    def _count_rows(self, m: Module) -> None:
        left = Signal(self.block.rows.shape())  # rows of pixels from this strip on
        rows, is_wide = Signal.like(left), Signal()  # those from the next one on; with a stride
        m.d.comb += [
            rows.eq(left - Mux(self.both, STRIP_STEP, 1)),
            is_wide.eq(self.block.wide_rows),
        ]
        with m.If(self.take):
            m.d.comb += [rows.eq(self.offered.rows), is_wide.eq(self.offered.wide_rows)]
        with m.If(self.take | (self.step & self.ends_strip)):
            m.d.sync += [
                left.eq(rows),
                self.both.eq(~is_wide & (rows != 1)),
                self.last_strip.eq((rows == 1) | (~is_wide & (rows == STRIP_STEP))),
            ]
