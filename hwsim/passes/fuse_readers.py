"""Fuses stages that only change stored values, one by one or window by window, into the stage
whose stored values they read.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from hwsim.graph import Graph, Source, Stage
from hwsim.graph.operators import Operator

# Returns one stage that does what both do; None where there is none.
Fusion = Callable[[Stage, Stage], Stage | None]


def fuse_readers(
    graph: Graph, operators: tuple[Operator, ...], fused: Fusion
) -> tuple[Graph, tuple[Operator, ...]]:
    """Return the graph with fewer stages, and the operators with those that compute others, too.

    A stage takes up the only stage that reads it, unless its map is an output.
    """
    read = Counter(source.tensor.name for stage in graph.stages for source in stage.sources)
    wanted = {tensor.name for tensor in graph.outputs}
    made: dict[str, Stage] = {}  # by the tensor that each leaves
    computing = {operator.outputs[0]: operator for operator in operators}
    for stage in graph.stages:
        name = stage.sources[0].tensor.name
        before, both = made.get(name), None
        if before is not None and read[name] == 1 and name not in wanted:
            both = fused(before, stage) if _reads_plainly(stage, before) else None
        if both is not None:
            del made[name]
            _fuse(computing, name, stage.output.name)
        made[stage.output.name] = both or stage
    return replace(graph, stages=tuple(made.values())), tuple(computing.values())


def _reads_plainly(stage: Stage, before: Stage) -> bool:
    """Return True for a stage that reads each channel of what `before` stores, as it is."""
    channels = before.output.shape.channels
    return stage.sources == (Source.whole(before.output, (1, 1), groups=channels),)


def _fuse(computing: dict[str, Operator], name: str, output: str) -> None:
    """Let the operator that leaves `name` leave `output`, and compute what the other did."""
    before, function = computing.pop(name), computing[output]
    computing[output] = replace(
        before, outputs=(output,), origins=(*before.computes, *function.computes)
    )
