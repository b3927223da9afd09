"""Fuses the table of a function into the stage whose stored values the function reads.

The stage stored what the file stores in front of the function, so that the table is read at the
very same values: nothing is rounded less often than in the file. A stage looks up before it pools;
the maximum of what a function that falls nowhere leaves is what it leaves of the maximum.
"""

from dataclasses import replace

from hwsim.graph import Graph, SpatialPool, Stage
from hwsim.graph.operators import Operator
from hwsim.passes.fuse_readers import fuse_readers


def fuse_tables(
    graph: Graph, operators: tuple[Operator, ...]
) -> tuple[Graph, tuple[Operator, ...]]:
    """Return the graph with fewer stages, and the operators with those that compute others, too."""
    return fuse_readers(graph, operators, _with_table)


def _with_table(before: Stage, stage: Stage) -> Stage | None:
    """Return `before` with the table of a stage that does nothing but to look up."""
    if stage.table is None or stage.clamp is not None or before.table is not None:
        return None
    is_pooled = before.channel_pool > 1 or before.spatial_pool != SpatialPool.NONE
    if is_pooled and list(stage.table) != sorted(stage.table):
        return None
    return replace(before, output=stage.output, offset=before.added_offset, table=stage.table)
