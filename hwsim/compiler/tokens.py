"""The tokens that order a program's descriptors, counted while the program is written.

A descriptor may only wait for an earlier one, and for a token count less than 2**15 behind the
newest: counts further apart cannot be compared modulo 2**16.
"""

from collections import deque
from dataclasses import dataclass, field

from hwsim.isa.fields import QUEUE_DEPTH
from hwsim.isa.tokens import HALF

IN_FLIGHT = 2 * QUEUE_DEPTH  # more descriptors than one unit can have unfinished at a time
# Chunks by which a COMPUTE's wait may be behind the newest when it is written, and by which later
# loads may then get ahead: together they stay below `HALF`.
MOST_CHUNKS_BEHIND = HALF // 2 - 1


def certainly_reached(count: int) -> int:
    """Return a token count that is certainly reached: work older than any queue can hold."""
    return max(0, count - IN_FLIGHT)


@dataclass
class Tokens:
    """The token counts that the descriptors written so far will have produced when all are done."""

    chunks: int = 0
    computes: int = 0
    drains: int = 0
    staged: int = 0  # tiles alternate between the halves of the staging buffer, store by store
    stores: int = 0  # into memory
    weight_words: int = 0  # of all bundles whose weights have been loaded, or begun to be
    released_words: int = 0  # that COMPUTEs have dropped at the head of the weight queue
    _stored: dict[str, dict[int, int]] = field(default_factory=dict)
    """By a tensor's name and the first row of STOREs of it: the count with the last of these."""
    _loads: deque[tuple[int, int]] = field(default_factory=deque)  # the counts before each load
    _outrun: int = 0

    def count_chunks(self, blocks: int) -> None:
        """Count the chunks of a load that has been written."""
        self._loads.append((self.chunks, self.computes))
        self.chunks += blocks

    def count_store(self, tensor: str, first_row: int, to_memory: bool) -> None:
        """Count a STORE that has been written, of rows of a tensor from `first_row` on."""
        self.staged += 1
        self.stores += to_memory
        rows = self._stored.setdefault(tensor, {})
        rows[first_row] = self.stores if to_memory else self.staged

    def stored_before(self, tensor: str, row: int) -> int:
        """Return the count with the last STORE of a tensor's rows before `row`; 0 without any.

        It counts `stores` for a tensor in memory, `staged` for one in the feature buffer.
        """
        rows = self._stored.get(tensor, {})
        return max((count for first, count in rows.items() if first < row), default=0)

    def computes_outrun(self, chunks: int) -> int:
        """Return the COMPUTEs that must be done before so many chunks are loaded.

        They may wait for a chunk so far behind that the counts could not be compared.
        """
        while self._loads and chunks - self._loads[0][0] > MOST_CHUNKS_BEHIND:
            _, self._outrun = self._loads.popleft()
        return self._outrun
