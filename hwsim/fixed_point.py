"""Real factors as the integers of a rescale: factor = multiplier / 2**shift."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError

SMALLEST_SHIFT = 2
LARGEST_SHIFT = 62


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


def _scaled(factors: NDArray[np.float64], shift: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return factors x 2**shift, rounded once, to the nearest integer, halves up."""
    return np.floor(np.ldexp(factors, shift) + 0.5)
