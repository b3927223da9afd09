"""Makes exact stages of a quantized file's pools and means."""

from dataclasses import replace

import numpy as np

from hwsim.errors import InputError
from hwsim.fixed_point import rescaled
from hwsim.graph import Rounding, SpatialPool, Stage
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import AveragePool, Axis, MaxPool, Mean
from hwsim.passes.exact_parts import Sources, alike, depthwise, element_of, only, quantization_of
from hwsim.passes.move_stages import IDENTITY
from hwsim.passes.split_pools import can_be_walked
from hwsim.passes.tflite_clamps import clamp_of
from hwsim.passes.tflite_factors import FRACTION_BITS, Factor, stored_factor

WORD_BITS = 32  # of the runtimes' integers


def average_pool(graph: OperatorGraph, operator: AveragePool, sources: Sources) -> Stage:
    """Return the sum of every window times a factor somewhat above 1 / count.

    TFLite averages the file's own integers, not those less the zero point.
    """
    source = only(operator, sources)
    left = graph.left(operator)
    element = element_of(graph, operator)
    if any((operator.padding.top, operator.padding.left, operator.padding.bottom,
            operator.padding.right)):  # fmt: skip
        raise InputError("average pool with padding has no stage yet")
    channels, count = source.channels, operator.window[0] * operator.window[1]
    by = _proved_mean(count)
    # A stride beyond the map has no meaning, and may exceed what a source can have.
    rows, columns = (
        min(step, side - length + 1)
        for step, side, length in zip(operator.stride, source.size, operator.window, strict=True)
    )
    stride = rows, columns
    pooled = replace(source, kernel=operator.window, stride=stride, groups=channels)
    stage = Stage.inferred(operator.name, [pooled], left.name, channels)
    ones = np.ones((channels, 1, *operator.window), np.int8)
    # The file's integers are not less their zero point, and those of uint8 are never below 0.
    offset = element.offset
    bias = np.full(channels, count * (source.tensor.zero_point + offset), np.int32)
    return replace(
        stage,
        output=left,
        offset=-offset,
        clamp=clamp_of(operator.activation, quantization_of(left)),
        constants=alike((ones,), bias, by),
    )


def _proved_mean(count: int) -> Factor:
    """Return a factor that divides every sum of so many int8 as TFLite: halves away from 0."""
    sums = np.arange(-128 * count, 127 * count + 1, dtype=np.int64)
    expected = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
    for shift in range(FRACTION_BITS - 1 + count.bit_length(), FRACTION_BITS - 2, -1):
        multiplier = (1 << shift) // count + 1  # above 1 / count: halves below 0 go down
        if multiplier < 1 << FRACTION_BITS:
            found = rescaled(sums, np.int64(multiplier), np.int64(shift), Rounding.ONCE)
            if np.array_equal(found, expected):
                return Factor(multiplier, shift)
    raise InputError(f"no factor divides every sum of {count} values exactly")


def max_pool(graph: OperatorGraph, operator: MaxPool, sources: Sources) -> Stage:
    """Return the same values, of which the pool behind the rescale keeps the largest."""
    left, source = graph.left(operator), only(operator, sources)
    channels = source.channels
    if not can_be_walked(operator):
        raise InputError(
            f"max pool of windows {operator.window} and strides {operator.stride} has no stage: "
            "it would take too many, or too long a step"
        )
    # A window of a single row steps over the rows between where its source is read.
    (rows, columns), (down, across) = operator.window, operator.stride
    skipped = down if rows == 1 else 1, across if columns == 1 else 1
    stepped = 1 if rows == 1 else down, 1 if columns == 1 else across
    stage = Stage.inferred(
        operator.name,
        [replace(source, stride=skipped, groups=channels)],
        left.name,
        channels,
        spatial_pool=SpatialPool(operator.window, stepped, operator.padding),
    )
    ones = np.ones((channels, 1, 1, 1), np.int8)
    constants = alike((ones,), np.zeros(channels, np.int32), IDENTITY)
    clamp = clamp_of(operator.activation, quantization_of(left))
    return replace(stage, output=left, clamp=clamp, constants=constants)


def mean(graph: OperatorGraph, operator: Mean, sources: Sources) -> Stage:
    """Return the sum of a whole map times a factor that the runtimes divide by its size."""
    source = only(operator, sources)
    if operator.axes != {Axis.ROWS, Axis.COLUMNS}:
        raise InputError("mean over other axes than rows and columns has no stage yet")
    left, channels, size = graph.left(operator), source.channels, source.size
    count = size[0] * size[1]
    whole = stored_factor(quantization_of(source.tensor).scale / quantization_of(left).scale)
    exponent = FRACTION_BITS - whole.shift
    more = min(count.bit_length() - 1, WORD_BITS, WORD_BITS - 1 + exponent)
    by = Factor((whole.multiplier << more) // count, whole.shift + more)
    return depthwise(operator, replace(source, kernel=size, groups=channels), left, by)
