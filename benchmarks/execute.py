"""Compiles and executes one built-in network bit-exactly at 416x416, with seeded integers."""

import sys
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.frontends.builtin import build_network
from hwsim.graph import Constants, Graph, Layer
from hwsim.machine import Machine


def seeded_constants(layer: Layer, rng: np.random.Generator) -> Constants:
    shape = (layer.filters, layer.input.shape.channels, *layer.kernel)
    factor = np.full(layer.filters, 20000, np.int32)
    return Constants(
        weights=rng.integers(-127, 128, shape).astype(np.int8),
        bias=rng.integers(-5000, 5000, layer.filters).astype(np.int32),
        multiplier=factor,
        negative_multiplier=factor // 10,
        shift=np.full(layer.filters, 24, np.int32),
    )


def seeded(graph: Graph) -> Graph:
    rng = np.random.default_rng(0)
    layers = (replace(layer, constants=seeded_constants(layer, rng)) for layer in graph.layers)
    return Graph(graph.name, tuple(layers))


def seeded_image(graph: Graph) -> NDArray[np.int8]:
    shape = graph.input.shape
    size = (shape.channels, shape.height, shape.width)
    return np.random.default_rng(1).integers(-128, 128, size).astype(np.int8)


if __name__ == "__main__":
    network = seeded(build_network(sys.argv[1]))
    Machine(compile_graph(network, load_config("edge")), seeded_image(network)).run()
