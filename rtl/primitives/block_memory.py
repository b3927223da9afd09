"""On-chip memories with synchronous read."""

from amaranth.hdl import ShapeLike
from amaranth.lib.memory import Memory


def block_memory(shape: ShapeLike, depth: int) -> Memory:
    """Return a memory whose output is undefined if a word is read in the cycle that writes it.

    No result may depend on such an output. The attribute tells Yosys so. Without it, Yosys adds
    comparators and multiplexers that return the old word in that case.
    """
    return Memory(shape=shape, depth=depth, init=[], attrs={"no_rw_check": 1})
