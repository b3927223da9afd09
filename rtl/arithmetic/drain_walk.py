"""The drain's walk: reads the accumulators of a tile in the order of its stored pixels."""

from amaranth.hdl import Module, Mux, Signal, ValueLike, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import ACCUMULATOR_BANKS, Config
from hwsim.isa.fields import Opcode
from hwsim.rtl.arithmetic.window_walk import WindowWalk, is_one_tap
from hwsim.rtl.memory.staging import STAGING_BITS
from hwsim.rtl.operands.weights import Supply
from hwsim.rtl.program.layouts import SOURCE_BITS, field_layout
from hwsim.rtl.program.run import WAITING
from hwsim.rtl.program.tokens import Token, reached

DRAIN = field_layout(
    Opcode.COMPUTE,
    (
        "wait_staged",
        "rows",
        "columns",
        "channel_pool",
        "window_rows",
        "window_columns",
        "window_stride_rows",
        "window_stride_columns",
        "window_top",
        "window_left",
        "pooled_rows",
        "pooled_columns",
        "output_zero_point",
        "staging_address",
        "byte_offset",
        "rounding",
        "wide_factors",
        "clamp_low",
        "clamp_high",
        "table",
    ),
)
SIDE = DRAIN["pooled_rows"].width  # of a tile, in bits
CUT_BITS = DRAIN["clamp_low"].width


def beside_layout(config: Config) -> data.StructLayout:
    """Return the layout of what goes beside the values of a read, up to staging."""
    return data.StructLayout(
        {
            "lane_slice": range(max(config.rescale_slices, 2)),
            "first_lanes": 1,  # the first slice of k adjacent lanes, which may be several
            "last_lanes": 1,
            "first_tap": 1,  # of those that are not masked
            "last_tap": 1,
            "masked": 1,
            "factor": 2,  # log2 of k
            "zero_point": signed(8),
            "rounding": 1,
            "wide_factors": 1,
            "upper_half": 1,  # of these; a slice's second read
            "clamp_low": CUT_BITS,
            "clamp_high": CUT_BITS,
            "address": STAGING_BITS,  # the pixel's first word
            "byte": exact_log2(config.word_bytes),
            "last": 1,  # of the tile
        }
        | ({"table": 1, "table_bank": 1} if config.tables else {})
    )


def read_layout(config: Config) -> data.StructLayout:
    """Return the layout of one read."""
    array = config.array
    return data.StructLayout(
        {
            "index": range(config.buffers.accumulator_depth),
            "bank": 1,
            "block": range(max(array.output_lanes // array.input_lanes, 2)),  # word of the pixel
            "plane": 2 * SIDE,  # words from a pixel's word to its next
            "source": SOURCE_BITS,
            "beside": beside_layout(config),
        }
    )


class DrainWalk(wiring.Component):
    """Walks over stored pixels, the taps of their pool window, and slices: one read per cycle.

    All lanes are read at a time. The read of a window's last tap is that of the first slice, too,
    and comes again for each further one; with wide factors, there are two reads of each slice.

    A tile begins when its sums are accumulated, its parameters are in place and its `wait_staged`
    is met. Its last read in cycle t lets the next tile's first read out in cycle t + 1. A read of
    cycle t leaves `o` in cycle t + `LATENCY`; nothing stalls it.

    Members
    -------
    tile : In(stream.Signature(DRAIN))
    accumulated : In(1)
        High for one cycle when a tile's last sums are on their way to the memory: its reads may
        begin in the next cycle.
    parameter_bank : In(Supply)
        The parameters of the oldest tile that is not drained; taken with its last read.
    staged : In(Token)
    drained : Out(1)
        High with the tile's last read.
    o : Out(stream.Signature(read_layout(config), always_ready=True))
    waiting : Out(WAITING)
    """

    LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "tile": In(stream.Signature(DRAIN)),
                "accumulated": In(1),
                "parameter_bank": In(Supply()),
                "staged": In(Token()),
                "drained": Out(1),
                "o": Out(stream.Signature(read_layout(config), always_ready=True)),
                "waiting": Out(WAITING),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.window = self.window = WindowWalk(self._config, DRAIN)
        self._declare()
        self._gate(m)
        self._walk(m)
        self._flag_ends(m)
        self._emit(m)
        return m

    def _declare(self) -> None:
        self.active = Signal(DRAIN, reset_less=True)
        self.busy = Signal()
        self.sums = Signal(range(ACCUMULATOR_BANKS + 1))  # tiles accumulated and not drained
        self.bank = Signal()

        self.lane_slice = Signal(range(max(self._config.rescale_slices, 2)))
        self.upper_half = Signal()
        self.columns_left = Signal(SIDE, reset_less=True)  # of stored pixels, with the one at hand
        self.rows_left = Signal(SIDE, reset_less=True)
        self.address = Signal(STAGING_BITS, reset_less=True)

        self.read = Signal()  # from a tile's first to its last: what has begun never waits
        self.next_read = Signal()  # in the next cycle
        self.last_half = Signal()
        self.last_slice = Signal()
        self.last_tap = Signal()
        # Where the walk stands, in registers: set with the counters, so that none is compared late.
        self.last_of_pixel = Signal()
        self.last_column = Signal()
        self.last_row = Signal()
        self.last_pixel = Signal()
        self.pixel_ends = Signal()  # with its last read; these three are registers, too
        self.row_ends = Signal()
        self.tile_ends = Signal()

    def _gate(self, m: Module) -> None:
        """Let a tile begin once its sums, its parameters and its room in staging are there."""
        tile = self.tile.payload
        sums = Signal.like(self.sums)  # before a tile ends
        begins = Signal()  # in the next cycle, if a tile waits then
        m.d.comb += [
            self.drained.eq(self.tile_ends),
            self.parameter_bank.taken.eq(self.tile_ends),
            self.tile.ready.eq(~self.busy | self.tile_ends),
            self.waiting.valid.eq(self.busy),
            self.waiting.source.eq(self.active.source),
            sums.eq(self.sums + self.accumulated),
            begins.eq(
                Mux(self.tile_ends, sums > 1, sums != 0)
                & self.parameter_bank.next_ready
                & Mux(self.tile.ready, self._has_room(tile), self._has_room(self.active))
            ),
        ]
        m.d.comb += self.next_read.eq(self.read | begins)
        m.d.sync += [self.sums.eq(sums - self.tile_ends), self.read.eq(self.next_read)]
        with m.If(self.tile_ends):
            m.d.sync += self.bank.eq(~self.bank)
        with m.If(self.tile.ready):
            m.d.comb += self.next_read.eq(self.tile.valid & begins)
            m.d.sync += [self.busy.eq(self.tile.valid), self.active.eq(tile)]

    def _has_room(self, tile: data.View) -> ValueLike:
        """Return whether `wait_staged` is met in the next cycle."""
        return reached(self.staged.count, tile.wait_staged, self.staged.event)

    def _walk(self, m: Module) -> None:
        """Step through the taps of a window, the slices and halves behind them, and pixels."""
        window = self.window
        m.d.comb += [
            window.next_tile.eq(self.tile.payload),
            window.begins.eq(self.tile.ready),
            window.tile.eq(self.active),
            window.read.eq(self.read),
            window.pixel_ends.eq(self.pixel_ends),
            window.row_ends.eq(self.row_ends),
            self.last_tap.eq(window.last_tap),
        ]
        with m.If(self.read & self.last_tap):
            m.d.sync += self.upper_half.eq(~self.last_half)
        with m.If(self.read & self.last_tap & self.last_half):
            m.d.sync += self.lane_slice.eq(Mux(self.last_slice, 0, self.lane_slice + 1))
        with m.If(self.pixel_ends):
            m.d.sync += [
                self.columns_left.eq(self.columns_left - 1),
                self.address.eq(self.address + 1),
            ]
        with m.If(self.row_ends):
            m.d.sync += [
                self.columns_left.eq(self.active.pooled_columns),
                self.rows_left.eq(self.rows_left - 1),
            ]
        with m.If(self.tile.ready):
            m.d.sync += [
                self.columns_left.eq(self.tile.payload.pooled_columns),
                self.rows_left.eq(self.tile.payload.pooled_rows),
                self.address.eq(self.tile.payload.staging_address),
            ]

    def _flag_ends(self, m: Module) -> None:
        """Find out one read ahead whether a read is the last of its pixel, column or row.

        The answers come from registers, so that no comparison delays the read itself.
        """
        of_pixel, column, pixel = Signal(), Signal(), Signal()  # whether the next read is the last
        m.d.comb += [
            of_pixel.eq(self.last_of_pixel),
            column.eq(self.last_column),
            pixel.eq(self.last_pixel),
        ]
        m.d.sync += [
            self.last_of_pixel.eq(of_pixel),
            self.last_column.eq(column),
            self.last_pixel.eq(pixel),
            self.pixel_ends.eq(self.next_read & of_pixel),
            self.row_ends.eq(self.next_read & of_pixel & column),
            self.tile_ends.eq(self.next_read & of_pixel & pixel),
        ]
        active, tile = self.active, self.tile.payload
        slices = self._config.rescale_slices
        next_tap_last = self.window.next_tap_last
        next_half_last = ~active.wide_factors | (self.last_tap & ~self.upper_half)
        next_slice_last = Mux(
            self.last_tap & self.last_half,
            Mux(self.last_slice, slices == 1, self.lane_slice + 2 == slices),
            self.last_slice,
        )
        next_column_last = Signal()
        next_row_last = Signal()
        m.d.comb += [
            self.last_half.eq(self.upper_half | ~active.wide_factors),
            self.last_slice.eq(self.lane_slice == slices - 1),
            next_column_last.eq(
                Mux(self.last_column, active.pooled_columns == 1, self.columns_left == 2)
            ),
            next_row_last.eq(Mux(self.last_column, self.rows_left == 2, self.last_row)),
        ]
        with m.If(self.read):
            m.d.comb += of_pixel.eq(next_half_last & next_slice_last & next_tap_last)
        with m.If(self.pixel_ends):
            m.d.comb += [
                column.eq(next_column_last),
                pixel.eq(next_column_last & next_row_last),
            ]
            m.d.sync += self.last_row.eq(next_row_last)
        with m.If(self.tile.ready):
            m.d.comb += [
                of_pixel.eq(~tile.wide_factors & is_one_tap(tile) & (slices == 1)),
                column.eq(tile.pooled_columns == 1),
                pixel.eq((tile.pooled_columns == 1) & (tile.pooled_rows == 1)),
            ]
            m.d.sync += self.last_row.eq(tile.pooled_rows == 1)

    def _emit(self, m: Module) -> None:
        config, active = self._config, self.active
        lane_bits = exact_log2(config.array.rescale_lanes)
        byte_bits = exact_log2(config.word_bytes)
        first_lane = Signal(range(max(config.array.output_lanes, 2)))
        place = Signal(range(2 * config.array.output_lanes))
        lanes = Signal.like(self.lane_slice)  # reads of one channel-pool lane_slice, minus 1
        m.d.comb += [
            first_lane.eq(self.lane_slice << lane_bits),
            place.eq(active.byte_offset + (first_lane >> active.channel_pool)),
            lanes.eq((1 << active.channel_pool) - 1 >> lane_bits),
        ]
        read = Signal(self.o.payload.shape(), reset_less=True)
        beside = read.beside
        m.d.comb += self.o.payload.eq(read)
        m.d.sync += [
            self.o.valid.eq(self.read),
            read.index.eq(self.window.index),
            read.bank.eq(self.bank),
            read.source.eq(active.source),
            beside.lane_slice.eq(self.lane_slice),
            beside.first_lanes.eq((self.lane_slice & lanes) == 0),
            beside.last_lanes.eq((self.lane_slice & lanes) == lanes),
            beside.first_tap.eq(self.window.first_tap),
            beside.last_tap.eq(self.last_tap),
            beside.masked.eq(self.window.masked),
            beside.factor.eq(active.channel_pool),
            beside.zero_point.eq(active.output_zero_point),
            beside.rounding.eq(active.rounding),
            beside.wide_factors.eq(active.wide_factors),
            beside.upper_half.eq(self.upper_half),
            beside.clamp_low.eq(active.clamp_low),
            beside.clamp_high.eq(active.clamp_high),
            beside.address.eq(self.address),
            beside.byte.eq(place),
            beside.last.eq(self.tile_ends),
        ]
        if config.tables:
            m.d.sync += [beside.table.eq(active.table), beside.table_bank.eq(self.bank)]
        if config.array.output_lanes > config.array.input_lanes:
            m.d.sync += [
                read.block.eq(place >> byte_bits),
                read.plane.eq(active.pooled_rows * active.pooled_columns),
            ]
