"""The source witness in float: the operators of a network's file, one after the other.

It knows nothing of stages, so that the passes that make them can be judged by it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from hwsim.graph.float_weights import FloatWeights
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import (
    Axis,
    Concat,
    Convolution,
    Copy,
    MaxPool,
    Operator,
    Slice,
    Upsample,
)
from hwsim.graph.sources import Padding
from hwsim.graph.spatial_pool import SpatialPool

BATCH_NORM_EPSILON = 1e-6  # darknet's, beside the deviation


def run_operators(
    graph: OperatorGraph, weights: Mapping[str, FloatWeights], inputs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return every tensor `x[N, C, H, W]` by its name, but for those that the host computes.

    `weights` has those of each convolution by its name.
    """
    tensors = {tensor.name: inputs[tensor.name] for tensor in graph.inputs}
    for operator in graph.operators:
        if not operator.IS_ON_HOST:
            read = [tensors[name] for name in operator.inputs]
            tensors[operator.outputs[0]] = _run(operator, read, weights.get(operator.name))
    return tensors


def _run(operator: Operator, read: list[Tensor], weights: FloatWeights | None) -> Tensor:
    x = read[0]
    match operator:
        case Convolution():
            assert weights is not None
            return _spatial_pool(_convolution(operator, x, weights), operator.spatial_pool)
        case Copy():
            return _spatial_pool(x, operator.spatial_pool)
        case MaxPool():
            return _max_pool(x, operator.window, operator.stride, operator.padding)
        case Concat(axis=Axis.CHANNELS):
            return torch.cat(read, 1)
        case Slice():
            return x[:, operator.first_channel : operator.first_channel + operator.channels]
        case Upsample():
            return functional.interpolate(x, scale_factor=operator.TIMES, mode="nearest")
    raise AssertionError(operator)


def _convolution(operator: Convolution, x: Tensor, weights: FloatWeights) -> Tensor:
    array = {name: torch.tensor(values) for name, values in weights.arrays().items()}
    padding = operator.padding
    x = functional.pad(x, (padding.left, padding.right, padding.top, padding.bottom))
    y = functional.conv2d(
        x,
        array["weights"],
        stride=operator.stride,
        dilation=operator.dilation,
        groups=operator.groups,
    )
    column = (1, -1, 1, 1)
    if operator.is_normalised:
        deviation = array["variance"].sqrt() + BATCH_NORM_EPSILON
        y = (y - array["mean"].view(column)) / deviation.view(column) * array["scale"].view(column)
    y = y + array["bias"].view(column)
    slope = operator.activation.leaky_slope
    return y if slope is None else functional.leaky_relu(y, slope)


def _spatial_pool(x: Tensor, pool: SpatialPool) -> Tensor:
    return _max_pool(x, pool.window, pool.stride, pool.padding)


def _max_pool(
    x: Tensor, window: tuple[int, int], stride: tuple[int, int], padding: Padding
) -> Tensor:
    sides = (padding.left, padding.right, padding.top, padding.bottom)
    return functional.max_pool2d(functional.pad(x, sides, value=-torch.inf), window, stride)
