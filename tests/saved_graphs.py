"""Graphs for the tests of their files, and the equality of two of them."""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from hwsim.frontends.builtin import build_network
from hwsim.graph import Graph
from tests.drawn import with_drawn_constants

ON_DISK = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def saved_graph() -> Graph:
    """Return the graph that tests save: condensed, pooled and quantized."""
    return with_drawn_constants(build_network("condensation-net-mini", 32, 32), seed=3)


def same(one: Graph, other: Graph) -> bool:
    """True if two graphs are equal in every shape, name and integer."""
    pairs = zip(arrays(one), arrays(other), strict=True)
    return without_constants(one) == without_constants(other) and all(
        ours.dtype == theirs.dtype and np.array_equal(ours, theirs) for ours, theirs in pairs
    )


def arrays(graph: Graph) -> list[NDArray[np.generic]]:
    """Return every array of a graph's constants, in a fixed order."""
    found: list[NDArray[np.generic]] = []
    for stage in graph.stages:
        if (ours := stage.constants) is not None:
            found += [*ours.weights, ours.bias, ours.multiplier]
            found += [ours.negative_multiplier, ours.shift]
            found += [] if ours.negative_shift is None else [ours.negative_shift]
    return found


def without_constants(graph: Graph) -> Graph:
    return replace(graph, stages=tuple(replace(stage, constants=None) for stage in graph.stages))
