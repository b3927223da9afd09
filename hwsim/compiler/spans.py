"""Spans: the rows or columns that are computed for some that are stored, and those of the sources.

Functions of one axis take 0 for rows and 1 for columns.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hwsim.arch.packed import IMAGE_PIXEL_BYTES
from hwsim.graph import Source, SpatialPool, Stage
from hwsim.program.blocking import SourceBlocking, ceil_div
from hwsim.program.schedule import Span

ROWS, COLUMNS = 0, 1


def row_spans(stage: Stage, pieces: Iterable[tuple[int, int]]) -> list[Span]:
    """Return the span of each piece, which is (first, number) of stored rows."""
    return _spans(stage.spatial_pool, ROWS, pieces, stage.convolution_shape.height)


def column_spans(stage: Stage, pieces: Iterable[tuple[int, int]]) -> list[Span]:
    """Return the span of each piece, which is (first, number) of stored columns."""
    return _spans(stage.spatial_pool, COLUMNS, pieces, stage.convolution_shape.width)


def _spans(
    pool: SpatialPool, axis: int, pieces: Iterable[tuple[int, int]], limit: int
) -> list[Span]:
    stride, window, before = pool.stride[axis], pool.window[axis], pool.before(axis)
    spans: list[Span] = []
    for first, size in pieces:
        begin = first * stride - before
        inside = max(begin, 0)
        end = min(begin + (size - 1) * stride + window, limit)
        spans.append(Span(first, size, inside, end - inside))
    return spans


def outside_tile(pool: SpatialPool, span: Span, axis: int) -> int:
    """Return how many rows or columns of a span's first window lie in front of what it computes."""
    return span.first_computed + pool.before(axis) - span.first_stored * pool.stride[axis]


def first_tap(source: Source, span: Span, axis: int) -> int:
    """Return where a span's first tap reads the source as its taps see it; it may be negative."""
    return span.first_computed * source.stride[axis] - _padding(source, axis)


def _padding(source: Source, axis: int) -> int:
    """Return the padding before the first row or column."""
    return source.padding.top if axis == ROWS else source.padding.left


def read_span(source: Source, first: Span, last: Span, axis: int) -> tuple[int, int]:
    """Return (first, past the last) of the tensor's rows or columns that `first` to `last` read."""
    read = SpansRead.of(source, (first, last), axis)
    return read.first[0], read.end[1]


@dataclass(frozen=True)
class SpansRead:
    """The rows or columns of a tensor that spans read: the first, and the one past the last.

    The part outside the tensor lies nowhere in memory; its taps read the zero point. A span that
    reads only such taps is counted as reading the row or column at that border, so that a tile
    always waits for something that is loaded before it.
    """

    first: list[int]
    end: list[int]

    @classmethod
    def of(cls, source: Source, spans: Sequence[Span], axis: int) -> "SpansRead":
        """Return what these spans read of a source."""
        stride, upsample, before = source.stride[axis], source.upsample, _padding(source, axis)
        reach, size = source.extent[axis] - stride - before, source.size[axis]
        # As the taps see the source: the compiler reads these bands for every height that it tries.
        starts = [first * stride - before for _, _, first, _ in spans]
        ends = [(first + computed) * stride + reach for _, _, first, computed in spans]
        inside = [min(start, size - 1) if start > 0 else 0 for start in starts]
        past = [min(end, size) if end > 0 else 1 for end in ends]
        if upsample == 1:
            return cls(inside, past)
        return cls(
            [first // upsample for first in inside], [ceil_div(end, upsample) for end in past]
        )

    @property
    def all(self) -> int:
        """The number of rows or columns that all spans read."""
        return self.end[-1] - self.first[0]

    def held(self, count: int) -> int:
        """Return the largest number of rows or columns that `count` consecutive spans read."""
        return max(map(int.__sub__, self.end[count - 1 :], self.first))


def least_ring_rows(source: Source) -> int:
    """Return the rows that a ring must have for its steps to pass its end at most once."""
    return max(source.stride[ROWS], source.dilation[ROWS])


def stripe_columns(
    source: Source, blocking: SourceBlocking, stripe: Sequence[Span]
) -> tuple[int, int]:
    """Return (first, past the last) of the tensor's columns that a stripe keeps in the buffer.

    In a packed image they are widened to whole words.
    """
    first, last = read_span(source, stripe[0], stripe[-1], COLUMNS)
    if blocking.packed:
        pixels, width = blocking.lanes_in // IMAGE_PIXEL_BYTES, source.tensor.shape.width
        first = first // pixels * pixels
        last = min(ceil_div(last, pixels) * pixels, ceil_div(width, pixels) * pixels)
    return first, last
