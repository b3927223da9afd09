"""A program's memory as it is before the run, byte by byte."""

import numpy as np
from numpy.typing import NDArray

from hwsim.compiler.pack import pack_features, pack_image
from hwsim.program.blocking import is_packed
from hwsim.program.program import Plan, Program, Window


def extent(plan: Plan) -> Window:
    """Return the whole pages that hold both windows."""
    windows = (plan.features, plan.constants)
    return Window(min(window.base for window in windows), max(window.limit for window in windows))


def memory_image(program: Program, packed_input: bytes = b"") -> bytes:
    """Return all of `extent` before START.

    Without an input, and wherever a tensor only appears in the run, memory is 0.
    """
    whole = extent(program)
    memory = bytearray(whole.limit + 1 - whole.base)
    parts = program.image() | {program.region(program.graph.input).address: packed_input}
    for address, part in parts.items():
        memory[address - whole.base : address - whole.base + len(part)] = part
    return bytes(memory)


def packed_input(plan: Plan, values: NDArray[np.int8]) -> bytes:
    """Return int8 `x[C, H, W]` as the input's bytes in memory."""
    pack = pack_image if is_packed(plan.graph.layers[0]) else pack_features
    return pack(values, plan.config)
