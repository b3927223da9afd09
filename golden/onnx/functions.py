"""Functions of one value of ONNX's, in float32."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.onnx.quantizers import dequantized, quantized
from hwsim.graph.host_operators import Softmax
from hwsim.graph.operators import Activation
from hwsim.graph.pointwise import (
    Clamp,
    Dequantize,
    Gated,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Limit,
    Logistic,
    Pointwise,
    Quantize,
    ScaledLogistic,
    ScaledTanh,
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


def _hard_sigmoid(operator: HardSigmoid, x: Real) -> Real:
    found: Real = np.clip(x * np.float32(operator.slope) + np.float32(operator.offset), 0, 1)
    return found


def _limit(operator: Limit, x: Real) -> Real:
    found: Real = np.clip(x, np.float32(operator.low), np.float32(operator.high))
    return found


def _gated(operator: Gated, x: Real) -> Real:
    function: Any = FUNCTIONS[type(operator.gate)]
    gate = function(operator.gate, x)
    if operator.steps is not None:
        gate = dequantized(quantized(gate, operator.steps), operator.steps)
    found: Real = x * gate
    return found


FUNCTIONS: dict[type[Pointwise], Any] = {
    Clamp: _clamp,
    Dequantize: _same,
    Gated: _gated,
    HardSigmoid: _hard_sigmoid,
    HardSwish: _hard_swish,
    LeakyRelu: _leaky_relu,
    Limit: _limit,
    ScaledLogistic: _logistic,
    Quantize: _same,
    ScaledTanh: _tanh,
}
