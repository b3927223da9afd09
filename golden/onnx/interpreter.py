"""The source witness of an `.onnx`: its own operators in its own real numbers, one after the other.

It knows nothing of stages. Integers become float32 as DequantizeLinear has it, an operator computes
with them, and QuantizeLinear rounds what it leaves, halves to even. The products of a convolution
are summed in float64 and the sum is rounded to float32, so that no order of summing shows; a
runtime sums in float32, in an order of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.onnx.arithmetic import arithmetic
from hwsim.golden.onnx.convolution import convolution, fully_connected
from hwsim.golden.onnx.functions import FUNCTIONS, softmax
from hwsim.golden.onnx.pools import average_pool, mean
from hwsim.golden.onnx.quantizers import dequantized, quantized
from hwsim.golden.tflite import moves, pools
from hwsim.graph import Tensor
from hwsim.graph import host_operators as host
from hwsim.graph import operators as words
from hwsim.graph import pointwise as functions
from hwsim.graph.operator_graph import OperatorGraph

Map = NDArray[Any]  # x[C, H, W]: int8, or float32 for real values
Real = NDArray[np.float32]


def run_operator(
    graph: OperatorGraph, operator: words.Operator, maps: Sequence[Map]
) -> dict[str, Map]:
    """Return the tensor that one operator of a graph leaves, by its name, for what it reads."""
    read, left = graph.read(operator), graph.left(operator)
    if operator.KEEPS_QUANTIZATION:
        return {left.name: _moved(operator, list(maps), left)}
    return {left.name: run_real(operator, maps, read, left)}


def run_real(
    operator: words.Operator, maps: Sequence[Map], read: Sequence[Tensor], left: Tensor
) -> Map:
    """Return what an operator leaves that computes in real numbers."""
    real = [dequantized(x, tensor.quantization) for x, tensor in zip(maps, read, strict=True)]
    return quantized(_run(operator, real), left.quantization)


def _run(operator: words.Operator, real: Sequence[Real]) -> Real:
    x = real[0]
    match operator:
        case words.Convolution():
            return convolution(operator, x)
        case words.FullyConnected():
            return fully_connected(operator, x)
        case words.AveragePool():
            return average_pool(operator, x)
        case words.Mean():
            return mean(operator, x)
        case words.Arithmetic():
            return arithmetic(operator, real)
        case host.Softmax():
            return softmax(operator, x)
        case functions.Pointwise():
            function: Callable[[Any, Real], Real] = FUNCTIONS[type(operator)]
            return function(operator, x)
    raise AssertionError(operator)


def _moved(operator: words.Operator, maps: list[Map], left: Tensor) -> Map:
    """Return what an operator leaves that computes nothing: the same in integers as in reals."""
    x = maps[0]
    match operator:
        case words.MaxPool():
            return pools.max_pool(operator, x, left)
        case words.Maximum():
            return np.maximum(maps[0], maps[1])
        case words.Concat():
            return moves.concat(operator, maps)
        case words.Slice():
            return x[operator.first_channel : operator.first_channel + operator.channels]
        case words.Upsample():
            return x.repeat(operator.TIMES, 1).repeat(operator.TIMES, 2)
        case words.Pad():
            return moves.pad(operator, x, left)
        case words.Reshape():
            return moves.reshape(x, operator.shape)
        case words.Shuffle():
            return x[list(operator.order)]
        case host.ResizeNearest():
            return moves.resize_nearest(operator, x)
        case words.SpaceToDepth():
            return moves.space_to_depth(operator, x)
        case words.DepthToSpace():
            return moves.depth_to_space(operator, x)
    raise AssertionError(operator)


def run_operators(graph: OperatorGraph, inputs: Mapping[str, Map]) -> dict[str, Map]:
    """Return every tensor `x[C, H, W]` of a graph by its name."""
    tensors = {tensor.name: inputs[tensor.name] for tensor in graph.inputs}
    for operator in graph.operators:
        tensors |= run_operator(graph, operator, [tensors[name] for name in operator.inputs])
    return tensors
