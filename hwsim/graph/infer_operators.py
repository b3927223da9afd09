"""The shapes that operators leave: the one place where they follow from what operators read."""

import math
from collections.abc import Sequence

from hwsim.graph.infer import convolved_shape, pooled_shape
from hwsim.graph.operators import Concat, Convolution, Copy, MaxPool, Operator, Slice, Upsample
from hwsim.graph.sources import Source
from hwsim.graph.tensors import Shape, Tensor


def inferred_shape(operator: Operator, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of the one tensor that a sound operator leaves."""
    first = inputs[0]
    match operator:
        case Convolution():
            convolved = convolved_shape(source_of(operator, first), operator.filters)
            return pooled_shape(convolved, 1, operator.spatial_pool)
        case MaxPool() | Copy():
            return pooled_shape(first, 1, operator.spatial_pool)
        case Concat():
            return Shape(sum(shape.channels for shape in inputs), first.height, first.width)
        case Slice():
            return Shape(operator.channels, first.height, first.width)
        case Upsample():
            times = operator.TIMES
            return Shape(first.channels, first.height * times, first.width * times)
    return first  # a detection head


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


def operator_macs(operator: Operator, inputs: Sequence[Shape]) -> int:
    """Return the useful multiply-accumulates of one frame, which only convolutions have."""
    if not isinstance(operator, Convolution):
        return 0
    source = source_of(operator, inputs[0])
    convolved = convolved_shape(source, operator.filters)
    return convolved.height * convolved.width * math.prod(source.weights_shape(operator.filters))
