"""On-chip memories with synchronous read."""

from amaranth.hdl import ShapeLike
from amaranth.lib.memory import Memory


def block_memory(shape: ShapeLike, depth: int) -> Memory:
    """Return a memory that means nothing where a word is read in the cycle in which it is written.

    Nothing may depend on such a word. The attribute says so to Yosys, which otherwise builds
    comparators, and multiplexers behind the output, to answer with the old word.
    """
    return Memory(shape=shape, depth=depth, init=[], attrs={"no_rw_check": 1})
