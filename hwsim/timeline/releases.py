"""The times at which words leave the weight queue and make room for others."""

from hwsim.timeline.pieces import Pieces


class Releases:
    """The words that left the queue, in order; only the last `kept_words` are remembered."""

    def __init__(self, kept_words: int) -> None:
        self._kept_words = kept_words
        self._pieces: Pieces[tuple[int, int, int]] = Pieces()  # words, first cycle, last cycle

    def add(self, words: int, first: int, last: int) -> None:
        """Record that the next `words` words leave evenly from cycle `first` to cycle `last`."""
        self._pieces.add(words, (words, first, last))
        self._pieces.drop(self.words - self._kept_words)

    @property
    def words(self) -> int:
        """The number of words released so far."""
        return self._pieces.total

    @property
    def forgotten(self) -> int:
        """The number of words, the first ones, whose cycles are not remembered any more."""
        return self._pieces.dropped

    def cycle(self, count: int) -> int:
        """Return the cycle in which `count` words have left; 0 if `count` is not positive."""
        if count <= 0:
            return 0
        end, (words, first, last) = self._pieces.find(count)
        return last - (end - count) * (last - first) // max(words - 1, 1)
