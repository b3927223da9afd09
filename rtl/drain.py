"""The drain: reads a finished tile's accumulators and leaves its stored bytes in staging."""

from typing import NamedTuple

from amaranth.hdl import Array, Cat, Module, Mux, Signal, ValueLike, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim import pipeline
from hwsim.config import ACCUMULATOR_BANKS, Config
from hwsim.graph import SpatialPool as Pool
from hwsim.program.error_codes import ErrorCode
from hwsim.program.fields import TOKEN_BITS, Opcode
from rtl.accumulators import Accumulators
from rtl.channel_pool import ChannelPool
from rtl.layouts import FAULT, SOURCE_BITS, WAITING, field_layout, reached
from rtl.parameters import Parameters, parameter_layout
from rtl.rescale import Rescale
from rtl.spatial_pool import SpatialPool

DRAIN = field_layout(
    Opcode.COMPUTE,
    (
        "wait_stores",
        "rows",
        "columns",
        "channel_pool",
        "spatial_pool",
        "pooled_rows",
        "pooled_columns",
        "output_zero_point",
        "staging_address",
        "byte_offset",
    ),
)
STAGING_BITS = 16
FACTORS = 4  # k = 1, 2, 4, 8


def staging_layout(config: Config) -> data.StructLayout:
    """A write into staging."""
    return data.StructLayout(
        {
            "address": STAGING_BITS,
            "data": config.bus.bus_bits,
            "enable": config.word_bytes,
            "last": 1,  # of the tile
        }
    )


def beside_layout(config: Config) -> data.StructLayout:
    """What goes beside the values, from the read of the accumulators to staging."""
    return data.StructLayout(
        {
            "group": range(max(config.rescale_groups, 2)),
            "first_tap": 1,
            "last_tap": 1,
            "masked": 1,
            "factor": 2,  # log2 of k
            "zero_point": signed(8),
            "address": STAGING_BITS,
            "byte": exact_log2(config.word_bytes),
            "clear": 1,  # zero the word's other bytes
            "last": 1,
            "source": SOURCE_BITS,
        }
    )


class Position(NamedTuple):
    """Where the walk over a tile stands."""

    tile: data.View
    read: Signal
    bank: Signal
    group: Signal
    tap: Signal
    last_tap: Signal
    source_row: Signal
    source_column: Signal
    line: Signal
    address: Signal
    plane: Signal
    tile_ends: Signal


class Drain(wiring.Component):
    """Per stored pixel, tap of its window and group of `rescale_lanes` lanes: one read per cycle.

    A tile begins when it is accumulated, its parameters are in place and its `wait_stores` is met.
    Its last read in cycle t lets the next tile's first out in cycle t + 1, and puts its last byte
    into staging for reads from cycle t + `DRAIN` on. Nothing stalls in between. A byte past the end
    of staging is the fault.

    Members
    -------
    tile : In(stream.Signature(DRAIN))
    accumulated : In(1)
        A tile's last sums are on their way to the memory: it may be read from the next cycle on.
    parameters_full : In(1)
    next_stores : In(TOKEN_BITS)
        The token as it will be visible in the next cycle.
    enable, index, bank, group : Out
        Read of accumulators and parameters.
    accumulators, parameters : In
        Their answers, `Accumulators.READ_LATENCY` cycles later.
    drained : Out(1)
        The tile's last read.
    o : Out(stream.Signature(staging_layout(config), always_ready=True))
    waiting : Out(WAITING)
    fault : Out(FAULT)
    """

    READ = 1 + Accumulators.READ_LATENCY + 1  # address, memory, group
    DRAIN = READ + Rescale.LATENCY + ChannelPool.LATENCY + SpatialPool.LATENCY + 2  # byte, memory
    assert DRAIN == pipeline.DRAIN
    assert Accumulators.READ_LATENCY == Parameters.READ_LATENCY

    def __init__(self, config: Config):
        self._config = config
        accumulator = signed(config.widths.accumulator_bits)
        super().__init__(
            {
                "tile": In(stream.Signature(DRAIN)),
                "accumulated": In(1),
                "parameters_full": In(1),
                "next_stores": In(TOKEN_BITS),
                "enable": Out(1),
                "index": Out(range(config.buffers.accumulator_depth)),
                "bank": Out(1),
                "group": Out(range(max(config.rescale_groups, 2))),
                "accumulators": In(data.ArrayLayout(accumulator, config.array.output_lanes)),
                "parameters": In(
                    data.ArrayLayout(parameter_layout(config), config.array.rescale_lanes)
                ),
                "drained": Out(1),
                "o": Out(stream.Signature(staging_layout(config), always_ready=True)),
                "waiting": Out(WAITING),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beside = self._announce(m, self._walk(m))
        self._datapath(m, beside)
        return m

    def _walk(self, m: Module) -> Position:
        """One read per cycle, in the order of the pool's windows."""
        config = self._config
        tile = Signal(DRAIN)
        busy = Signal()
        begins = Signal()
        read = Signal()
        accumulated = Signal(range(ACCUMULATOR_BANKS + 1))
        bank = Signal()
        group = Signal.like(self.group)
        tap = Signal(2)
        column = Signal(9)  # of the stored pixel
        row = Signal(9)
        source_column = Signal(10)  # of its window's first tap
        source_row = Signal(10)
        line = Signal(range(2 * config.buffers.accumulator_depth))  # index where its row starts
        address = Signal(STAGING_BITS)
        plane = Signal(STAGING_BITS)  # words of one block's tile in staging

        doubles = tile.spatial_pool == Pool.STRIDE_2
        stored = Signal()  # the tile's `wait_stores` is met
        last_column = Signal()  # set with the counters, so that none is compared late
        last_row = Signal()
        last_group = Signal()
        last_tap = Signal()
        pixel_ends = Signal()
        row_ends = Signal()
        tile_ends = Signal()
        m.d.comb += [
            read.eq(busy & (~begins | ((accumulated != 0) & self.parameters_full & stored))),
            last_group.eq(group == config.rescale_groups - 1),
            last_tap.eq((tile.spatial_pool == Pool.NONE) | tap.all()),
            pixel_ends.eq(read & last_group & last_tap),
            row_ends.eq(pixel_ends & last_column),
            tile_ends.eq(row_ends & last_row),
            self.drained.eq(tile_ends),
            self.waiting.valid.eq(busy),
            self.waiting.source.eq(tile.source),
            self.tile.ready.eq(~busy | tile_ends),
        ]
        m.d.sync += stored.eq(reached(self.next_stores, tile.wait_stores))
        m.d.sync += accumulated.eq(accumulated + self.accumulated - tile_ends)
        with m.If(read):
            m.d.sync += [begins.eq(0), group.eq(Mux(last_group, 0, group + 1))]
        with m.If(read & last_group):
            m.d.sync += tap.eq(Mux(last_tap, 0, tap + 1))
        with m.If(pixel_ends):
            m.d.sync += [
                column.eq(column + 1),
                last_column.eq(column + 2 == tile.pooled_columns),
                source_column.eq(source_column + Mux(doubles, 2, 1)),
                address.eq(address + 1),
            ]
        with m.If(row_ends):
            m.d.sync += [
                column.eq(0),
                last_column.eq(tile.pooled_columns == 1),
                source_column.eq(0),
                row.eq(row + 1),
                last_row.eq(row + 2 == tile.pooled_rows),
                source_row.eq(source_row + Mux(doubles, 2, 1)),
                line.eq(line + Mux(doubles, tile.columns << 1, tile.columns)),
            ]
        with m.If(tile_ends):
            m.d.sync += bank.eq(~bank)
        with m.If(self.tile.ready):
            m.d.sync += [
                busy.eq(self.tile.valid),
                tile.eq(self.tile.payload),
                begins.eq(1),
                stored.eq(reached(self.next_stores, self.tile.payload.wait_stores)),
                row.eq(0),
                last_column.eq(self.tile.payload.pooled_columns == 1),
                last_row.eq(self.tile.payload.pooled_rows == 1),
                source_row.eq(0),
                line.eq(0),
                address.eq(self.tile.payload.staging_address),
                plane.eq(self.tile.payload.pooled_rows * self.tile.payload.pooled_columns),
            ]

        return Position(
            tile, read, bank, group, tap, last_tap, source_row, source_column, line, address, plane,
            tile_ends,
        )  # fmt: skip

    def _announce(self, m: Module, at: Position) -> data.View:
        """Ask for the sums and parameters of a position; what goes beside their answers."""
        config = self._config
        m.d.sync += [
            self.enable.eq(at.read),
            self.index.eq(
                at.line + at.source_column + at.tap[0] + Mux(at.tap[1], at.tile.columns, 0)
            ),
            self.bank.eq(at.bank),
            self.group.eq(at.group),
        ]
        outside = (at.tap[0] & (at.source_column + 1 >= at.tile.columns)) | (
            at.tap[1] & (at.source_row + 1 >= at.tile.rows)
        )
        beside = Signal(beside_layout(config))
        place = Signal(range(2 * config.array.output_lanes))
        byte_bits = exact_log2(config.word_bytes)
        first_lane = Signal(range(max(config.array.output_lanes, 2)))
        m.d.comb += [
            first_lane.eq(at.group << exact_log2(config.array.rescale_lanes)),
            place.eq(at.tile.byte_offset + (first_lane >> at.tile.channel_pool)),
        ]
        m.d.sync += [
            beside.group.eq(at.group),
            beside.first_tap.eq(at.tap == 0),
            beside.last_tap.eq(at.last_tap),
            beside.masked.eq(outside),
            beside.factor.eq(at.tile.channel_pool),
            beside.zero_point.eq(at.tile.output_zero_point),
            beside.address.eq(at.address),
            beside.byte.eq(place[:byte_bits]),
            beside.clear.eq(place[:byte_bits] == 0),
            beside.last.eq(at.tile_ends),
            beside.source.eq(at.tile.source),
        ]
        if config.array.output_lanes > config.array.input_lanes:
            blocks = place[byte_bits : exact_log2(config.array.output_lanes)]
            m.d.sync += beside.address.eq(at.address + at.plane * blocks)
        return beside

    def _datapath(self, m: Module, beside: data.View) -> None:
        config = self._config
        lanes = config.array.rescale_lanes
        m.submodules.rescale = rescale = Rescale(config)
        m.submodules.channel_pool = channel_pool = ChannelPool(config)
        m.submodules.spatial_pool = spatial_pool = SpatialPool(config)

        # `steps[n]` stands beside the values n cycles after the read's address.
        steps = [(self.enable, beside)]
        for stage in range(self.READ - 1 + Rescale.LATENCY):
            valid = Signal(name=f"valid{stage}")
            following = Signal(beside.shape(), name=f"beside{stage}")
            m.d.sync += [valid.eq(steps[-1][0]), following.eq(steps[-1][1])]
            steps.append((valid, following))

        groups = Array(
            Cat(self.accumulators[first + lane] for lane in range(lanes))
            for first in range(0, config.array.output_lanes, lanes)
        )
        m.d.sync += [
            rescale.accumulators.eq(groups[steps[Accumulators.READ_LATENCY][1].group]),
            rescale.parameters.eq(self.parameters),
        ]
        m.d.comb += rescale.zero_point.eq(steps[self.READ - 1][1].zero_point)

        valid, here = steps[-1]
        cycles = Signal(exact_log2(FACTORS * 2))  # groups of one channel-pool window, minus 1
        m.d.comb += [
            cycles.eq((1 << here.factor) - 1 >> exact_log2(lanes)),
            channel_pool.valid.eq(valid),
            channel_pool.i.eq(rescale.o),
            channel_pool.factor.eq(here.factor),
            channel_pool.first.eq((here.group & cycles) == 0),
            channel_pool.last.eq((here.group & cycles) == cycles),
            spatial_pool.valid.eq(valid & channel_pool.last),
            spatial_pool.i.eq(channel_pool.o),
            spatial_pool.group.eq(here.group),
            spatial_pool.first.eq(here.first_tap),
            spatial_pool.last.eq(here.last_tap),
            spatial_pool.masked.eq(here.masked),
        ]
        self._place(m, valid & channel_pool.last & here.last_tap, here, spatial_pool.o)

    def _place(self, m: Module, valid: ValueLike, here: data.View, values: data.View) -> None:
        """Results to their bytes of the word; a first one with `clear` zeroes the others."""
        lanes, word_bytes = self._config.array.rescale_lanes, self._config.word_bytes
        word = Signal(self._config.bus.bus_bits)
        enable = Signal(word_bytes)
        with m.Switch(here.factor):
            for factor in range(FACTORS):
                count = max(lanes >> factor, 1)
                with m.Case(factor):
                    for byte in range(word_bytes):
                        chosen = (here.byte >> exact_log2(count)) == byte // count
                        m.d.comb += enable[byte].eq(chosen)
                        with m.If(chosen):
                            m.d.comb += word.word_select(byte, 8).eq(values[byte % count])
        m.d.sync += [
            self.o.valid.eq(valid),
            self.o.payload.address.eq(here.address),
            self.o.payload.data.eq(word),
            self.o.payload.enable.eq(Mux(here.clear, -1, enable)),
            self.o.payload.last.eq(here.last),
            self.fault.code.eq(ErrorCode.NONE),
            self.fault.source.eq(here.source),
        ]
        with m.If(valid & (here.address >= self._config.staging_words)):
            m.d.sync += [self.o.valid.eq(0), self.fault.code.eq(ErrorCode.BUFFER)]
