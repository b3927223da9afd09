"""When words of weights leave the weight queue, which makes room for others."""

from hwsim.timeline.pieces import Pieces


class Releases:
    """Words that left the queue, in order. Those of more than `kept_words` ago are forgotten."""

    def __init__(self, kept_words: int) -> None:
        self._kept_words = kept_words
        self._pieces: Pieces[tuple[int, int, int]] = Pieces()  # words, first cycle, last cycle

    def add(self, words: int, first: int, last: int) -> None:
        """The next `words` words are released from cycle `first` to cycle `last`, evenly."""
        self._pieces.add(words, (words, first, last))
        self._pieces.drop(self.words - self._kept_words)

    @property
    def words(self) -> int:
        """Words released so far."""
        return self._pieces.total

    def cycle(self, count: int) -> int:
        """Cycle in which `count` words in total have been released; 0 for those that never were."""
        if count <= 0:
            return 0
        end, (words, first, last) = self._pieces.find(count)
        return last - (end - count) * (last - first) // words
