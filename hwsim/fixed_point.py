"""Real factors as the integers of a rescale: factor = multiplier / 2**shift."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError

SMALLEST_SHIFT = 2
LARGEST_SHIFT = 62
ROUNDED_ONCE = 31  # the largest shift of a lane that always rounds once
FIRST_HALF = 1 << 30  # of the first division of a lane that rounds twice


class Rounding(IntEnum):
    """The rounding of a product of accumulator and factor when it is shifted right by `shift`.

    ONCE rounds halves up. TWICE is what TFLite's reference kernels do where a shift exceeds 31:
    first to a multiple of 2**31, then to one of 2**shift, both with halves away from zero but for
    the first of a negative product, which go up.
    """

    ONCE = 0
    TWICE = 1


class FixedPoint(NamedTuple):
    """The integers of a rescale for each filter, int32 `[K]`; see `hwsim.graph.Constants`."""

    multiplier: NDArray[np.int32]
    negative_multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]


def fixed_point(
    factors: NDArray[np.float64], multiplier_bits: int, negative_slope: float = 1.0
) -> FixedPoint:
    """Return real `factors[K]` (accumulator steps to output steps) as multiplier / 2**shift.

    Multipliers are 0 to 2**(multiplier_bits - 1) - 1 and the shift, 2 to 62, is the largest at
    which they fit. The negative multiplier is that of `factors * negative_slope` on the same
    shift, with a slope of 0 to 1.

    The error of both factors is at most 2**-(shift + 1). That is 2**-(multiplier_bits - 1) of the
    factor, unless the limit of 62 cuts the shift; then the error of a rescaled int32 accumulator is
    at most 2**-32 of an output step.

    Raises `InputError` for a factor that is negative, not finite, or too large for a shift of 2.
    """
    factors = np.asarray(factors, np.float64)
    if not 0 <= negative_slope <= 1:
        raise InputError(f"slope {negative_slope:g} of the negative side: must be 0 to 1")
    limit = 2 ** (multiplier_bits - 1)
    refused = ~((factors >= 0) & (factors * 2**SMALLEST_SHIFT < limit - 0.5))
    if refused.any():
        channel = int(refused.argmax())
        raise InputError(
            f"rescale factor {factors[channel]:g} of channel {channel}: must be 0 to "
            f"{limit / 2**SMALLEST_SHIFT:g} to fit {multiplier_bits} bits"
        )
    exponents = np.frexp(factors)[1]  # factor = fraction x 2**exponent, fraction 0.5 to 1
    shift = np.minimum(multiplier_bits - 1 - exponents, LARGEST_SHIFT)
    shift -= _scaled(factors, shift) >= limit  # rounding up reached the next power of two
    shift = np.maximum(shift, SMALLEST_SHIFT)
    return FixedPoint(
        _scaled(factors, shift).astype(np.int32),
        _scaled(factors * negative_slope, shift).astype(np.int32),
        shift.astype(np.int32),
    )


def rescaled(
    sums: NDArray[np.int64],
    multiplier: NDArray[np.int64] | np.int64,
    shift: NDArray[np.int64] | np.int64,
    rounding: Rounding,
) -> NDArray[np.int64]:
    """Return int32 sums x multiplier / 2**shift, rounded to integers.

    Multipliers have 31 bits and a sign: the product fits int64 even with what is added for
    rounding. A negative one gives the negative of what its magnitude gives, rounded as that.
    Rounding twice is one shift of the product, too: the first division leaves 2**30 more or, below
    zero, 2**30 less of it.
    """
    added = np.int64(1) << (shift - 1)
    if rounding is Rounding.TWICE:
        first_half = np.where(sums < 0, -FIRST_HALF, FIRST_HALF)
        added = added + np.where(shift > ROUNDED_ONCE, first_half, 0)
    steps = (sums * np.abs(multiplier) + added) >> shift
    return np.asarray(np.where(multiplier < 0, -steps, steps), np.int64)


def _scaled(factors: NDArray[np.float64], shift: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return factors x 2**shift, rounded once, to the nearest integer, halves up."""
    return np.floor(np.ldexp(factors, shift) + 0.5)
