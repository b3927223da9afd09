"""Gives a network without constants the width of weights that an accelerator is built for."""

from dataclasses import replace

from hwsim.graph import Graph


def with_weight_bits(graph: Graph, weight_bits: int) -> Graph:
    """Return the graph with weights of this width; one with constants keeps the width it has."""
    if graph.is_quantized:
        return graph
    stages = tuple(replace(stage, weight_bits=weight_bits) for stage in graph.stages)
    return replace(graph, stages=stages)
