"""The contents of a program's memory before the run."""

import numpy as np
from numpy.typing import NDArray

from hwsim.compiler.pack import pack_features, pack_image
from hwsim.graph import Tensor
from hwsim.program.blocking import lies_packed
from hwsim.program.program import Plan, Program, Window


def extent(plan: Plan) -> Window:
    """Return the whole pages that hold both windows."""
    windows = (plan.features, plan.constants)
    return Window(min(window.base for window in windows), max(window.limit for window in windows))


def memory_image(program: Program, packed_input: bytes = b"") -> bytes:
    """Return the bytes of `extent` before START.

    The input is 0 if none is given, and so are the tensors that the run will write.
    """
    whole = extent(program)
    memory = bytearray(whole.limit + 1 - whole.base)
    parts = program.image() | {program.region(program.graph.only_input).address: packed_input}
    for address, part in parts.items():
        memory[address - whole.base : address - whole.base + len(part)] = part
    return bytes(memory)


def packed_input(plan: Plan, tensor: Tensor, values: NDArray[np.int8]) -> bytes:
    """Return the bytes in memory of an input `x[C, H, W]`."""
    pack = pack_image if lies_packed(plan.graph, tensor) else pack_features
    return pack(values, plan.config)
