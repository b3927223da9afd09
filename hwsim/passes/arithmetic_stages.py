"""Makes exact stages of sums and differences of maps, and of those and products with a constant.

A constant is part of the file. Each channel has one; one for all channels may stand for them.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.graph import Constants, Rounding, Source, Stage, Tensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Add, Multiply, Subtract
from hwsim.passes.exact_parts import Sources, alike, by_channel, quantization_of
from hwsim.passes.exact_sum import ExactSum, exact_sum
from hwsim.passes.tflite_clamps import clamp_of
from hwsim.passes.tflite_factors import Factor, product_factor

Integers = NDArray[np.int32]


def sum_of_maps(graph: OperatorGraph, operator: Add | Subtract, operands: list[Sources]) -> Stage:
    """Return the sum of two maps of the same shape, with proved weights of two limbs."""
    (first,), (second,) = operands
    left = graph.left(operator)
    own = quantization_of(left)
    if first.size != second.size or first.channels != second.channels:
        raise InputError(f"{operator.KIND} of maps of other shapes has no stage yet")
    sign = -1 if isinstance(operator, Subtract) else 1
    found = exact_sum(quantization_of(first.tensor), quantization_of(second.tensor), own, sign)
    if found is None:
        raise InputError(f"no weights {operator.KIND} all 65,536 pairs exactly")
    return weighted_sum(operator, [first, second], left, found)


def weighted_sum(
    operator: Add | Subtract,
    operands: list[Source],
    left: Tensor,
    found: ExactSum,
    weight_bits: int = 8,
) -> Stage:
    """Return the stage that adds two maps, each with one weight of two limbs."""
    own, channels = quantization_of(left), operands[0].channels
    read = [replace(source, groups=channels) for source in operands]
    stage = Stage.inferred(operator.name, read, left.name, channels)
    weights = tuple(np.full((channels, 1, 1, 1), weight, np.int16) for weight in found.weights)
    return replace(
        stage,
        output=left,
        rounding=found.rounding,
        weight_bits=weight_bits,
        weight_limbs=2,
        clamp=clamp_of(operator.activation, own),
        constants=alike(weights, np.zeros(channels, np.int32), found.factor),
    )


def product_with_constant(
    operator: Multiply, source: Source, left: Tensor, kernels: Kernels
) -> Stage:
    """Return the stage that multiplies each channel by its constant, as TFLite does."""
    constant = operator.constant
    assert constant is not None
    ours, own = quantization_of(source.tensor), quantization_of(left)
    first, second = ours.scale, constant.quantization.scale
    if operator.is_constant_first:
        first, second = second, first
    by = product_factor(kernels, first, second, own)
    factors = by_channel(constant, source.channels)
    limbs = 1 if np.abs(factors).max() < 1 << 7 else 2
    weights = factors.astype(np.int8) if limbs == 1 else factors.astype(np.int16)
    return _scaled(operator, source, left, weights, limbs, np.zeros_like(factors), by)


def sum_with_constant(operator: Add | Subtract, source: Source, left: Tensor) -> Stage:
    """Return the stage that adds a constant to each channel, with a proof as for two maps.

    Raises `InputError` where no weights sum all pairs of values exactly.
    """
    constant = operator.constant
    assert constant is not None
    added = by_channel(constant, source.channels)
    ours, own = quantization_of(source.tensor), quantization_of(left)
    sign = -1 if isinstance(operator, Subtract) else 1
    pair = (
        (constant.quantization, ours)
        if operator.is_constant_first
        else (ours, constant.quantization)
    )
    found = exact_sum(*pair, own, sign)
    if found is None:
        raise InputError(f"no weights {operator.KIND} all 65,536 pairs exactly")
    weight, of_constant = reversed(found.weights) if operator.is_constant_first else found.weights
    weights = np.full(source.channels, weight, np.int16)
    bias = of_constant * added
    stage = _scaled(operator, source, left, weights, 2, bias, found.factor)
    return replace(stage, rounding=found.rounding)


def _scaled(
    operator: Add | Subtract | Multiply,
    source: Source,
    left: Tensor,
    weights: NDArray[np.int8] | NDArray[np.int16],
    limbs: int,
    bias: Integers,
    by: Factor,
) -> Stage:
    """Return the stage that multiplies each channel by a weight and adds a bias."""
    channels = source.channels
    read = replace(source, groups=channels)
    stage = Stage.inferred(operator.name, [read], left.name, channels)
    multiplier, shift = (np.full(channels, value, np.int32) for value in by)
    constants = Constants((weights.reshape(-1, 1, 1, 1),), bias, multiplier, multiplier, shift)
    return replace(
        stage, output=left, rounding=Rounding.TWICE, weight_limbs=limbs, constants=constants
    )
