"""A source that an earlier stage has left in the feature buffer, so that nothing is loaded."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from hwsim.compiler.spans import ROWS, SpansRead
from hwsim.compiler.task import Task
from hwsim.compiler.tokens import Tokens, certainly_reached
from hwsim.program.schedule import Span


class ResidentSource:
    """Source number `index` of a stage, whole in the feature buffer: a `FeatureRing` of all rows.

    A COMPUTE waits for the STOREs of the rows that it reads. So a stage begins while the last rows
    of the one before are still on their way.
    """

    awaits_stores = True
    first_column = 0

    def __init__(
        self, task: Task, index: int, tokens: Tokens, band_sets: Sequence[Sequence[Span]]
    ) -> None:
        self._tokens = tokens
        self.source = task.stage.sources[index]
        self.blocking = task.schedule.blocking.sources[index]
        self.place = task.schedule.rings[index]
        self.row_words = self.place.row_words
        # The STOREs by their first rows; those up to there are done with this count.
        stored = sorted(tokens.stored_rows[self.source.tensor.name])
        first_rows = [row for row, _ in stored]
        counts = list(accumulate((count for _, count in stored), max))
        bands = [band for bands in band_sets for band in bands]
        ends = SpansRead.of(self.source, bands, ROWS).end
        self._stored = {
            band: counts[bisect_left(first_rows, end) - 1]
            for band, end in zip(bands, ends, strict=True)
        }

    def has_room(self, _index: int) -> bool:
        """Return True, as all band sets lie in the buffer."""
        return True

    def load(self, _band: Span, _barrier: int | None) -> bool:
        """Return False: there is nothing to be loaded."""
        return False

    def finish_band_set(self) -> None:
        """Record nothing, as no row is replaced."""

    def awaited(self, band: Span, _block: int) -> int:
        """Return the STOREs of the band's rows or, if more, those that are certainly done."""
        return max(self._stored[band], certainly_reached(self._tokens.staged))
