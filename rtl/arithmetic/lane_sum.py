"""The sum of products of one output lane, as two circuits: for DSPs, and for gates."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.rtl.arithmetic.booth import booth_offset, booth_rows, recoded, recoded_bits
from hwsim.rtl.arithmetic.carry_save import Columns, columns_of, constant_columns, joined, two_rows
from hwsim.rtl.primitives.multiplier import Multiplier, multiply

TOGETHER = 4  # terms that are added up between two registers
PRODUCTS = 8  # whose rows are
Factors = tuple[Value, Value]
Term = TypeVar("Term")


def lane_weights(config: Config) -> data.ArrayLayout:
    """Return the layout of the weights of an output lane, as the array keeps them."""
    bits = LANE_SUMS[config.array.multipliers].stored_bits(config.widths.weight_bits)
    return data.ArrayLayout(signed(bits), config.array.input_lanes)


def sum_bits(config: Config) -> int:
    """Return the width of one lane's exact sum of products."""
    widths = config.widths
    product_bits = widths.activation_bits + widths.weight_bits
    return product_bits + int(exact_log2(config.array.input_lanes))


class LaneSum(wiring.Component):
    """Sums operands x weights, `latency` cycles later, one set per cycle; nothing stalls.

    The lane's own operand and weight come first. So all lanes are equal, and share a module.

    Members
    -------
    operands : In(ArrayLayout(signed(activation_bits), input_lanes))
    weights : In(lane_weights(config))
        As `stored` makes them.
    alone : In(1)
        High where the first operand is the only one that counts.
    o : Out(signed(sum_bits(config)))
    """

    def __init__(self, config: Config):
        self._widths, lanes = config.widths, config.array.input_lanes
        self.latency = pipeline.tree_stages(config)
        super().__init__(
            {
                "operands": In(data.ArrayLayout(signed(self._widths.activation_bits), lanes)),
                "weights": In(lane_weights(config)),
                "alone": In(1),
                "o": Out(signed(sum_bits(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        factors = list(zip(self.operands, self.weights, strict=True))
        alone = [self.alone]  # in front of each register
        for stage in range(1, self.latency):
            alone.append(Signal(name=f"alone{stage}"))
            m.d.sync += alone[-1].eq(alone[-2])
        self._add_up(m, factors, alone)
        return m

    @staticmethod
    def stored_bits(weight_bits: int) -> int:
        """Return the bits of a weight in the form in which the array keeps it."""
        return weight_bits

    @staticmethod
    def stored(_m: Module, weight: Value, _name: str) -> Value:
        """Return a weight in that form."""
        return weight

    @abstractmethod
    def _add_up(self, m: Module, factors: list[Factors], alone: Sequence[Value]) -> None:
        """Describe the circuit."""


class AdderTree(LaneSum):
    """Multiplies with `Multiplier`, which an FPGA has ready, and adds pairwise.

    A register stands behind every product, the multiplier's own, and behind every second adder.
    """

    def _add_up(self, m: Module, factors: list[Factors], alone: Sequence[Value]) -> None:
        terms: list[Value] = [
            multiply(m, operand, weight, f"multiplier{number}")
            for number, (operand, weight) in enumerate(factors)
        ]
        for stage, is_alone in enumerate(alone[Multiplier.LATENCY :], 1):
            for _ in range(exact_log2(min(len(terms), TOGETHER))):
                terms[1] = Mux(is_alone, 0, terms[1])
                terms = [low + high for low, high in zip(terms[::2], terms[1::2], strict=True)]
            terms = [register(m, term, f"sum{stage}_{n}") for n, term in enumerate(terms)]
        m.d.comb += self.o.eq(terms[0])


class Sum(NamedTuple):
    """Two numbers, which add up to a sum of products and their offsets."""

    first: Value
    second: Value
    products: int


class CarrySaveTree(LaneSum):
    """Adds up Booth's rows in carry-save form, so that a carry runs through one sum alone.

    The array keeps weights `recoded`, so that no multiplier has to do that. In front of the first
    register, the rows of eight products become two numbers. In front of
    further ones eight of these numbers do, until there are no more than four, which are added up;
    behind that the sum waits. The offset of every product is in these numbers, so that they are
    never negative, and is taken off at last.
    """

    @staticmethod
    def stored_bits(weight_bits: int) -> int:
        return recoded_bits(weight_bits)

    @staticmethod
    def stored(m: Module, weight: Value, name: str) -> Value:
        return recoded(m, weight, name)

    def _add_up(self, m: Module, factors: list[Factors], alone: Sequence[Value]) -> None:
        factors[1:PRODUCTS] = [
            (Mux(alone[0], 0, operand), weight) for operand, weight in factors[1:PRODUCTS]
        ]
        sums = [
            self._kept(m, self._products(m, each, f"products{n}"), f"products{n}")
            for n, each in enumerate(groups(factors, PRODUCTS))
        ]
        stage = 1
        while len(sums) > 2:
            merged = groups(
                self._silenced(sums[:TOGETHER], alone[stage]) + sums[TOGETHER:], TOGETHER
            )
            sums = [
                self._kept(m, self._merged(m, each, f"sum{stage}_{n}"), f"sum{stage}_{n}")
                for n, each in enumerate(merged)
            ]
            stage += 1
        width = len(self.o)
        products = sum(one.products for one in sums)
        rows = (
            *self._rows(self._silenced(sums, alone[stage]), width),
            constant_columns(-self._offset(products), width),
        )
        first, second = two_rows(m, joined(*rows), f"sum{stage}")
        value: Value = (first + second)[:width].as_signed()
        for later in range(stage, self.latency - 1):
            value = register(m, value, f"total{later}")
        m.d.sync += self.o.eq(value)

    def _offset(self, products: int) -> int:
        return products * booth_offset(self._widths.activation_bits, len(self.weights[0]))

    def _bits(self, products: int) -> int:
        """Return the bits of a sum of so many products and their offsets."""
        widths = self._widths
        return widths.activation_bits + widths.weight_bits + int(ceil_log2(products))

    def _products(self, m: Module, factors: Sequence[Factors], name: str) -> Sum:
        width = self._bits(len(factors))
        rows = (
            booth_rows(m, operand, weight, width, f"{name}_{number}")
            for number, (operand, weight) in enumerate(factors)
        )
        return Sum(*two_rows(m, joined(*rows), name), len(factors))

    def _merged(self, m: Module, sums: Sequence[Sum], name: str) -> Sum:
        products = sum(one.products for one in sums)
        width = self._bits(products)
        return Sum(*two_rows(m, joined(*self._rows(sums, width)), name), products)

    def _rows(self, sums: Sequence[Sum], width: int) -> Iterator[Columns]:
        return (columns_of(row, width) for one in sums for row in (one.first, one.second))

    def _silenced(self, sums: list[Sum], silent: Value) -> list[Sum]:
        """Return the sums, where `silent` is high all but the first of products that are 0."""
        own, *others = sums
        return [own, *(self._zero(other, silent) for other in others)]

    def _zero(self, total: Sum, silent: Value) -> Sum:
        """Return the sum, or where `silent` is high that of products that are 0."""
        first = Mux(silent, self._offset(total.products), total.first)
        return Sum(first, Mux(silent, 0, total.second), total.products)

    def _kept(self, m: Module, total: Sum, name: str) -> Sum:
        first, second = (
            register(m, row, f"{name}_{row_name}")
            for row_name, row in (("first", total.first), ("second", total.second))
        )
        return Sum(first, second, total.products)


def groups(terms: Sequence[Term], size: int) -> list[Sequence[Term]]:
    """Return the terms, `size` at a time."""
    return [terms[first : first + size] for first in range(0, len(terms), size)]


def register(m: Module, value: Value, name: str) -> Signal:
    """Return the value a cycle later."""
    held = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += held.eq(value)
    return held


LANE_SUMS: Mapping[str, type[LaneSum]] = {"dsp": AdderTree, "tree": CarrySaveTree}
