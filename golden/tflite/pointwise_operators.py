"""The operators that compute each value for itself, without PyTorch: estimates run them too."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.tflite import elementwise, pointwise
from hwsim.graph import Tensor
from hwsim.graph import pointwise as functions
from hwsim.graph.kernels import Kernels

Map = NDArray[Any]  # x[C, H, W]: int8, or float32 for real values


def run_pointwise(
    operator: functions.Pointwise, x: Map, read: Tensor, left: Tensor, kernels: Kernels
) -> Map:
    """Return what an operator leaves that computes each value for itself."""
    match operator:
        case functions.Quantize():
            is_real = x.dtype == np.float32
            return pointwise.quantize(x, left) if is_real else pointwise.requantize(x, read, left)
        case functions.Dequantize():
            return pointwise.dequantize(x, read)
        case functions.Clamp():
            return pointwise.clamp(operator, x, read, left, kernels)
        case functions.LeakyRelu():
            return pointwise.leaky_relu(operator, x, read, left, kernels)
        case functions.Prelu():
            return elementwise.prelu(operator, x, read, left, kernels)
        case functions.Logistic():
            return pointwise.logistic(x, read)
        case functions.Tanh():
            return pointwise.tanh(x, read)
        case functions.HardSwish():
            return pointwise.hard_swish(x, read, left)
    raise AssertionError(operator)
