"""The queue of weight words between the bus and the array."""

from collections import deque

import numpy as np
from numpy.typing import NDArray


class WeightQueue:
    """A queue of words; a reader may look at words behind the head, or take words from the head."""

    def __init__(self, capacity_words: int) -> None:
        self.capacity = capacity_words
        self.parts: deque[NDArray[np.uint8]] = deque()
        self.words = 0

    @property
    def room(self) -> int:
        """The number of words that can be appended."""
        return self.capacity - self.words

    def push(self, words: NDArray[np.uint8]) -> None:
        """Append words behind all others; there must be room for them."""
        assert len(words) <= self.room
        self.parts.append(words)
        self.words += len(words)

    def peek(self, offset: int, count: int) -> NDArray[np.uint8]:
        """Return `count` words from `offset` words behind the head on, which stay in the queue."""
        if len(self.parts) > 1:
            self.parts = deque([np.concatenate(self.parts)])
        return self.parts[0][offset : offset + count]

    def pop(self, count: int) -> NDArray[np.uint8]:
        """Remove `count` words from the head and return them."""
        words = self.peek(0, count)
        self.parts = deque([self.parts[0][count:]])
        self.words -= count
        return words
