"""The pixel sequencer: walks over the pixels of each weight block, one per cycle."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.chain import has_chain
from hwsim.arch.config import ACCUMULATOR_BANKS, Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import TOKEN_BITS
from hwsim.rtl.operands.feature_read import FeatureRead
from hwsim.rtl.operands.packing import packing
from hwsim.rtl.operands.pixel import COORDINATE, ISSUE, RowStep, pixel_layout, weight_block_layout
from hwsim.rtl.operands.strip_walk import INPUT_ROW, StripWalk
from hwsim.rtl.operands.weight_blocks import WeightBlocks
from hwsim.rtl.operands.weights import Supply
from hwsim.rtl.program.run import FAULT, WAITING
from hwsim.rtl.program.tokens import Token, reached


class Issue(wiring.Component):
    """Issues the pixels of each weight block, row by row; blocks come in the order of the weights.

    A weight block begins when its weights are ready and its input block's chunk is loaded (with
    `packed`: the first chunk; with `awaits_stores`: the STOREs of its source have been staged). The
    first block of a tile also waits until a bank of accumulators is free: two tiles earlier, the
    drain has read it. Then one pixel is issued per cycle to the end of the block, with `packed`
    after `Packing.fill` cycles in front of each row. With `diagonal` all taps of the block follow
    one another so, while its weights stay; with `chained` words are issued along a `StripWalk`,
    some of which make a pixel. The next block or tap follows without a gap, if this one
    lasts `SHORTEST_BLOCK` cycles: then its accumulators are free again.
    A pixel of cycle t leaves `o` in cycle t + 1; nothing stalls it.

    A COMPUTE at the head of its queue in cycle t begins in cycle t + `TILE_START` at the earliest,
    which is before its weights can be there. The COMPUTEs of a tile, from `first` to `last`, add to
    the same accumulators. A tile of more pixels than a bank has, or with a pixel past the feature
    buffer, is the fault, and so is a COMPUTE that does not belong to the tile of the one before.

    Members
    -------
    tile : In(stream.Signature(ISSUE))
    o : Out(stream.Signature(pixel_layout(config), always_ready=True))
    chunks : In(Token())
        Chunks loaded, of which a block may read those up to this cycle from the next one on.
    staged : In(TOKEN_BITS)
        STOREs that have left staging before this cycle.
    weights : In(Supply())
        The next weight block. Taken with its first pixel, with `packed` behind the row's fill, with
        `diagonal` that of its first tap.
    issued : Out(1)
        High with a COMPUTE's last pixel.
    completed : Out(1)
        High with a tile's last pixel: that of its COMPUTE with `last`.
    drained : In(1)
        High where a tile's last accumulators are being read.
    waiting : Out(WAITING)
    fault : Out(FAULT)
    """

    LATENCY = 1
    assert FeatureRead.LATENCY == LATENCY
    TILE_START = WeightBlocks.LATENCY + 1
    SHORTEST_BLOCK = pipeline.REVISIT
    assert WeightBlocks.PERIOD + WeightBlocks.LATENCY <= SHORTEST_BLOCK

    def __init__(self, config: Config):
        self._config = config
        self._fill = packing(config).fill
        self._has_chain = has_chain(config)
        assert pipeline.ISSUE_START >= self.TILE_START
        super().__init__(
            {
                "tile": In(stream.Signature(ISSUE)),
                "o": Out(stream.Signature(pixel_layout(config), always_ready=True)),
                "chunks": In(Token()),
                "staged": In(TOKEN_BITS),
                "weights": In(Supply()),
                "issued": Out(1),
                "completed": Out(1),
                "drained": In(1),
                "waiting": Out(WAITING),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.weight_blocks = self.weight_blocks = WeightBlocks(self._config)
        m.submodules.feature_read = self.feature_read = FeatureRead(self._config)
        wiring.connect(m, wiring.flipped(self.tile), self.weight_blocks.tile)
        self._declare()
        if self._has_chain:
            self._walk_strips(m)
        self._gate(m)
        self._walk(m)
        self._emit(m)
        self._check(m)
        return m

    def _declare(self) -> None:
        """Declare the walk's state; `line`, `until_wrap` and `y` of `block` are the row's."""
        self.busy = Signal()
        self.block = Signal(weight_block_layout(self._config), reset_less=True)
        self.step = Signal()  # a cycle of the block, which once begun never waits
        self.pixel = Signal()  # a step that makes a pixel
        self.moves = Signal()  # a step behind which the walk is elsewhere
        self.fresh = Signal()  # the block has not begun
        self.bank = Signal()
        self.young = Signal(self.SHORTEST_BLOCK - 1)  # a block or tap began so few cycles ago
        self.owned = Signal(range(ACCUMULATOR_BANKS + 1))  # banks of tiles begun, not drained

        self.fill = Signal(range(self._fill + 1))  # cycles of it still to come
        self.row = Signal(9, reset_less=True)
        self.column = Signal(9, reset_less=True)
        self.index = Signal(range(self._config.buffers.accumulator_depth), reset_less=True)
        # The index of this pixel: with `chained` that of the one above, and a row.
        self.place = Signal((self.index + self.block.columns).shape())
        self.x = Signal(COORDINATE, reset_less=True)
        # Where the walk stands, in registers: set with the counters, so that none is compared late.
        self.last_row = Signal()
        self.last_column = Signal()

        self.block_ends = Signal()
        self.below = Signal(INPUT_ROW)  # the next row

    def _in_strips(self, block: data.View) -> Value:
        """Return whether a block is walked over in strips, which not all builds can."""
        return block.chained if self._has_chain else Const(0)

    def _walk_strips(self, m: Module) -> None:
        """Connect the walk over the words of a block with `chained`."""
        m.submodules.strips = strips = self.strips = StripWalk(self._config)
        offered = self.weight_blocks.o
        m.d.comb += [
            strips.take.eq(offered.ready),
            strips.offered.eq(offered.payload),
            strips.block.eq(self.block),
            strips.below.eq(self.below),
            strips.step.eq(self.step & self.block.chained),
            strips.last_column.eq(self.last_column),
        ]

    def _gate(self, m: Module) -> None:
        """Decide a cycle ahead on `step` and `pixel`, the registers that move all others.

        A block's first cycle waits for its weights, its input and its accumulators.
        """
        offered, block = self.weight_blocks.o, self.block
        begins = Signal()
        begins_tile = Signal()
        next_chained = self._in_strips(offered.payload)
        m.d.sync += [
            self.owned.eq(self.owned + begins_tile - self.drained),
            self.young.eq(Cat(begins, self.young)),
        ]
        with m.If(offered.ready):
            m.d.comb += [
                begins.eq(offered.valid & self._may_begin(offered.payload)),
                begins_tile.eq(begins & offered.payload.first),
            ]
            m.d.sync += [
                self.step.eq(begins),
                self.pixel.eq(begins & ~offered.payload.packed & ~next_chained),
                self.fill.eq(Mux(offered.payload.packed, self._fill, 0)),
            ]
        with m.Elif(~self.step):
            m.d.comb += [
                begins.eq(self._may_begin(block)),
                begins_tile.eq(begins & block.first),
            ]
            m.d.sync += [
                self.step.eq(begins),
                self.pixel.eq(begins & ~block.packed & ~self._in_strips(block)),
            ]
        if self._has_chain:
            with m.Elif(block.chained):
                m.d.sync += self.pixel.eq(self.strips.next_pixel)
        with m.Elif(~self.pixel):
            m.d.sync += [self.pixel.eq(self.fill == 1), self.fill.eq(self.fill - 1)]
        with m.Elif(self.last_column):
            m.d.sync += [
                self.pixel.eq(~block.packed),
                self.fill.eq(Mux(block.packed, self._fill, 0)),
            ]

    def _may_begin(self, block: data.View) -> Value:
        """Return whether a block may begin in the next cycle."""
        has_bank = (self.owned != ACCUMULATOR_BANKS) | self.drained
        count = Mux(block.awaits_stores, self.staged, self.chunks.count)
        event = self.chunks.event & ~block.awaits_stores
        return (
            (self.weights.next_ready | ~block.takes_weights)
            & ~self.young.any()
            & reached(count, block.wait_chunks, event)
            & (~block.first | has_bank)
        )

    def _walk(self, m: Module) -> None:
        """Go to the next pixel of the row, else to the next row, else to the next block."""
        offered, block = self.weight_blocks.o, self.block
        line, until_wrap = RowStep(block, "stride").after(block.line, block.until_wrap, block.y)
        m.d.comb += [
            self.below.line.eq(line),
            self.below.until_wrap.eq(until_wrap),
            self.below.y.eq(block.y + block.stride_rows),
            self.moves.eq(self.pixel),
            self.block_ends.eq(self.pixel & self.last_column & self.last_row),
            self.place.eq(self.index),
        ]
        if self._has_chain:
            with m.If(self.block.chained):
                m.d.comb += [
                    self.moves.eq(self.step),
                    self.block_ends.eq(self.strips.ends_block),
                    self.place.eq(self.index + Mux(self.strips.is_second, self.block.columns, 0)),
                ]
        m.d.comb += [
            offered.ready.eq(~self.busy | self.block_ends),
            self.weights.taken.eq(self.moves & self.fresh & self.block.takes_weights),
            self.issued.eq(self.block_ends & self.block.last),
            self.completed.eq(self.issued & self.block.ends_tile),
        ]
        with m.If(~self.busy | self.moves):
            m.d.sync += self.fresh.eq(0)
            with m.If(~self.busy | self.block_ends):
                self._take_block(m)
            if self._has_chain:
                with m.Elif(self.block.chained):
                    self._next_word(m)
            with m.Elif(self.last_column):
                self._next_row(m)
            with m.Else():
                m.d.sync += [
                    self.column.eq(self.column + 1),
                    self.last_column.eq(self.column + 2 == self.block.columns),
                    self.x.eq(self.x + self.block.stride_columns),
                    self.index.eq(self.index + 1),
                ]
        with m.If(self.completed):
            m.d.sync += self.bank.eq(~self.bank)

    def _next_word(self, m: Module) -> None:
        """Go down a row, else to the next column of the strip, else to the next strip."""
        strips, block = self.strips, self.block
        m.d.sync += [block[name].eq(strips.row[name]) for name in INPUT_ROW.members]
        with m.If(strips.ends_column):
            m.d.sync += self.x.eq(self.x + 1)
        with m.If(strips.ends_column & strips.has_pixels):
            m.d.sync += [
                self.column.eq(self.column + 1),
                self.last_column.eq(self.column + 2 == block.columns),
                self.index.eq(self.index + 1),
            ]
        with m.If(strips.ends_strip):
            m.d.sync += [
                self.column.eq(0),
                self.last_column.eq(block.columns == 1),
                self.index.eq(self.place + 1),
                self.x.eq(block.x),
            ]

    def _next_row(self, m: Module) -> None:
        block = self.block
        m.d.sync += [block[name].eq(self.below[name]) for name in INPUT_ROW.members]
        m.d.sync += [
            self.column.eq(0),
            self.last_column.eq(block.columns == 1),
            self.row.eq(self.row + 1),
            self.last_row.eq(self.row + 2 == block.rows),
            self.index.eq(self.index + 1),
            self.x.eq(block.x),
        ]

    def _take_block(self, m: Module) -> None:
        block = self.weight_blocks.o.payload
        m.d.sync += [
            self.busy.eq(self.weight_blocks.o.valid),
            self.fresh.eq(1),
            self.block.eq(block),
            self.column.eq(0),
            self.last_column.eq(block.columns == 1),
            self.row.eq(0),
            self.last_row.eq(block.rows == 1),
            self.index.eq(0),
            self.x.eq(block.x),
        ]

    def _emit(self, m: Module) -> None:
        read, pixel = self.feature_read, self.o.payload
        kept = Signal(pixel.shape(), reset_less=True)  # what feature_read does not say
        names = ("pixel", "first", "diagonal", "chained", "tap", "zero_point", "accumulate")
        m.d.comb += [pixel[name].eq(kept[name]) for name in names]
        m.d.comb += [
            read.block.eq(self.block),
            read.x.eq(self.x),
            read.fill.eq(self.fill),
            read.pixel.eq(self.pixel),
            pixel.address.eq(read.address),
            read.unneeded.eq(self.strips.unneeded if self._has_chain else 0),
            pixel.inside.eq(read.inside),
            pixel.packed.eq(read.packed),
        ]
        m.d.sync += [
            self.o.valid.eq(self.step),
            kept.pixel.eq(self.pixel),
            kept.first.eq(self.weights.taken),
            kept.diagonal.eq(self.block.diagonal & ~self._in_strips(self.block)),
            kept.chained.eq(self._in_strips(self.block)),
            kept.tap.eq(self.block.tap),
            kept.zero_point.eq(self.block.input_zero_point),
            kept.accumulate.index.eq(self.place),
            kept.accumulate.bank.eq(self.bank),
            kept.accumulate.overwrite.eq(self.block.first),
            kept.accumulate.scale.eq(self.block.scale_sums),
            kept.accumulate.last.eq(self.completed),
        ]

    def _check(self, m: Module) -> None:
        """Look for faults a cycle behind the pixel, so that no pixel waits for it."""
        depth = self._config.buffers.accumulator_depth
        overflows = Signal()
        mismatched = Signal()
        has_moved = Signal()
        source = Signal.like(self.block.source, reset_less=True)
        m.d.sync += [
            has_moved.eq(self.moves),
            overflows.eq(self.pixel & (self.place >= depth - 1) & ~self.block_ends),
            mismatched.eq(self.block.mismatched),
            source.eq(self.block.source),
        ]
        m.d.comb += [
            self.fault.source.eq(source),
            self.waiting.valid.eq(self.busy),
            self.waiting.source.eq(self.block.source),
        ]
        with m.If(overflows | (has_moved & self.feature_read.beyond)):
            m.d.comb += self.fault.code.eq(ErrorCode.BUFFER)
        with m.If(has_moved & mismatched):
            m.d.comb += self.fault.code.eq(ErrorCode.TILE)
