"""Fuses the table of a function into the stage whose stored values the function reads.

The stage stored what the file stores in front of the function, so that the table is read at the
very same values: nothing is rounded less often than in the file.
"""

from collections import Counter
from dataclasses import replace

from hwsim.graph import Graph, Source, SpatialPool, Stage
from hwsim.graph.operators import Operator


def fuse_tables(
    graph: Graph, operators: tuple[Operator, ...]
) -> tuple[Graph, tuple[Operator, ...]]:
    """Return the graph with fewer stages, and the operators with those that compute others, too.

    A stage takes up the table of the only stage that reads it, unless its map is an output.
    """
    read = Counter(source.tensor.name for stage in graph.stages for source in stage.sources)
    wanted = {tensor.name for tensor in graph.outputs}
    made: dict[str, Stage] = {}  # by the tensor that each leaves
    computing = {operator.outputs[0]: operator for operator in operators}
    for stage in graph.stages:
        name = stage.sources[0].tensor.name
        before = made.get(name)
        if before is not None and read[name] == 1 and name not in wanted and _fits(before, stage):
            del made[name]
            made[stage.output.name] = replace(
                before, output=stage.output, offset=before.added_offset, table=stage.table
            )
            _fuse(computing, name, stage.output.name)
        else:
            made[stage.output.name] = stage
    return replace(graph, stages=tuple(made.values())), tuple(computing.values())


def _fits(before: Stage, stage: Stage) -> bool:
    """Return True for a stage that does nothing but to look up what `before` stores."""
    channels = before.output.shape.channels
    alone = Source.whole(before.output, (1, 1), groups=channels)
    is_plain = stage.sources == (alone,) and stage.clamp is None
    return (
        is_plain
        and stage.table is not None
        and before.table is None
        and before.channel_pool == 1
        and before.spatial_pool is SpatialPool.NONE
    )


def _fuse(computing: dict[str, Operator], name: str, output: str) -> None:
    """Let the operator that leaves `name` leave `output`, and compute what the other did."""
    before, function = computing.pop(name), computing[output]
    computing[output] = replace(
        before, outputs=(output,), origins=(*before.computes, *function.computes)
    )
