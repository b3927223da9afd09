"""The writes on a memory whose directions share its bandwidth, around which reads go."""

from bisect import bisect_right

MOST_KEPT = 256  # writes that a load may still meet; reads are never so far behind


class Writes:
    """The times at which writes hold the memory, in ticks, in order and apart from each other."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []

    def go_on_behind(self, time: int) -> bool:
        """Return True if a write ends after a time."""
        return bool(self._ends) and self._ends[-1] > time

    def add(self, begin: int, end: int) -> None:
        """Record that writes hold the memory from one time to another."""
        self._begins.append(begin)
        self._ends.append(end)
        if len(self._ends) == 2 * MOST_KEPT:
            del self._begins[:MOST_KEPT], self._ends[:MOST_KEPT]

    def around(self, start: float, length: float, free: float = 0) -> tuple[float, float]:
        """Return when reads start, and how long after that a beat begins.

        Without writes, that would be so long after `start`. A write waits for a beat that has begun
        before, and so until `free`, when reads before this one end.
        """
        for index in range(bisect_right(self._ends, start), len(self._ends)):
            begin, end = self._begins[index], self._ends[index]
            if begin <= start:
                start = end + max(free - begin, 0)
            elif begin < start + length:
                length += end - begin
            else:
                break
        return start, length
