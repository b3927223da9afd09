"""Softmax of TFLite's over the channels of each pixel, in integers."""

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.tflite.exponentials import exp_below_zero, over_one_plus
from hwsim.golden.tflite.fixed_point import (
    FRACTION_BITS,
    INT8_MIN,
    clamped,
    factor,
    fitting,
    float32,
    high_product,
    rescaled,
    shifted_right,
)
from hwsim.golden.tflite.quantities import quantization
from hwsim.graph import Tensor
from hwsim.graph.host_operators import Softmax

Map = NDArray[np.int8]
DIFFERENCE_BITS = 5  # integer bits of the distance to the largest value
SUM_BITS = 12  # integer bits of the sum of exponentials
OUTPUT_BITS = 8
LARGEST_FACTOR = float((1 << 31) - 1)


def softmax(operator: Softmax, x: Map, read: Tensor) -> Map:
    """Return exp(beta x) over its sum, in steps of 1/256 from -128 on."""
    scale = quantization(read).scale
    steps = 1 << (FRACTION_BITS - DIFFERENCE_BITS)
    by = factor(min(float32(operator.beta) * scale * steps, LARGEST_FACTOR))
    values = x.astype(np.int64)
    difference = values - values.max(0, keepdims=True)
    least = -_radius(int(by.exponent[0]))
    counts = difference >= least
    raw = rescaled(np.where(counts, difference, 0), by)
    powers = exp_below_zero(raw, DIFFERENCE_BITS)
    total = fitting(np.where(counts, shifted_right(powers, SUM_BITS), 0).sum(0, keepdims=True))
    zeros = 32 - _bit_length(total)  # in front of the sum's first 1
    over = SUM_BITS - zeros
    fraction = (total << zeros) - (np.int64(1) << 31)
    found = shifted_right(
        high_product(over_one_plus(fraction), powers), over + FRACTION_BITS - OUTPUT_BITS
    )
    return clamped(np.where(counts, found + INT8_MIN, INT8_MIN))


def _radius(exponent: int) -> int:
    """Return the largest difference that has an exponential in these bits."""
    largest = ((1 << DIFFERENCE_BITS) - 1) * 2.0 ** (FRACTION_BITS - DIFFERENCE_BITS)
    return int(np.floor(largest / 2.0**exponent))


def _bit_length(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)
