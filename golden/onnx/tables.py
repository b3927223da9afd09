"""An `.onnx`'s functions of one value as tables, filled by the operators' own code."""

import numpy as np

from hwsim.golden.onnx.arithmetic import arithmetic
from hwsim.golden.onnx.functions import FUNCTIONS
from hwsim.golden.onnx.quantizers import dequantized, quantized
from hwsim.graph import pointwise as functions
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Arithmetic, Operator

EVERY = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16)  # x[C, H, W]


def function_tables(graph: OperatorGraph) -> dict[str, tuple[int, ...]]:
    """Return the values that operators leave for -128 to 127, by the names of the operators.

    An operator is in it if it reads and leaves integers, and computes every value alike. So a
    change of scale is as exact as any other function.
    """
    found: dict[str, tuple[int, ...]] = {}
    for operator in graph.operators:
        if not _is_function(operator):
            continue
        (read,), left = graph.read(operator), graph.left(operator)
        if read.quantization is not None and left.quantization is not None:
            x = dequantized(EVERY, read.quantization)
            if isinstance(operator, Arithmetic):
                real = arithmetic(operator, [x])
            else:
                assert isinstance(operator, functions.Pointwise)
                real = FUNCTIONS[type(operator)](operator, x)
            entries = quantized(real, left.quantization)
            found[operator.name] = tuple(entries.flatten().tolist())
    return found


def _is_function(operator: Operator) -> bool:
    """Return True for what computes every value alike, whatever its channel."""
    if isinstance(operator, Arithmetic):
        return operator.constant is not None and operator.constant.values.size == 1
    return isinstance(operator, functions.Pointwise) and not isinstance(operator, functions.Prelu)
