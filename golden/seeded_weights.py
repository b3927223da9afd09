"""Random weights that stand in for trained ones, which are not available for every network.

A seed decides the weights. The mean and the variance by which batch normalisation divides are
measured on real photographs, by `golden.statistics`. Therefore the values of every channel are
spread as those of a trained network are, whatever the seed. Measuring takes PyTorch and a long
time; drawing, which this module does, takes neither.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.graph import Graph, Stage
from hwsim.graph.float_weights import BatchNorm, FloatWeights

NEGATIVE_SCALES = 1 / 16  # share of channels whose batch-norm scale is below zero
LARGEST_SCALE, SMALLEST_SCALE = 1.5, 0.5
BIAS_SPREAD = 0.25


def draw_weights(graph: Graph, seed: int) -> tuple[FloatWeights, ...]:
    """Draw the weights, the bias and the batch-norm scale of every stage, in float64.

    Weights are Gaussian with variance 2 / fan-in, where the fan-in is that of all sources. A stage
    has batch normalisation if and only if it has a leaky ReLU, as in darknet's networks; its mean
    is 0 and its variance is 1 until they are measured. Nothing is drawn for a reduction. Raises
    `InputError` for a negative seed.
    """
    if seed < 0:
        raise InputError(f"seed {seed}: must not be negative")
    rng = np.random.default_rng(seed)
    return tuple(_draw(stage, rng) for stage in graph.stages)


def with_statistics(
    graph: Graph, drawn: Iterable[FloatWeights], statistics: Mapping[str, NDArray[np.float32]]
) -> tuple[FloatWeights, ...]:
    """Return drawn weights in float32, normalised by `<stage>.mean` and `<stage>.variance`."""
    found: list[FloatWeights] = []
    for stage, weights in zip(graph.stages, drawn, strict=True):
        batch_norm = weights.batch_norm and replace(
            weights.batch_norm,
            mean=statistics[f"{stage.name}.mean"],
            variance=statistics[f"{stage.name}.variance"],
        )
        found.append(replace(weights, batch_norm=batch_norm).as_type(np.float32))
    return tuple(found)


def _draw(stage: Stage, rng: np.random.Generator) -> FloatWeights:
    if stage.is_reduction:
        return FloatWeights.of_reduction(stage).as_type(np.float64)
    filters = stage.filters
    fan_in = stage.weight_count // filters
    weights = tuple(
        rng.standard_normal(shape, np.float32) * (2 / fan_in) ** 0.5
        for shape in stage.weights_shapes
    )
    bias = rng.standard_normal(filters) * BIAS_SPREAD
    batch_norm = None
    if stage.leaky_slope is not None:
        sign = np.where(rng.random(filters) < NEGATIVE_SCALES, -1, 1)
        scale = sign * rng.uniform(SMALLEST_SCALE, LARGEST_SCALE, filters)
        batch_norm = BatchNorm(scale, np.zeros(filters), np.ones(filters))
    return FloatWeights(weights, bias, batch_norm).as_type(np.float64)
