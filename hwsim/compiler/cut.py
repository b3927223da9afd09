"""A stage cut into stripes and bands: all of a schedule but how long its weights stay."""

from bisect import bisect_right
from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.compiler.spans import rows_held, rows_read
from hwsim.graph import Stage
from hwsim.program.blocking import Blocking, split_evenly
from hwsim.program.schedule import Schedule, Span, WeightScope, stripe_columns


@dataclass(frozen=True)
class Cut:
    """Bands from top to bottom, and the columns of the tiles of each stripe."""

    stage: Stage
    config: Config
    blocking: Blocking
    bands: tuple[Span, ...]
    stripes: tuple[tuple[Span, ...], ...]

    @property
    def row_words(self) -> int:
        """Return the words of a row in the feature buffer, those of the widest stripe."""
        return max(self._stripe_words())

    @property
    def ring_rows(self) -> int:
        """Return how many rows of each input block the feature buffer holds, or the input has."""
        held = self.config.feature_words // (self.row_words * self.blocking.stored_blocks)
        return min(self.stage.sources[0].tensor.shape.height, held)

    @property
    def band_sets(self) -> list[tuple[Span, ...]]:
        """Return the fewest sets of bands whose rows the feature buffer holds, none if no band."""
        height, ring_rows = self.stage.sources[0].tensor.shape.height, self.ring_rows
        held = bisect_right(
            range(1, len(self.bands) + 1),
            ring_rows,
            key=lambda count: rows_held(self.bands, count, height),
        )
        if not held:
            return []
        pieces = split_evenly(len(self.bands), held)
        return [self.bands[start : start + size] for start, size in pieces]

    def schedule(
        self,
        scope: WeightScope,
        sweeps: list[tuple[int, int]],
        band_sets: list[tuple[Span, ...]],
        readings: int,
    ) -> Schedule:
        """Return the schedule that reads the input in these sweeps, and all weights so often."""
        blocking = self.blocking
        sweep_words = (
            sum(self._stripe_words())
            * blocking.stored_blocks
            * rows_read(self.bands, self.stage.sources[0].tensor.shape.height)
        )
        return Schedule(
            blocking,
            scope,
            tuple(sweeps),
            self.stripes,
            tuple(band_sets),
            self.ring_rows,
            self.row_words,
            sweep_words * len(sweeps),
            blocking.output_blocks * blocking.weight_words * readings,
        )

    def _stripe_words(self) -> list[int]:
        """Return the words of a row of one input block, stripe by stripe."""
        width = self.stage.sources[0].tensor.shape.width
        columns = [
            stripe_columns(stripe, width, self.blocking, self.config) for stripe in self.stripes
        ]
        return [self.blocking.input_row_words(last - first, self.config) for first, last in columns]
