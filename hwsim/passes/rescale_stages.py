"""Makes exact stages that rescale a quantized file's values, and clamp them."""

from dataclasses import replace

from hwsim.graph import Stage
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Activation
from hwsim.graph.pointwise import Clamp, Quantize
from hwsim.passes.exact_parts import Sources, depthwise, only, quantization_of
from hwsim.passes.move_stages import IDENTITY
from hwsim.passes.tflite_clamps import clamp_of
from hwsim.passes.tflite_factors import float32, stored_factor


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
