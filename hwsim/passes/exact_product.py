"""The proof that a stage's integer factor does what LiteRT's fully connected operator does.

LiteRT multiplies an integer sum with a real number of 64 bits and rounds halves away from 0. A
stage multiplies with an integer of 31 bits and rounds halves up. Both grow with the sum. So they
are the same if they are the same around the sums at which the stored integer changes, of which
there are 255.
"""

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.fixed_point import Rounding, rescaled
from hwsim.graph import Quantization
from hwsim.passes.tflite_factors import FRACTION_BITS, Factor, stored_factor

LARGEST_SUM = (1 << 31) - 1
AROUND = np.arange(-2, 3)  # sums beside the nearest one to a change


def exact_product(real: float, left: Quantization, reach: int = LARGEST_SUM) -> Factor:
    """Return the factor that is proved to store the same as `real` for sums from -reach to reach.

    Raises `InputError` where neither the nearest factor nor those beside it do.
    """
    nearest = stored_factor(real)
    sums = _sums_around_changes(real, left).clip(-reach, reach)
    expected = _stored(_away_from_zero(sums.astype(np.float64) * np.float64(real)), left)
    for off in (0, 1, -1):
        found = Factor(nearest.multiplier + off, nearest.shift)
        if 0 <= found.multiplier < 1 << FRACTION_BITS:
            ours = rescaled(sums, np.int64(found.multiplier), np.int64(found.shift), Rounding.ONCE)
            if np.array_equal(_stored(ours, left), expected):
                return found
    raise InputError(f"no factor of 31 bits multiplies every sum as {real!r} does")


def _sums_around_changes(real: float, left: Quantization) -> NDArray[np.int64]:
    """Return the sums about which the stored integer goes from one to the next."""
    if real == 0:
        return np.array([-LARGEST_SUM - 1, 0, LARGEST_SUM], np.int64)
    changes = np.arange(-127, 128) - left.zero_point - 0.5
    nearest = np.rint(np.clip(changes / real, -LARGEST_SUM, LARGEST_SUM)).astype(np.int64)
    around: NDArray[np.int64] = (nearest[:, None] + AROUND).reshape(-1)
    return around.clip(-LARGEST_SUM - 1, LARGEST_SUM)


def _away_from_zero(values: NDArray[np.float64]) -> NDArray[np.int64]:
    size = np.abs(values)
    whole = np.floor(size)
    nearest: NDArray[np.float64] = np.sign(values) * (whole + (size - whole >= 0.5))
    return nearest.astype(np.int64)


def _stored(steps: NDArray[np.int64], left: Quantization) -> NDArray[np.int64]:
    return np.clip(steps + left.zero_point, -128, 127)
