"""Gives a graph neutral names, so that graphs which differ in names alone become equal."""

from dataclasses import replace

from hwsim.graph import Graph, Layer


def nameless(graph: Graph) -> Graph:
    """Return the same graph; its layers and tensors are named by their places in it."""
    stored = replace(graph.input, name="0")
    layers: list[Layer] = []
    for index, layer in enumerate(graph.layers, start=1):
        output = replace(layer.output, name=str(index))
        layers.append(replace(layer, name=str(index), input=stored, output=output))
        stored = output
    return Graph("nameless", tuple(layers))
