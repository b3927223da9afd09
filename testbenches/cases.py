"""Small seeded graphs for the testbench: every value occurs, and outputs saturate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.baselines import materialized
from hwsim.config import Config
from hwsim.fixed_point import fixed_point
from hwsim.graph import Constants, Graph, Layer, Quantization, Shape, SpatialPool, Tensor

LEAKY_SLOPE = 0.7
SPREAD = 160.0  # standard deviation of outputs before the clamp, in steps
MEAN_SQUARE = 74.0  # root of it, of int8 values


@dataclass(frozen=True)
class Stage:
    """One layer of a case: what differs from its input."""

    stored: int  # channels stored, after the channel pool
    kernel: int = 3
    k: int = 1
    pool: SpatialPool = SpatialPool.NONE


CASES = {
    "slice": (Shape(16, 8, 8), (Stage(8, k=2),)),
    "one tap": (Shape(24, 6, 7), (Stage(30, kernel=1),)),
    "blocks": (Shape(40, 9, 7), (Stage(24),)),
    "k4": (Shape(8, 10, 6), (Stage(16, k=4),)),
    "k8": (Shape(8, 5, 6), (Stage(5, k=8),)),
    "pool stride 2": (Shape(8, 9, 11), (Stage(16, pool=SpatialPool.STRIDE_2),)),
    "pool stride 1": (Shape(16, 7, 5), (Stage(8, k=2, pool=SpatialPool.STRIDE_1),)),
    "image": (Shape(3, 14, 19), (Stage(16, k=2, pool=SpatialPool.STRIDE_2),)),
    "tiles": (Shape(16, 40, 37), (Stage(16, pool=SpatialPool.STRIDE_1),)),
    "chain": (
        Shape(3, 24, 24),
        (
            Stage(16, k=2, pool=SpatialPool.STRIDE_2),
            Stage(24, k=2, pool=SpatialPool.STRIDE_2),
            Stage(32, k=4, pool=SpatialPool.STRIDE_1),
            Stage(10, kernel=1),
        ),
    ),
}
NOT_FUSED = "not fused"  # the maps of "k4" written to memory, read back and reduced


def random_constants(
    rng: np.random.Generator, filters: int, channels: int, kernel: int, config: Config
) -> Constants:
    high = 1 << (config.widths.weight_bits - 1)
    weights = rng.integers(-high, high, (filters, channels, kernel, kernel)).astype(np.int8)
    deviation = np.sqrt(weights[0].size) * MEAN_SQUARE * high / np.sqrt(3)
    factors = SPREAD / deviation * rng.uniform(0.7, 1.4, filters)
    scale = fixed_point(factors, config.widths.multiplier_bits, LEAKY_SLOPE)
    bias = rng.integers(-1000, 1000, filters).astype(np.int32)
    return Constants(weights, bias, *scale)


def random_graph(
    name: str, shape: Shape, stages: tuple[Stage, ...], config: Config, seed: int = 0
) -> Graph:
    """A chain of layers with random constants; every tensor has a zero point other than 0."""
    rng = np.random.default_rng([seed, *map(ord, name)])
    tensor = Tensor("input", shape, quantization=Quantization(1.0, 5))
    layers = []
    for index, stage in enumerate(stages):
        filters = stage.stored * stage.k
        constants = random_constants(rng, filters, tensor.shape.channels, stage.kernel, config)
        height, width = map(stage.pool.pooled, (tensor.shape.height, tensor.shape.width))
        output = Tensor(
            f"features{index + 1}",
            Shape(stage.stored, height, width),
            quantization=Quantization(1.0, -60 + 5 * index),
        )
        layers.append(
            Layer(
                f"conv{index + 1}",
                tensor,
                output,
                filters,
                (stage.kernel, stage.kernel),
                stage.kernel // 2,
                LEAKY_SLOPE,
                stage.k,
                stage.pool,
                weight_bits=config.widths.weight_bits,
                constants=constants,
            )
        )
        tensor = output
    return Graph(name, tuple(layers))


def case_graph(name: str, config: Config) -> Graph:
    if name == NOT_FUSED:
        return materialized(random_graph(name, *CASES["k4"], config))
    return random_graph(name, *CASES[name], config)


def drawn_graph(seed: int, config: Config) -> Graph:
    """One to three layers of any size and kind."""
    rng = np.random.default_rng(seed)
    image = rng.random() < 1 / 3
    channels = 3 if image else int(rng.integers(4, 60))
    height, width = map(int, rng.integers(2, 30, 2))
    stages = tuple(
        Stage(
            stored=int(rng.integers(4, 60 // k + 5)),
            kernel=3 if image and index == 0 else int(rng.choice([1, 3])),
            k=int(k),
            pool=SpatialPool(int(rng.integers(3))),
        )
        for index, k in enumerate(rng.choice([1, 1, 2, 4, 8], int(rng.integers(1, 4))))
    )
    return random_graph(f"drawn {seed}", Shape(channels, height, width), stages, config, seed)


def random_image(graph: Graph) -> NDArray[np.int8]:
    shape = graph.input.shape
    rng = np.random.default_rng(1)
    return rng.integers(-128, 128, (shape.channels, shape.height, shape.width)).astype(np.int8)
