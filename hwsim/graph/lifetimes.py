"""The stages during which each tensor of a graph must keep its place in memory."""

from collections.abc import MutableMapping
from typing import Any

from hwsim.graph.stages import Graph


def lifetimes(graph: Graph) -> dict[str, tuple[int, int]]:
    """Return, by a tensor's name, the numbers of the first and of the last stage that need it.

    An input is in memory from the first stage on, an output of the graph to the last stage.
    """
    last = len(graph.stages) - 1
    found = {tensor.name: (0, 0) for tensor in graph.inputs}
    for index, stage in enumerate(graph.stages):
        for tensor in stage.inputs:
            found[tensor.name] = (found[tensor.name][0], index)
        found[stage.output.name] = (index, index)
    return found | {tensor.name: (found[tensor.name][0], last) for tensor in graph.outputs}


def drop_unread(graph: Graph, index: int, tensors: MutableMapping[str, Any]) -> None:
    """Remove what neither a stage behind the one of this index reads nor the graph leaves."""
    needed = {tensor.name for stage in graph.stages[index + 1 :] for tensor in stage.inputs}
    needed |= {tensor.name for tensor in graph.outputs}
    for name in tensors.keys() - needed:
        del tensors[name]
