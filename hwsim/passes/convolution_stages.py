"""Makes exact stages of a quantized file's convolutions and fully connected operators."""

from dataclasses import replace

import numpy as np

from hwsim.errors import InputError
from hwsim.graph import Constants, Rounding, Source, Stage, Tensor
from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.file_tensors import Element
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Activation, Convolution, FullyConnected
from hwsim.passes.exact_parts import Sources, Weights, element_of, quantization_of
from hwsim.passes.exact_product import LARGEST_SUM, exact_product
from hwsim.passes.tflite_clamps import clamp_of, is_rectifier
from hwsim.passes.tflite_factors import Factor, convolution_factor, single_scale_factor


def convolved(operator: Convolution, sources: Sources) -> list[Source]:
    """Return the sources with the way that a convolution's taps take over each of them."""
    return [
        replace(
            source,
            kernel=operator.kernel,
            stride=operator.stride,
            dilation=operator.dilation,
            padding=operator.padding,
            groups=operator.groups,
        )
        for source in sources
    ]


def convolution(
    graph: OperatorGraph, operator: Convolution, sources: Sources, constants: QuantizedWeights
) -> Stage:
    read, left = graph.tensors[operator.inputs[0]], graph.left(operator)
    read_sources = convolved(operator, sources)
    of_filter = (
        single_scale_factor if element_of(graph, operator) is Element.UINT8 else convolution_factor
    )
    factors = [
        of_filter(quantization_of(read), scale, quantization_of(left)) for scale in constants.scales
    ]
    return weighted(
        operator, read_sources, left, constants, factors, Rounding.TWICE, operator.activation
    )


def fully_connected(
    graph: OperatorGraph, operator: FullyConnected, sources: Sources, kernels: Kernels
) -> Stage:
    read, left = graph.tensors[operator.inputs[0]], graph.left(operator)
    constants = operator.constants
    kernel = read.shape.height, read.shape.width
    ours, own = quantization_of(read), quantization_of(left)
    if kernels is Kernels.LITERT:
        reals = [ours.scale * float(scale) / own.scale for scale in constants.scales]
        reach = min(_largest_sum(constants), LARGEST_SUM)
        factors, rounding = [exact_product(real, own, reach) for real in reals], Rounding.ONCE
    else:
        factors = [convolution_factor(ours, scale, own) for scale in constants.scales]
        rounding = Rounding.TWICE
    read_sources = [replace(source, kernel=kernel) for source in sources]
    return weighted(operator, read_sources, left, constants, factors, rounding, operator.activation)


def _largest_sum(constants: QuantizedWeights) -> int:
    """Return a bound of all sums, whose inputs are within 255 steps of their zero point."""
    weights = constants.weights.astype(np.int64) - constants.zero_point
    sums = 255 * np.abs(weights).sum(axis=(1, 2, 3)) + np.abs(constants.bias.astype(np.int64))
    return int(sums.max())


def weighted(
    operator: Convolution | FullyConnected,
    sources: list[Source],
    left: Tensor,
    constants: QuantizedWeights,
    factors: list[Factor],
    rounding: Rounding,
    activation: Activation,
) -> Stage:
    """Return the stage of a convolution; weights with a zero point take two limbs."""
    weights: Weights = constants.weights
    limbs = 1
    if constants.zero_point:
        weights, limbs = weights.astype(np.int16) - np.int16(constants.zero_point), 2
    bounds = np.cumsum([source.channels for source in sources])[:-1]
    if len(sources) > 1 and sources[0].groups > 1:
        raise InputError(f"{operator.KIND} in groups over joined tensors has no stage yet")
    parts = np.split(weights, bounds, axis=1) if len(sources) > 1 else [weights]
    stage = Stage.inferred(
        operator.name, sources, left.name, operator.filters, channel_pool=operator.channel_pool
    )
    multiplier, shift = (
        np.broadcast_to(np.array(column, dtype), (operator.filters,)).copy()
        for column, dtype in zip(zip(*factors, strict=True), (np.int32, np.int32), strict=True)
    )
    own = quantization_of(left)
    rectifies = is_rectifier(activation, own)  # by a factor of 0, which needs no clamp
    return replace(
        stage,
        output=left,
        rounding=rounding,
        weight_limbs=limbs,
        leaky_slope=0.0 if rectifies else None,
        clamp=None if rectifies else clamp_of(activation, own),
        constants=Constants(
            tuple(np.ascontiguousarray(part) for part in parts),
            constants.bias,
            multiplier,
            np.zeros_like(multiplier) if rectifies else multiplier,
            shift,
        ),
    )
