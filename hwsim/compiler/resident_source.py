"""A source that an earlier stage has left in the feature buffer, so that nothing is loaded."""

from collections.abc import Sequence

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
        bands = [band for bands in band_sets for band in bands]
        ends = SpansRead.of(self.source, bands, ROWS).end
        self._band_ends = dict(zip(bands, ends, strict=True))
        # The last one waits for rows that none reads, too, so that later LOADs come behind these.
        self._band_ends[bands[-1]] = self.source.tensor.shape.height
        self._stored: dict[Span, int] = {}  # the count with the STOREs of the rows of each band

    def has_room(self, _index: int) -> bool:
        """Return True, as all band sets lie in the buffer."""
        return True

    def load(self, _band: Span) -> None:
        """Load nothing."""

    def finish_band_set(self) -> None:
        """Record nothing, as no row is replaced."""

    def awaited(self, band: Span, _block: int) -> int:
        """Return the STOREs of the band's rows or, if more, those that are certainly done."""
        tokens = self._tokens
        if band not in self._stored:
            name, end = self.source.tensor.name, self._band_ends[band]
            self._stored[band] = tokens.stored_before(name, end)
        return max(self._stored[band], certainly_reached(tokens.staged))
