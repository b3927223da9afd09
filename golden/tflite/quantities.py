"""The scales, zero points and limits that operators of TFLite's compute with."""

import math

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.tflite.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    Factor,
    Integers,
    factor,
    float32,
    rounded,
)
from hwsim.graph import Quantization, Tensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import Activation


def quantization(tensor: Tensor) -> Quantization:
    assert tensor.quantization is not None
    return tensor.quantization


def centred(x: NDArray[np.int8], of: Quantization) -> Integers:
    """Return stored values less their zero point."""
    return x.astype(np.int64) - of.zero_point


def ratio_factor(read: Quantization, left: Quantization) -> Factor:
    """Return the factor from steps of one tensor to those of another, from an exact quotient."""
    return factor(read.scale / left.scale)


def product_factor(kernels: Kernels, *scales: float, over: float) -> Factor:
    """Return the factor of a product of scales over another one.

    LiteRT computes it in float32, each step rounded, and TFLM in 64 bits. Where the last bits of
    the factor differ, so do values that lie next to where their code changes.
    """
    if kernels is Kernels.TFLM:
        return factor(math.prod(scales) / over)
    product = scales[0]
    for scale in scales[1:]:
        product = float32(product * scale)
    return factor(float32(product / over))


def limits(activation: Activation, left: Quantization) -> tuple[int, int]:
    """Return the least and the largest int8 value that an activation lets through."""
    low, high = activation.limits
    least = INT8_MIN if low == -math.inf else max(INT8_MIN, _stored(low, left))
    most = INT8_MAX if high == math.inf else min(INT8_MAX, _stored(high, left))
    return least, most


def _stored(real: float, left: Quantization) -> int:
    """Return a real value as an integer, rounded in float32, halves away from 0."""
    return left.zero_point + int(rounded(np.array(float32(real / left.scale))))
