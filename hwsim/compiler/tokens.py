"""The tokens that order a program's descriptors, while it is being written.

Every wait names an event of an earlier descriptor, and none that is half a counter old.
"""

from dataclasses import dataclass

from hwsim.isa.fields import QUEUE_DEPTH

IN_FLIGHT = 2 * QUEUE_DEPTH  # more than any unit has unfinished while a later descriptor runs


def met(count: int) -> int:
    """Return a count that is certainly reached: work older than any queue can hold."""
    return max(0, count - IN_FLIGHT)


@dataclass
class Tokens:
    """What the descriptors written so far will have counted once they are all done."""

    chunks: int = 0
    computes: int = 0
    stores: int = 0  # tiles alternate between the halves of the staging buffer, store by store
