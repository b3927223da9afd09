"""On-chip memories with synchronous read."""

from amaranth.hdl import ShapeLike
from amaranth.lib.memory import Memory


def block_memory(shape: ShapeLike, depth: int) -> Memory:
    """A memory of which nothing depends on a word that is read in the cycle it is written in.

    The attribute says so to Yosys, which otherwise builds comparators, and multiplexers behind the
    output, to answer with the old word.
    """
    return Memory(shape=shape, depth=depth, init=[], attrs={"no_rw_check": 1})
