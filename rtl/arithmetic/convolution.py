"""The MAC array: shadow and active weights, multipliers, and a pipelined adder tree per lane."""

from amaranth.hdl import Module, Mux, Signal, ValueLike, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.rtl.operands.chain import operand_layout
from hwsim.rtl.operands.pixel import accumulate_layout
from hwsim.rtl.operands.weights import WeightWords

LEVELS_PER_STAGE = 2  # adders between two registers


def sum_bits(config: Config) -> int:
    """Return the width of one lane's exact sum of products."""
    widths = config.widths
    product_bits = widths.activation_bits + widths.weight_bits
    return product_bits + int(exact_log2(config.array.input_lanes))


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


class Convolution(wiring.Component):
    """Sums input lanes x weights in every output lane, one pixel per cycle; nothing stalls.

    The output lanes whose weights come in one word are a *step*. Operands go from step to step, a
    cycle each, so that no register feeds the whole array. A pixel on `i` in cycle t leaves `o` in
    cycle t + `latency` for step 0, and a cycle later for each further step. There is a register for
    the operands, one behind the multipliers and one behind every `LEVELS_PER_STAGE` levels of
    adders.

    With `diagonal`, output lane s takes only byte s of the operands, modulo the input lanes, and
    multiplies it by the one of its weights that `tap` counts.

    A pixel with `first` makes the shadow weights active for itself and for those after it. In step
    0 these are the words that came at least `TO_SHADOW` cycles before the pixel, in each further
    step those that came up to a cycle later. Words behind these are the next block's.

    Members
    -------
    weights : In(WeightWords(config))
        Words of a weight block go to the shadow; those of the parameters are ignored.
    i : In(stream.Signature(operand_layout(config), always_ready=True))
    o : Out(stream.Signature(sums_layout(config), always_ready=True))
    index : Out(range(depth))
        The `accumulate.index` that stands on `o` `INDEX_AHEAD` cycles later: the accumulators'
        memory is read with it. Index, `accumulate` and `valid` are those of step 0.
    """

    INDEX_AHEAD = 2
    TO_SHADOW = 2  # a register for a word on its way to all lanes, then the shadow

    def __init__(self, config: Config):
        self._config = config
        self._levels = exact_log2(config.array.input_lanes)
        self.latency = 2 + -(-self._levels // LEVELS_PER_STAGE)
        assert self.latency == 1 + pipeline.tree_stages(config)
        assert steps(config) == pipeline.skew(config) + 1
        super().__init__(
            {
                "weights": In(WeightWords(config)),
                "i": In(stream.Signature(operand_layout(config), always_ready=True)),
                "o": Out(stream.Signature(sums_layout(config), always_ready=True)),
                "index": Out(range(config.buffers.accumulator_depth)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._flags(m)
        shadow = self._shadow(m)
        arriving, swap = self.i.payload.lanes, self.i.valid & self.i.payload.first
        diagonal, tap = self.i.payload.diagonal, self.i.payload.tap
        for step, weights in enumerate(shadow):
            operands = Signal(arriving.shape(), name=f"operands{step}", reset_less=True)
            active = Signal(weights.shape(), name=f"active{step}", reset_less=True)
            swapped = Signal(name=f"swapped{step}")
            is_diagonal = Signal(name=f"diagonal{step}")
            own_tap = Signal.like(tap, name=f"tap{step}")
            m.d.sync += [
                operands.eq(arriving),
                swapped.eq(swap),
                is_diagonal.eq(diagonal),
                own_tap.eq(tap),
            ]
            with m.If(swap):
                m.d.sync += active.eq(weights)
            for place, lane in enumerate(active):
                number = step * len(active) + place
                taken = self._taken(m, operands, number, is_diagonal, own_tap)
                products = [left * right for left, right in zip(taken, lane, strict=True)]
                m.d.comb += self.o.payload.lanes[number].eq(self._sum(m, products, number))
            arriving, swap, diagonal, tap = operands, swapped, is_diagonal, own_tap
        return m

    def _taken(
        self, m: Module, operands: data.View, number: int, diagonal: Signal, tap: Signal
    ) -> data.View:
        """Return what the multipliers of an output lane take: with `diagonal`, all but one a 0."""
        taken = Signal(operands.shape(), name=f"taken{number}")
        own = operands[number % len(operands)]
        for place, operand in enumerate(operands):
            is_tap = diagonal & (tap == place)
            spread = Mux(diagonal, 0, operand) | Mux(is_tap, own, 0)
            m.d.comb += taken[place].eq(spread)
        return taken

    def _flags(self, m: Module) -> None:
        """Delay what belongs to a pixel as long as its sums take."""
        valid, accumulate = self.i.valid, self.i.payload.accumulate
        for stage in range(self.latency):
            if stage == self.latency - self.INDEX_AHEAD:
                m.d.comb += self.index.eq(accumulate.index)
            next_valid = Signal(name=f"valid{stage}")
            next_accumulate = Signal(accumulate.shape(), name=f"accumulate{stage}")
            m.d.sync += [next_valid.eq(valid), next_accumulate.eq(accumulate)]
            valid, accumulate = next_valid, next_accumulate
        m.d.comb += [self.o.valid.eq(valid), self.o.payload.accumulate.eq(accumulate)]

    def _shadow(self, m: Module) -> data.View:
        """Return the shadow weights, step by step: one word fills the lanes of one step."""
        array, weight_bits = self._config.array, self._config.widths.weight_bits
        lane = data.ArrayLayout(signed(weight_bits), array.input_lanes)
        count = steps(self._config)
        step = data.ArrayLayout(lane, array.output_lanes // count)
        shadow = Signal(data.ArrayLayout(step, count), reset_less=True)
        word = Signal(self._config.bus.bus_bits, reset_less=True)
        fill = Signal(count)  # one of them, or none
        payload = self.weights.payload
        is_weight = self.weights.valid & ~payload.parameters
        m.d.sync += word.eq(payload.data)
        for number, (bit, weights) in enumerate(zip(fill, shadow, strict=True)):
            m.d.sync += bit.eq(is_weight & (payload.index == number))
            with m.If(bit):
                m.d.sync += weights.eq(word)
        return shadow

    def _sum(self, m: Module, products: list[ValueLike], number: int) -> ValueLike:
        """Add pairwise, with a register behind the products and behind every second adder."""
        terms = self._registered(m, products, f"product{number}")
        for level in range(1, self._levels + 1):
            terms = [low + high for low, high in zip(terms[::2], terms[1::2], strict=True)]
            if level % LEVELS_PER_STAGE == 0 or level == self._levels:
                terms = self._registered(m, terms, f"sum{number}_{level}")
        return terms[0]

    def _registered(self, m: Module, terms: list[ValueLike], name: str) -> list[ValueLike]:
        registers = [
            Signal(term.shape(), name=f"{name}_{place}", reset_less=True)
            for place, term in enumerate(terms)
        ]
        m.d.sync += [register.eq(term) for register, term in zip(registers, terms, strict=True)]
        return registers
