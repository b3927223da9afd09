"""One output lane of the MAC array: its weights, and the sum of its products."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.rtl.arithmetic.lane_sum import LANE_SUMS, lane_weights, sum_bits

AT_FIRST = 2  # weights that may be chosen with `first`: the own one, and that of byte 0 behind it


class ArrayLane(wiring.Component):
    """Keeps the weights of an output lane, and sums operands x weights; nothing stalls.

    The lane's own byte and its weight come first, in front of the others in order. So all lanes are
    equal, and share a module. The own byte's weight has a register of its own, which takes any of
    the weights.

    Members
    -------
    arriving : In(lane_weights(config))
    first : In(1)
        High where the arriving weights are those of the next cycle's operands, and of all further
        ones.
    chosen : In(input_lanes)
        The weight that the own byte takes in the next cycle, one of them high. With `first` it is
        the own one, or that of the first byte.
    operands : In(ArrayLayout(signed(8), input_lanes))
    alone : In(1)
        High where the own byte is the only one that counts.
    o : Out(signed(sum_bits(config)))
        `latency` cycles later.
    """

    def __init__(self, config: Config):
        self._config = config
        self.latency = pipeline.tree_stages(config)
        lanes = config.array.input_lanes
        super().__init__(
            {
                "arriving": In(lane_weights(config)),
                "first": In(1),
                "chosen": In(lanes),
                "operands": In(data.ArrayLayout(signed(config.widths.activation_bits), lanes)),
                "alone": In(1),
                "o": Out(signed(sum_bits(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.sum = lane_sum = LANE_SUMS[self._config.array.multipliers](self._config)
        weights = Signal(lane_weights(self._config), reset_less=True)
        own = Signal(weights.shape().elem_shape, reset_less=True)
        with m.If(self.first):
            m.d.sync += weights.eq(self.arriving)
        choices = [
            Mux(self.first, new, old) if place < AT_FIRST else old
            for place, (new, old) in enumerate(zip(self.arriving, weights, strict=True))
        ]
        gated = [
            Mux(chosen, choice.as_unsigned(), 0)
            for chosen, choice in zip(self.chosen, choices, strict=True)
        ]
        m.d.sync += own.eq(reduce(or_, gated))
        m.d.comb += [
            lane_sum.operands.eq(self.operands),
            lane_sum.weights.eq(weights),
            lane_sum.weights[0].eq(own),
            lane_sum.alone.eq(self.alone),
            self.o.eq(lane_sum.o),
        ]
        return m
