"""Finds integer weights with which a stage adds two tensors next to the sum of their real numbers.

A file adds x1 and x2 in real numbers and rounds once. A stage computes (a x1 + b x2) x m / 2**s,
rounded once: the ratio of two weights of two limbs is next to that of the scales. That no pair of
values is more than one step off is tried on all 65,536.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.fixed_point import Rounding, rescaled
from hwsim.graph import Quantization
from hwsim.passes.exact_sum import REMEMBERED, ExactSum
from hwsim.passes.tflite_factors import stored_factor

Integers = NDArray[np.int64]
LARGEST_WEIGHT = {8: 32639, 4: 119}  # of two limbs of so many bits


@lru_cache(REMEMBERED)
def nearest_sum(
    first: Quantization,
    second: Quantization,
    left: Quantization,
    sign: int = 1,
    weight_bits: int = 8,
) -> ExactSum:
    """Return weights that add, or with `sign` -1 subtract, at most one step off.

    Raises `InputError` where there are none.
    """
    large, small = max(first.scale, second.scale), min(first.scale, second.scale)
    most = LARGEST_WEIGHT[weight_bits]
    candidates = np.arange(most // 2, most + 1)  # of the operand with the larger scale
    others = np.rint(candidates * (small / large))
    best = int(np.abs(others - candidates * (small / large)).argmin())
    a, b = int(candidates[best]), int(others[best])
    if first.scale < second.scale:
        a, b = b, a
    by = stored_factor(large / (left.scale * int(candidates[best])))
    found = ExactSum((a, sign * b), by, Rounding.ONCE)
    x1, x2 = np.broadcast_arrays(_values(first), _values(second)[:, None])
    expected = np.rint((x1 * first.scale + sign * x2 * second.scale) / left.scale)
    factor, shift = np.int64(by.multiplier), np.int64(by.shift)
    sums = rescaled(a * x1 + sign * b * x2, factor, shift, Rounding.ONCE)
    held = [np.clip(each + left.zero_point, -128, 127) for each in (sums, expected)]
    if np.abs(held[0] - held[1]).max() > 1:
        raise InputError("no weights add all 65,536 pairs within one step")
    return found


def _values(of: Quantization) -> Integers:
    return np.arange(-128, 128, dtype=np.int64) - of.zero_point
