"""The graphs that a condensed network is compared with.

A  the plain network: the same stored shapes, k = 1.
B  the condensed network with its k x C maps written to memory and read back.
C  the condensed network with virtual maps: the graph itself.

B runs on the same hardware: the layer stores all its filters, and a depthwise 1x1 convolution with
unit weights reads them back and condenses them.
"""

from dataclasses import replace

import numpy as np

from hwsim.graph import Constants, Graph, Layer, SpatialPool, Tensor
from hwsim.graph.check import LONGEST_NAME
from hwsim.graph.infer import pooled_shape

UNIT_SHIFT = 14  # multiplier 2**14 over 2**14: a product passes unchanged


def plain(graph: Graph) -> Graph:
    """A: every layer computes only the channels that it stores. Shapes only, no constants."""
    layers = tuple(
        replace(layer, filters=layer.output.shape.channels, channel_pool=1)
        if layer.is_condensed
        else layer
        for layer in without_constants(graph).layers
    )
    return Graph(graph.name, layers)


def without_constants(graph: Graph) -> Graph:
    """The same shapes with nothing to compute: enough to price."""
    return Graph(graph.name, tuple(replace(layer, constants=None) for layer in graph.layers))


def materialized(graph: Graph, pooled: bool = True) -> Graph:
    """B: condensed layers write all their maps, and a second pass reduces them.

    With `pooled` the maps are written after the layer's spatial maximum, which commutes with the
    channel maximum; without, before it.
    """
    taken = {layer.name for layer in graph.layers} | {layer.output.name for layer in graph.layers}
    layers: list[Layer] = []
    for layer in graph.layers:
        layers += _split(layer, pooled, taken) if layer.is_condensed else [layer]
    return Graph(graph.name, tuple(layers))


def _split(layer: Layer, pooled: bool, taken: set[str]) -> list[Layer]:
    """A condensed layer as the layer that stores all its filters and the pass that reduces them."""
    maps_pool, reduction_pool = layer.spatial_pool, SpatialPool.NONE
    if not pooled:
        maps_pool, reduction_pool = reduction_pool, maps_pool
    maps = Tensor(
        _derived_name(layer.name, "maps", taken),
        pooled_shape(layer.convolution_shape, 1, maps_pool),
        layer.output.bits,
        layer.output.quantization,
    )
    first = replace(layer, output=maps, channel_pool=1, spatial_pool=maps_pool)
    second = Layer(
        name=_derived_name(layer.name, "reduction", taken),
        input=maps,
        output=layer.output,
        filters=layer.filters,
        kernel=(1, 1),
        padding=0,
        leaky_slope=None,
        channel_pool=layer.channel_pool,
        spatial_pool=reduction_pool,
        groups=layer.filters,
        weight_bits=layer.weight_bits,
        constants=_unit_constants(layer.filters) if layer.constants is not None else None,
        is_reduction=True,
    )
    return [first, second]


def _derived_name(name: str, what: str, taken: set[str]) -> str:
    """Return `name` and `what` as a legal name that no layer and no tensor has, and take it."""
    found = f"{name[: LONGEST_NAME // 2]} {what}"
    while found in taken:
        found += "'"
    taken.add(found)
    return found


def _unit_constants(filters: int) -> Constants:
    return Constants(
        weights=np.ones((filters, 1, 1, 1), np.int8),
        bias=np.zeros(filters, np.int32),
        multiplier=np.full(filters, 1 << UNIT_SHIFT, np.int32),
        negative_multiplier=np.full(filters, 1 << UNIT_SHIFT, np.int32),
        shift=np.full(filters, UNIT_SHIFT, np.int32),
    )
