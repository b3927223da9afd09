"""Compiles and executes one built-in network bit-exactly at 416x416, with seeded integers."""

import sys

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.frontends.builtin import build_network
from hwsim.graph import Graph
from hwsim.machine import Machine
from hwsim.testbenches.cases import with_constants


def seeded_image(graph: Graph) -> NDArray[np.int8]:
    shape = graph.inputs[0].shape
    size = (shape.channels, shape.height, shape.width)
    return np.random.default_rng(1).integers(-128, 128, size).astype(np.int8)


if __name__ == "__main__":
    config = load_config("edge")
    network = with_constants(build_network(sys.argv[1]), config, seed=0)
    Machine(compile_graph(network, config), {network.only_input.name: seeded_image(network)}).run()
