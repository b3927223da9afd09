"""The MAC array: weights, multipliers, and a pipelined adder tree per lane."""

from itertools import pairwise
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.chain import CHAINED_KERNEL, STRIP_ROWS, has_chain
from hwsim.arch.config import Config
from hwsim.rtl.arithmetic.array_lane import ArrayLane
from hwsim.rtl.arithmetic.lane_sum import LANE_SUMS, lane_weights, register, sum_bits
from hwsim.rtl.operands.chain import operand_layout
from hwsim.rtl.operands.pixel import accumulate_layout


def steps(config: Config) -> int:
    """Return the number of steps: output lanes whose weights come in one word."""
    return config.weight_block_words


def sums_layout(config: Config) -> data.StructLayout:
    """Return the layout of one pixel's sums in all output lanes."""
    return data.StructLayout(
        {
            "lanes": data.ArrayLayout(signed(sum_bits(config)), config.array.output_lanes),
            "accumulate": accumulate_layout(config),
        }
    )


# The cycles by which the word of each tap comes before a pixel's last one, with `chained`.
TAP_DELAYS = tuple(
    columns_ahead * STRIP_ROWS + rows_ahead
    for rows_ahead in reversed(range(CHAINED_KERNEL))
    for columns_ahead in reversed(range(CHAINED_KERNEL))
)


class _Arrival(NamedTuple):
    """The operands and flags that come to a step in a cycle, and go on to the next step."""

    operands: data.View
    first: Value  # of its weight block
    diagonal: Value
    chained: Value
    tap: Value


class Convolution(wiring.Component):
    """Sums input lanes x weights in every output lane, one pixel per cycle; nothing stalls.

    The output lanes whose weights come in one word are a *step*. Operands go from step to step, a
    cycle each, so that no register feeds the whole array. A pixel on `i` in cycle t leaves `o` in
    cycle t + `latency` for step 0, and a cycle later for each further step. There is a register for
    the operands, then an `ArrayLane` for each output lane.

    With `diagonal`, output lane s sums one product alone: that of byte s of the operands, modulo
    the input lanes, and of the one of its weights that `tap` counts, which is 0 with `first`.

    With `chained`, output lane s sums nine products, all of byte s: those of its weight t and of
    the operands that came `TAP_DELAYS[t]` cycles before. The steps behind the lane's have these at
    hand in this cycle; behind the last step they go on, as far as lanes still need their bytes.

    The weights of a block walk in with its first pixel, the one with `first`: a step takes its word
    in the cycle in which that pixel comes to it. The words come one per cycle, the first one
    `WEIGHTS_AHEAD` cycles before the pixel, and are looked at in no other cycle.

    Members
    -------
    weights : In(word_bits)
        Words of a weight block, as they are due.
    i : In(stream.Signature(operand_layout(config), always_ready=True))
    o : Out(stream.Signature(sums_layout(config), always_ready=True))
    index : Out(range(depth))
        The `accumulate.index` that stands on `o` `INDEX_AHEAD` cycles later: the accumulators'
        memory is read with it. Index, `accumulate` and `valid` are those of step 0.
    """

    INDEX_AHEAD = 2
    WEIGHTS_AHEAD = 1  # a register for a word on its way to all lanes

    def __init__(self, config: Config):
        self._config = config
        self.latency = 1 + pipeline.tree_stages(config)
        assert steps(config) == pipeline.skew(config) + 1
        super().__init__(
            {
                "weights": In(config.word_bits),
                "i": In(stream.Signature(operand_layout(config), always_ready=True)),
                "o": Out(stream.Signature(sums_layout(config), always_ready=True)),
                "index": Out(range(config.buffers.accumulator_depth)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._flags(m)
        word = self._word(m)
        reached = self._walk(m)
        chain = self._chain(m, [arrival.operands for arrival in reached[1:]])
        for step, (before, at) in enumerate(pairwise(reached)):
            tap = Signal(len(at.operands), name=f"tap_at{step}")  # with `diagonal`, one of them
            m.d.comb += tap.eq(before.diagonal << before.tap)
            for in_step, arriving in enumerate(word):
                number = step * len(word) + in_step
                own = number % len(arriving)
                order = [own, *(other for other in range(len(arriving)) if other != own)]
                operands = list(at.operands)
                if chain:
                    for late_tap, delay in enumerate(TAP_DELAYS):
                        late = chain[step + delay][own]
                        operands[late_tap] = Mux(at.chained, late, operands[late_tap])
                m.submodules[f"lane{number}"] = lane = ArrayLane(self._config)
                # One by one: what is joined up would make ports that differ from lane to lane.
                for place, other in enumerate(order):
                    is_own = ~before.diagonal if other == own else Const(0)
                    m.d.comb += [
                        lane.arriving[place].eq(arriving[other]),
                        lane.chosen[place].eq(tap[other] | is_own),
                        lane.operands[place].eq(operands[other]),
                    ]
                m.d.comb += [
                    lane.first.eq(before.first),
                    lane.alone.eq(at.diagonal),
                    self.o.payload.lanes[number].eq(lane.o),
                ]
        return m

    def _walk(self, m: Module) -> list["_Arrival"]:
        """Return what comes to every step, and in front what comes to the first a cycle later."""
        i = self.i.payload
        reached = [_Arrival(i.lanes, self.i.valid & i.first, i.diagonal, i.chained, i.tap)]
        for step in range(steps(self._config)):
            before = reached[-1]
            operands = Signal(before.operands.shape(), name=f"operands{step}", reset_less=True)
            flags = [
                Signal.like(value, name=f"{name}{step}", reset_less=name != "first")
                for name, value in zip(_Arrival._fields[1:], before[1:], strict=True)
            ]
            reached.append(_Arrival(operands, *flags))
            m.d.sync += [new.eq(old) for new, old in zip(reached[-1], before, strict=True)]
        return reached

    def _chain(self, m: Module, operands: list[data.View]) -> list[dict[int, Value]]:
        """Return the bytes at every step, and behind the last step those that lanes still need.

        A lane needs its own byte of pixels that have gone on by up to the last of `TAP_DELAYS`.
        """
        if not has_chain(self._config):
            return []
        chain: list[dict[int, Value]] = [dict(enumerate(view)) for view in operands]
        lanes_of_step = self._config.array.output_lanes // len(operands)
        for place in range(len(operands), len(operands) + TAP_DELAYS[0]):
            first_lane = (place - TAP_DELAYS[0]) * lanes_of_step
            needed = {
                lane % self._config.array.input_lanes
                for lane in range(max(0, first_lane), self._config.array.output_lanes)
            }
            before = chain[-1]
            chain.append(
                {own: register(m, before[own], f"operands{place}_{own}") for own in sorted(needed)}
            )
        return chain

    def _flags(self, m: Module) -> None:
        """Delay what belongs to a pixel as long as its sums take."""
        valid, accumulate = self.i.valid & self.i.payload.pixel, self.i.payload.accumulate
        for stage in range(self.latency):
            if stage == self.latency - self.INDEX_AHEAD:
                m.d.comb += self.index.eq(accumulate.index)
            next_valid = Signal(name=f"valid{stage}")
            next_accumulate = Signal(accumulate.shape(), name=f"accumulate{stage}", reset_less=True)
            m.d.sync += [next_valid.eq(valid), next_accumulate.eq(accumulate)]
            valid, accumulate = next_valid, next_accumulate
        m.d.comb += [self.o.valid.eq(valid), self.o.payload.accumulate.eq(accumulate)]

    def _word(self, m: Module) -> data.View:
        """Return the weights of a step's lanes as the array keeps them, a cycle after they come."""
        widths, array = self._config.widths, self._config.array
        lane = data.ArrayLayout(signed(widths.weight_bits), array.input_lanes)
        weights = data.View(
            data.ArrayLayout(lane, array.output_lanes // steps(self._config)), self.weights
        )
        stored = LANE_SUMS[array.multipliers].stored
        word = Signal(data.ArrayLayout(lane_weights(self._config), len(weights)), reset_less=True)
        m.d.sync += word.eq(
            Cat(
                stored(m, weight, f"weight{number}_{n}")
                for number, lane in enumerate(weights)
                for n, weight in enumerate(lane)
            )
        )
        return word
