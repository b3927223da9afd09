"""The bursts that a load is cut into, each of which is an address on the bus.

A run is cut into bursts of the longest length, and no burst crosses a multiple of 4 KiB: the last
one of a run, and the last one in front of such a multiple, may be shorter.
"""

from bisect import bisect_left
from itertools import accumulate

from hwsim.arch.config import Config
from hwsim.isa.descriptor import Load
from hwsim.isa.fields import BOUNDARY_BYTES


class Bursts:
    """The bursts of `runs` runs of `run_words` words; bursts and words count from 0.

    `lengths` has the words of each burst, where they are known one by one. Else all are taken to be
    of the longest length, but for the last one of each run.
    """

    def __init__(self, longest: int, runs: int, run_words: int, lengths: list[int] | None = None):
        self.longest, self.runs, self.run_words = longest, runs, run_words
        self.lengths = lengths
        self._of_run = -(-run_words // longest)
        self._ends: list[int] = list(accumulate(lengths)) if lengths else []
        self.count = len(lengths) if lengths else self._of_run * runs
        self.of_last_run = self._of_run
        if lengths:
            self.of_last_run = self.count - bisect_left(self._ends, (runs - 1) * run_words + 1)

    def through(self, words: int) -> int:
        """Return how many bursts carry the first words, which end with a run."""
        if self._ends:
            return bisect_left(self._ends, words) + 1
        return self._of_run * (words // self.run_words)

    def place(self, word: int) -> tuple[int, int]:
        """Return the burst of a word, and the word's place in it. There is one run."""
        if self._ends:
            burst = bisect_left(self._ends, word + 1)
            return burst, word - self.begin(burst)
        return divmod(word, self.longest)

    def begin(self, burst: int) -> int:
        """Return the first word of a burst. There is one run."""
        if self._ends:
            return self._ends[burst - 1] if burst else 0
        return burst * self.longest

    def end(self, burst: int) -> int:
        """Return the word behind a burst. There is one run."""
        return self._ends[burst] if self._ends else min(self.begin(burst + 1), self.run_words)


class Cutter:
    """Cuts loads into bursts; `most_followed` bursts of several lengths are told one by one."""

    def __init__(self, config: Config, most_followed: int) -> None:
        self._word_bytes = config.word_bytes
        self._page_words = BOUNDARY_BYTES // config.word_bytes
        self._most_followed = most_followed
        self.longest = longest_burst(config)
        self._whole: dict[tuple[int, int], Bursts] = {}  # by runs and words of a run

    def cut(self, load: Load) -> Bursts:
        """Return the bursts of a load."""
        runs, words, longest = load.rows * load.blocks, load.row_words, self.longest
        bursts = self._whole.get((runs, words))
        if bursts is None:
            bursts = self._whole[runs, words] = Bursts(longest, runs, words)
        is_one_length = runs == 1 or words < longest or words % longest == 0
        if bursts.count > self._most_followed or (is_one_length and not self._is_cut(load)):
            return bursts
        return Bursts(longest, runs, words, self.lengths(load))

    def _is_cut(self, load: Load) -> bool:
        """Return True if a run has a short burst in front of a multiple of 4 KiB."""
        words, longest, page = load.row_words, self.longest, self._page_words
        for place in self._places(load):
            left = page - place
            if words > left and left % longest:
                return True
        return False

    def _places(self, load: Load) -> list[int]:
        """Return how many words behind a multiple of 4 KiB each run begins."""
        first, word, page = load.address, self._word_bytes, self._page_words
        row, block = load.row_stride_bytes, load.block_stride_bytes
        return [
            (first + number * block + line * row) // word % page
            for number in range(load.blocks)
            for line in range(load.rows)
        ]

    def lengths(self, load: Load) -> list[int]:
        """Return the words of every burst, in order."""
        found: list[int] = []
        for run_place in self._places(load):
            place, left = run_place, load.row_words
            while left:
                words = min(left, self.longest, self._page_words - place)
                found.append(words)
                place, left = (place + words) % self._page_words, left - words
        return found


def longest_burst(config: Config) -> int:
    """Return the words of the longest burst, which is no longer than 4 KiB."""
    return min(config.burst_words, BOUNDARY_BYTES // config.word_bytes)
