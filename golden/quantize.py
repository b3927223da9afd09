"""Post-training quantization: the integers that come out of a calibrated network."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwsim.errors import InputError
from hwsim.fixed_point import fixed_point
from hwsim.golden.calibration import calibration_pixels
from hwsim.golden.networks import FloatNetwork
from hwsim.golden.quantized_network import QuantizedNetwork, QuantizedStage
from hwsim.graph import Constants, Graph, Stage
from hwsim.graph.float_weights import FloatWeights

Arrays = Sequence[NDArray[np.int8]]


def quantize(
    graph: Graph,
    weights: Sequence[FloatWeights],
    multiplier_bits: int = 16,
    arrays: Arrays = (),
) -> Graph:
    """Return a graph of the same shapes with integer constants, quantized after the fact.

    The widths of weights are the graph's, those of the rescaler's factors `multiplier_bits`, 16 or
    32. Scales come from the calibration photographs, or from `arrays`: stored values, int8
    `x[C, H, W]` of every input in the graph's order. Raises `InputError` for weights that are not
    the graph's, or for what the rescaler cannot take.
    """
    return extract_graph(graph, quantized_network(graph, weights, arrays), multiplier_bits)


def quantized_network(
    graph: Graph, weights: Sequence[FloatWeights], arrays: Arrays = ()
) -> QuantizedNetwork:
    """Return the calibrated Brevitas network that `quantize` takes its integers from."""
    images = calibration_pixels(graph, arrays)
    network = QuantizedNetwork(FloatNetwork(graph, weights))
    network.calibrate(images)
    return network


def extract_graph(graph: Graph, network: QuantizedNetwork, multiplier_bits: int = 16) -> Graph:
    """Give `graph` the integers of a calibrated `network` of the same shapes."""
    quantizers = network.quantizers()
    stages: list[Stage] = []
    with torch.no_grad():
        found = graph.with_tensors(
            replace(tensor, quantization=network.quantization(tensor.name))
            for tensor in graph.tensors
        )
        for stage, source in zip(found.stages, network.quantized_stages(), strict=True):
            # It carries the scale of what the first source reads.
            x = quantizers[stage.sources[0].tensor.name](torch.zeros(1, 1, 1, 1))
            try:
                constants = (
                    _constants(stage, source, x, multiplier_bits)
                    if isinstance(source, QuantizedStage)
                    else _unit_constants(stage, multiplier_bits)
                )
            except InputError as error:
                raise InputError(f"layer {stage.name}: {error}") from None
            stages.append(replace(stage, constants=constants))
    return replace(found, stages=tuple(stages))


def _constants(stage: Stage, source: QuantizedStage, x: Tensor, multiplier_bits: int) -> Constants:
    """Return the integers of a stage; in every source, its bias counts in the same steps.

    `x` is any input of the first source: only the scale that it carries counts.
    """
    weights = [convolution.quant_weight() for convolution in source.convolutions]
    convolution = source.with_bias
    # Brevitas refuses to read its own integers of a large bias, which float32 holds coarsely.
    bias_scale = convolution.bias_quant(convolution.bias, x, weights[0]).scale
    bias = torch.round(convolution.bias / bias_scale)
    stored, output = stage.sources[0].tensor.quantization, stage.output.quantization
    assert stored is not None
    assert output is not None
    factors = weights[0].scale.flatten().double().numpy() * stored.scale / output.scale
    slope = 1.0 if stage.leaky_slope is None else stage.leaky_slope
    return Constants(
        tuple(values.int().numpy().astype(np.int8) for values in weights),
        bias.numpy().astype(np.int32),
        **fixed_point(factors, multiplier_bits, slope)._asdict(),
    )


def _unit_constants(stage: Stage, multiplier_bits: int) -> Constants:
    """Return the integers of a copy: weights 1, and a factor of exactly 1."""
    copied = FloatWeights.of_reduction(stage)
    return Constants(
        tuple(values.astype(np.int8) for values in copied.weights),
        copied.bias.astype(np.int32),
        **fixed_point(np.ones(stage.filters), multiplier_bits)._asdict(),
    )
