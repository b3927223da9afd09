"""An `.onnx`'s functions of one value as tables, filled by the operators' own code."""

import numpy as np

from hwsim.golden.onnx.functions import FUNCTIONS
from hwsim.golden.onnx.quantizers import dequantized, quantized
from hwsim.graph import pointwise as functions
from hwsim.graph.operator_graph import OperatorGraph

EVERY = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16)  # x[C, H, W]


def function_tables(graph: OperatorGraph) -> dict[str, tuple[int, ...]]:
    """Return the values that operators leave for -128 to 127, by the names of the operators.

    An operator is in it if it reads and leaves integers, and computes every value alike. So a
    change of scale is as exact as any other function.
    """
    found: dict[str, tuple[int, ...]] = {}
    for operator in graph.operators:
        if not isinstance(operator, functions.Pointwise) or isinstance(operator, functions.Prelu):
            continue
        (read,), left = graph.read(operator), graph.left(operator)
        if read.quantization is not None and left.quantization is not None:
            real = FUNCTIONS[type(operator)](operator, dequantized(EVERY, read))
            entries = quantized(real, left)
            found[operator.name] = tuple(entries.flatten().tolist())
    return found
