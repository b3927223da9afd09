"""A sequence of numbered things, such as words of weights, kept as pieces with a value each."""

from bisect import bisect_left
from typing import Generic, TypeVar

Value = TypeVar("Value")

FEW = 4096  # so many pieces are not worth a search for old ones


class Pieces(Generic[Value]):
    """Pieces of consecutive numbers from 1 on. Each piece has a value; old pieces are dropped."""

    def __init__(self) -> None:
        self._ends: list[int] = []  # the last number of each piece
        self._values: list[Value] = []
        self.dropped = 0
        """The last number of the dropped pieces, 0 at first."""
        self._limit = FEW
        self.total = 0
        """The last number of the newest piece."""

    def add(self, count: int, value: Value) -> None:
        """Append a piece with the next `count` numbers."""
        self.total += count
        self._ends.append(self.total)
        self._values.append(value)

    def find(self, number: int) -> tuple[int, Value]:
        """Return the last number and the value of the piece that holds `number`."""
        assert number > self.dropped, f"{number}: {self.dropped} and less were dropped"
        index = bisect_left(self._ends, number)
        return self._ends[index], self._values[index]

    def last(self) -> tuple[int, Value]:
        """Return the last number and the value of the newest piece."""
        return self._ends[-1], self._values[-1]

    def take_back(self, count: int) -> None:
        """Remove the newest pieces, which hold the last `count` numbers."""
        self.total -= count
        while self._ends and self._ends[-1] > self.total:
            self._ends.pop()
            self._values.pop()

    def drop(self, number: int) -> None:
        """Allow pieces below `number` to be dropped; the newest piece is kept.

        They are dropped many at a time, so that the average cost is small.
        """
        if len(self._ends) > self._limit:
            index = min(bisect_left(self._ends, number), len(self._ends) - 1)
            if index:
                self.dropped = self._ends[index - 1]
                del self._ends[:index], self._values[:index]
            self._limit = FEW + 2 * len(self._ends)
