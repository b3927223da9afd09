"""Two banks of accumulators: one adds up a tile while the other is drained."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim import pipeline
from hwsim.config import ACCUMULATOR_BANKS, Config
from rtl.block_memory import block_memory
from rtl.convolution import sums_layout


class Accumulators(wiring.Component):
    """Adds each pixel's sums to its accumulators, one pixel per cycle, and serves the drain.

    Sums on `i` in cycle t are in the memory for reads from cycle t + `WRITE_LATENCY` on: a pixel
    comes back `REVISIT` cycles later at the earliest, which the length of a weight block ensures.
    A drain's read in cycle t answers in cycle t + `READ_LATENCY`: memory, output register. Each
    bank is a memory with one read and one write port; drain and array never share a bank.

    Members
    -------
    i : In(stream.Signature(sums_layout(config), always_ready=True))
    index : In(range(depth))
        Of the sums that follow `READ_LATENCY` cycles later.
    accumulated : Out(1)
        The tile's last sums are here; reads from the next cycle but one on see them.
    drain_enable, drain_index, drain_bank : In
    drain_data : Out(ArrayLayout(signed(accumulator_bits), output_lanes))
    """

    READ_LATENCY = 2
    WRITE_LATENCY = 2
    ACCUMULATED = 1  # sums to the first cycle in which the drain may turn to them
    REVISIT = READ_LATENCY + WRITE_LATENCY

    def __init__(self, config: Config):
        self._config = config
        assert config.weight_block_words + pipeline.BLOCK_OVERHEAD >= self.REVISIT
        lanes = data.ArrayLayout(signed(config.widths.accumulator_bits), config.array.output_lanes)
        index = range(config.buffers.accumulator_depth)
        super().__init__(
            {
                "i": In(stream.Signature(sums_layout(config), always_ready=True)),
                "index": In(index),
                "accumulated": Out(1),
                "drain_enable": In(1),
                "drain_index": In(index),
                "drain_bank": In(1),
                "drain_data": Out(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        accumulate = self.i.payload.accumulate
        lanes = self.drain_data.shape()
        written = Signal()
        written_to = Signal(accumulate.shape())
        totals = Signal(lanes, reset_less=True)
        m.d.comb += self.accumulated.eq(self.i.valid & accumulate.last)

        reads = []
        for number in range(ACCUMULATOR_BANKS):
            bank = block_memory(lanes.size, self._config.buffers.accumulator_depth)
            m.submodules[f"bank{number}"] = bank
            write, read = bank.write_port(), bank.read_port()
            draining = Signal(name=f"draining{number}")
            m.d.comb += [
                draining.eq(self.drain_enable & (self.drain_bank == number)),
                read.addr.eq(Mux(draining, self.drain_index, self.index)),
                write.addr.eq(written_to.index),
                write.data.eq(totals),
                write.en.eq(written & (written_to.bank == number)),
            ]
            output = Signal(lanes, name=f"output{number}", reset_less=True)
            m.d.sync += output.eq(read.data)
            reads.append(output.as_value())

        before = Array(reads)[accumulate.bank]
        m.d.sync += [written.eq(self.i.valid), written_to.eq(accumulate)]
        for total, old, new in zip(
            totals, data.View(lanes, before), self.i.payload.lanes, strict=True
        ):
            m.d.sync += total.eq(Mux(accumulate.overwrite, 0, old) + new)

        read_bank = Signal()
        drained_bank = Signal()
        m.d.sync += [read_bank.eq(self.drain_bank), drained_bank.eq(read_bank)]
        m.d.comb += self.drain_data.eq(Array(reads)[drained_bank])
        return m
