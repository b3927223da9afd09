"""Shares a quantized file's network between host and accelerator."""

from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.steps import DeviceStep, FileNetwork, HostStep
from hwsim.passes.host_parts import host_parts
from hwsim.passes.lower import lower_as_in_file


def in_steps(operators: OperatorGraph, kernels: Kernels) -> FileNetwork:
    """Return the steps in which a network is computed as one runtime does.

    Raises `InputError` for what neither has an exact stage nor can be left to the host.
    """
    parts = host_parts(operators)
    graph = lower_as_in_file(parts, kernels).graph
    before, after = map(HostStep, parts.before), map(HostStep, parts.after)
    return FileNetwork(operators, kernels, (*before, DeviceStep(graph), *after))
