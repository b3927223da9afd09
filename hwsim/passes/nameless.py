"""Gives a graph neutral names, so that graphs which differ in names alone become equal."""

from dataclasses import replace

from hwsim.graph import Graph, Stage, Tensor


def nameless(graph: Graph) -> Graph:
    """Return the same graph; its stages and tensors are named by their places in it."""
    names = {tensor.name: str(index) for index, tensor in enumerate(graph.tensors)}

    def unnamed(tensor: Tensor) -> Tensor:
        return replace(tensor, name=names[tensor.name])

    stages: list[Stage] = []
    for index, stage in enumerate(graph.stages):
        sources = tuple(replace(source, tensor=unnamed(source.tensor)) for source in stage.sources)
        stages.append(
            replace(stage, name=str(index), sources=sources, output=unnamed(stage.output))
        )
    inputs, outputs = (tuple(map(unnamed, ends)) for ends in (graph.inputs, graph.outputs))
    return Graph("nameless", inputs, tuple(stages), outputs)
