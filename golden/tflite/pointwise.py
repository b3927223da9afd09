"""Functions of one value of TFLite's."""

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.tflite.exponentials import logistic_q4, tanh_q4
from hwsim.golden.tflite.fixed_point import (
    FRACTION_BITS,
    INT8_MAX,
    INT8_MIN,
    Integers,
    clamped,
    factor,
    float32,
    high_product,
    rescaled,
    rounded,
    shifted_right,
    truncated_quotient,
)
from hwsim.golden.tflite.quantities import (
    centred,
    limits,
    product_factor,
    quantization,
    ratio_factor,
)
from hwsim.graph import Tensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import Activation
from hwsim.graph.pointwise import Clamp, LeakyRelu

Map = NDArray[np.int8]
INTEGER_BITS = 4  # of what goes into an exponential
INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1


def quantize(x: NDArray[np.float32], left: Tensor) -> Map:
    """Return real values as integers: a float32 quotient, halves away from 0."""
    own = quantization(left)
    with np.errstate(over="ignore"):  # an infinity is clamped as any other value
        steps = (x / np.float32(own.scale)).astype(np.float64)
    return clamped(rounded(steps) + own.zero_point)


def requantize(x: Map, read: Tensor, left: Tensor) -> Map:
    """Return integers in the steps of another tensor."""
    ours, own = quantization(read), quantization(left)
    found = rescaled(centred(x, ours), ratio_factor(ours, own))
    return clamped(found + own.zero_point)


def dequantize(x: Map, read: Tensor) -> NDArray[np.float32]:
    """Return integers as real values."""
    ours = quantization(read)
    return (centred(x, ours) * ours.scale).astype(np.float32)


def clamp(operator: Clamp, x: Map, read: Tensor, left: Tensor, kernels: Kernels) -> Map:
    """Return a rectifier, with a factor between its scales.

    TFLM's ReLU6 takes no factor: it clamps the stored values, by the scale that it reads.
    """
    ours, own = quantization(read), quantization(left)
    if kernels is Kernels.TFLM and operator.activation is Activation.RELU6:
        return clamped(x.astype(np.int64), *limits(operator.activation, ours))
    by = product_factor(kernels, ours.scale, over=own.scale)
    found = rescaled(centred(x, ours), by)
    return clamped(found + own.zero_point, *limits(operator.activation, own))


def leaky_relu(operator: LeakyRelu, x: Map, read: Tensor, left: Tensor, kernels: Kernels) -> Map:
    """Return values above 0 with one factor, and others with another."""
    ours, own = quantization(read), quantization(left)
    values = centred(x, ours)
    above = product_factor(kernels, ours.scale, over=own.scale)
    below = product_factor(kernels, ours.scale, float32(operator.slope), over=own.scale)
    found = np.where(
        values >= 0,
        rescaled(values, above),
        rescaled(values, below),
    )
    return clamped(found + own.zero_point)


def logistic(x: Map, read: Tensor) -> Map:
    """Return 1 / (1 + exp(-x)) in steps of 1/256 from -128 on."""
    raw, outside = _in_q4(x, read)
    found = shifted_right(logistic_q4(raw), FRACTION_BITS - 8) + INT8_MIN
    return clamped(_saturated(found, outside))


def tanh(x: Map, read: Tensor) -> Map:
    """Return the hyperbolic tangent in steps of 1/128."""
    raw, outside = _in_q4(x, read)
    return clamped(_saturated(shifted_right(tanh_q4(raw), FRACTION_BITS - 7), outside))


def _in_q4(x: Map, read: Tensor) -> tuple[Integers, Integers]:
    """Return inputs in steps of 2**-27; and -1 or 1 where a step of 2**-27 cannot hold them."""
    ours = quantization(read)
    by = factor(ours.scale * (1 << (FRACTION_BITS - INTEGER_BITS)))
    radius = _radius(int(by.exponent[0]))
    values = centred(x, ours)
    outside = np.where(values <= -radius, -1, np.where(values >= radius, 1, 0))
    inside = np.where(outside == 0, values, 0)
    return rescaled(inside, by), outside


def _radius(exponent: int) -> int:
    """Return the largest input that the steps can hold."""
    largest = ((1 << INTEGER_BITS) - 1) * 2.0 ** (FRACTION_BITS - INTEGER_BITS)
    return int(np.floor(largest / 2.0**exponent))


def _saturated(found: Integers, outside: Integers) -> Integers:
    return np.where(outside < 0, INT8_MIN, np.where(outside > 0, INT8_MAX, found))


def hard_swish(x: Map, read: Tensor, left: Tensor) -> Map:
    """Return x times (x + 3) / 6 held to 0 and 1, in numbers of 16 bits."""
    ours, own = quantization(read), quantization(left)
    fine = centred(x, ours) << 7
    fine_scale = float32(ours.scale / 128)
    to_output, output_exponent = _factor_16(float32(fine_scale / own.scale))
    to_thirds, exponent = _factor_16(float32(fine_scale / float32(3 / 32768)))
    output = high_product(fine, to_output, 16)
    slope = fine
    if exponent > 0:
        slope = _shifted_left(slope, exponent - 1)
    slope = high_product(slope, to_thirds, 16)
    if exponent > 0:
        slope = _shifted_left(slope, 1)
    if exponent < 0:
        slope = shifted_right(slope, -exponent)
    slope = (slope + (1 << 15)) >> 1
    product = truncated_quotient(slope * output, 1 << 15)
    return clamped(shifted_right(product, -output_exponent) + own.zero_point)


def _factor_16(real: float) -> tuple[Integers, int]:
    """Return a factor with 15 bits behind the sign."""
    by = factor(real)
    wide = int(by.multiplier[0])
    narrow = INT16_MAX if wide >= (1 << 31) - (1 << 15) else (wide + (1 << 15)) >> 16
    return np.array([narrow], np.int64), int(by.exponent[0])


def _shifted_left(x: Integers, bits: int) -> Integers:
    found: Integers = np.minimum(np.maximum(x << bits, INT16_MIN), INT16_MAX)
    return found
