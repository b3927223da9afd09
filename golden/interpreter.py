"""The source witness of a quantized file: its own operators in the arithmetic of one runtime."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from hwsim.golden.onnx import interpreter as onnx
from hwsim.golden.tflite import interpreter as tflite
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator

Map = NDArray[Any]  # x[C, H, W]: int8, or float32 for real values


def run_operators(
    graph: OperatorGraph, inputs: Mapping[str, Map], kernels: Kernels
) -> dict[str, Map]:
    """Return every tensor `x[C, H, W]` of a quantized graph by its name.

    Integers are int8 also where the file has uint8; `FileTensor` turns them into the file's.
    """
    if kernels is Kernels.ONNXRUNTIME:
        return onnx.run_operators(graph, inputs)
    return tflite.run_quantized_operators(graph, inputs, kernels)


def run_operator(
    graph: OperatorGraph, operator: Operator, maps: Sequence[Map], kernels: Kernels
) -> dict[str, Map]:
    """Return the tensors that one operator of a graph leaves, by their names, for what it reads.

    Raises `InputError` where the runtime's own integers would overflow.
    """
    if kernels is Kernels.ONNXRUNTIME:
        return onnx.run_operator(graph, operator, maps)
    return tflite.run_operator(graph, operator, maps, kernels)
