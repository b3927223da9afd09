"""The search for integer weights with which a stage adds two tensors exactly as TFLite does.

TFLite scales both operands to a common step, adds, and scales the sum, with a rounding each time. A
stage computes (a x1 + b x2) x m / 2**s with one rounding or two. There are only 65,536 pairs of
values: whether both give the same is proved by trying all of them.

Every pair sets bounds to m. Weights are tried on a few pairs first, those whose real sums are
nearest to a rounding's end. Where all pairs leave no m, the two that contradict each other join the
few, so that weights of the same fault fail there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwsim.fixed_point import FIRST_HALF, LARGEST_SHIFT, ROUNDED_ONCE, SMALLEST_SHIFT, rescaled
from hwsim.graph import Quantization, Rounding
from hwsim.passes.tflite_factors import FRACTION_BITS, Factor, rounded_twice, stored_factor

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
PAIRS = 1 << 16  # of int8 values, all of which are tried
LARGEST_WEIGHT = 32639  # of two limbs of 8 bits
LARGEST_MULTIPLIER = (1 << FRACTION_BITS) - 1
HEADROOM_BITS = 20  # by which TFLite shifts operands before it scales them
FIRST_PAIRS = 32  # on which weights are tried first
AT_A_TIME = 256  # of the weights that are tried on them
REMEMBERED = 4096  # sums, as a file may have that many operators


@dataclass(frozen=True)
class ExactSum:
    """Weights of both operands, and the rescale of their sum, that are proved."""

    weights: tuple[int, int]
    factor: Factor
    rounding: Rounding


@dataclass(frozen=True)
class _Pairs:
    """Pairs of values less their zero points, and the ends of the reals that round to their sums.

    The sums that are the least and the largest int8 value have no end outside.
    """

    x1: Integers
    x2: Integers
    low: Reals
    high: Reals

    def __getitem__(self, places: NDArray[np.intp]) -> "_Pairs":
        return _Pairs(self.x1[places], self.x2[places], self.low[places], self.high[places])


@dataclass(frozen=True)
class _Weights:
    """Weights of both operands that are tried, and the shift of the factor that goes with them."""

    a: Integers
    b: Integers
    shift: Integers

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, places: NDArray[np.bool_] | slice) -> "_Weights":
        return _Weights(self.a[places], self.b[places], self.shift[places])

    def with_multiplier(self, multiplier: int, rounding: Rounding) -> ExactSum:
        """Return the only weights that are left, with the factor of their sum."""
        ((a, b, shift),) = zip(
            *(each.tolist() for each in (self.a, self.b, self.shift)), strict=True
        )
        return ExactSum((a, b), Factor(multiplier, shift), rounding)


@lru_cache(REMEMBERED)
def exact_sum(
    first: Quantization, second: Quantization, left: Quantization, sign: int = 1
) -> ExactSum | None:
    """Return weights that add (or, with `sign` -1, subtract) as TFLite; None if none are found.

    Networks repeat their scales, and a file is lowered again whenever an operator is left to the
    host: what was found is remembered.
    """
    x1, x2 = np.broadcast_arrays(_values(first), _values(second)[:, None])
    expected = _clamped(_tflite_sum(x1, first, x2, second, left, sign), left)
    pairs = _pairs(x1, x2, expected, left)
    few = _nearest_to_an_end(x1 * first.scale + sign * x2 * second.scale, left)
    for some in _weights(first.scale, second.scale, left.scale, sign):
        for rounding in Rounding:
            rest = some
            while len(rest := _possible(rest, pairs[few], rounding)) > 0:
                tried, rest = rest[:1], rest[1:]
                least, most = _bounds(tried, pairs, rounding)
                if least.max() > most.min():
                    few = np.append(few, [least.argmax(), most.argmin()])
                    continue
                middle = int(least.max() + most.min()) // 2
                found = tried.with_multiplier(middle, rounding)
                if np.array_equal(_clamped(_stage_sum(found, x1, x2), left), expected):
                    return found
    return None


def _values(of: Quantization) -> Integers:
    """Return all int8 values less the zero point."""
    return np.arange(-128, 128, dtype=np.int64) - of.zero_point


def _clamped(sums: Integers, left: Quantization) -> Integers:
    return np.clip(sums + left.zero_point, -128, 127)


def _stage_sum(found: ExactSum, x1: Integers, x2: Integers) -> Integers:
    (a, b), (m, s) = found.weights, found.factor
    return rescaled(a * x1 + b * x2, np.int64(m), np.int64(s), found.rounding)


def _tflite_sum(
    x1: Integers,
    first: Quantization,
    x2: Integers,
    second: Quantization,
    left: Quantization,
    sign: int,
) -> Integers:
    step = 2 * max(first.scale, second.scale)
    one, two = (
        rounded_twice(x << HEADROOM_BITS, stored_factor(own.scale / step))
        for x, own in ((x1, first), (x2, second))
    )
    by = stored_factor(step / ((1 << HEADROOM_BITS) * left.scale))
    return rounded_twice(one + sign * two, by)


def _pairs(x1: Integers, x2: Integers, expected: Integers, left: Quantization) -> _Pairs:
    steps = (expected - left.zero_point).reshape(-1)
    low = np.where(steps == -128 - left.zero_point, -np.inf, steps - 0.5)
    high = np.where(steps == 127 - left.zero_point, np.inf, steps + 0.5)
    return _Pairs(x1.reshape(-1), x2.reshape(-1), low, high)


def _nearest_to_an_end(real: Reals, left: Quantization) -> NDArray[np.intp]:
    """Return the places of a few sums that are nearest to where their integer changes."""
    steps = real.reshape(-1) / left.scale
    inside = (steps + left.zero_point > -130) & (steps + left.zero_point < 129)
    distance = np.where(inside, np.abs(steps - np.floor(steps) - 0.5), 1.0)
    return np.argpartition(distance, FIRST_PAIRS)[:FIRST_PAIRS]


def _weights(
    first_scale: float, second_scale: float, left_scale: float, sign: int
) -> Iterator[_Weights]:
    """Yield all weights, some at a time, those whose ratio is nearest to that of the scales first.

    Of the same ratio, the largest weights leave the most places to the factor.
    """
    large, small = max(first_scale, second_scale), min(first_scale, second_scale)
    of_large = np.arange(1, LARGEST_WEIGHT + 1)
    of_small = np.floor(of_large * (small / large) + 0.5).astype(np.int64)
    errors = np.abs(of_small / of_large - small / large)
    a, b = (of_large, of_small) if first_scale >= second_scale else (of_small, of_large)
    shift = FRACTION_BITS - np.frexp(large / left_scale / of_large)[1].astype(np.int64)
    order = np.lexsort((-of_large, errors))
    weights = _Weights(a[order], sign * b[order], shift[order].clip(SMALLEST_SHIFT, LARGEST_SHIFT))
    for start in range(0, LARGEST_WEIGHT, AT_A_TIME):
        yield weights[start : start + AT_A_TIME]


def _possible(weights: _Weights, pairs: _Pairs, rounding: Rounding) -> _Weights:
    """Return the weights to which the pairs leave a multiplier."""
    least, most = _bounds(weights, pairs, rounding)
    return weights[least.max(axis=1) <= most.min(axis=1)]


def _bounds(weights: _Weights, pairs: _Pairs, rounding: Rounding) -> tuple[Reals, Reals]:
    """Return the least and the largest multiplier of each of the weights, for each pair.

    A product rounds to a step if it is at least the low end and below the high end; the first of
    two roundings moves both ends towards 0. Both ends change places where a sum is negative.
    """
    sums = weights.a[:, None] * pairs.x1 + weights.b[:, None] * pairs.x2
    shift = weights.shift[:, None]
    is_moved = (shift > ROUNDED_ONCE) & (rounding is Rounding.TWICE)
    moved = np.where(is_moved, np.where(sums < 0, -FIRST_HALF, FIRST_HALF), 0)
    with np.errstate(divide="ignore"):  # a sum of 0 takes every multiplier or none
        low, high = ((np.ldexp(end, shift) - moved) / sums for end in (pairs.low, pairs.high))
    least = np.where(sums < 0, np.floor(high) + 1, np.ceil(low))
    most = np.where(sums < 0, np.floor(low), np.ceil(high) - 1)
    return least.clip(1, None), most.clip(None, LARGEST_MULTIPLIER)
