"""The loads of the input's rows into the ring in the feature buffer.

A load is written as early as the ring has room for it without waiting for tiles that are written
later, so that the load unit runs ahead of the array.
"""

from bisect import bisect_left
from dataclasses import dataclass

from hwsim.compiler.task import Task
from hwsim.compiler.tokens import IN_FLIGHT, Tokens, certainly_reached
from hwsim.isa.descriptor import Descriptor, Load
from hwsim.isa.fields import Destination
from hwsim.isa.tokens import TOKEN_MASK
from hwsim.program.blocking import IMAGE_PIXEL_BYTES
from hwsim.program.schedule import Span, stripe_columns


@dataclass(frozen=True)
class BandSet:
    """Bands that share one reading of the weights, in one stripe."""

    bands: tuple[Span, ...]
    first_row: int
    end_row: int  # the first row behind the last input row
    last: bool  # nobody needs the sweep's weights after this band set


class FeatureRing:
    """Writes the loads of one sweep along one stripe.

    `barrier` is the number of stores that the first load waits for. It is None if an earlier load
    has already waited until the input was stored.
    """

    def __init__(
        self,
        task: Task,
        tokens: Tokens,
        descriptors: list[Descriptor],
        stripe: tuple[Span, ...],
        band_sets: list[BandSet],
        barrier: int | None,
    ) -> None:
        self._task, self._tokens, self._descriptors = task, tokens, descriptors
        self._band_sets = band_sets
        self._first_rows = [band_set.first_row for band_set in band_sets]
        self._barrier = barrier
        self._loaded_rows = band_sets[0].first_row
        self._chunk_base: dict[
            int, int
        ] = {}  # a band's first stored row -> chunks loaded before the band
        self._start_computes = tokens.computes
        self._band_set_ends: list[int] = []  # computes written up to the end of each band set
        schedule, config = task.schedule, task.config
        blocking, shape = schedule.blocking, task.stage.sources[0].tensor.shape
        self.first_column, end = stripe_columns(stripe, shape.width, blocking, config)
        self.row_words = blocking.input_row_words(end - self.first_column, config)
        self.block_words = schedule.ring_rows * schedule.row_words

    def has_room(self, index: int) -> bool:
        """Return True if the ring holds band set `index + 1` beside all rows that `index` reads."""
        needed = self._band_sets[index + 1].end_row - self._band_sets[index].first_row
        return needed <= self._task.schedule.ring_rows

    def load(self, index: int) -> None:
        """Load, band by band, the rows of a band set that are not in the ring yet."""
        height = self._task.stage.sources[0].tensor.shape.height
        blocks = self._task.schedule.blocking.stored_blocks
        for band in self._band_sets[index].bands:
            last = band.clipped(height)[1]
            if last > self._loaded_rows:
                self._load_rows(self._loaded_rows, last)
                self._loaded_rows = last
            self._chunk_base.setdefault(band.first_stored, self._tokens.chunks - blocks)

    def finish_band_set(self) -> None:
        """Record that all tiles of the current band set have been written."""
        self._band_set_ends.append(self._tokens.computes)

    def chunks_before(self, band: Span) -> int:
        """Return a number of chunks that are loaded before the band's own.

        This is their exact number or, if larger, one whose loads have certainly left the queue.
        """
        in_flight = IN_FLIGHT * self._task.schedule.blocking.stored_blocks
        return max(self._chunk_base[band.first_stored], self._tokens.chunks - in_flight)

    def _last_reader(self, overwritten: int) -> int:
        """Return how many computes must be done before rows above `overwritten` may be replaced."""
        readers = bisect_left(self._first_rows, overwritten, hi=len(self._band_set_ends))
        return self._band_set_ends[readers - 1] if readers else self._start_computes

    def _load_rows(self, first: int, last: int) -> None:
        """Write the load of rows `first` up to, but not including, `last` of every block."""
        task, tokens = self._task, self._tokens
        schedule, word_bytes = task.schedule, task.config.word_bytes
        blocking, shape = schedule.blocking, task.stage.sources[0].tensor.shape
        ring_rows, row_words, rows = schedule.ring_rows, self.row_words, last - first
        whole_row = blocking.input_row_words(shape.width, task.config)
        column = self.first_column
        offset = column * IMAGE_PIXEL_BYTES // word_bytes if blocking.packed else column
        overwritten = last - ring_rows  # the new rows replace those before this one
        wait_computes = max(self._last_reader(overwritten), certainly_reached(tokens.computes))
        wait_stores = certainly_reached(tokens.stores) if self._barrier is None else self._barrier
        self._barrier = None
        # Whole rows lie one behind the other in memory and in the buffer: they are one burst run,
        # unless they pass the end of the ring.
        joined = (
            row_words == whole_row == schedule.row_words and first % ring_rows + rows <= ring_rows
        )
        self._descriptors.append(
            Load(
                destination=Destination.FEATURES,
                wait_computes=wait_computes & TOKEN_MASK,
                wait_stores=wait_stores & TOKEN_MASK,
                address=task.input.address + (first * whole_row + offset) * word_bytes,
                row_words=row_words * rows if joined else row_words,
                rows=1 if joined else rows,
                row_stride_bytes=whole_row * word_bytes,
                blocks=blocking.stored_blocks,
                block_stride_bytes=shape.height * whole_row * word_bytes,
                buffer_address=first % ring_rows * row_words if joined else 0,
                buffer_block_words=self.block_words,
                ring_row=0 if joined else first % ring_rows,
                ring_rows=1 if joined else ring_rows,
            )
        )
        tokens.chunks += blocking.stored_blocks
