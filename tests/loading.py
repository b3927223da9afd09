"""The graphs of networks that the accelerator computes alone."""

import hwsim
from hwsim.flows.network import File, Size
from hwsim.graph import Graph


def loaded_graph(source: File, *, size: Size | None = None, k: int | None = None) -> Graph:
    """Return what `hwsim.load` returns of a network that is no `.tflite`."""
    found = hwsim.load(source, size=size, k=k)
    assert isinstance(found, Graph)
    return found
