"""The MAC array: shadow and active weights, multipliers, and a pipelined adder tree per lane."""

from amaranth.hdl import Cat, Module, Signal, ValueLike, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim import pipeline
from hwsim.config import Config
from rtl.operands import operand_layout
from rtl.pixel import accumulate_layout
from rtl.weight_queue import weight_word_layout

LEVELS_PER_STAGE = 2  # adders between two registers


def sum_bits(config: Config) -> int:
    """One lane's sum of products, exact."""
    widths = config.widths
    product_bits = widths.activation_bits + widths.weight_bits
    return product_bits + int(exact_log2(config.array.input_lanes))


def sums_layout(config: Config) -> data.StructLayout:
    return data.StructLayout(
        {
            "lanes": data.ArrayLayout(signed(sum_bits(config)), config.array.output_lanes),
            "accumulate": accumulate_layout(config),
        }
    )


class Convolution(wiring.Component):
    """Sums input lanes x weights in every output lane, one pixel per cycle.

    A pixel on `i` in cycle t leaves `o` in cycle t + `latency`: one register for the operands, one
    behind the multipliers with the first level of adders, one behind every further
    `LEVELS_PER_STAGE` levels. Nothing stalls it. A pixel with `first` makes the shadow weights
    active for itself and those after it: the words that came at least `TO_SHADOW` cycles before it.
    A later word is already the next block's.

    Members
    -------
    weights : In(stream.Signature(weight_word_layout(config), always_ready=True))
        Words of a weight block go to the shadow; those of the parameters are ignored.
    i : In(stream.Signature(operand_layout(config), always_ready=True))
    o : Out(stream.Signature(sums_layout(config), always_ready=True))
    index : Out(range(depth))
        `o.payload.accumulate.index` `INDEX_AHEAD` cycles ahead, for the accumulators' memory.
    """

    INDEX_AHEAD = 2
    TO_SHADOW = 3  # two registers for a word on its way to all lanes, then the shadow

    def __init__(self, config: Config):
        self._config = config
        self._levels = exact_log2(config.array.input_lanes)
        self.latency = 2 + -(-(self._levels - 1) // LEVELS_PER_STAGE)
        assert self.latency == 1 + pipeline.tree_stages(config)
        super().__init__(
            {
                "weights": In(stream.Signature(weight_word_layout(config), always_ready=True)),
                "i": In(stream.Signature(operand_layout(config), always_ready=True)),
                "o": Out(stream.Signature(sums_layout(config), always_ready=True)),
                "index": Out(range(config.buffers.accumulator_depth)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._flags(m)
        active = self._weights(m)
        operands = Signal(self.i.payload.lanes.shape(), reset_less=True)
        m.d.sync += operands.eq(self.i.payload.lanes)
        for number, lane in enumerate(self.o.payload.lanes):
            products = [
                operand * weight for operand, weight in zip(operands, active[number], strict=True)
            ]
            m.d.comb += lane.eq(self._sum(m, products, number))
        return m

    def _flags(self, m: Module) -> None:
        """What goes beside the sums."""
        valid, accumulate = self.i.valid, self.i.payload.accumulate
        for stage in range(self.latency):
            if stage == self.latency - self.INDEX_AHEAD:
                m.d.comb += self.index.eq(accumulate.index)
            next_valid = Signal(name=f"valid{stage}")
            next_accumulate = Signal(accumulate.shape(), name=f"accumulate{stage}")
            m.d.sync += [next_valid.eq(valid), next_accumulate.eq(accumulate)]
            valid, accumulate = next_valid, next_accumulate
        m.d.comb += [self.o.valid.eq(valid), self.o.payload.accumulate.eq(accumulate)]

    def _weights(self, m: Module) -> data.View:
        """One word fills one output lane's shadow, or two adjacent ones' with 4-bit weights."""
        array, weight_bits = self._config.array, self._config.widths.weight_bits
        lane = data.ArrayLayout(signed(weight_bits), array.input_lanes)
        shadow = Signal(data.ArrayLayout(lane, array.output_lanes), reset_less=True)
        active = Signal(data.ArrayLayout(lane, array.output_lanes), reset_less=True)
        per_word = self._config.bus.bus_bits // lane.size
        arrived = Signal.like(self.weights.payload, reset_less=True)
        is_weight = Signal()
        word = Signal(self._config.bus.bus_bits, reset_less=True)
        fill = Signal(self._config.weight_block_words)  # one of them, or none
        m.d.sync += [
            arrived.eq(self.weights.payload),
            is_weight.eq(self.weights.valid & ~self.weights.payload.parameters),
            word.eq(arrived.data),
        ]
        for number, bit in enumerate(fill):
            m.d.sync += bit.eq(is_weight & (arrived.index == number))
            with m.If(bit):
                lanes = [shadow[number * per_word + place] for place in range(per_word)]
                m.d.sync += Cat(entry.as_value() for entry in lanes).eq(word)
        with m.If(self.i.valid & self.i.payload.first):
            m.d.sync += active.eq(shadow)
        return active

    def _sum(self, m: Module, terms: list[ValueLike], number: int) -> ValueLike:
        """Add pairwise; a register behind the first level, then behind every other one."""
        level = 0
        while len(terms) > 1:
            terms = [low + high for low, high in zip(terms[::2], terms[1::2], strict=True)]
            if level % LEVELS_PER_STAGE == 0 or len(terms) == 1:
                registers = []
                for place, term in enumerate(terms):
                    register = Signal(
                        term.shape(), name=f"sum{number}_{level}_{place}", reset_less=True
                    )
                    m.d.sync += register.eq(term)
                    registers.append(register)
                terms = registers
            level += 1
        return terms[0]
