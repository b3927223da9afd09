"""The pixel sequencer: walks tiles, input blocks, taps and pixels, one pixel per cycle."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, ValueLike, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim import pipeline
from hwsim.config import ACCUMULATOR_BANKS, Config
from hwsim.program.error_codes import ErrorCode
from hwsim.program.fields import TOKEN_BITS
from rtl.layouts import FAULT, WAITING, reached
from rtl.packing import KERNEL, packing
from rtl.pixel import ISSUE, pixel_layout
from rtl.read_manager import BUFFER_ADDRESS_BITS

COORDINATE = signed(18)
LINE_BITS = BUFFER_ADDRESS_BITS + 2  # sums of buffer addresses, before they are checked


class Issue(wiring.Component):
    """Issues the pixels of each weight block, row-major; the blocks in the order of the weights.

    A weight block begins when the shadow is full, its input block's chunk is loaded (`packed`: the
    first chunk) and, for a tile's first, the drain of the last-but-one tile has read its
    accumulators: then one pixel per cycle to the end of the block, with `packed` after
    `Packing.fill` cycles in front of each row. The next block or tile follows without a gap. A
    pixel of cycle t leaves `o` in cycle t + 1; nothing stalls it. The shadow is taken with a
    block's first pixel, with `packed` that is behind the fill.

    A COMPUTE at the head of its queue in cycle t begins in cycle t + `ISSUE_START` at the earliest.
    A tile of more pixels than a bank has, or with a pixel past the feature buffer, is the fault.

    Members
    -------
    tile : In(stream.Signature(ISSUE))
    o : Out(stream.Signature(pixel_layout(config), always_ready=True))
    next_chunks : In(TOKEN_BITS)
        The token as it will be visible in the next cycle.
    shadow_full : In(1)
    shadow_taken : Out(1)
        The weight block's first pixel.
    issued : Out(1)
        The tile's last pixel.
    drained : In(1)
        A tile's last accumulators are being read.
    waiting : Out(WAITING)
    fault : Out(FAULT)
    """

    LATENCY = 1
    ISSUE_START = 1
    assert ISSUE_START == pipeline.ISSUE_START

    def __init__(self, config: Config):
        self._config = config
        self._packing = packing(config)
        super().__init__(
            {
                "tile": In(stream.Signature(ISSUE)),
                "o": Out(stream.Signature(pixel_layout(config), always_ready=True)),
                "next_chunks": In(TOKEN_BITS),
                "shadow_full": In(1),
                "shadow_taken": Out(1),
                "issued": Out(1),
                "drained": In(1),
                "waiting": Out(WAITING),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._declare()
        self._gate(m)
        self._walk_pixels(m)
        self._walk_blocks(m)
        self._take_tile(m)
        self._emit(m)
        self._check(m)
        return m

    def _declare(self) -> None:
        """State of the walk. A *line* is the buffer address of a row's column `column_origin`."""
        self.active = Signal(ISSUE)
        self.busy = Signal()
        self.bank = Signal()
        self.owned = Signal(range(ACCUMULATOR_BANKS + 1))  # banks begun and not drained
        self.chunk = Signal(TOKEN_BITS)  # token that the block waits for
        self.arrived = Signal()  # and whether it has come

        self.block_begins = Signal()
        self.tile_begins = Signal()
        self.fill = Signal(range(self._packing.fill + 1))  # cycles of it still to come
        self.row = Signal(9)
        self.column = Signal(9)
        self.index = Signal(range(self._config.buffers.accumulator_depth))
        self.tap_row = Signal(4)
        self.tap_column = Signal(4)
        self.block = Signal(12)

        address = LINE_BITS
        self.block_line = Signal(address)  # ring row 0
        self.tile_line = Signal(address)  # the tile's first row
        self.tap_line = Signal(address)  # the tap's first row
        self.tap_ring = Signal(16)
        self.line = Signal(address)  # the pixel's row
        self.ring = Signal(16)
        self.packed_lines = [self.line]  # rows that the taps of a packed pass touch

        # Columns count from `column_origin`; `low` <= x < `high` is inside the input.
        self.first_x = Signal(COORDINATE)  # the tile's first tap
        self.tap_x = Signal(COORDINATE)  # the tap's first column
        self.x = Signal(COORDINATE)
        self.low = Signal(COORDINATE)
        self.high = Signal(COORDINATE)
        self.tap_y = Signal(COORDINATE)
        self.y = Signal(COORDINATE)

        self.step = Signal()
        self.pixel = Signal()
        # Where the walk stands, in registers: set with the counters, so that none is compared late.
        self.last_column = Signal()
        self.last_row = Signal()
        self.last_block = Signal()
        self.row_ends = Signal()
        self.block_ends = Signal()
        self.tap_columns_end = Signal()
        self.tap_rows_end = Signal()
        self.tile_ends = Signal()

    def _next_row(self, m: Module, name: str, line: Signal, ring: Signal) -> tuple[Signal, Signal]:
        """Line and ring row after the given ones."""
        next_line = Signal(LINE_BITS, name=f"{name}_next_line")
        next_ring = Signal(16, name=f"{name}_next_ring")
        wraps = Signal(name=f"{name}_wraps")
        m.d.comb += [
            wraps.eq(ring + 1 == self.active.ring_rows),
            next_line.eq(Mux(wraps, self.block_line, line + self.active.row_words)),
            next_ring.eq(Mux(wraps, 0, ring + 1)),
        ]
        return next_line, next_ring

    def _gate(self, m: Module) -> None:
        """A block's first cycle waits for its weights, its input and its accumulators."""
        begin = Signal()
        m.d.comb += [
            begin.eq(
                self.shadow_full
                & self.arrived
                & (~self.tile_begins | (self.owned != ACCUMULATOR_BANKS))
            ),
            self.step.eq(self.busy & (~self.block_begins | begin)),
            self.pixel.eq(self.step & (self.fill == 0)),
            self.shadow_taken.eq(self.pixel & (self.index == 0)),
        ]
        with m.If(self.step):
            m.d.sync += [self.block_begins.eq(0), self.tile_begins.eq(0)]
        m.d.sync += self.arrived.eq(reached(self.next_chunks, self.chunk))
        m.d.sync += self.owned.eq(self.owned + (self.step & self.tile_begins) - self.drained)

    def _walk_pixels(self, m: Module) -> None:
        fill = Mux(self.active.packed, self._packing.fill, 0)
        next_line, next_ring = self._next_row(m, "pixel", self.line, self.ring)
        m.d.comb += [
            self.row_ends.eq(self.pixel & self.last_column),
            self.block_ends.eq(self.row_ends & self.last_row),
        ]
        with m.If(self.step & (self.fill != 0)):
            m.d.sync += self.fill.eq(self.fill - 1)
        with m.If(self.pixel):
            m.d.sync += [
                self.column.eq(self.column + 1),
                self.last_column.eq(self.column + 2 == self.active.columns),
                self.x.eq(self.x + 1),
                self.index.eq(self.index + 1),
            ]
        with m.If(self.row_ends):
            m.d.sync += [
                self.column.eq(0),
                self.last_column.eq(self.active.columns == 1),
                self.row.eq(self.row + 1),
                self.last_row.eq(self.row + 2 == self.active.rows),
                self.fill.eq(fill),
                self.x.eq(self.tap_x),
                self.y.eq(self.y + 1),
                self.line.eq(next_line),
                self.ring.eq(next_ring),
            ]
        with m.If(self.block_ends):
            m.d.sync += [
                self.row.eq(0),
                self.last_row.eq(self.active.rows == 1),
                self.index.eq(0),
                self.block_begins.eq(1),
            ]

    def _walk_blocks(self, m: Module) -> None:
        """At a weight block's end: next tap column, else tap row, else input block, else tile."""
        active = self.active
        next_line, next_ring = self._next_row(m, "tap", self.tap_line, self.tap_ring)
        next_block_line = Signal(LINE_BITS)
        # With `packed` the tap row is the kernel row of the pass's first tap: 0 or 1 further on.
        passes = range(self._packing.passes)
        steps = Array(
            Const(self._packing.first_row(after) - self._packing.first_row(number), 1)
            for number, after in zip(passes, [*passes[1:], passes[-1]], strict=True)
        )
        row_moves = Signal()
        m.d.comb += [
            row_moves.eq(Mux(active.packed, steps[self.block[:3]], self.tap_columns_end)),
            next_block_line.eq(self.tile_line + active.buffer_block_words),
            self.tile_ends.eq(
                self.block_ends & self.tap_columns_end & self.tap_rows_end & self.last_block
            ),
            self.issued.eq(self.tile_ends),
        ]
        with m.If(self.block_ends):
            m.d.sync += [  # the same tap row, next column
                self.tap_column.eq(self.tap_column + 1),
                self.tap_columns_end.eq(
                    active.packed | (self.tap_column + 2 == active.kernel_columns)
                ),
                self.tap_x.eq(self.tap_x + 1),
                self.x.eq(self.tap_x + 1),
                self.line.eq(self.tap_line),
                self.ring.eq(self.tap_ring),
                self.y.eq(self.tap_y),
            ]
            with m.If(self.tap_columns_end):
                m.d.sync += [
                    self.tap_column.eq(0),
                    self.tap_columns_end.eq(active.packed | (active.kernel_columns == 1)),
                    self.tap_row.eq(self.tap_row + 1),
                    self.tap_rows_end.eq(active.packed | (self.tap_row + 2 == active.kernel_rows)),
                    self.tap_x.eq(self.first_x),
                    self.x.eq(self.first_x),
                ]
            with m.If(row_moves):
                m.d.sync += [
                    self.tap_line.eq(next_line),
                    self.tap_ring.eq(next_ring),
                    self.tap_y.eq(self.tap_y + 1),
                    self.line.eq(next_line),
                    self.ring.eq(next_ring),
                    self.y.eq(self.tap_y + 1),
                ]
            with m.If(self.tap_columns_end & self.tap_rows_end):
                m.d.sync += [
                    self.tap_row.eq(0),
                    self.tap_rows_end.eq(active.packed | (active.kernel_rows == 1)),
                    self.block.eq(self.block + 1),
                    self.last_block.eq(self.block + 2 == active.blocks),
                ]
            with m.If(self.tap_columns_end & self.tap_rows_end & ~active.packed):
                m.d.sync += [
                    self.chunk.eq(self.chunk + 1),
                    self.arrived.eq((self.next_chunks + ~self.chunk)[TOKEN_BITS - 1] == 0),
                    self.block_line.eq(self.block_line + active.buffer_block_words),
                    self.tile_line.eq(next_block_line),
                    self.tap_line.eq(next_block_line),
                    self.tap_ring.eq(active.ring_row),
                    self.tap_y.eq(active.top),
                    self.line.eq(next_block_line),
                    self.ring.eq(active.ring_row),
                    self.y.eq(active.top),
                ]

    def _take_tile(self, m: Module) -> None:
        """Take the next tile while the last pixel of this one is issued."""
        tile = self.tile.payload
        first_x = Signal(COORDINATE)
        m.d.comb += [
            self.tile.ready.eq(~self.busy | self.tile_ends),
            first_x.eq(tile.left - tile.column_origin),
        ]
        with m.If(self.tile_ends):
            m.d.sync += self.bank.eq(~self.bank)
        with m.If(self.tile.ready):
            m.d.sync += [self.busy.eq(self.tile.valid), self.active.eq(tile)]
            m.d.sync += [
                target.eq(0)
                for target in (
                    self.row,
                    self.column,
                    self.index,
                    self.tap_row,
                    self.tap_column,
                    self.block,
                )
            ]
            m.d.sync += [target.eq(1) for target in (self.block_begins, self.tile_begins)]
            m.d.sync += [
                target.eq(tile.first_line) for target in (self.tile_line, self.tap_line, self.line)
            ]
            m.d.sync += [target.eq(tile.ring_row) for target in (self.tap_ring, self.ring)]
            m.d.sync += [target.eq(tile.top) for target in (self.tap_y, self.y)]
            m.d.sync += [target.eq(first_x) for target in (self.first_x, self.tap_x, self.x)]
            m.d.sync += [
                self.last_column.eq(tile.columns == 1),
                self.last_row.eq(tile.rows == 1),
                self.tap_columns_end.eq(tile.packed | (tile.kernel_columns == 1)),
                self.tap_rows_end.eq(tile.packed | (tile.kernel_rows == 1)),
                self.last_block.eq(tile.blocks == 1),
                self.fill.eq(Mux(tile.packed, self._packing.fill, 0)),
                self.chunk.eq(tile.wait_chunks + 1),
                self.arrived.eq((self.next_chunks + ~tile.wait_chunks)[TOKEN_BITS - 1] == 0),
                self.block_line.eq(tile.buffer_address),
                self.low.eq(-tile.column_origin),
                self.high.eq(tile.input_width - tile.column_origin),
            ]

    def _emit(self, m: Module) -> None:
        active, pixel = self.active, self.o.payload
        m.d.sync += [
            self.o.valid.eq(self.step),
            pixel.address.eq(self.line + self.x),
            pixel.pixel.eq(self.pixel),
            pixel.first.eq(self.shadow_taken),
            pixel.inside.eq(self._row_inside(0) & self._column_inside(0)),
            pixel.zero_point.eq(active.input_zero_point),
            pixel.accumulate.index.eq(self.index),
            pixel.accumulate.bank.eq(self.bank),
            pixel.accumulate.overwrite.eq(
                (self.block == 0) & (self.tap_row == 0) & (self.tap_column == 0)
            ),
            pixel.accumulate.last.eq(self.tile_ends),
        ]
        if self._packing.supported:
            self._emit_packed(m)

    def _check(self, m: Module) -> None:
        """One cycle behind the pixel, so that it delays none.

        Words fetched ahead of a packed row may lie past its end, and the buffer's: there it is
        checked that the rows that the pass fetches end in the buffer, and that the pixel's columns
        lie in its row.
        """
        depth, words = self._config.buffers.accumulator_depth, self._config.feature_words
        place = Signal(LINE_BITS)
        overflows = Signal()
        beyond = Signal()
        m.d.comb += [
            place.eq(self.line + self.x),
            overflows.eq((self.index == depth - 1) & ~self.block_ends),
            beyond.eq(self._row_inside(0) & self._column_inside(0) & (place >= words)),
            self.waiting.valid.eq(self.busy),
            self.waiting.source.eq(self.active.source),
        ]
        with m.If(self.active.packed):
            rows = (
                self._row_inside(number) & (line + self.active.row_words > words)
                for number, line in enumerate(self.packed_lines)
            )
            phase_bits = exact_log2(self._packing.pixels)
            columns = (
                self._column_inside(tap) & ((self.x + tap) >> phase_bits >= self.active.row_words)
                for tap in range(KERNEL)
            )
            m.d.comb += beyond.eq(Cat(*rows, *columns).any())
        m.d.sync += [self.fault.code.eq(ErrorCode.NONE), self.fault.source.eq(self.active.source)]
        misplaced = (
            self.active.first_line >= words
        )  # the tile's first row lies past the feature buffer
        with m.If(self.pixel & (overflows | beyond | misplaced)):
            m.d.sync += self.fault.code.eq(ErrorCode.BUFFER)

    def _row_inside(self, tap: int) -> ValueLike:
        return (self.y + tap >= 0) & (self.y + tap < self.active.input_height)

    def _column_inside(self, tap: int) -> ValueLike:
        return (self.x + tap >= self.low) & (self.x + tap < self.high)

    def _emit_packed(self, m: Module) -> None:
        """Fetch ahead: in front of a row two words per stream, then one stream per cycle.

        A word fetched with a pixel is captured after that pixel has used its own.
        """
        shape, packed = self._packing, self.o.payload.packed
        lines, ring = self.packed_lines, self.ring
        for number in range(1, shape.streams):
            line, ring = self._next_row(m, f"stream{number}", lines[-1], ring)
            lines.append(line)

        phase_bits = exact_log2(shape.pixels)
        phase = self.x[:phase_bits]
        line = Signal(BUFFER_ADDRESS_BITS)
        words = Signal(2)  # from the word that the pixel starts in
        capture = Signal(packed["capture"].shape())
        for position in range(shape.fill):
            number, ahead = position % shape.streams, position // shape.streams
            with m.If(self.fill == shape.fill - position):
                m.d.comb += [line.eq(lines[number]), words.eq(ahead)]
                m.d.comb += capture[number][ahead].eq(1)
        for number in range(shape.streams):
            with m.If((self.fill == 0) & (phase == number)):
                m.d.comb += [line.eq(lines[number]), words.eq(shape.ahead)]
                m.d.comb += capture[number][shape.ahead].eq(1)
                if number == shape.streams - 1:  # just in time for the next word's place
                    m.d.comb += capture[number][1].eq(1)

        m.d.sync += [
            packed.enable.eq(self.active.packed),
            packed.phase.eq(phase),
            packed["capture"].eq(capture),
            packed.advance.eq(self.pixel & (phase == shape.pixels - 1)),
            packed["pass"].eq(self.block),
            packed.row_inside.eq(Cat(self._row_inside(tap) for tap in range(shape.streams))),
            packed.column_inside.eq(Cat(self._column_inside(tap) for tap in range(KERNEL))),
        ]
        with m.If(self.active.packed):
            m.d.sync += self.o.payload.address.eq(line + (self.x >> phase_bits) + words)
