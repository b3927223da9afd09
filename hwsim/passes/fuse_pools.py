"""Lets the accelerator's spatial pool compute the maximum pools.

A pool that alone reads a convolution is fused into it, so that what it reads is never written. Any
other pool, and one whose windows overlap much, becomes a `Copy`, which reads stored values and
stores their maximum.
"""

from collections import Counter
from dataclasses import replace

from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Convolution, Copy, MaxPool, Operator
from hwsim.graph.spatial_pool import SpatialPool
from hwsim.passes.fuse_maxima import overlaps_little


def fuse_pools(graph: OperatorGraph) -> OperatorGraph:
    """Return the graph without `MaxPool`: each is fused into a convolution, or a `Copy`."""
    readers = Counter(name for operator in graph.operators for name in operator.inputs)
    readers.update(graph.outputs)
    found: list[Operator] = []
    places: dict[str, int] = {}  # in `found`, by the tensor that an operator leaves
    for operator in graph.operators:
        if isinstance(operator, MaxPool):
            (read,) = operator.inputs
            before = found[places[read]] if read in places else None
            is_alone = readers[read] == 1
            if isinstance(before, Convolution) and is_alone and _is_fusable(before, operator):
                places[operator.outputs[0]] = places[read]
                found[places[read]] = _fused(before, operator)
                continue
        places[operator.outputs[0]] = len(found)
        found.append(_copy(operator) if isinstance(operator, MaxPool) else operator)
    return replace(graph, operators=tuple(found))


def _is_fusable(convolution: Convolution, pool: MaxPool) -> bool:
    return convolution.spatial_pool == SpatialPool.NONE and overlaps_little(_spatial_pool(pool))


def _fused(convolution: Convolution, pool: MaxPool) -> Convolution:
    return replace(
        convolution,
        outputs=pool.outputs,
        spatial_pool=_spatial_pool(pool),
        origins=(*convolution.computes, *pool.computes),
    )


def _copy(pool: MaxPool) -> Copy:
    return Copy(
        name=pool.name,
        inputs=pool.inputs,
        outputs=pool.outputs,
        place=pool.place,
        origins=pool.computes,
        spatial_pool=_spatial_pool(pool),
    )


def _spatial_pool(pool: MaxPool) -> SpatialPool:
    return SpatialPool(pool.window, pool.stride, pool.padding)
