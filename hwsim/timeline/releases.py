"""The times at which words leave the weight queue and make room for others."""

from typing import NamedTuple

from hwsim.timeline.pieces import Pieces


class _Blocks(NamedTuple):
    """Words that leave in blocks: the first from cycle `first` on, the last from `last` on."""

    words: int
    first: int
    last: int
    block_words: int


class Releases:
    """The words that left the queue, in order; only the last `kept_words` are remembered."""

    def __init__(self, kept_words: int) -> None:
        self._kept_words = kept_words
        self._pieces: Pieces[_Blocks] = Pieces()

    def add(self, words: int, first: int, last: int, block_words: int) -> None:
        """Record that the next words leave in blocks, one word of a block per cycle.

        The first block begins to leave in cycle `first`, the last one in cycle `last`; between them
        the blocks follow each other evenly.
        """
        self._pieces.add(words, _Blocks(words, first, last, block_words))
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
        end, (words, first, last, block_words) = self._pieces.find(count)
        behind = words - block_words  # the last block
        block, place = divmod(words - 1 - (end - count), block_words)
        if not behind:
            return first + place
        return last - (behind - block * block_words) * (last - first) // behind + place
