"""The outputs of golden for a graph of one input."""

from torch import Tensor

from hwsim.golden.reference import run_graph
from hwsim.graph import Graph


def golden_outputs(graph: Graph, x: Tensor) -> list[Tensor]:
    """Return the output of every stage for int8 `x[N, C, H, W]`, in the order of the stages."""
    (given,) = graph.inputs
    tensors = run_graph(graph, {given.name: x})
    return [tensors[stage.output.name] for stage in graph.stages]
