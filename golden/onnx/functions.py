"""Functions of one value of ONNX's, in float32."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.graph.host_operators import Softmax
from hwsim.graph.operators import Activation
from hwsim.graph.pointwise import (
    Clamp,
    Dequantize,
    HardSwish,
    LeakyRelu,
    Logistic,
    Pointwise,
    Quantize,
    Tanh,
)

Real = NDArray[np.float32]


def activated(activation: Activation, x: Real) -> Real:
    """Return values within the limits of an activation."""
    low, high = activation.limits
    found: Real = np.clip(x, np.float32(low), np.float32(high))
    return found


def softmax(operator: Softmax, x: Real) -> Real:
    """Return exp(x) of every channel over the sum of all channels of the pixel."""
    wide = x.astype(np.float64) * operator.beta
    powers = np.exp(wide - wide.max(0))
    found: Real = (powers / powers.sum(0)).astype(np.float32)
    return found


def _clamp(operator: Clamp, x: Real) -> Real:
    return activated(operator.activation, x)


def _same(operator: Quantize | Dequantize, x: Real) -> Real:
    assert operator
    return x


def _leaky_relu(operator: LeakyRelu, x: Real) -> Real:
    return np.where(x < 0, x * np.float32(operator.slope), x)


def _logistic(operator: Logistic, x: Real) -> Real:
    assert operator
    with np.errstate(over="ignore"):
        return (1 / (1 + np.exp(-x.astype(np.float64)))).astype(np.float32)


def _tanh(operator: Tanh, x: Real) -> Real:
    assert operator
    return np.tanh(x.astype(np.float64)).astype(np.float32)


def _hard_swish(operator: HardSwish, x: Real) -> Real:
    assert operator
    found: Real = x * np.clip(x * np.float32(1 / 6) + np.float32(0.5), 0, 1)
    return found


FUNCTIONS: dict[type[Pointwise], Any] = {
    Clamp: _clamp,
    Dequantize: _same,
    HardSwish: _hard_swish,
    LeakyRelu: _leaky_relu,
    Logistic: _logistic,
    Quantize: _same,
    Tanh: _tanh,
}
