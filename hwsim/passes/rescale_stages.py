"""Makes exact stages that rescale a quantized file's values, and clamp or bend them."""

from dataclasses import replace

import numpy as np

from hwsim.graph import Constants, Rounding, Stage
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Activation
from hwsim.graph.pointwise import Clamp, Prelu, Quantize
from hwsim.passes.exact_parts import Sources, Weights, by_channel, depthwise, only, quantization_of
from hwsim.passes.exact_slopes import exact_slopes
from hwsim.passes.move_stages import IDENTITY, taken
from hwsim.passes.tflite_clamps import clamp_of
from hwsim.passes.tflite_factors import float32, product_factor, stored_factor

LARGEST_OF_A_LIMB = 127


def requantized(graph: OperatorGraph, operator: Quantize, sources: Sources) -> Stage:
    """Return the same values in the steps of another tensor."""
    source = only(operator, sources)
    left = graph.left(operator)
    by = stored_factor(quantization_of(source.tensor).scale / quantization_of(left).scale)
    return depthwise(operator, replace(source, groups=source.channels), left, by)


def clamped(graph: OperatorGraph, operator: Clamp, sources: Sources, kernels: Kernels) -> Stage:
    """Return a rectifier that stands alone. TFLM's ReLU6 clamps the integers that it reads."""
    source = only(operator, sources)
    left = graph.left(operator)
    ours, own = quantization_of(source.tensor), quantization_of(left)
    read = replace(source, groups=source.channels)
    if kernels is Kernels.TFLM and operator.activation is Activation.RELU6:
        stage = depthwise(operator, read, left, IDENTITY)
        offset, clamp = ours.zero_point, clamp_of(operator.activation, ours)
        return replace(stage, offset=offset, clamp=clamp)
    ratio = ours.scale / own.scale
    by = stored_factor(float32(ratio) if kernels is Kernels.LITERT else ratio)
    stage = depthwise(operator, read, left, by)
    return replace(stage, clamp=clamp_of(operator.activation, own))


def bent(graph: OperatorGraph, operator: Prelu, sources: Sources, kernels: Kernels) -> Stage:
    """Return the stage of a parametric ReLU with a slope for each channel.

    Raises `InputError` where a slope has no factor that is proved for all values.
    """
    (read,), left = graph.read(operator), graph.left(operator)
    ours, own = quantization_of(read), quantization_of(left)
    slopes = by_channel(operator.slopes, read.shape.channels).tolist()
    ratio = ours.scale / own.scale
    above = stored_factor(float32(ratio) if kernels is Kernels.LITERT else ratio)
    below = product_factor(kernels, ours.scale, operator.slopes.quantization.scale, own)
    found = exact_slopes(frozenset(slopes), ours, own, above, below)
    stage = taken(operator, sources, left)
    assert stage.constants is not None
    count = len(slopes)
    multiplier, shift = (np.full(count, value, np.int32) for value in found.above)
    by_slope = np.array([found.below[slope] for slope in slopes], np.int32)
    constants = Constants(
        tuple(_times(found.weight, ones) for ones in stage.constants.weights),
        np.zeros(count, np.int32),
        multiplier,
        by_slope[:, 0].copy(),
        shift,
        by_slope[:, 1].copy(),
    )
    limbs = 1 if found.weight <= LARGEST_OF_A_LIMB else 2
    return replace(stage, rounding=Rounding.TWICE, weight_limbs=limbs, constants=constants)


def _times(weight: int, ones: Weights) -> Weights:
    """Return the weight where there is a 1, with as many limbs as it takes."""
    wide = ones.astype(np.int16) * np.int16(weight)
    return wide.astype(np.int8) if weight <= LARGEST_OF_A_LIMB else wide
