"""The search for integer weights with which a stage adds two tensors exactly as TFLite does.

TFLite scales both operands to a common step, adds, and scales the sum, with a rounding each time. A
stage computes (a x1 + b x2) x m / 2**s with one rounding or two. There are only 65,536 pairs of
values: whether both give the same is proved by trying all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.fixed_point import rescaled
from hwsim.graph import Quantization, Rounding
from hwsim.passes.tflite_factors import FRACTION_BITS, Factor, stored_factor

Pairs = NDArray[np.int64]
PAIRS = 1 << 16  # of int8 values, all of which are tried
LARGEST_WEIGHT = 32639  # of two limbs of 8 bits
HEADROOM_BITS = 20  # by which TFLite shifts operands before it scales them
HARD_PAIRS = 512  # on which weights are tried first
AT_A_TIME = 256  # of the denominators


@dataclass(frozen=True)
class ExactSum:
    """Weights of both operands, and the rescale of their sum, that are proved."""

    weights: tuple[int, int]
    factor: Factor
    rounding: Rounding


def exact_sum(
    first: Quantization, second: Quantization, left: Quantization, sign: int = 1
) -> ExactSum | None:
    """Return weights that add (or, with `sign` -1, subtract) as TFLite; None if none are found."""
    x1, x2 = (grid.reshape(-1) for grid in np.meshgrid(_values(first), _values(second)))
    expected = _clamped(_tflite_sum(x1, first, sign * x2, second, left), left)
    hard = _near_a_change(x1 * first.scale + sign * x2 * second.scale, left)
    for found in _candidates(first, second, left, sign, (x1[hard], x2[hard], expected[hard])):
        a, b = found.weights
        m, s = found.factor
        ours = rescaled(a * x1 + b * x2, np.int64(m), np.int64(s), found.rounding)
        if np.array_equal(_clamped(ours, left), expected):
            return found
    return None


def _values(of: Quantization) -> Pairs:
    """Return all int8 values less the zero point."""
    return np.arange(-128, 128, dtype=np.int64) - of.zero_point


def _clamped(sums: Pairs, left: Quantization) -> Pairs:
    return np.clip(sums + left.zero_point, -128, 127)


def _near_a_change(real: NDArray[np.float64], left: Quantization) -> NDArray[np.intp]:
    """Return the places of the real sums that are nearest to where their integer changes."""
    steps = real / left.scale
    inside = (steps + left.zero_point > -130) & (steps + left.zero_point < 129)
    distance = np.where(inside, np.abs(steps - np.floor(steps) - 0.5), 1.0)
    return np.argsort(distance, kind="stable")[:HARD_PAIRS]


def _tflite_sum(
    x1: Pairs, first: Quantization, x2: Pairs, second: Quantization, left: Quantization
) -> Pairs:
    step = 2 * max(first.scale, second.scale)
    scaled = [
        _twice(x << HEADROOM_BITS, stored_factor(own.scale / step))
        for x, own in ((x1, first), (x2, second))
    ]
    by = stored_factor(step / ((1 << HEADROOM_BITS) * left.scale))
    return _twice(scaled[0] + scaled[1], by)


def _twice(x: Pairs, by: Factor) -> Pairs:
    """Return x times a factor below a half or so, rounded as the reference kernels do."""
    if by.shift < FRACTION_BITS:  # they shift x to the left before they multiply
        x, by = x << (FRACTION_BITS - by.shift), Factor(by.multiplier, FRACTION_BITS)
    return rescaled(x, np.int64(by.multiplier), np.int64(by.shift), Rounding.TWICE)


def _candidates(
    first: Quantization,
    second: Quantization,
    left: Quantization,
    sign: int,
    hard: tuple[Pairs, Pairs, Pairs],
) -> Iterator[ExactSum]:
    """Yield weights and factors that do on the hard pairs, the nearest ratios first."""
    large, small = max(first.scale, second.scale), min(first.scale, second.scale)
    denominators = np.arange(1, LARGEST_WEIGHT + 1)
    numerators = np.floor(denominators * (small / large) + 0.5).astype(np.int64)
    errors = np.abs(numerators / denominators - small / large)
    # Of the same ratio, the largest weights leave the most places to the factor.
    order = np.lexsort((-denominators, errors))
    x1, x2, expected = hard
    for start in range(0, len(order), AT_A_TIME):
        chosen = order[start : start + AT_A_TIME]
        pair = denominators[chosen], numerators[chosen]
        a, b = pair if first.scale >= second.scale else pair[::-1]
        sums = a[:, None] * x1 + sign * b[:, None] * x2
        shifts = np.array([stored_factor(large / left.scale / each).shift for each in pair[0]])
        for rounding in Rounding:
            middle = _middle_factor(sums, expected - left.zero_point, left, shifts, rounding)
            nearest = np.floor(np.ldexp(middle, shifts) + 0.5)
            multipliers = nearest.clip(1, (1 << FRACTION_BITS) - 1).astype(np.int64)
            ours = rescaled(sums, multipliers[:, None], shifts[:, None], rounding)
            equal = (_clamped(ours, left) == expected).all(axis=1)
            for index in np.flatnonzero(equal).tolist():
                by = Factor(int(multipliers[index]), int(shifts[index]))
                yield ExactSum((int(a[index]), sign * int(b[index])), by, rounding)


def _middle_factor(
    sums: Pairs, steps: Pairs, left: Quantization, shifts: NDArray[np.int64], rounding: Rounding
) -> NDArray[np.float64]:
    """Return, for each row of sums, the middle of the factors that may give the steps.

    A sum gives a step from half a step below it on; the first of two roundings lets it begin
    earlier, by half of what that keeps. The outermost steps have no end outside.
    """
    earlier = np.exp2(FRACTION_BITS - 1.0 - shifts)[:, None] if rounding is Rounding.TWICE else 0.0
    sign = np.where(sums < 0, -1, 1)
    size, step = np.abs(sums).clip(1).astype(float), sign * steps
    least, most = sign * (-128 - left.zero_point), sign * (127 - left.zero_point)
    outer, inner = np.maximum(least, most), np.minimum(least, most)
    low = np.where(step > inner, (step - 0.5 - earlier) / size, -np.inf).max(axis=1)
    high = np.where(step < outer, (step + 0.5 - earlier) / size, np.inf).min(axis=1)
    middle: NDArray[np.float64] = (low.clip(0, None) + high.clip(None, 1e9)) / 2
    return middle
