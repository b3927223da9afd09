"""A stage cut into stripes and bands: all of a schedule but how long its weights stay."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from hwsim.arch.config import Config
from hwsim.compiler.room import Room
from hwsim.compiler.spans import ROWS, SpansRead, least_ring_rows, stripe_columns
from hwsim.graph import Stage
from hwsim.isa.fields import DESCRIPTOR_BYTES
from hwsim.program.blocking import MOST_COMPUTES_OF_A_LOAD, Blocking
from hwsim.program.kernel_parts import split_evenly
from hwsim.program.schedule import Ring, Schedule, Span, WeightScope

QUEUE_PARTS = 4


def bundles_of_part(blocking: Blocking, config: Config) -> int:
    """Return how many bundles' weights a part of the queue holds, while others wait in the rest."""
    return config.weight_words // QUEUE_PARTS // _bundle_weights(blocking)


def bundles_ahead(blocking: Blocking, config: Config) -> int:
    """Return how many bundles' weights are loaded at a time where a stage is a single tile.

    They fill a part of the queue, or are those of a few COMPUTEs. A longer load keeps back the page
    behind it until the array has no COMPUTE left.
    """
    of_queue = config.weight_words // _bundle_weights(blocking)
    blocks = min(blocking.bundle_blocks, blocking.output_blocks)
    of_computes = MOST_COMPUTES_OF_A_LOAD // (blocks * len(blocking.kernel_parts))
    return max(1, min(of_queue, max(bundles_of_part(blocking, config), of_computes)))


def _bundle_weights(blocking: Blocking) -> int:
    return min(blocking.bundle_blocks, blocking.output_blocks) * blocking.weight_words


@dataclass(frozen=True)
class Cut:
    """Bands from top to bottom, and the columns of the tiles of each stripe."""

    stage: Stage
    config: Config
    blocking: Blocking
    room: Room
    bands: tuple[Span, ...]
    stripes: tuple[tuple[Span, ...], ...]

    @cached_property
    def rings(self) -> tuple[Ring, ...]:
        """The place of every source's rows from word 0 on; none if no band has room.

        Those of a resident source have theirs already, which is filled in later.
        """
        row_words = [max(words) for words in self._stripe_words]
        held = self._ring_rows(row_words)
        if not held:
            return ()
        rings: list[Ring] = []
        start = 0
        for blocking, rows, words, is_resident in zip(
            self.blocking.sources, held, row_words, self.room.resident, strict=True
        ):
            rings.append(Ring(start, rows, words, blocking.stored_blocks))
            start = start if is_resident else rings[-1].end_word
        return tuple(rings)

    @property
    def holds_a_band(self) -> bool:
        """True if the feature buffer has room for all that one band reads."""
        return bool(self.rings)

    @property
    def band_sets(self) -> list[tuple[Span, ...]]:
        """Return the fewest sets of bands whose rows the feature buffer holds, none if no band."""
        if not self.rings:
            return []
        held = min(
            self._most_bands(read, ring.rows)
            for read, ring in zip(self._band_rows, self.rings, strict=True)
        )
        pieces = split_evenly(len(self.bands), held)
        return [self.bands[start : start + size] for start, size in pieces]

    def schedule(
        self,
        scope: WeightScope,
        sweeps: list[range],
        band_sets: list[tuple[Span, ...]],
        readings: int,
    ) -> Schedule:
        """Return the schedule that reads its sources in these sweeps, and all weights so often."""
        blocking = self.blocking
        source_words = tuple(
            0 if is_resident else sum(words) * own.stored_blocks * read.all * len(sweeps)
            for read, own, words, is_resident in zip(
                self._band_rows,
                blocking.sources,
                self._stripe_words,
                self.room.resident,
                strict=True,
            )
        )
        return Schedule(
            blocking,
            scope,
            tuple(sweeps),
            self.stripes,
            tuple(band_sets),
            self.rings,
            self.room.resident,
            source_words,
            blocking.output_blocks * blocking.weight_words * readings,
            self._set_bundles,
        )

    @property
    def single_tile(self) -> bool:
        """True if the stage is one tile, of all its output blocks."""
        return len(self.bands) == len(self.stripes) == len(self.stripes[0]) == 1

    @property
    def _set_bundles(self) -> int:
        """The bundles of a bundle set: several where the words of each are fewer than a STORE's.

        Their weights may be loaded together.
        """
        blocking, config = self.blocking, self.config
        pixels = max(band.stored for band in self.bands) * max(
            tile.stored for stripe in self.stripes for tile in stripe
        )
        words = min(DESCRIPTOR_BYTES // config.word_bytes, config.staging_words // 2)
        of_words = words // (pixels * blocking.bundle_words)
        return max(1, min(of_words, bundles_of_part(blocking, config)))

    @cached_property
    def _band_rows(self) -> list[SpansRead]:
        """The rows of each source that the bands read."""
        return [SpansRead.of(source, self.bands, ROWS) for source in self.stage.sources]

    @cached_property
    def _stripe_words(self) -> list[list[int]]:
        """Return the words of a row of one block, by source and stripe."""
        found: list[list[int]] = []
        for source, own in zip(self.stage.sources, self.blocking.sources, strict=True):
            columns = [stripe_columns(source, own, stripe) for stripe in self.stripes]
            found.append([own.row_words(last - first) for first, last in columns])
        return found

    def _most_bands(self, read: SpansRead, rows: int) -> int:
        """Return how many consecutive bands read no more than `rows` rows, wherever they begin."""
        return bisect_right(range(1, len(self.bands) + 1), rows, key=read.held)

    def _ring_rows(self, row_words: list[int]) -> list[int]:
        """Return the rows of every ring, or nothing if the buffer does not hold what a band reads.

        Rings first get the rows of as many consecutive bands as have room, then what is left.
        """
        sources = self.stage.sources
        heights = [source.tensor.shape.height for source in sources]
        costs = [
            0 if is_resident else words * own.stored_blocks
            for words, own, is_resident in zip(
                row_words, self.blocking.sources, self.room.resident, strict=True
            )
        ]
        room = self.room.words
        if sum(map(int.__mul__, heights, costs)) <= room:
            return heights

        def needed(count: int) -> list[int]:
            return [
                min(height, max(read.held(count), least_ring_rows(source)))
                for source, read, height in zip(sources, self._band_rows, heights, strict=True)
            ]

        def words(count: int) -> int:
            return sum(map(int.__mul__, needed(count), costs))

        counts = range(1, 2 if len(sources) == 1 else len(self.bands) + 1)
        most = bisect_right(counts, room, key=words)
        if not most:
            return []
        rows = needed(most)
        left = room - words(most)
        for index, (height, cost) in enumerate(zip(heights, costs, strict=True)):
            more = min(height - rows[index], left // cost) if cost else height - rows[index]
            rows[index] += more
            left -= more * cost
        return rows
