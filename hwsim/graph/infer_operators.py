"""The shapes that operators leave: the one place where they follow from what operators read."""

import math
from collections.abc import Sequence

from hwsim.graph.host_operators import DetectionPostProcess, Resize, TransposeConvolution
from hwsim.graph.infer import convolved_shape, pooled_shape
from hwsim.graph.operators import (
    Arithmetic,
    Axis,
    Concat,
    Convolution,
    Copy,
    DepthToSpace,
    FullyConnected,
    Mean,
    Operator,
    Pad,
    Pool,
    Reshape,
    Slice,
    SpaceToDepth,
    Upsample,
)
from hwsim.graph.sources import Source
from hwsim.graph.tensors import Shape, Tensor


def inferred_shapes(operator: Operator, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
    """Return the shapes of all tensors that a sound operator leaves."""
    if not isinstance(operator, DetectionPostProcess):
        return (inferred_shape(operator, inputs),)
    places = operator.places
    boxes, classes = Shape(operator.COORDINATES, 1, places), Shape(places, 1, 1)
    return boxes, classes, classes, Shape(1, 1, 1)


def inferred_shape(operator: Operator, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of the one tensor that a sound operator of one output leaves."""
    first = inputs[0]
    match operator:
        case Convolution():
            convolved = convolved_shape(source_of(operator, first), operator.filters)
            return pooled_shape(convolved, operator.channel_pool, operator.spatial_pool)
        case FullyConnected():
            return Shape(operator.filters // operator.channel_pool, 1, 1)
        case Pool():
            return convolved_shape(windows_of(operator, first), first.channels)
        case Copy():
            return pooled_shape(first, 1, operator.spatial_pool)
        case Concat():
            return _joined_shape(operator.axis, inputs)
        case Slice():
            return Shape(operator.channels, first.height, first.width)
        case Upsample():
            times = operator.TIMES
            return Shape(first.channels, first.height * times, first.width * times)
        case Arithmetic():
            return _common_shape(operand_shapes(operator, inputs))
        case TransposeConvolution():
            return Shape(operator.filters, operator.height, operator.width)
        case Resize():
            return Shape(first.channels, operator.height, operator.width)
    return _moved_shape(operator, first)


def _moved_shape(operator: Operator, first: Shape) -> Shape:
    """Return the shape of an operator that reads one tensor and multiplies nothing."""
    channels, height, width = first.channels, first.height, first.width
    match operator:
        case Mean():
            return Shape(
                1 if Axis.CHANNELS in operator.axes else channels,
                1 if Axis.ROWS in operator.axes else height,
                1 if Axis.COLUMNS in operator.axes else width,
            )
        case Reshape():
            return operator.shape
        case Pad():
            frame = operator.padding
            return Shape(
                channels + sum(operator.channels),
                height + frame.top + frame.bottom,
                width + frame.left + frame.right,
            )
        case SpaceToDepth():
            block = operator.block
            return Shape(channels * block**2, height // block, width // block)
        case DepthToSpace():
            block = operator.block
            return Shape(channels // block**2, height * block, width * block)
    return first  # a function of each value, or an operator of the host


def _joined_shape(axis: Axis, shapes: Sequence[Shape]) -> Shape:
    first = shapes[0]
    channels, height, width = (
        sum(sizes) for sizes in zip(*((s.channels, s.height, s.width) for s in shapes), strict=True)
    )
    match axis:
        case Axis.ROWS:
            return Shape(first.channels, height, first.width)
        case Axis.COLUMNS:
            return Shape(first.channels, first.height, width)
    return Shape(channels, first.height, first.width)


def operand_shapes(operator: Arithmetic, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
    """Return the shapes of both operands, in their order."""
    if operator.constant is None:
        return tuple(inputs)
    own = (operator.constant.shape,)
    return (*own, *inputs) if operator.is_constant_first else (*inputs, *own)


def _common_shape(shapes: Sequence[Shape]) -> Shape:
    return Shape(
        max(shape.channels for shape in shapes),
        max(shape.height for shape in shapes),
        max(shape.width for shape in shapes),
    )


def source_of(convolution: Convolution, shape: Shape) -> Source:
    """Return the way of a convolution over a map of this shape."""
    return Source(
        Tensor(convolution.inputs[0], shape),
        first_channel=0,
        channels=shape.channels,
        kernel=convolution.kernel,
        stride=convolution.stride,
        dilation=convolution.dilation,
        padding=convolution.padding,
        groups=convolution.groups,
    )


def windows_of(pool: Pool, shape: Shape) -> Source:
    """Return the way of a pool's windows over a map of this shape."""
    return Source(
        Tensor(pool.inputs[0], shape),
        first_channel=0,
        channels=shape.channels,
        kernel=pool.window,
        stride=pool.stride,
        padding=pool.padding,
        groups=shape.channels,
    )


def operator_macs(operator: Operator, inputs: Sequence[Shape]) -> int:
    """Return the useful multiply-accumulates of one frame, which only convolutions have."""
    match operator:
        case Convolution():
            source = source_of(operator, inputs[0])
            convolved = convolved_shape(source, operator.filters)
            weights = math.prod(source.weights_shape(operator.filters))
            return convolved.height * convolved.width * weights
        case FullyConnected():
            return inputs[0].elements * operator.filters
        case TransposeConvolution():
            return inputs[0].elements * operator.filters * math.prod(operator.kernel)
    return 0
