"""Products of wide factors without their last addition, as two circuits: for DSPs, for gates."""

from collections.abc import Callable, Mapping

from amaranth.hdl import Cat, Const, Module, Value

from hwsim.rtl.arithmetic.booth import booth_offset, booth_rows, recoded
from hwsim.rtl.arithmetic.carry_save import constant_columns, joined, two_rows
from hwsim.rtl.arithmetic.lane_sum import register
from hwsim.rtl.primitives.multiplier import multiply

SplitProduct = Callable[[Module, Value, Value, str], tuple[Value, Value]]


def halves(m: Module, left: Value, right: Value, name: str) -> tuple[Value, Value]:
    """Return the product of `right` and the lower half of `left`, and that of its upper half."""
    half = len(left) // 2
    low = multiply(m, left[:half], right, f"{name}_low")
    high = multiply(m, left[half:].as_signed(), right, f"{name}_high")
    return low, high << half


def booth_sum(m: Module, left: Value, right: Value, name: str) -> tuple[Value, Value]:
    """Return the sum of Booth's rows in carry-save form."""
    width = len(left) + len(right)
    number = recoded(m, Cat(right, Const(0, 1)), f"{name}_factor")
    rows = booth_rows(m, left, number, width, name)
    offset = constant_columns(-booth_offset(len(left), len(number)), width)
    first, second = two_rows(m, joined(rows, offset), name)
    return register(m, first, f"{name}_first"), register(m, second, f"{name}_second")


# Each returns, `Multiplier.LATENCY` cycles later, two numbers that add up to left x right modulo
# 2**(bits of both); `left` is signed, `right` is not.
SPLIT_PRODUCTS: Mapping[str, SplitProduct] = {"dsp": halves, "tree": booth_sum}
