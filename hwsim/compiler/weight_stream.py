"""A stage's weights on their way through the weight queue: their loads and releases."""

from hwsim.compiler.task import Task
from hwsim.compiler.tokens import Tokens, certainly_reached
from hwsim.isa.descriptor import Descriptor, Load
from hwsim.isa.fields import Destination
from hwsim.isa.tokens import TOKEN_MASK


class WeightStream:
    """Writes the loads of weights and tracks their distance from the queue's head."""

    def __init__(self, task: Task, tokens: Tokens, descriptors: list[Descriptor]) -> None:
        self._task, self._tokens, self._descriptors = task, tokens, descriptors
        self._block_words = task.schedule.blocking.weight_words
        self._ahead = 0  # words of the next bundles that have been loaded ahead
        self._next = 0  # the stage's word that is loaded next
        self._start = 0  # words of all bundles before those that `begin` named last
        self._first_block = 0  # the first output block of the bundles in the queue
        self._blocks = 0  # the number of their output blocks

    def load(self, bundles: range) -> None:
        """Write the load of the bundles' weights, without the words that were loaded ahead."""
        self.begin(bundles)
        self.load_next(self._blocks * self._block_words)

    def begin(self, bundles: range) -> None:
        """Turn to the weights of these bundles, which `load_next` loads piece by piece."""
        self._first_block, self._blocks = self._task.blocks_of(bundles)
        self._start = self._tokens.weight_words
        self._tokens.weight_words += self._blocks * self._block_words
        self._next = self._first_block * self._block_words

    def load_next(self, words: int) -> None:
        """Write the load of the next `words`, without those that were loaded ahead."""
        covered = min(self._ahead, words)
        self._load_words(self._next + covered, words - covered)
        self._next += words
        self._ahead -= covered

    def load_ahead(self, bundles: range) -> None:
        """Write the load of the next weights before features that may have to wait for room.

        It takes no more words than the queue holds. Further words would wait for tiles that wait
        for the features behind them.
        """
        first, blocks = self._task.blocks_of(bundles)
        self._ahead = min(blocks * self._block_words, self._task.config.weight_words)
        self._load_words(first * self._block_words, self._ahead)

    def offset(self, block: int) -> int:
        """Return the words from the queue's head to the weights of an output block."""
        position = self._start + (block - self._first_block) * self._block_words
        return position - self._tokens.released_words

    def release(self, words: int) -> None:
        """Record that the next tile drops so many words at the queue's head as it reads them."""
        self._tokens.released_words += words

    def _load_words(self, first: int, words: int) -> None:
        if words:
            self._descriptors.append(
                Load.single_run(
                    Destination.WEIGHTS,
                    self._task.weights.address + first * self._task.config.word_bytes,
                    words,
                    wait_computes=certainly_reached(self._tokens.computes) & TOKEN_MASK,
                    wait_stores=certainly_reached(self._tokens.stores) & TOKEN_MASK,
                )
            )
