"""Two banks of accumulators: one adds up a tile while the other is drained."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import ACCUMULATOR_BANKS, Config
from hwsim.rtl.arithmetic.convolution import steps, sums_layout
from hwsim.rtl.primitives.block_memory import block_memory
from hwsim.rtl.primitives.read_port import ReadPort


def accumulator_place(config: Config) -> data.StructLayout:
    """Return the layout of a pixel's place in the banks."""
    return data.StructLayout({"index": range(config.buffers.accumulator_depth), "bank": 1})


def pixel_sums(config: Config) -> data.ArrayLayout:
    """Return the layout of a pixel's sums in all output lanes."""
    return data.ArrayLayout(signed(config.widths.accumulator_bits), config.array.output_lanes)


class Accumulators(wiring.Component):
    """Adds each pixel's sums to its accumulators, one pixel per cycle, and answers the drain.

    The sums of step n come n cycles after `i.valid` (see `Convolution`). Each step has memories of
    its own: two banks, each with one read and one write port. The array and the drain never use the
    same bank at the same time.

    Sums that come in cycle t can be read from cycle t + `WRITE_LATENCY` on. So a pixel may come
    back `REVISIT` cycles later at the earliest, which the pixel sequencer sees to. The drain's read
    in cycle t is answered in cycle t + `READ_LATENCY`. Nothing stalls.

    Members
    -------
    i : In(stream.Signature(sums_layout(config), always_ready=True))
    index : In(range(depth))
        The index of step 0's sums that come `READ_LATENCY` cycles later.
    accumulated : Out(1)
        High when the tile's final sums arrive; reads two or more cycles later return them.
    read : In(ReadPort(accumulator_place(config), pixel_sums(config)))
    """

    READ_LATENCY = 2
    WRITE_LATENCY = 2
    ACCUMULATED = 1  # sums to the first cycle in which the drain may turn to them
    REVISIT = READ_LATENCY + WRITE_LATENCY

    def __init__(self, config: Config):
        self._config = config
        assert self.REVISIT == pipeline.REVISIT
        super().__init__(
            {
                "i": In(stream.Signature(sums_layout(config), always_ready=True)),
                "index": In(range(config.buffers.accumulator_depth)),
                "accumulated": Out(1),
                "read": In(ReadPort(accumulator_place(config), pixel_sums(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = steps(self._config)
        # What each step has at hand: the index of the sums to come, and these with their place.
        indices = [self.index]
        arrivals = [(self.i.valid, self.i.payload.accumulate)]
        for step in range(count):
            index = Signal.like(self.index, name=f"index{step}", reset_less=True)
            valid = Signal(name=f"valid{step}")
            accumulate = Signal.like(
                self.i.payload.accumulate, name=f"accumulate{step}", reset_less=True
            )
            m.d.sync += [
                index.eq(indices[-1]),
                valid.eq(arrivals[-1][0]),
                accumulate.eq(arrivals[-1][1]),
            ]
            indices.append(index)
            arrivals.append((valid, accumulate))
        valid, accumulate = arrivals[count - 1]
        m.d.comb += self.accumulated.eq(valid & accumulate.last)

        drained = Signal(reset_less=True)
        drained_bank = Signal(reset_less=True)
        m.d.sync += [drained.eq(self.read.address.bank), drained_bank.eq(drained)]
        lanes = self.read.data.shape().length // count
        for step in range(count):
            sums = self.i.payload.lanes[step * lanes : (step + 1) * lanes]
            outputs = self._step(m, step, indices[step], arrivals[step : step + 2], sums)
            answer = self.read.data[step * lanes : (step + 1) * lanes]
            m.d.comb += answer.eq(outputs[drained_bank])
        return m

    def _step(
        self,
        m: Module,
        step: int,
        index: Signal,
        arrivals: list[tuple[Signal, data.View]],
        sums: data.View,
    ) -> Array:
        """Build both banks of one step, and return their output registers."""
        (_, accumulate), (written, written_to) = arrivals
        bits = signed(self._config.widths.accumulator_bits)
        lanes = data.ArrayLayout(bits, len(sums))
        totals = Signal(lanes, name=f"totals{step}", reset_less=True)
        outputs = []
        for number in range(ACCUMULATOR_BANKS):
            bank = block_memory(lanes.size, self._config.buffers.accumulator_depth)
            m.submodules[f"bank{number}_{step}"] = bank
            write, read = bank.write_port(), bank.read_port()
            draining = self.read.enable & (self.read.address.bank == number)
            output = Signal(lanes.size, name=f"output{number}_{step}", reset_less=True)
            m.d.comb += [
                read.addr.eq(Mux(draining, self.read.address.index, index)),
                write.addr.eq(written_to.index),
                write.data.eq(totals),
                write.en.eq(written & (written_to.bank == number)),
            ]
            m.d.sync += output.eq(read.data)
            outputs.append(output)
        before = data.View(lanes, Array(outputs)[accumulate.bank])
        limb = self._config.widths.weight_bits
        for total, old, new in zip(totals, before, sums, strict=True):
            kept = Mux(accumulate.overwrite, 0, Mux(accumulate.scale, old << limb, old))
            m.d.sync += total.eq(kept + new)
        return Array(outputs)
