"""Real factors as integers: factor = multiplier / 2**shift, as the rescaler takes it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError

SMALLEST_SHIFT = 2
LARGEST_SHIFT = 62


class FixedPoint(NamedTuple):
    """Per-channel integers of a rescale, each int32 `[K]`: see `hwsim.graph.Constants`."""

    multiplier: NDArray[np.int32]
    negative_multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]


def fixed_point(
    factors: NDArray[np.float64], multiplier_bits: int, negative_slope: float = 1.0
) -> FixedPoint:
    """Write real `factors[K]` (accumulator steps to output steps) as multiplier / 2**shift.

    Multipliers are 0 to 2**(multiplier_bits - 1) - 1 and the shift, 2 to 62, is the largest at
    which they fit. The negative multiplier is that of `factors * negative_slope` on the same
    shift, with a slope of 0 to 1.

    Both are off by at most 2**-(shift + 1): relative to the factor, 2**-(multiplier_bits - 1)
    where 62 does not limit the shift. Where it does, an int32 accumulator comes out at most 2**-32
    of an output step off.

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


def _scaled(factors: NDArray[np.float64], shift: NDArray[np.int32]) -> NDArray[np.float64]:
    """factors x 2**shift, rounded to the nearest integer; exact up to that rounding."""
    return np.floor(np.ldexp(factors, shift) + 0.5)
