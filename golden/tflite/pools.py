"""Pools and means of TFLite's."""

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.tflite.fixed_point import (
    Factor,
    clamped,
    factor,
    rescaled,
    truncated_quotient,
)
from hwsim.golden.tflite.quantities import centred, limits, quantization
from hwsim.graph import Tensor
from hwsim.graph.file_tensors import Element
from hwsim.graph.operators import AveragePool, Axis, MaxPool, Mean, Pool

Map = NDArray[np.int8]
MAP_AXES = {Axis.CHANNELS: 0, Axis.ROWS: 1, Axis.COLUMNS: 2}
WORD_BITS = 32


def _windows(pool: Pool, x: NDArray[np.int64], border: int) -> NDArray[np.int64]:
    """Return `[C, P, Q, R, S]`: every window, with a value for what lies in the padding."""
    frame = pool.padding
    sides = ((0, 0), (frame.top, frame.bottom), (frame.left, frame.right))
    padded = np.pad(x, sides, constant_values=border)
    windows = np.lib.stride_tricks.sliding_window_view(padded, pool.window, axis=(1, 2))
    return windows[:, :: pool.stride[0], :: pool.stride[1]]


def max_pool(operator: MaxPool, x: Map, left: Tensor) -> Map:
    """Return the largest value of every window."""
    own = quantization(left)
    largest = _windows(operator, x.astype(np.int64), -(1 << 15)).max((3, 4))
    return clamped(largest, *limits(operator.activation, own))


def average_pool(operator: AveragePool, x: Map, left: Tensor, element: Element) -> Map:
    """Return the mean of every window of the file's own integers, halves away from 0.

    The file's integers may be unsigned: then halves go up, as none of them is below 0.
    """
    offset = element.offset
    sums = _windows(operator, x.astype(np.int64) + offset, 0).sum((3, 4))
    counts = _windows(operator, np.ones((1, *x.shape[1:]), np.int64), 0).sum((3, 4))
    half = np.where(sums > 0, counts // 2, -(counts // 2))
    mean = truncated_quotient(sums + half, counts) - offset
    return clamped(mean, *limits(operator.activation, quantization(left)))


def mean(operator: Mean, x: Map, read: Tensor, left: Tensor) -> Map:
    """Return the mean over whole axes, with the division in the factor.

    The multiplier is shifted as far as the number of values allows, divided by it and truncated.
    """
    axes = tuple(sorted(MAP_AXES[axis] for axis in operator.axes))
    ours, own = quantization(read), quantization(left)
    sums = centred(x, ours).sum(axes, keepdims=True)
    count = int(np.prod([x.shape[axis] for axis in axes]))
    by = factor(ours.scale / own.scale)
    exponent = int(by.exponent[0])
    shift = min(count.bit_length() - 1, WORD_BITS, WORD_BITS - 1 + exponent)
    divided = (int(by.multiplier[0]) << shift) // count
    scaled = Factor(np.array([divided]), np.array([exponent - shift]))
    return clamped(rescaled(sums, scaled) + own.zero_point)
