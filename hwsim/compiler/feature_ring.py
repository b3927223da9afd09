"""The loads of a source's rows into its ring in the feature buffer.

A load is written as early as the ring has room for it without waiting for tiles that are written
later, so that the load unit runs ahead of the array.
"""

from bisect import bisect_left

from hwsim.compiler.spans import ROWS, SpansRead, stripe_columns
from hwsim.compiler.task import Task
from hwsim.compiler.tokens import IN_FLIGHT, MOST_CHUNKS_BEHIND, Tokens, certainly_reached
from hwsim.isa.descriptor import Descriptor, Load
from hwsim.isa.fields import Destination
from hwsim.isa.tokens import TOKEN_MASK
from hwsim.program.schedule import Span

BandSet = tuple[Span, ...]  # bands that share one reading of the weights, in one stripe


class FeatureRing:
    """Writes the loads of source number `index` in one sweep along one stripe."""

    awaits_stores = False

    def __init__(
        self,
        task: Task,
        index: int,
        tokens: Tokens,
        descriptors: list[Descriptor],
        stripe: tuple[Span, ...],
        band_sets: tuple[BandSet, ...],
    ) -> None:
        self._task, self._tokens, self._descriptors = task, tokens, descriptors
        self.source = task.stage.sources[index]
        self.blocking = task.schedule.blocking.sources[index]
        self.place = task.schedule.rings[index]
        region = task.inputs[index]
        assert region is not None
        self._region = region
        # Chunks of the loads that may still be in the queue, or fewer if they are too many to wait.
        chunks = IN_FLIGHT * max(ring.blocks for ring in task.schedule.rings)
        self._in_flight = min(chunks, MOST_CHUNKS_BEHIND)
        # The first row that each band set reads, and those past the last of each set and band.
        self._first_rows = self._rows([bands[0] for bands in band_sets]).first
        self._end_rows = self._rows([bands[-1] for bands in band_sets]).end
        every = [band for bands in band_sets for band in bands]
        self._band_ends = dict(zip(every, self._rows(every).end, strict=True))
        self._loaded_rows = self._first_rows[0]
        self._last_base = tokens.chunks  # chunks loaded before the newest load
        # A band's first stored row -> chunks loaded before the band's own.
        self._chunk_base: dict[int, int] = {}
        self._start_computes = tokens.computes
        self._band_set_ends: list[int] = []  # computes written up to the end of each band set
        self.first_column, end = stripe_columns(self.source, self.blocking, stripe)
        self.row_words = self.blocking.row_words(end - self.first_column)

    def has_room(self, index: int) -> bool:
        """Return True if the ring holds band set `index + 1` beside all rows that `index` reads."""
        return self._end_rows[index + 1] - self._first_rows[index] <= self.place.rows

    def load(self, band: Span) -> None:
        """Load the rows of a band that are not in the ring yet, as soon as they are stored."""
        last = self._band_ends[band]
        if last > self._loaded_rows:
            self._last_base = self._tokens.chunks
            self._load_rows(self._loaded_rows, last)
            self._loaded_rows = last
        self._chunk_base.setdefault(band.first_stored, self._last_base)

    def finish_band_set(self) -> None:
        """Record that all tiles of the current band set have been written."""
        self._band_set_ends.append(self._tokens.computes)

    def awaited(self, band: Span, block: int) -> int:
        """Return a number of chunks that are loaded before those of the band from `block` on.

        This is their exact number or, if larger, one whose loads have certainly left the queue.
        """
        before = max(self._chunk_base[band.first_stored], self._tokens.chunks - self._in_flight)
        return before + block

    def _rows(self, bands: list[Span]) -> SpansRead:
        return SpansRead.of(self.source, bands, ROWS)

    def _last_reader(self, overwritten: int) -> int:
        """Return how many computes must be done before rows above `overwritten` may be replaced."""
        readers = bisect_left(self._first_rows, overwritten, hi=len(self._band_set_ends))
        return self._band_set_ends[readers - 1] if readers else self._start_computes

    def _load_rows(self, first: int, last: int) -> None:
        """Write the load of rows `first` up to, but not including, `last` of every block."""
        tokens, place, own = self._tokens, self.place, self.blocking
        word_bytes, shape = self._task.config.word_bytes, self.source.tensor.shape
        row_words, rows = self.row_words, last - first
        whole_row = own.row_words(shape.width)
        plane = shape.height * whole_row
        offset = own.row_words(self.first_column)
        overwritten = last - place.rows  # the new rows replace those before this one
        wait_computes = max(
            self._last_reader(overwritten),
            certainly_reached(tokens.computes),
            tokens.computes_outrun(tokens.chunks + own.stored_blocks),
        )
        wait_stores = max(
            tokens.stored_before(self.source.tensor.name, last), certainly_reached(tokens.stores)
        )
        ring_row = first % place.rows
        # Whole rows lie one behind the other in memory and in the buffer: they are one burst run,
        # unless they pass the end of the ring.
        joined = row_words == whole_row == place.row_words and ring_row + rows <= place.rows
        self._descriptors.append(
            Load(
                destination=Destination.FEATURES,
                wait_computes=wait_computes & TOKEN_MASK,
                wait_stores=wait_stores & TOKEN_MASK,
                address=self._region.address
                + (own.first_block * plane + first * whole_row + offset) * word_bytes,
                row_words=row_words * rows if joined else row_words,
                rows=1 if joined else rows,
                row_stride_bytes=whole_row * word_bytes,
                blocks=own.stored_blocks,
                block_stride_bytes=plane * word_bytes,
                first_line=place.first_word + ring_row * row_words,
                buffer_block_words=place.block_words,
                ring_row=0 if joined else ring_row,
                ring_rows=1 if joined else place.rows,
                wrap_words=0 if joined else (place.rows - 1) * row_words,
            )
        )
        tokens.count_chunks(own.stored_blocks)
