"""The writes on a memory whose directions share its bandwidth, around which reads go."""

from bisect import bisect_right

MOST_KEPT = 256  # writes that a load may still meet; reads are never so far behind


class Writes:
    """The times at which writes hold the memory, in ticks, in order and apart from each other."""

    def __init__(self) -> None:
        self._offers: list[int] = []
        self._begins: list[int] = []
        self._ends: list[int] = []

    def go_on_behind(self, time: int) -> bool:
        """Return True if a write ends after a time."""
        return bool(self._ends) and self._ends[-1] > time

    def add(self, offered: int, begin: int, end: int) -> None:
        """Record that a write that was offered at one time holds the memory between two others."""
        self._offers.append(offered)
        self._begins.append(begin)
        self._ends.append(end)
        if len(self._ends) == 2 * MOST_KEPT:
            del self._offers[:MOST_KEPT], self._begins[:MOST_KEPT], self._ends[:MOST_KEPT]

    def around(self, start: float, length: float, free: float = 0) -> tuple[float, float]:
        """Return when reads start, and how long after that a beat begins.

        Without writes, that would be so long after `start`. A beat goes first if it begins when a
        write is offered, or before. If the write was recorded without it, the write waits until
        `free`, when the reads before this one end.
        """
        for index in range(bisect_right(self._ends, start), len(self._ends)):
            offered, begin, end = self._offers[index], self._begins[index], self._ends[index]
            if offered < start:
                start = end + max(free - begin, 0)
            elif offered < start + length:
                length += end - begin
            else:
                break
        return start, length
