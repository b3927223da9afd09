"""The tokens that order a program's descriptors, counted while the program is written.

A descriptor may only wait for an earlier one, and for a token count less than 2**15 behind the
newest: counts further apart cannot be compared modulo 2**16.
"""

from dataclasses import dataclass

from hwsim.isa.fields import QUEUE_DEPTH

IN_FLIGHT = 2 * QUEUE_DEPTH  # more descriptors than one unit can have unfinished at a time


def certainly_reached(count: int) -> int:
    """Return a token count that is certainly reached: work older than any queue can hold."""
    return max(0, count - IN_FLIGHT)


@dataclass
class Tokens:
    """The token counts that the descriptors written so far will have produced when all are done."""

    chunks: int = 0
    computes: int = 0
    drains: int = 0
    stores: int = 0  # tiles alternate between the halves of the staging buffer, store by store
