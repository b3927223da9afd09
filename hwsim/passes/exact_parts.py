"""The parts that exact stages of a quantized file's operators have in common."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.graph import Constants, Quantization, Rounding, Source, Stage, Tensor
from hwsim.graph.file_constants import ConstantOperand
from hwsim.graph.file_tensors import Element
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator
from hwsim.passes.tflite_factors import Factor

Weights = NDArray[np.int8] | NDArray[np.int16]
Sources = tuple[Source, ...]


def quantization_of(tensor: Tensor) -> Quantization:
    assert tensor.quantization is not None
    return tensor.quantization


def element_of(graph: OperatorGraph, operator: Operator) -> Element:
    """Return the one type that an operator reads and leaves in the file.

    What it reads here may be of another one, if a change of type was left out.
    """
    return graph.in_file[operator.outputs[0]].element


def only(operator: Operator, sources: Sources) -> Source:
    """Return the one source of an operator. Raises `InputError` where there are several."""
    if len(sources) > 1:
        raise InputError(f"{operator.KIND} of joined tensors has no stage yet")
    return sources[0]


def alike(weights: tuple[Weights, ...], bias: NDArray[np.int32], by: Factor) -> Constants:
    """Return constants with the same factor for all filters."""
    multiplier, shift = (np.full(bias.size, value, np.int32) for value in by)
    return Constants(weights, bias, multiplier, multiplier, shift)


def by_channel(constant: ConstantOperand, channels: int) -> NDArray[np.int32]:
    """Return the constant of every channel less the zero point; one may stand for all.

    Raises `InputError` where pixels have their own.
    """
    shape = constant.shape
    if (shape.height, shape.width) != (1, 1) or shape.channels not in (1, channels):
        raise InputError(f"a constant of {shape} for a map of {channels} channels has no stage yet")
    centred = constant.values.reshape(-1).astype(np.int32) - constant.quantization.zero_point
    return np.broadcast_to(centred, (channels,)).astype(np.int32)


def depthwise(operator: Operator, source: Source, left: Tensor, by: Factor) -> Stage:
    """Return the sum of every channel's own window, scaled and rounded twice."""
    channels = source.channels
    stage = Stage.inferred(operator.name, [source], left.name, channels)
    ones = np.ones((channels, 1, *source.kernel), np.int8)
    constants = alike((ones,), np.zeros(channels, np.int32), by)
    return replace(stage, output=left, rounding=Rounding.TWICE, constants=constants)
