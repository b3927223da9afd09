"""Fuses a maximum pool into the stage whose stored values it reads.

The accelerator takes the maximum of sums, before it rescales them. Nothing behind the sums falls
where they rise, so that this is the maximum of what the file stores.
"""

from dataclasses import replace

from hwsim.graph import Graph, SpatialPool, Stage
from hwsim.graph.operators import Operator
from hwsim.passes.fuse_readers import fuse_readers

MOST_OVERLAP = 1  # rows or columns that windows share: a tile computes those at its border again


def fuse_maxima(
    graph: Graph, operators: tuple[Operator, ...]
) -> tuple[Graph, tuple[Operator, ...]]:
    """Return the graph with fewer stages, and the operators with those that compute others, too."""
    return fuse_readers(graph, operators, _with_pool)


def overlaps_little(pool: SpatialPool) -> bool:
    """Return True where computing the overlap of windows again costs less than storing the map."""
    return all(
        window - stride <= MOST_OVERLAP
        for window, stride in zip(pool.window, pool.stride, strict=True)
    )


def _with_pool(before: Stage, stage: Stage) -> Stage | None:
    """Return `before` with the pool of a stage that does nothing but to pool."""
    pool = stage.spatial_pool
    table = before.table if stage.table is None else stage.table
    if pool == SpatialPool.NONE or not overlaps_little(pool):
        return None
    if before.spatial_pool != SpatialPool.NONE or stage.clamp is not None:
        return None
    if before.constants is None or before.constants.negative_multiplier.min() < 0:
        return None
    if None not in (before.table, stage.table) or (table and list(table) != sorted(table)):
        return None
    return replace(
        before, output=stage.output, offset=before.added_offset, table=table, spatial_pool=pool
    )
