"""Batch-norm statistics of the calibration's images, for weights that were drawn."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.calibration import calibration_pixels
from hwsim.golden.networks import FloatStage
from hwsim.golden.seeded_weights import draw_weights, with_statistics
from hwsim.graph import Graph
from hwsim.graph.float_weights import FloatWeights
from hwsim.graph.lifetimes import drop_unread

Statistics = dict[str, NDArray[np.float32]]  # `<stage>.mean` and `<stage>.variance`, each [K]


def calibration_statistics(
    graph: Graph, drawn: Sequence[FloatWeights], arrays: Sequence[NDArray[np.int8]] = ()
) -> Statistics:
    """Return mean and variance of every normalised stage's convolution on the calibration's images.

    These are photographs, or `arrays`: int8 `x[C, H, W]` of every input, in the graph's order. The
    statistics are computed in float64 and rounded to float32 at the end, so that the order in which
    a machine sums does not show in them.
    """
    statistics: dict[str, NDArray[np.float64]] = {}
    images = calibration_pixels(graph, arrays)
    tensors = {name: pixels.double() / 255 for name, pixels in images.items()}
    for index, (stage, weights) in enumerate(zip(graph.stages, drawn, strict=True)):
        y = FloatStage(stage, weights).convolve(tensors)
        learned = weights
        if weights.batch_norm is not None:
            mean = y.mean((0, 2, 3)).numpy()
            variance = y.var((0, 2, 3), correction=0).numpy()
            statistics |= {f"{stage.name}.mean": mean, f"{stage.name}.variance": variance}
            batch_norm = replace(weights.batch_norm, mean=mean, variance=variance)
            learned = replace(weights, batch_norm=batch_norm)
        tensors[stage.output.name] = FloatStage(stage, learned).activate(y)
        drop_unread(graph, index, tensors)
    return {name: values.astype(np.float32) for name, values in statistics.items()}


def seeded_weights(graph: Graph, seed: int = 0) -> tuple[FloatWeights, ...]:
    """Return float32 weights of a graph's shapes, drawn from `seed` and normalised."""
    drawn = draw_weights(graph, seed)
    return with_statistics(graph, drawn, calibration_statistics(graph, drawn))
