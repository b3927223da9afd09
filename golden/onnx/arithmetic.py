"""Two operands of ONNX's, combined value by value in float32."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.onnx.functions import activated
from hwsim.graph.operators import Add, Arithmetic, Multiply, Subtract

Real = NDArray[np.float32]


def arithmetic(operator: Arithmetic, real: Sequence[Real]) -> Real:
    """Return the sum, the difference or the product of two operands, one perhaps a constant."""
    operands = list(real)
    if (constant := operator.constant) is not None:
        own = constant.values.astype(np.int32) - constant.quantization.zero_point
        values = own.astype(np.float32) * np.float32(constant.quantization.scale)
        operands.insert(0 if operator.is_constant_first else 1, values)
    first, second = operands
    match operator:
        case Add():
            found = first + second
        case Subtract():
            found = first - second
        case Multiply():
            found = first * second
        case _:
            raise AssertionError(operator)
    return activated(operator.activation, found)
