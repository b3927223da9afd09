"""Places the feature tensors of a chain in memory."""

from itertools import pairwise


def allocate_chain(sizes_bytes: list[int]) -> tuple[list[int], int]:
    """Offsets of a chain's tensors, and the high-water mark.

    Each tensor is alive together with the one before and the one after it, no others. They take
    turns at the two ends of the memory, which therefore need be no larger than the largest input
    and output together: the least there is.
    """
    high_water_bytes = max((one + other for one, other in pairwise(sizes_bytes)), default=0)
    offsets = [
        0 if index % 2 == 0 else high_water_bytes - size for index, size in enumerate(sizes_bytes)
    ]
    return offsets, high_water_bytes
