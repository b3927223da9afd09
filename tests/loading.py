"""Networks that the accelerator computes alone, as graphs and as programs."""

import hwsim
from hwsim.flows.network import File, Size
from hwsim.graph import Graph
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.program.network_plan import NetworkPlan, NetworkProgram
from hwsim.program.program import Program


def loaded_graph(source: File, *, size: Size | None = None, k: int | None = None) -> Graph:
    """Return what `hwsim.load` returns of a network that is no `.tflite`."""
    found = hwsim.load(source, size=size, k=k)
    assert isinstance(found, Graph)
    return found


def alone(program: Program) -> NetworkProgram:
    """Return the network that one program computes."""
    sizes = program.peak_feature_bytes, program.least_feature_bytes
    return NetworkPlan(ProgramGraphs.of(program.graph), (program,), program.tensors, *sizes)
