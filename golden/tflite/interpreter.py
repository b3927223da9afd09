"""The source witness of a `.tflite`: its own operators in its own integers, one after the other.

It knows nothing of stages. The arithmetic is that of the reference kernels of the runtime that is
named; where they differ from each other, the operator's function says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.golden.tflite import convolution, detection, elementwise, moves, pools, softmax
from hwsim.golden.tflite.pointwise_operators import run_pointwise
from hwsim.graph import Tensor
from hwsim.graph import host_operators as host
from hwsim.graph import operators as words
from hwsim.graph import pointwise as functions
from hwsim.graph.file_tensors import Element
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph

Map = NDArray[Any]  # x[C, H, W]: int8, or float32 for real values


def run_quantized_operators(
    graph: OperatorGraph, inputs: Mapping[str, Map], kernels: Kernels
) -> dict[str, Map]:
    """Return every tensor `x[C, H, W]` of a quantized graph by its name.

    Integers are int8 also where the file has uint8; `FileTensor` turns them into the file's.
    """
    tensors = {tensor.name: inputs[tensor.name] for tensor in graph.inputs}
    for operator in graph.operators:
        read = [tensors[name] for name in operator.inputs]
        tensors |= run_operator(graph, operator, read, kernels)
    return tensors


def run_operator(
    graph: OperatorGraph, operator: words.Operator, maps: Sequence[Map], kernels: Kernels
) -> dict[str, Map]:
    """Return the tensors that one operator of a graph leaves, by their names, for what it reads.

    Raises `InputError` where the runtime's own integers would overflow.
    """
    try:
        if isinstance(operator, host.DetectionPostProcess):
            left = detection.detections(operator, maps, graph.read(operator), kernels)
        else:
            left = (_run(graph, operator, maps, kernels),)
    except InputError as error:
        raise InputError(f"{operator.place}: {error}") from None
    return dict(zip(operator.outputs, left, strict=True))


def _run(
    graph: OperatorGraph, operator: words.Operator, maps: Sequence[Map], kernels: Kernels
) -> Map:
    read, left = list(graph.read(operator)), graph.left(operator)
    x, element = maps[0], graph.in_file[read[0].name].element
    match operator:
        case words.Convolution():
            return convolution.convolution(operator, x, read[0], left, element)
        case words.FullyConnected():
            return convolution.fully_connected(operator, x, read[0], left, kernels)
        case host.TransposeConvolution():
            return convolution.transpose_convolution(operator, x, read[0], left, element)
        case words.Arithmetic():
            return elementwise.arithmetic(operator, list(maps), read, left, kernels)
        case words.MaxPool():
            return pools.max_pool(operator, x, left)
        case words.AveragePool():
            return pools.average_pool(operator, x, left, element)
        case words.Mean():
            return pools.mean(operator, x, read[0], left)
        case host.Softmax():
            return softmax.softmax(operator, x, read[0])
        case functions.Pointwise():
            return run_pointwise(operator, x, read[0], left, kernels)
    return _moved(operator, list(maps), left, element)


def _moved(operator: words.Operator, maps: list[Map], left: Tensor, element: Element) -> Map:
    x = maps[0]
    match operator:
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
        case words.SpaceToDepth():
            return moves.space_to_depth(operator, x)
        case words.DepthToSpace():
            return moves.depth_to_space(operator, x)
        case host.ResizeNearest():
            return moves.resize_nearest(operator, x)
        case host.ResizeBilinear():
            return moves.resize_bilinear(operator, x, element)
    raise AssertionError(operator)
