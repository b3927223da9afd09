"""Things that are numbered without end, such as words of weights, in pieces."""

from bisect import bisect_left
from typing import Generic, TypeVar

Value = TypeVar("Value")

FEW = 4096  # pieces that are not worth being looked through


class Pieces(Generic[Value]):
    """Consecutive numbers from 1 on, in pieces that have a value each. Old ones are dropped."""

    def __init__(self) -> None:
        self._ends: list[int] = []  # the last number of each piece
        self._values: list[Value] = []
        self._dropped = 0  # the last number of all that were dropped
        self._limit = FEW
        self.total = 0
        """The last number of all."""

    def add(self, count: int, value: Value) -> None:
        """Append a piece of the next `count` numbers."""
        self.total += count
        self._ends.append(self.total)
        self._values.append(value)

    def find(self, number: int) -> tuple[int, Value]:
        """The last number of the piece that holds `number`, and the piece's value."""
        assert number > self._dropped, f"{number}: {self._dropped} and less were dropped"
        index = bisect_left(self._ends, number)
        return self._ends[index], self._values[index]

    def last(self) -> tuple[int, Value] | None:
        """The same of the newest piece, if there is one."""
        return (self._ends[-1], self._values[-1]) if self._ends else None

    def drop(self, number: int) -> None:
        """Allow that pieces below `number` are forgotten; the newest one is kept.

        They are dropped many at a time, so that this costs next to nothing.
        """
        if len(self._ends) > self._limit:
            index = min(bisect_left(self._ends, number), len(self._ends) - 1)
            if index:
                self._dropped = self._ends[index - 1]
                del self._ends[:index], self._values[:index]
            self._limit = FEW + 2 * len(self._ends)
