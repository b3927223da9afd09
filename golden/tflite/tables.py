"""The operators that are functions of one value, as tables filled by the operator's own code."""

import numpy as np

from hwsim.errors import InputError
from hwsim.golden.tflite.pointwise_operators import run_pointwise
from hwsim.graph import pointwise as functions
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator

EVERY = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16)  # x[C, H, W]


def function_tables(graph: OperatorGraph, kernels: Kernels) -> dict[str, tuple[int, ...]]:
    """Return the values that operators leave for -128 to 127, by the names of the operators.

    An operator is in it if it computes every value alike, whatever its channel.
    """
    found: dict[str, tuple[int, ...]] = {}
    for operator in graph.operators:
        if isinstance(operator, functions.Pointwise) and is_function(operator):
            (read,), left = graph.read(operator), graph.left(operator)
            try:
                entries = run_pointwise(operator, EVERY, read, left, kernels)
            except InputError as error:
                raise InputError(f"{operator.place}: {error}") from None
            found[operator.name] = tuple(entries.flatten().tolist())
    return found


def is_function(operator: Operator) -> bool:
    """Return True for a function of one value that is no change of scale alone."""
    if isinstance(operator, functions.Prelu):
        return operator.slopes.values.size == 1
    kinds = (
        functions.HardSwish,
        functions.LeakyRelu,
        functions.Logistic,
        functions.Tanh,
    )
    return isinstance(operator, kinds)
