"""The search for integer factors with which a stage does exactly what TFLite's PRELU does.

TFLite multiplies a value below 0 by its channel's slope, and the product by a factor of 31 bits
that all channels share. It rounds that twice, first to a multiple of 2**31. A stage has 31 bits for
slope and factor together, and rounds at the same place if it shifts as far. So that they fit, it
multiplies every value by a weight as large as slopes are, and has that much smaller factors. There
are only 256 values: each factor is proved by all that it is for.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.fixed_point import ROUNDED_ONCE, Rounding, rescaled
from hwsim.graph import Quantization
from hwsim.passes.tflite_factors import FRACTION_BITS, SMALLEST_SHIFT, Factor, rounded_twice

WEIGHTS = (127, 255)  # the largest of one limb, and the largest slope, which takes two
MULTIPLIERS = range((1 << FRACTION_BITS) - 1)  # all but the largest
SHIFTS = 12  # that are tried: TFLite's, or the last that rounds once, and those below it
REMEMBERED = 1024  # operators, as a file's are shared between host and accelerator in several tries
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ExactSlopes:
    """The factors of weight x value: of values from 0 on, and of those below 0 by their slope."""

    weight: int
    above: Factor
    below: dict[int, Factor]  # with the slope's sign


@lru_cache(REMEMBERED)
def exact_slopes(
    slopes: frozenset[int], read: Quantization, left: Quantization, above: Factor, below: Factor
) -> ExactSlopes:
    """Return factors that are proved to store the same as TFLite's, rounded twice.

    TFLite multiplies values from 0 on by the factor `above`, and others, times the slope, by
    `below`. Raises `InputError` where no factors of one weight do.
    """
    values = np.arange(-128, 128, dtype=np.int64) - read.zero_point
    positive, negative = values[values >= 0], values[values < 0]
    unproved: set[int] = set()
    for weight in WEIGHTS:
        search = _Search(weight, left)
        own = search.factor(positive, rounded_twice(positive, above), above.shift)
        if own is None:
            continue
        found = {}
        for slope in slopes:
            steps, sign = rounded_twice(negative * slope, below), -1 if slope < 0 else 1
            found[slope] = search.factor(negative, steps, below.shift, sign)
        proved = {slope: factor for slope, factor in found.items() if factor is not None}
        if len(proved) == len(found):
            return ExactSlopes(weight, own, proved)
        unproved = found.keys() - proved.keys()
    what = f"below 0 by a slope of {min(unproved)}" if unproved else "from 0 on"
    raise InputError(f"no factor scales the values {what} exactly")


@dataclass(frozen=True)
class _Search:
    """The search for factors of weight x value."""

    weight: int
    left: Quantization

    def factor(
        self, values: Integers, steps: Integers, places: int, sign: int = 1
    ) -> Factor | None:
        """Return a factor that stores these steps of values, all of one sign; None without one.

        The larger a multiplier is, the farther from the zero point lies what it stores. So if the
        least one that stores everything far enough away stores something else, all others of its
        shift do.
        """
        sums, zero_point = self.weight * values, self.left.zero_point
        expected = self._stored(steps)

        def stored(multiplier: int, shift: int) -> Integers:
            by = np.int64(sign * multiplier), np.int64(shift)
            return self._stored(rescaled(sums, *by, Rounding.TWICE))

        def is_far(multiplier: int, shift: int) -> bool:
            away = np.abs(stored(multiplier, shift) - zero_point)
            return bool((away >= np.abs(expected - zero_point)).all())

        first = max(places, ROUNDED_ONCE)
        for shift in range(first, max(first - SHIFTS, SMALLEST_SHIFT - 1), -1):
            least = bisect_left(MULTIPLIERS, True, key=partial(is_far, shift=shift))
            if np.array_equal(stored(least, shift), expected):
                return Factor(sign * least, shift)
        return None

    def _stored(self, steps: Integers) -> Integers:
        return np.clip(steps + self.left.zero_point, -128, 127)
