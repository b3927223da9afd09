"""The real factors of a `.tflite` as its runtimes compute them: a 31-bit integer and a shift."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.fixed_point import Rounding, rescaled
from hwsim.graph import Quantization
from hwsim.graph.kernels import Kernels

FRACTION_BITS = 31
SMALLEST_SHIFT, LARGEST_SHIFT = 2, 62  # of the rescale


class Factor(NamedTuple):
    """The factor multiplier / 2**shift."""

    multiplier: int
    shift: int


def stored_factor(real: float) -> Factor:
    """Return a factor as the runtimes do: the nearest one with 31 bits, 0 if it is tiny.

    Raises `InputError` for a factor that the rescale cannot shift by.
    """
    fraction, exponent = math.frexp(real)
    multiplier = math.floor(fraction * (1 << FRACTION_BITS) + 0.5)
    if multiplier == 1 << FRACTION_BITS:
        multiplier, exponent = multiplier >> 1, exponent + 1
    shift = FRACTION_BITS - exponent
    if multiplier == 0 or shift > LARGEST_SHIFT:
        return Factor(0, LARGEST_SHIFT)
    if shift < SMALLEST_SHIFT:
        raise InputError(f"a factor of {real:g} between scales: must be below 2**29")
    return Factor(multiplier, shift)


def float32(value: float) -> float:
    """Return the float32 next to a value."""
    return float(np.float32(value))


def convolution_factor(read: Quantization, weight_scale: float, left: Quantization) -> Factor:
    """Return the factor of a filter, whose scales are multiplied as real numbers of 64 bits."""
    return stored_factor(read.scale * float(weight_scale) / left.scale)


def single_scale_factor(read: Quantization, weight_scale: float, left: Quantization) -> Factor:
    """Return the factor of all filters where the product of scales is one of 32 bits."""
    return stored_factor(float32(read.scale * float(weight_scale)) / left.scale)


def product_factor(
    kernels: Kernels, first_scale: float, second_scale: float, left: Quantization
) -> Factor:
    """Return the factor of a product of two tensors: of 32 bits in LiteRT, of 64 bits in TFLM."""
    if kernels is Kernels.TFLM:
        return stored_factor(first_scale * second_scale / left.scale)
    return stored_factor(float32(float32(first_scale * second_scale) / left.scale))


def rounded_twice(values: NDArray[np.int64], by: Factor) -> NDArray[np.int64]:
    """Return values times a factor, rounded as the reference kernels do."""
    if by.shift < FRACTION_BITS:  # they shift values to the left before they multiply
        values, by = values << (FRACTION_BITS - by.shift), Factor(by.multiplier, FRACTION_BITS)
    return rescaled(values, np.int64(by.multiplier), np.int64(by.shift), Rounding.TWICE)
