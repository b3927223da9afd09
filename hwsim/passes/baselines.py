"""The baselines that a condensed network is compared with.

A   the plain network: the same stored shapes, k = 1.
B   the condensed network with its k x C maps written to memory and read back.
B'  the same, with the maps written before the spatial pool instead of after it.
C   the condensed network with virtual maps: the graph itself, not a baseline.

B runs on the same hardware: the stage stores the maps of all its filters, and a depthwise 1x1
convolution with unit weights reads them back and condenses them.
"""

from dataclasses import replace

import numpy as np

from hwsim.graph import Constants, Graph, Source, SpatialPool, Stage, Tensor
from hwsim.graph.infer import pooled_shape
from hwsim.graph.steps import DeviceStep, FileNetwork
from hwsim.passes.names import derived_name

UNIT_SHIFT = 14  # multiplier 2**14 / 2**14: the sum passes unchanged


def plain(graph: Graph) -> Graph:
    """Return baseline A, where k is 1 in every stage: it has the first filters of each alone."""
    stages = tuple(_uncondensed(stage) if stage.is_condensed else stage for stage in graph.stages)
    return replace(graph, stages=stages)


def _uncondensed(stage: Stage) -> Stage:
    """Return a stage with as many filters as it stores channels."""
    filters, own = stage.output.shape.channels, stage.constants
    constants = None
    if own is not None:
        below_0 = own.negative_shift
        constants = Constants(
            weights=tuple(weights[:filters] for weights in own.weights),
            bias=own.bias[:filters],
            multiplier=own.multiplier[:filters],
            negative_multiplier=own.negative_multiplier[:filters],
            shift=own.shift[:filters],
            negative_shift=None if below_0 is None else below_0[:filters],
        )
    return replace(stage, filters=filters, channel_pool=1, constants=constants)


def materialized(graph: Graph, pooled: bool = True) -> Graph:
    """Return baseline B: a condensed stage writes all its maps, and a further stage reduces them.

    With `pooled` the maps are written after the spatial pool, which commutes with the channel pool;
    without it they are written before the spatial pool, which is baseline B'.
    """
    taken = {stage.name for stage in graph.stages} | {tensor.name for tensor in graph.tensors}
    stages: list[Stage] = []
    for stage in graph.stages:
        stages += _split(stage, pooled, taken) if stage.is_condensed else [stage]
    return replace(graph, stages=tuple(stages))


def materialized_steps(network: FileNetwork) -> FileNetwork:
    """Return baseline B of a quantized file's network, step by step."""
    steps = tuple(
        DeviceStep(materialized(step.graph)) if isinstance(step, DeviceStep) else step
        for step in network.steps
    )
    return replace(network, steps=steps)


def _split(stage: Stage, pooled: bool, taken: set[str]) -> list[Stage]:
    """Return a condensed stage as two: one stores the maps of all filters, one reduces them."""
    maps_pool, reduction_pool = stage.spatial_pool, SpatialPool.NONE
    if not pooled:
        maps_pool, reduction_pool = reduction_pool, maps_pool
    maps = Tensor(
        derived_name(stage.name, "maps", taken),
        pooled_shape(stage.convolution_shape, 1, maps_pool),
        stage.output.bits,
        stage.output.quantization,
    )
    first = replace(stage, output=maps, channel_pool=1, spatial_pool=maps_pool)
    second = Stage(
        name=derived_name(stage.name, "reduction", taken),
        sources=(Source.whole(maps, (1, 1), groups=stage.filters),),
        output=stage.output,
        filters=stage.filters,
        leaky_slope=None,
        channel_pool=stage.channel_pool,
        spatial_pool=reduction_pool,
        weight_bits=stage.weight_bits,
        constants=_unit_constants(stage.filters) if stage.constants is not None else None,
        is_reduction=True,
    )
    return [first, second]


def _unit_constants(filters: int) -> Constants:
    return Constants(
        weights=(np.ones((filters, 1, 1, 1), np.int8),),
        bias=np.zeros(filters, np.int32),
        multiplier=np.full(filters, 1 << UNIT_SHIFT, np.int32),
        negative_multiplier=np.full(filters, 1 << UNIT_SHIFT, np.int32),
        shift=np.full(filters, UNIT_SHIFT, np.int32),
    )
