"""Integers and the real numbers for which they stand, in float32."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.graph import Quantization

INT8_MIN, INT8_MAX = -128, 127


def dequantized(x: NDArray[Any], own: Quantization | None) -> NDArray[np.float32]:
    """Return the real numbers of integers: a difference of integers times the scale."""
    if own is None:
        return x
    centred = x.astype(np.int32) - own.zero_point
    return centred.astype(np.float32) * np.float32(own.scale)


def quantized(x: NDArray[np.float32], own: Quantization | None) -> NDArray[Any]:
    """Return real numbers as integers: a quotient, halves to even, then the zero point.

    What is no number becomes the least integer.
    """
    if own is None:
        return x
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.rint(x / np.float32(own.scale)) + np.float32(own.zero_point)
    held = np.clip(np.nan_to_num(steps, nan=INT8_MIN), INT8_MIN, INT8_MAX)
    found: NDArray[np.int8] = held.astype(np.int8)
    return found
