"""Convolutions of ONNX's in real numbers."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from hwsim.golden.bounded_convolution import bounded_conv2d
from hwsim.golden.onnx.functions import activated
from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.operators import Convolution, FullyConnected

Real = NDArray[np.float32]


def convolution(operator: Convolution, x: Real) -> Real:
    """Return a convolution with its bias and its activation; the border is 0."""
    assert operator.constants is not None
    frame = operator.padding
    sides = frame.left, frame.right, frame.top, frame.bottom
    sums = bounded_conv2d(
        functional.pad(torch.from_numpy(x).double()[None], sides),
        torch.from_numpy(_real_weights(operator.constants)).double(),
        stride=operator.stride,
        dilation=operator.dilation,
        groups=operator.groups,
    )
    return activated(operator.activation, _with_bias(sums[0].numpy(), operator.constants))


def fully_connected(operator: FullyConnected, x: Real) -> Real:
    """Return the product of a map with a matrix, its bias and its activation."""
    weights = _real_weights(operator.constants).astype(np.float64)
    sums = weights.reshape(operator.filters, -1) @ x.astype(np.float64).reshape(-1)
    found = _with_bias(sums.reshape(-1, 1, 1), operator.constants)
    return activated(operator.activation, found)


def _real_weights(constants: QuantizedWeights) -> Real:
    centred = constants.weights.astype(np.int32) - constants.zero_point
    return centred.astype(np.float32) * constants.scales.reshape(-1, 1, 1, 1)


def _with_bias(sums: NDArray[np.float64], constants: QuantizedWeights) -> Real:
    assert constants.real_bias is not None
    found: Real = (sums + constants.real_bias.astype(np.float64).reshape(-1, 1, 1)).astype(
        np.float32
    )
    return found
