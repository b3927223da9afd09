"""Small seeded graphs for the testbench: every value occurs, and outputs saturate at both ends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.config import Config
from hwsim.fixed_point import fixed_point
from hwsim.graph import Constants, Graph, Layer, Quantization, Shape, SpatialPool, Tensor

LEAKY_SLOPE = 0.7
SPREAD = 160.0  # standard deviation of outputs before the clamp, in steps


@dataclass(frozen=True)
class Stage:
    """One layer of a case: what differs from its input."""

    stored: int  # channels stored, after the channel pool
    kernel: int = 3
    k: int = 1
    pool: SpatialPool = SpatialPool.NONE


def random_constants(
    rng: np.random.Generator, filters: int, channels: int, kernel: int, config: Config
) -> Constants:
    high = 1 << (config.widths.weight_bits - 1)
    weights = rng.integers(-high, high, (filters, channels, kernel, kernel)).astype(np.int8)
    fan_in = weights[0].size
    deviation = np.sqrt(fan_in) * 74 * high / np.sqrt(3)
    factors = SPREAD / deviation * rng.uniform(0.7, 1.4, filters)
    scale = fixed_point(factors, config.widths.multiplier_bits, LEAKY_SLOPE)
    bias = rng.integers(-1000, 1000, filters).astype(np.int32)
    return Constants(weights, bias, *scale)


def random_graph(name: str, shape: Shape, stages: tuple[Stage, ...], config: Config) -> Graph:
    """A chain of layers with random constants; every tensor has a zero point other than 0."""
    rng = np.random.default_rng(sum(map(ord, name)))
    tensor = Tensor("input", shape, quantization=Quantization(1.0, 5))
    layers = []
    for index, stage in enumerate(stages):
        filters = stage.stored * stage.k
        constants = random_constants(rng, filters, tensor.shape.channels, stage.kernel, config)
        size = [stage.pool.pooled(extent) for extent in (tensor.shape.height, tensor.shape.width)]
        output = Tensor(f"features{index + 1}", Shape(stage.stored, *size),
                        quantization=Quantization(1.0, -60 + 5 * index))
        layers.append(Layer(f"conv{index + 1}", tensor, output, filters,
                            (stage.kernel, stage.kernel), stage.kernel // 2, LEAKY_SLOPE,
                            stage.k, stage.pool, weight_bits=config.widths.weight_bits,
                            constants=constants))
        tensor = output
    return Graph(name, tuple(layers))


def random_image(graph: Graph) -> NDArray[np.int8]:
    shape = graph.input.shape
    rng = np.random.default_rng(1)
    return rng.integers(-128, 128, (shape.channels, shape.height, shape.width)).astype(np.int8)
