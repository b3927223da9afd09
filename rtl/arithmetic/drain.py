"""The drain turns the accumulators of a finished tile into the bytes that staging stores."""

from itertools import pairwise

from amaranth.hdl import Array, Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.arithmetic.accumulators import Accumulators, accumulator_place, pixel_sums
from hwsim.rtl.arithmetic.channel_pool import ChannelPool
from hwsim.rtl.arithmetic.drain_walk import DRAIN, DrainWalk
from hwsim.rtl.arithmetic.lane_sum import register
from hwsim.rtl.arithmetic.parameters import Parameters, lane_parameters, parameter_place
from hwsim.rtl.arithmetic.placing import Placing
from hwsim.rtl.arithmetic.rescale import Rescale
from hwsim.rtl.arithmetic.spatial_pool import SpatialPool
from hwsim.rtl.arithmetic.table import Table
from hwsim.rtl.memory.staging import staging_layout
from hwsim.rtl.operands.weights import Supply, WeightWords
from hwsim.rtl.primitives.read_port import ReadPort
from hwsim.rtl.program.layouts import SOURCE_BITS
from hwsim.rtl.program.run import FAULT, WAITING
from hwsim.rtl.program.tokens import Token


class Drain(wiring.Component):
    """Pools and rescales the accumulators of a tile, and writes them to staging, a slice per cycle.

    `DrainWalk` decides when accumulators are read; the stages behind it never stall. If a tile's
    last read is in cycle t, all its bytes can be read from staging from cycle t + `DRAIN` on. A
    byte past the end of staging is not written; `fault` reports it `FAULT` cycles after its read.

    Members
    -------
    tile, accumulated, parameter_bank, staged, drained, waiting
        The ports of `DrainWalk`.
    accumulators : Out(ReadPort(accumulator_place(config), pixel_sums(config)))
    parameters : Out(ReadPort(parameter_place(config), lane_parameters(config)))
        Both answer `Accumulators.READ_LATENCY` cycles later. The parameters of a read are read
        `SpatialPool.LATENCY` cycles behind its sums.
    table_words : In(WeightWords(config))
        Words for the tables, among others. A build without tables has no such port.
    o : Out(stream.Signature(staging_layout(config), always_ready=True))
    fault : Out(FAULT)
    """

    POOLED = Accumulators.READ_LATENCY + SpatialPool.LATENCY  # from a read to its window's sums
    READ = DrainWalk.LATENCY + POOLED + 1  # slice
    TABLE_WAIT = Table.LATENCY - ChannelPool.LATENCY - Placing.LATENCY  # for a table's entry
    DRAIN = READ + Rescale.LATENCY + Table.LATENCY + 1  # staging's memory
    FAULT = DrainWalk.LATENCY + 3  # product, sum, comparison
    assert DRAIN == pipeline.DRAIN
    LOOK_UP = READ + Rescale.LATENCY  # from a read to that of its entry in the table
    assert Accumulators.READ_LATENCY == Parameters.READ_LATENCY
    assert TABLE_WAIT > 0

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "tile": In(stream.Signature(DRAIN)),
                "accumulated": In(1),
                "parameter_bank": In(Supply()),
                "staged": In(Token()),
                "accumulators": Out(ReadPort(accumulator_place(config), pixel_sums(config))),
                "parameters": Out(ReadPort(parameter_place(config), lane_parameters(config))),
                "drained": Out(1),
                "o": Out(stream.Signature(staging_layout(config), always_ready=True)),
                "waiting": Out(WAITING),
                "fault": Out(FAULT),
            }
            | ({"table_words": In(WeightWords(config))} if config.tables else {})
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walk = walk = DrainWalk(self._config)
        for name in ("tile", "parameter_bank", "staged"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(walk, name))
        read = walk.o.payload
        steps = self._beside(m, walk)
        bank: Value = read.bank
        for _ in range(SpatialPool.LATENCY):
            bank = register(m, bank, "bank")
        valid, beside = steps[SpatialPool.LATENCY]
        m.d.comb += [
            walk.accumulated.eq(self.accumulated),
            self.drained.eq(walk.drained),
            self.waiting.eq(walk.waiting),
            self.accumulators.enable.eq(walk.o.valid),
            self.accumulators.address.index.eq(read.index),
            self.accumulators.address.bank.eq(read.bank),
            self.parameters.enable.eq(valid),
            self.parameters.address.lane_slice.eq(beside.lane_slice),
            self.parameters.address.bank.eq(bank),
            self.parameters.address.upper_half.eq(beside.upper_half),
        ]
        self._datapath(m, steps)
        return m

    def _beside(self, m: Module, walk: DrainWalk) -> list[tuple[Signal, data.View]]:
        """Return what goes beside a read: entry n stands there n cycles after its address."""
        read = walk.o.payload
        steps = [(walk.o.valid, read.beside)]
        stages = self.POOLED + 1 + Rescale.LATENCY + ChannelPool.LATENCY + self.TABLE_WAIT
        for stage in range(stages):
            valid = Signal(name=f"valid{stage}")
            following = Signal(read.beside.shape(), name=f"beside{stage}", reset_less=True)
            m.d.sync += [valid.eq(steps[-1][0]), following.eq(steps[-1][1])]
            steps.append((valid, following))

        # The pixel's further words lie planes further on. Product, sum and comparison have a cycle
        # each, and as the values are still on their way, none is late.
        offset = Signal((read.plane * read.block).shape(), reset_less=True)
        word = Signal((offset + read.beside.address).shape(), reset_less=True)
        sources = [
            read.source,
            *(Signal(SOURCE_BITS, name=f"source{stage}", reset_less=True) for stage in range(3)),
        ]
        m.d.comb += self.fault.source.eq(sources[-1])
        m.d.sync += [
            offset.eq(read.plane * read.block),
            word.eq(steps[1][1].address + offset),
            *(after.eq(before) for before, after in pairwise(sources)),
            steps[3][1].address.eq(word),
            self.fault.code.eq(ErrorCode.NONE),
        ]
        with m.If(steps[2][0] & (word >= self._config.staging_words)):
            m.d.sync += [steps[3][0].eq(0), self.fault.code.eq(ErrorCode.BUFFER)]
        return steps

    def _datapath(self, m: Module, steps: list[tuple[Signal, data.View]]) -> None:
        lanes = self._config.array.rescale_lanes
        m.submodules.spatial_pool = spatial_pool = SpatialPool(self._config)
        m.submodules.rescale = rescale = Rescale(self._config)
        m.submodules.channel_pool = channel_pool = ChannelPool(self._config)
        m.submodules.placing = placing = Placing(self._config)

        _, here = steps[Accumulators.READ_LATENCY]
        m.d.comb += [
            spatial_pool.i.eq(self.accumulators.data),
            spatial_pool.first.eq(here.first_tap),
            spatial_pool.masked.eq(here.masked),
        ]
        slices = Array(
            Cat(spatial_pool.o[first + lane] for lane in range(lanes))
            for first in range(0, self._config.array.output_lanes, lanes)
        )
        sums = Signal.like(rescale.accumulators, reset_less=True)
        parameters = Signal.like(rescale.parameters, reset_less=True)
        m.d.comb += [rescale.accumulators.eq(sums), rescale.parameters.eq(parameters)]
        m.d.sync += [
            sums.eq(slices[steps[self.POOLED][1].lane_slice]),
            parameters.eq(self.parameters.data),
        ]
        placed = len(steps) - 1
        rescaled = placed - self.TABLE_WAIT - ChannelPool.LATENCY
        entering = steps[rescaled - Rescale.LATENCY][1]
        m.d.comb += [
            rescale.zero_point.eq(entering.zero_point),
            rescale.rounding.eq(entering.rounding),
            rescale.wide_factors.eq(entering.wide_factors),
            rescale.upper_half.eq(entering.upper_half),
            rescale.clamp_low.eq(entering.clamp_low),
            rescale.clamp_high.eq(entering.clamp_high),
        ]

        valid, here = steps[rescaled]
        m.d.comb += [
            channel_pool.valid.eq(valid & _is_result(here)),
            channel_pool.i.eq(rescale.o),
            channel_pool.factor.eq(here.factor),
            channel_pool.first.eq(here.first_lanes),
        ]
        valid, here = steps[placed]
        m.d.comb += [
            placing.valid.eq(valid & _is_result(here) & here.last_lanes),
            placing.factor.eq(here.factor),
            placing.address.eq(here.address),
            placing.byte.eq(here.byte),
            placing.last.eq(here.last),
        ]
        values = channel_pool.o
        for _ in range(self.TABLE_WAIT + Placing.LATENCY):
            values = register(m, values, "values")
        m.d.comb += placing.i.eq(values)
        if self._config.tables:  # read while the register of the channel pool is written
            m.submodules.table = table = Table(self._config)
            wiring.connect(m, wiring.flipped(self.table_words), table.words)
            m.d.comb += [
                table.i.eq(channel_pool.next_o),
                table.bank.eq(steps[rescaled][1].table_bank),
            ]
            from_table = register(m, here.table, "from_table")
            with m.If(from_table):
                m.d.comb += placing.i.eq(table.o)
        wiring.connect(m, placing.o, wiring.flipped(self.o))


def _is_result(beside: data.View) -> Value:
    """Return whether all taps of the window count in this read, and all bits of its factors."""
    return beside.last_tap & (beside.upper_half | ~beside.wide_factors)
