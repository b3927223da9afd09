"""The order in which a partial sort leaves equal values, which is that of its heap.

LiteRT ranks the classes of a box by C++'s `std::partial_sort`, whose heap decides which of equal
scores come first. Here is the heap of the library that LiteRT is built with.
"""

from collections.abc import Sequence


def partially_sorted(values: Sequence[float], count: int) -> list[int]:
    """Return the places of the `count` largest values, the largest first."""
    heap = list(range(count))
    for root in reversed(range(count // 2)):
        _settle(values, heap, root, count, heap[root])
    for place in range(count, len(values)):
        if values[place] > values[heap[0]]:
            _settle(values, heap, 0, count, place)
    for length in reversed(range(1, count)):
        heap[length], last = heap[0], heap[length]
        _settle(values, heap, 0, length, last)
    return heap


def _settle(values: Sequence[float], heap: list[int], root: int, length: int, place: int) -> None:
    """Put a place into the first `length` of a heap of which `root` is free.

    The smallest value is on top. The gap goes down to a leaf first, and the place up from there.
    """
    gap = root
    while (child := 2 * gap + 1) < length:
        if child + 1 < length and values[heap[child + 1]] <= values[heap[child]]:
            child += 1
        heap[gap] = heap[child]
        gap = child
    while gap > root and values[heap[parent := (gap - 1) // 2]] > values[place]:
        heap[gap] = heap[parent]
        gap = parent
    heap[gap] = place
