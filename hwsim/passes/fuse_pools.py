"""Lets the accelerator's spatial pool compute the maximum pools.

A pool that alone reads a convolution is fused into it, so that what it reads is never written. Any
other pool becomes a `Copy`, which reads stored values and stores their maximum.
"""

from collections import Counter
from dataclasses import replace

from hwsim.errors import InputError
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Convolution, Copy, MaxPool, Operator
from hwsim.graph.tensors import SpatialPool


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
            if isinstance(before, Convolution) and readers[read] == 1 and not _is_pooled(before):
                places[operator.outputs[0]] = places[read]
                found[places[read]] = _fused(before, operator)
                continue
        places[operator.outputs[0]] = len(found)
        found.append(_copy(operator) if isinstance(operator, MaxPool) else operator)
    return replace(graph, operators=tuple(found))


def _is_pooled(convolution: Convolution) -> bool:
    return convolution.spatial_pool is not SpatialPool.NONE


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
    found = pool.spatial_pool
    if found is None:
        raise InputError(f"layer {pool.name}: a max pool of other windows than darknet's")
    return found
