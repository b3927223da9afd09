"""The walk of the drain over the taps of a pool window, and from window to window."""

from amaranth.hdl import Module, Mux, Signal, ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config


def is_one_tap(tile: data.View) -> ValueLike:
    return (tile.window_rows == 1) & (tile.window_columns == 1)


class WindowWalk(wiring.Component):
    """Holds the place of the tap that is read: row by row in its window, window by window.

    Outputs are those of the read of the same cycle. The place moves behind each `read`: to the next
    tap, and stays at a window's last until `pixel_ends`.
    A window is at least as high as the step to the next row of windows, so that its taps pass the
    line where those begin: no line is found by a product.

    Members
    -------
    next_tile, tile : In(layout)
        The fields of the tile that waits, and of the one that is walked.
    begins : In(1)
        High in the cycle before `tile` becomes what `next_tile` is now.
    read : In(1)
    pixel_ends, row_ends : In(1)
        High with the last read of a stored pixel, and of a row of them.
    index : Out
        The accumulator of the tap, which has no meaning with `masked`.
    masked : Out(1)
        High where the tap lies outside the tile.
    first_tap : Out(1)
        High with the first tap of a window that is not masked.
    last_tap : Out(1)
    next_tap_last : Out(1)
        With `read`: high if the next read is that of a last tap, of this window or the next.
    """

    LATENCY = 0

    def __init__(self, config: Config, layout: data.StructLayout):
        self._depth = config.buffers.accumulator_depth
        # A place is modulo twice a side: one in front of the tile is behind all that the tile has.
        self._place_bits = layout["rows"].width + 1
        super().__init__(
            {
                "next_tile": In(layout),
                "tile": In(layout),
                "begins": In(1),
                "read": In(1),
                "pixel_ends": In(1),
                "row_ends": In(1),
                "index": Out(range(2 * self._depth)),
                "masked": Out(1),
                "first_tap": Out(1),
                "last_tap": Out(1),
                "next_tap_last": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.has_tap = Signal()  # one of the window that was not masked
        self.tap_row = Signal.like(self.tile.window_rows)
        self.tap_column = Signal.like(self.tile.window_columns)
        self.last_tap_row = Signal()
        self.last_tap_column = Signal()
        self.tap_row_ends = Signal()
        m.d.comb += [
            self.last_tap.eq(self.last_tap_row & self.last_tap_column),
            self.tap_row_ends.eq(
                self.read & self.last_tap_column & (~self.last_tap | self.pixel_ends)
            ),
        ]
        self._count(m)
        self._flag_last(m)
        self._place(m)
        return m

    def _count(self, m: Module) -> None:
        with m.If(self.read):
            m.d.sync += self.has_tap.eq((self.has_tap | ~self.masked) & ~self.pixel_ends)
        with m.If(self.read & ~self.last_tap):
            m.d.sync += self.tap_column.eq(self.tap_column + 1)
        with m.If(self.tap_row_ends):
            m.d.sync += [self.tap_column.eq(0), self.tap_row.eq(self.tap_row + 1)]
        with m.If(self.pixel_ends):
            m.d.sync += self.tap_row.eq(0)

    def _flag_last(self, m: Module) -> None:
        """Find out one read ahead whether a tap is the last of its row or column."""
        tile = self.tile
        next_row_last, next_column_last = Signal(), Signal()
        one_column = tile.window_columns == 1
        m.d.comb += [
            next_row_last.eq(
                Mux(self.last_tap_column, self.tap_row + 2 == tile.window_rows, self.last_tap_row)
            ),
            next_column_last.eq(
                Mux(self.last_tap_column, one_column, self.tap_column + 2 == tile.window_columns)
            ),
            self.next_tap_last.eq(
                Mux(
                    self.last_tap,
                    ~self.pixel_ends | is_one_tap(tile),
                    next_row_last & next_column_last,
                )
            ),
        ]
        with m.If(self.read & ~self.last_tap):
            m.d.sync += [
                self.last_tap_row.eq(next_row_last),
                self.last_tap_column.eq(next_column_last),
            ]
        with m.If(self.pixel_ends):
            m.d.sync += [
                self.last_tap_row.eq(tile.window_rows == 1),
                self.last_tap_column.eq(one_column),
            ]
        with m.If(self.begins):
            m.d.sync += [
                self.last_tap_row.eq(self.next_tile.window_rows == 1),
                self.last_tap_column.eq(self.next_tile.window_columns == 1),
            ]

    def _place(self, m: Module) -> None:
        """Move the tap's row, column and line, and those of its window."""
        tile, next_tile = self.tile, self.next_tile
        row, column, first_row, first_column = (
            Signal(self._place_bits, name=name, reset_less=True)
            for name in ("row", "column", "first_row", "first_column")
        )
        # Where rows of the tile start; for a row in front of the tile that is its first one.
        line, first_line, next_line = (
            Signal.like(self.index, name=name, reset_less=True)
            for name in ("line", "first_line", "next_line")
        )
        row_inside = Signal()
        below = Signal.like(line)  # the line of the tap's row
        line_after = Signal.like(line)  # of the next row of windows
        row_after, column_after = Signal.like(row), Signal.like(column)  # of the next window
        m.d.comb += [
            row_inside.eq(row < tile.rows),
            self.masked.eq(~row_inside | (column >= tile.columns)),
            self.first_tap.eq(~self.masked & ~self.has_tap),
            self.index.eq(line + column),
            below.eq(line + Mux(row_inside, tile.columns, 0)),
            line_after.eq(Mux(self.tap_row + 1 == tile.window_stride_rows, below, next_line)),
            row_after.eq(first_row + tile.window_stride_rows),
            column_after.eq(
                Mux(self.row_ends, -tile.window_left, first_column + tile.window_stride_columns)
            ),
        ]
        with m.If(self.read & ~self.last_tap):
            m.d.sync += column.eq(column + 1)
        with m.If(self.tap_row_ends):
            m.d.sync += [
                column.eq(first_column),
                row.eq(row + 1),
                line.eq(below),
                next_line.eq(line_after),
            ]
        with m.If(self.pixel_ends):
            m.d.sync += [
                first_column.eq(column_after),
                column.eq(column_after),
                row.eq(first_row),
                line.eq(first_line),
            ]
        with m.If(self.row_ends):
            m.d.sync += [
                first_row.eq(row_after),
                row.eq(row_after),
                first_line.eq(line_after),
                line.eq(line_after),
            ]
        with m.If(self.begins):
            m.d.sync += [
                first_column.eq(-next_tile.window_left),
                column.eq(-next_tile.window_left),
                first_row.eq(-next_tile.window_top),
                row.eq(-next_tile.window_top),
                first_line.eq(0),
                line.eq(0),
            ]
