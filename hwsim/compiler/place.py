"""Places for tensors that are alive at different times, in as little memory as can be found.

No memory can be smaller than the largest sum of what is alive at the same time: the *bound*. In a
chain, where a tensor only meets its neighbours, two ends of such a memory always suffice. In other
graphs tensors are laid one after another into the lowest gap, the largest first; then the order is
searched, and the search ends as soon as a placement takes no more than the bound.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, combinations
from operator import add

import numpy as np

SEARCH_ROUNDS = 300  # an estimate waits for them, a millisecond or so each
SECOND_CHANGE = 0.5  # how often two more tensors change their turns


@dataclass(frozen=True)
class Lived:
    """A size in bytes, needed from stage `first` to stage `last`."""

    size_bytes: int
    first: int
    last: int

    def widened(self, together: Iterable[tuple[int, int]]) -> "Lived":
        """Return the same, needed during all of each range of stages that it begins or ends in."""
        first, last = self.first, self.last
        for begin, end in together:
            first = begin if begin <= first <= end else first
            last = end if begin <= last <= end else last
        return Lived(self.size_bytes, first, last)

    def meets(self, other: "Lived") -> bool:
        """Return True if both are alive during some stage."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Placement:
    """The offset of every tensor; no two that meet overlap."""

    tensors: tuple[Lived, ...]
    offsets: tuple[int, ...]

    @cached_property
    def peak_bytes(self) -> int:
        return max(
            offset + tensor.size_bytes
            for tensor, offset in zip(self.tensors, self.offsets, strict=True)
        )


def least_bytes(tensors: Sequence[Lived]) -> int:
    """Return the bound: the largest sum of what is alive during one stage."""
    changes = Counter[int]()  # of the sum, at the beginnings of stages
    for tensor in tensors:
        changes[tensor.first] += tensor.size_bytes
        changes[tensor.last + 1] -= tensor.size_bytes
    return max(accumulate(changes[stage] for stage in sorted(changes)))


def place(tensors: Sequence[Lived]) -> Placement:
    """Return the best placement that is found; the same for the same tensors."""
    bound = least_bytes(tensors)
    found = _from_two_ends(tensors, bound)
    if found is not None:
        return found
    return _Search(tensors).run(bound)


def place_within(tensors: Sequence[Lived], size: int) -> tuple[int, ...] | None:
    """Return offsets within `size`, from its two ends if all fit so; None if no place is found."""
    if not tensors:
        return ()
    found = _from_two_ends(tensors, size) or place(tensors)
    return found.offsets if found.peak_bytes <= size else None


def _from_two_ends(tensors: Sequence[Lived], bound: int) -> Placement | None:
    """Place tensors in turn at the beginning and at the end of `bound` bytes, if all fit so."""
    offsets = tuple(
        0 if index % 2 == 0 else bound - tensor.size_bytes for index, tensor in enumerate(tensors)
    )
    for (one, start), (other, begin) in combinations(zip(tensors, offsets, strict=True), 2):
        apart = start + one.size_bytes <= begin or begin + other.size_bytes <= start
        if one.meets(other) and not apart:
            return None
    return Placement(tuple(tensors), offsets)


class _Search:
    """A search over the orders in which tensors are laid."""

    def __init__(self, tensors: Sequence[Lived]) -> None:
        self._tensors = tuple(tensors)
        firsts = np.array([tensor.first for tensor in tensors])
        lasts = np.array([tensor.last for tensor in tensors])
        self._met = [
            set(np.flatnonzero((firsts <= tensor.last) & (tensor.first <= lasts)).tolist())
            for tensor in tensors
        ]

    def run(self, bound: int) -> Placement:
        """Return the best of many orders, each a change of the best one before it.

        In each round a tensor that reaches the peak is laid at a drawn earlier turn.
        """
        sizes = [tensor.size_bytes for tensor in self._tensors]
        draw = random.Random(0)  # a fixed sequence, so that a graph has one placement
        order = sorted(range(len(sizes)), key=lambda index: (-sizes[index], index))
        best = self._in_order(order)
        for _ in range(SEARCH_ROUNDS):
            if best.peak_bytes <= bound:
                break
            ends = map(add, best.offsets, sizes)
            at_peak = [index for index, end in enumerate(ends) if end == best.peak_bytes]
            changed = list(order)
            turn = changed.index(draw.choice(at_peak))
            changed.insert(draw.randrange(turn + 1), changed.pop(turn))
            if draw.random() < SECOND_CHANGE:
                one, other = draw.randrange(len(order)), draw.randrange(len(order))
                changed[one], changed[other] = changed[other], changed[one]
            found = self._in_order(changed)
            if found.peak_bytes <= best.peak_bytes:
                best, order = found, changed
        return best

    def _in_order(self, order: Sequence[int]) -> Placement:
        """Lay tensors one after another, each into the lowest gap that holds it."""
        offsets: dict[int, int] = {}
        for index in order:
            size, offset = self._tensors[index].size_bytes, 0
            laid = sorted(
                (offsets[other], offsets[other] + self._tensors[other].size_bytes)
                for other in self._met[index] & offsets.keys()
            )
            for start, end in laid:
                if start - offset >= size:
                    break
                offset = max(offset, end)
            offsets[index] = offset
        return Placement(self._tensors, tuple(offsets[index] for index in range(len(offsets))))
