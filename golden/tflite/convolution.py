"""Convolutions of TFLite's: exact sums of products, a factor for each filter, a clamp."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from hwsim.golden.convolution import convolution as exact_convolution
from hwsim.golden.tflite.fixed_point import (
    Factor,
    Integers,
    clamped,
    factor,
    fitting,
    float32,
    rescaled,
    rounded,
)
from hwsim.golden.tflite.quantities import limits, quantization
from hwsim.graph import Source, Tensor
from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.file_tensors import Element
from hwsim.graph.host_operators import TransposeConvolution
from hwsim.graph.infer_operators import source_of
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import Activation, Convolution, FullyConnected

Map = NDArray[np.int8]


def convolution(operator: Convolution, x: Map, read: Tensor, left: Tensor, element: Element) -> Map:
    """Return a convolution, rounded twice."""
    assert operator.constants is not None
    source = replace(source_of(operator, read.shape), tensor=read)
    by = _factors(operator.constants, read, left, element)
    acc = _sums(operator.constants, x, source)
    return _stored(acc, by, operator.activation, left)


def fully_connected(
    operator: FullyConnected, x: Map, read: Tensor, left: Tensor, kernels: Kernels
) -> Map:
    """Return the product with a matrix.

    LiteRT multiplies its sums with a real factor of 64 bits and rounds once, halves away from 0.
    TFLM does as in convolutions.
    """
    shape, constants = read.shape, operator.constants
    acc = _sums(constants, x, Source.whole(read, (shape.height, shape.width)))
    if kernels is Kernels.LITERT:
        own = quantization(left)
        real = np.array([quantization(read).scale * float(each) for each in constants.scales])
        steps = rounded(fitting(acc) * (real / own.scale).reshape(-1, 1, 1))
        return clamped(steps + own.zero_point, *limits(operator.activation, own))
    by = _factors(constants, read, left, Element.INT8)
    return _stored(acc, by, operator.activation, left)


def transpose_convolution(
    operator: TransposeConvolution, x: Map, read: Tensor, left: Tensor, element: Element
) -> Map:
    """Return a transposed convolution, rounded twice: every input adds a scaled kernel."""
    constants, (rows, columns) = operator.constants, operator.stride
    inputs = torch.tensor(x).double()[None] - quantization(read).zero_point
    weights = torch.tensor(constants.weights).double() - constants.zero_point
    sums = functional.conv_transpose2d(inputs, weights.transpose(0, 1), stride=(rows, columns))
    whole = torch.zeros(1, operator.filters, *_covering(operator, sums), dtype=torch.float64)
    whole[:, :, : sums.shape[2], : sums.shape[3]] = sums
    top, first = operator.padding.top, operator.padding.left
    cut = whole[0, :, top : top + operator.height, first : first + operator.width]
    acc = cut.long().numpy() + constants.bias.astype(np.int64).reshape(-1, 1, 1)
    by = _factors(constants, read, left, element)
    return _stored(acc, by, operator.activation, left)


def _covering(operator: TransposeConvolution, sums: torch.Tensor) -> tuple[int, int]:
    """Return rows and columns that hold both the sums and what is taken of them."""
    return (
        max(sums.shape[2], operator.padding.top + operator.height),
        max(sums.shape[3], operator.padding.left + operator.width),
    )


def _sums(constants: QuantizedWeights, x: Map, source: Source) -> Integers:
    weights = torch.tensor(constants.weights).double() - constants.zero_point
    sums = exact_convolution(torch.tensor(x)[None], weights, source)
    found: Integers = sums[0].numpy() + constants.bias.astype(np.int64).reshape(-1, 1, 1)
    return found


def _factors(constants: QuantizedWeights, read: Tensor, left: Tensor, element: Element) -> Factor:
    """Return the factor of each filter, or the one of all; uint8 files multiply in float32."""
    ours, theirs = quantization(read).scale, quantization(left).scale
    products = [ours * float(scale) for scale in constants.scales]
    if element is Element.UINT8:
        products = [float32(product) for product in products]
    return factor(product / theirs for product in products).of_channels()


def _stored(acc: Integers, by: Factor, activation: Activation, left: Tensor) -> Map:
    own = quantization(left)
    return clamped(rescaled(acc, by) + own.zero_point, *limits(activation, own))
