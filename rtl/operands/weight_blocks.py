"""The walk over a tile's weight blocks: input block by block, tap row by row, column by column."""

from itertools import pairwise

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.chain import has_chain
from hwsim.arch.config import Config
from hwsim.isa.fields import TOKEN_BITS
from hwsim.rtl.operands.packing import packing
from hwsim.rtl.operands.pixel import (
    COORDINATE,
    ISSUE,
    KEPT,
    LINE_BITS,
    RING_BITS,
    RowStep,
    weight_block_layout,
)


class WeightBlocks(wiring.Component):
    """Offers the next weight block, at its first row, while the one before is being issued.

    A tile taken in cycle t has its first block offered from cycle t + `LATENCY` on. After a block
    is taken in cycle t, the next one is offered from cycle t + `PERIOD` on, or the next tile taken:
    the walk itself moves a cycle later, out of a register. With `packed` a block is one tap pass,
    and its tap row is the kernel row of the pass's first tap. With `diagonal` a block is offered
    once for each of its taps, but with `chained` only once.

    Members
    -------
    tile : In(stream.Signature(ISSUE))
    o : Out(stream.Signature(weight_block_layout(config)))
    """

    LATENCY = 1
    PERIOD = 2

    def __init__(self, config: Config):
        self._config = config
        self._packing = packing(config)
        super().__init__(
            {
                "tile": In(stream.Signature(ISSUE)),
                "o": Out(stream.Signature(weight_block_layout(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._declare()
        self._offer(m)
        taken = Signal()
        m.d.comb += [
            self.o.valid.eq(self.busy & ~taken),
            self.tile.ready.eq(~self.busy),
        ]
        m.d.sync += taken.eq(self.o.valid & self.o.ready)
        step = RowStep(self.active, "dilation")
        line, until_wrap = step.after(self.line, self.until_wrap, self.y)
        m.d.sync += [self.line_after.eq(line), self.until_wrap_after.eq(until_wrap)]
        with m.If(~self.busy):
            self._take_tile(m)
        with m.Elif(taken):
            self._next_block(m)
        return m

    def _declare(self) -> None:
        self.busy = Signal()
        self.active = Signal(ISSUE, reset_less=True)
        self.tap_pass = Signal(self.o.payload["tap_pass"].shape())  # with `packed`
        # With the one that is offered.
        self.blocks_left = Signal.like(self.active.blocks, reset_less=True)
        self.tap = Signal(self.o.payload["tap"].shape())  # number in the kernel, with `diagonal`
        self.tap_row = Signal(4)
        self.tap_column = Signal(4)
        # Where the tap's first pixel lies in the input.
        self.y = Signal(COORDINATE, reset_less=True)
        self.x = Signal(COORDINATE, reset_less=True)
        self.wait_chunks = Signal(TOKEN_BITS, reset_less=True)
        self.first = Signal()
        # Where the walk stands, in registers: set with the counters, so that none is compared late.
        self.last_block = Signal()
        self.last_row = Signal()
        self.last_column = Signal()

        self.tile_line = Signal(LINE_BITS, reset_less=True)  # the tile's first row
        self.line = Signal(LINE_BITS, reset_less=True)  # the tap's first row
        self.until_wrap = Signal(RING_BITS, reset_less=True)
        # Those of the next tap row, found while the block is offered: for a cycle at least.
        self.line_after = Signal(LINE_BITS, reset_less=True)
        self.until_wrap_after = Signal(RING_BITS, reset_less=True)
        self.open = Signal()  # the tile's last COMPUTE is still to come
        self.mismatched = Signal()

    def _offer(self, m: Module) -> None:
        tile, o = self.active, self.o.payload
        m.d.comb += [o[name].eq(tile[name]) for name in KEPT]
        if has_chain(self._config):
            m.d.comb += o.wide_rows.eq(tile.stride_rows != 1)
            with m.If(tile.chained):
                m.d.comb += [
                    o[f"stride_{name}"].eq(tile[f"dilation_{name}"])
                    for name in ("rows", "words", "wrap_words")
                ]
        m.d.comb += [
            o.wait_chunks.eq(self.wait_chunks),
            o.line.eq(self.line),
            o.until_wrap.eq(self.until_wrap),
            o.last_line.eq(self._config.feature_words - tile.row_words),
            o.y.eq(self.y),
            o.x.eq(self.x),
            o.low.eq(-tile.column_origin),
            o.high.eq(tile.input_width - tile.column_origin),
            o.tap_pass.eq(self.tap_pass),
            o.tap.eq(self.tap),
            o.takes_weights.eq((self.tap == 0) | ~tile.diagonal),
            o.first.eq(self.first & tile.first),
            o.scale_sums.eq(self.first & tile.scale_sums),
            o.last.eq(self.last_column & self.last_row & self.last_block),
            o.ends_tile.eq(tile.last),
            o.mismatched.eq(self.mismatched),
        ]

    def _take_tile(self, m: Module) -> None:
        tile, before = self.tile.payload, self.active
        differs = (tile.rows != before.rows) | (tile.columns != before.columns)
        if has_chain(self._config):
            differs |= tile.chained != before.chained
        with m.If(self.tile.valid):
            m.d.sync += [
                self.active.eq(tile),
                self.open.eq(~tile.last),
                self.mismatched.eq((tile.first == self.open) | (self.open & differs)),
            ]
        m.d.sync += [
            self.busy.eq(self.tile.valid),
            self.wait_chunks.eq(tile.wait_chunks + ~tile.awaits_stores),
            self.tap_pass.eq(0),
            self.blocks_left.eq(tile.blocks),
            self.tap.eq(0),
            self.tap_row.eq(0),
            self.tap_column.eq(0),
            self.y.eq(tile.top),
            self.x.eq(tile.left - tile.column_origin),
            self.first.eq(1),
            self.last_block.eq(tile.blocks == 1),
            self.last_row.eq(self._without_taps(tile) | (tile.kernel_rows == 1)),
            self.last_column.eq(self._without_taps(tile) | (tile.kernel_columns == 1)),
            self.tile_line.eq(tile.first_line),
            self.line.eq(tile.first_line),
            self.until_wrap.eq(tile.ring_rows - tile.ring_row),
        ]

    def _next_block(self, m: Module) -> None:
        """Go to the next tap column, else to the next tap row, else to the next input block."""
        tile = self.active
        without_taps = self._without_taps(tile)
        next_tile_line = Signal(LINE_BITS)
        m.d.comb += next_tile_line.eq(self.tile_line + tile.buffer_block_words)
        m.d.sync += [
            self.busy.eq(~self.o.payload.last),
            self.first.eq(0),
            self.tap.eq(self.tap + 1),
            self.tap_column.eq(self.tap_column + 1),
            self.x.eq(self.x + tile.dilation_columns),
            self.last_column.eq(without_taps | (self.tap_column + 2 == tile.kernel_columns)),
        ]
        with m.If(self.last_column):
            m.d.sync += [
                self.tap_column.eq(0),
                self.x.eq(tile.left - tile.column_origin),
                self.last_column.eq(without_taps | (tile.kernel_columns == 1)),
                self.last_row.eq(without_taps | (self.tap_row + 2 == tile.kernel_rows)),
            ]
        with m.If(Mux(tile.packed, self._pass_moves(), self.last_column)):
            m.d.sync += [
                self.tap_row.eq(self.tap_row + 1),
                self.y.eq(self.y + tile.dilation_rows),
                self.line.eq(self.line_after),
                self.until_wrap.eq(self.until_wrap_after),
            ]
        with m.If(self.last_column & self.last_row):
            m.d.sync += [
                self.last_row.eq(without_taps | (tile.kernel_rows == 1)),
                self.tap.eq(0),
                self.tap_pass.eq(self.tap_pass + 1),
                self.blocks_left.eq(self.blocks_left - 1),
                self.last_block.eq(self.blocks_left == 2),
            ]
        with m.If(self.last_column & self.last_row & ~tile.packed):
            m.d.sync += [
                self.wait_chunks.eq(self.wait_chunks + ~tile.awaits_stores),
                self.tap_row.eq(0),
                self.y.eq(tile.top),
                self.tile_line.eq(next_tile_line),
                self.line.eq(next_tile_line),
                self.until_wrap.eq(tile.ring_rows - tile.ring_row),
            ]

    def _without_taps(self, tile: data.View) -> Value:
        """Return whether the walk stays at the first tap of an input block."""
        return tile.packed | tile.chained if has_chain(self._config) else tile.packed

    def _pass_moves(self) -> Value:
        """Return whether the next tap pass starts a kernel row further on; it is never more."""
        starts = [self._packing.first_row(number) for number in range(self._packing.tap_passes)]
        moves = [after - start for start, after in pairwise(starts)]
        return Array(Const(move, 1) for move in [*moves, 0])[self.o.payload.tap_pass]
