"""The contents of a program's memory before the run."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hwsim.compiler.pack import pack_features, pack_image
from hwsim.graph import Tensor
from hwsim.program.blocking import lies_packed
from hwsim.program.network_plan import NetworkPlan, NetworkProgram
from hwsim.program.program import Plan, Program, Window


def extent(plan: NetworkPlan[Plan]) -> Window:
    """Return the whole pages that hold both windows."""
    windows = (plan.features, plan.constants)
    return Window(min(window.base for window in windows), max(window.limit for window in windows))


def memory_image(network: NetworkProgram, inputs: Mapping[str, NDArray[np.int8]]) -> bytes:
    """Return the bytes of `extent` before the first START, with inputs `x[C, H, W]` by name.

    Inputs that are not given are 0, and so are the tensors that are written later.
    """
    whole = extent(network)
    memory = bytearray(whole.limit + 1 - whole.base)
    parts = [part for program in network.programs for part in program.image().items()]
    for tensor in network.graph.inputs:
        if tensor.name in inputs:
            packed = packed_input(network, tensor, inputs[tensor.name])
            parts.append((network.region(tensor).address, packed))
    for address, part in parts:
        memory[address - whole.base : address - whole.base + len(part)] = part
    return bytes(memory)


def packed_inputs(program: Program, inputs: Mapping[str, NDArray[np.int8]]) -> dict[int, bytes]:
    """Return the bytes in memory of every input `x[C, H, W]`, by their addresses."""
    return {
        program.region(tensor).address: packed_input(program, tensor, inputs[tensor.name])
        for tensor in program.graph.inputs
    }


def packed_input(plan: Plan | NetworkPlan[Plan], tensor: Tensor, values: NDArray[np.int8]) -> bytes:
    """Return the bytes in memory of an input `x[C, H, W]`, gathered where the plan wants that."""
    if cells := plan.cells(tensor):
        values = cells.gather(values, tensor.zero_point)
    pack = pack_image if lies_packed(plan.graph, tensor, plan.config) else pack_features
    return pack(values, plan.config)
