"""Sums, differences and products of two maps of TFLite's, and its parametric ReLU."""

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.tflite.fixed_point import Integers, clamped, factor, rescaled
from hwsim.golden.tflite.quantities import (
    centred,
    limits,
    product_factor,
    quantization,
)
from hwsim.graph import Quantization, Tensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import Arithmetic, Multiply, Subtract
from hwsim.graph.pointwise import Prelu

Map = NDArray[np.int8]
HEADROOM_BITS = 20  # both operands are shifted by these before they are scaled


def arithmetic(
    operator: Arithmetic, maps: list[Map], read: list[Tensor], left: Tensor, kernels: Kernels
) -> Map:
    """Return two operands, one of them perhaps a constant, combined value by value."""
    operands = [(x, quantization(tensor)) for x, tensor in zip(maps, read, strict=True)]
    if operator.constant is not None:
        constant = (operator.constant.values, operator.constant.quantization)
        operands.insert(0 if operator.is_constant_first else 1, constant)
    (x1, q1), (x2, q2) = operands
    first, second, own = centred(x1, q1), centred(x2, q2), quantization(left)
    if isinstance(operator, Multiply):
        by = product_factor(kernels, q1.scale, q2.scale, over=own.scale)
        found = rescaled(first * second, by)
    else:
        sign = -1 if isinstance(operator, Subtract) else 1
        found = _sum(first, q1, second, q2, own, sign)
    return clamped(found + own.zero_point, *limits(operator.activation, own))


def _sum(
    first: Integers,
    q1: Quantization,
    second: Integers,
    q2: Quantization,
    own: Quantization,
    sign: int,
) -> Integers:
    """Return the sum in steps of the output: both operands in a common step, then one factor."""
    step = 2 * max(q1.scale, q2.scale)
    one, two = (
        rescaled(x << HEADROOM_BITS, factor(q.scale / step)) for x, q in ((first, q1), (second, q2))
    )
    by = factor(step / ((1 << HEADROOM_BITS) * own.scale))
    return rescaled(one + sign * two, by)


def prelu(operator: Prelu, x: Map, read: Tensor, left: Tensor, kernels: Kernels) -> Map:
    """Return values above 0 as they are, and others times their slope, each with a factor."""
    ours, own, slopes = quantization(read), quantization(left), operator.slopes
    values, learned = centred(x, ours), centred(slopes.values, slopes.quantization)
    scales = ours.scale, slopes.quantization.scale
    above = rescaled(values, product_factor(kernels, ours.scale, over=own.scale))
    by = product_factor(kernels, *scales, over=own.scale)
    below = rescaled(values * learned, by)
    return clamped(np.where(values >= 0, above, below) + own.zero_point)
