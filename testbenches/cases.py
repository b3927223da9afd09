"""Small seeded graphs for the benches, with constants that reach both ends of the output range."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from hwsim.arch.config import Config
from hwsim.fixed_point import fixed_point
from hwsim.graph import (
    Constants,
    Graph,
    Padding,
    Quantization,
    Shape,
    Source,
    SpatialPool,
    Stage,
    Tensor,
)
from hwsim.graph.check_constants import weight_range
from hwsim.graph.records import PoolField
from hwsim.passes.baselines import materialized

WIDE_BITS = 32  # of factors, with a sign bit
NEGATIVE_SLOPE = 0.7  # large enough that outputs saturate below as well
SLOPES = (0.1, 1.5)  # of layers with a slope for each channel, of either sign
OUTPUT_DEVIATION = 160.0  # standard deviation of outputs before they saturate, in steps
ACTIVATION_DEVIATION = 74.0  # standard deviation of int8 values


@dataclass(frozen=True)
class CaseStage:
    """The choices of one layer of a case."""

    stored: int  # channels stored, after the channel pool
    kernel: int = 3
    k: int = 1
    pool: PoolField = SpatialPool.NONE


CASES = {
    "slice": (Shape(16, 8, 8), (CaseStage(8, k=2),)),
    "one tap": (Shape(24, 6, 7), (CaseStage(30, kernel=1),)),
    "blocks": (Shape(40, 9, 7), (CaseStage(24),)),
    "k4": (Shape(8, 10, 6), (CaseStage(16, k=4),)),
    "k8": (Shape(8, 5, 6), (CaseStage(40, k=8),)),
    "pool stride 2": (Shape(8, 9, 11), (CaseStage(16, pool=SpatialPool.STRIDE_2),)),
    "pool stride 1": (Shape(16, 7, 5), (CaseStage(8, k=2, pool=SpatialPool.STRIDE_1),)),
    "windows": (
        Shape(12, 19, 23),
        (
            CaseStage(16, k=2, pool=SpatialPool((3, 3), (2, 2), Padding(1, 1, 1, 1))),
            CaseStage(10, kernel=1, pool=SpatialPool((5, 2), (1, 2), Padding(top=3, left=1))),
        ),
    ),
    "image": (Shape(3, 14, 19), (CaseStage(16, k=2, pool=SpatialPool.STRIDE_2),)),
    "small maps": (Shape(64, 2, 2), (CaseStage(16),)),  # bursts shorter than the memory's latency
    "tiles": (Shape(16, 40, 37), (CaseStage(16, pool=SpatialPool.STRIDE_1),)),
    "chain": (
        Shape(3, 24, 24),
        (
            CaseStage(16, k=2, pool=SpatialPool.STRIDE_2),
            CaseStage(24, k=2, pool=SpatialPool.STRIDE_2),
            CaseStage(32, k=4, pool=SpatialPool.STRIDE_1),
            CaseStage(10, kernel=1),
        ),
    ),
}
NOT_FUSED = "not fused"  # the maps of "k4" written to memory, read back and reduced
BRANCHES = "branches"  # every geometry of a source, and a layer that adds up three of them
FUNCTIONS = "functions"  # clamps, and tables under pools and without
DEPTHWISE = "depthwise"  # output lanes that see their own channel: kernels whole and in parts


def with_constants(
    graph: Graph, config: Config, seed: int, wide_stages: Collection[int] = ()
) -> Graph:
    """Add random constants: no channel is constant, both multipliers matter, outputs saturate.

    Some stages have a slope for each channel, with a shift of its own; below 0 but under a pool of
    the sums. `wide_stages` are the numbers of stages whose factors have 31 bits; the first is 0.
    """
    rng = np.random.default_rng(seed)
    tensors = [replace(tensor, quantization=Quantization(1.0, 5)) for tensor in graph.inputs]
    constants: list[Constants] = []
    for number, layer in enumerate(graph.stages):
        zero_point = int(rng.integers(-90, 91))
        tensors.append(replace(layer.output, quantization=Quantization(1.0, zero_point)))
        bits = WIDE_BITS if number in wide_stages else config.widths.multiplier_bits
        constants.append(_constants(layer, bits, rng))
    found = graph.with_tensors(tensors)
    layers = tuple(
        replace(layer, constants=ours) for layer, ours in zip(found.stages, constants, strict=True)
    )
    return replace(found, stages=layers)


def _constants(layer: Stage, multiplier_bits: int, rng: np.random.Generator) -> Constants:
    least, most = weight_range(layer)
    high = most + 1
    drawn = [rng.integers(least, high, shape) for shape in layer.weights_shapes]
    weights = tuple(
        values.astype(np.int8) if layer.weight_limbs == 1 else values.astype(np.int16)
        for values in drawn
    )
    fan_in = layer.weight_count // layer.filters
    deviation = np.sqrt(fan_in) * ACTIVATION_DEVIATION * high / np.sqrt(3)
    factors = OUTPUT_DEVIATION / deviation * rng.uniform(0.5, 1.5, layer.filters)
    scale = fixed_point(factors, multiplier_bits, NEGATIVE_SLOPE)
    bias = rng.normal(0, deviation / 4, layer.filters).astype(np.int32)
    constants = Constants(weights, bias, *scale)
    if rng.integers(2):
        return constants
    below = fixed_point(factors * rng.uniform(*SLOPES, layer.filters), multiplier_bits)
    signs = rng.choice([1, -1], layer.filters) if layer.spatial_pool == SpatialPool.NONE else 1
    return replace(
        constants,
        negative_multiplier=(below.multiplier * signs).astype(np.int32),
        negative_shift=below.shift,
    )


def drawn_layers(
    name: str,
    shape: Shape,
    stages: tuple[CaseStage, ...],
    config: Config,
    seed: int,
    wide_stages: Collection[int] = (),
) -> Graph:
    """Return a chain of layers with constants and zero points drawn from a seed."""
    tensor = Tensor("input", shape, is_image=shape.channels == 3)
    layers: list[Stage] = []
    for number, stage in enumerate(stages, start=1):
        layers.append(
            Stage.inferred(
                f"conv{number}",
                [Source.whole(tensor, (stage.kernel, stage.kernel), padding=stage.kernel // 2)],
                f"features{number}",
                stage.stored * stage.k,
                NEGATIVE_SLOPE,
                stage.k,
                stage.pool,
                weight_bits=config.widths.weight_bits,
            )
        )
        tensor = layers[-1].output
    return with_constants(Graph.chain(name, layers), config, seed, wide_stages)


def branches(config: Config, seed: int) -> Graph:
    """Return two branches, of stride 2 and of dilated groups, added to a slice of their input."""
    bits, k = config.widths.weight_bits, 2 if config.channel_pool else 1
    tensor = Tensor("input", Shape(24, 9, 10))
    halved = Stage.inferred(
        "halved",
        [Source.whole(tensor, (3, 3), padding=1, stride=(2, 2))],
        "half",
        16,
        NEGATIVE_SLOPE,
        weight_bits=bits,
    )
    way = Source.whole(tensor, (3, 3), groups=2)
    spread = Stage.inferred(
        "spread",
        [replace(way, dilation=(2, 1), padding=Padding(2, 1, 2, 1))],
        "spread maps",
        12,
        NEGATIVE_SLOPE,
        weight_bits=bits,
    )
    upsampled = Source.whole(halved.output, (3, 3))
    added = Stage.inferred(
        "added",
        [
            replace(upsampled, upsample=2, padding=Padding(top=1, left=1, right=1)),
            replace(Source.whole(tensor, (1, 1)), first_channel=5, channels=16),
            Source.whole(spread.output, (1, 1)),
        ],
        "sum",
        20 * k,
        NEGATIVE_SLOPE,
        k,
        SpatialPool.STRIDE_2,
        bits,
    )
    graph = Graph(BRANCHES, (tensor,), (halved, spread, added), (added.output,))
    return with_constants(graph, config, seed)


def depthwise(config: Config, seed: int) -> Graph:
    """Return depthwise layers: with strides, of two limbs in parts, of one pixel, in a sum."""
    bits = config.widths.weight_bits
    tensor = Tensor("input", Shape(40, 11, 12))

    def layer(name: str, *sources: Source, limbs: int = 1) -> Stage:
        channels = sources[0].channels
        made = Stage.inferred(name, sources, f"{name} maps", channels, NEGATIVE_SLOPE,
                              weight_bits=bits)  # fmt: skip
        return replace(made, weight_limbs=limbs)

    whole = layer("whole", Source.whole(tensor, (3, 3), 1, groups=40))
    lower = layer("lower", Source.whole(whole.output, (3, 3), 1, stride=(2, 1), groups=40))
    halved = layer("halved", Source.whole(lower.output, (2, 3), 1, stride=(2, 2), groups=40))
    some = replace(Source.whole(halved.output, (5, 5)), first_channel=16, channels=20, groups=20)
    wide = layer("wide", replace(some, padding=Padding(2, 2, 2, 2)), limbs=2)
    spread = replace(some, kernel=(3, 2), dilation=(2, 3), padding=Padding(1, 3, 3, 0))
    added = layer("added", spread, Source.whole(wide.output, (1, 1), groups=20))
    shape = added.output.shape
    pixel = layer("pixel", Source.whole(added.output, (shape.height, shape.width), groups=20))
    last = layer("last", Source.whole(pixel.output, (3, 2), 1, groups=20))
    graph = Graph.chain(DEPTHWISE, (whole, lower, halved, wide, added, pixel, last))
    return with_constants(graph, config, seed)


def functions(config: Config, seed: int) -> Graph:
    """Return layers of which one stores few values, one a function that falls, one a pooled one."""
    bits, k = config.widths.weight_bits, 2 if config.channel_pool else 1
    tensor = Tensor("input", Shape(20, 10, 9))
    every = range(-128, 128)
    falling, rising = tuple(reversed(every)), tuple(value // 2 + 7 for value in every)
    made: list[Stage] = []
    for name, condensed, pool, clamp, table in (
        ("clamped", 1, SpatialPool.NONE, (-100, 90), None),
        ("falling", 1, SpatialPool.NONE, None, falling),
        ("rising", k, SpatialPool.STRIDE_2, (3, 120), rising),
    ):
        stage = Stage.inferred(name, [Source.whole(tensor, (3, 3), 1)], f"{name} maps",
                               12 * condensed, NEGATIVE_SLOPE, condensed, pool, bits)  # fmt: skip
        made.append(replace(stage, clamp=clamp, table=table if config.tables else None))
        tensor = stage.output
    return with_constants(Graph.chain(FUNCTIONS, made), config, seed)


def case_graph(name: str, config: Config) -> Graph:
    if name == NOT_FUSED:
        return materialized(replace(case_graph("k4", config), name=name))
    if name == BRANCHES:
        return branches(config, seed=1)
    if name == DEPTHWISE:
        return depthwise(config, seed=1)
    if name == FUNCTIONS:
        return functions(config, seed=1)
    shape, stages = CASES[name]
    if not config.channel_pool:
        stages = tuple(replace(stage, k=1) for stage in stages)
    return drawn_layers(name, shape, stages, config, seed=1)
