"""Spans: the rows or columns that are computed for some that are stored, and those of the sources.

Functions of one axis take 0 for rows and 1 for columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import sub

from hwsim.graph import Source, Stage
from hwsim.program.blocking import IMAGE_PIXEL_BYTES, SourceBlocking, ceil_div
from hwsim.program.schedule import Span

ROWS, COLUMNS = 0, 1


def span_rows(stage: Stage, first: int, size: int) -> Span:
    """Return the span of `size` stored rows from row `first` on."""
    return _span(stage, first, size, stage.convolution_shape.height)


def span_columns(stage: Stage, first: int, size: int) -> Span:
    """Return the span of `size` stored columns from column `first` on."""
    return _span(stage, first, size, stage.convolution_shape.width)


def _span(stage: Stage, first: int, size: int, limit: int) -> Span:
    pool = stage.spatial_pool
    first_computed = first * pool.stride
    computed = min((size - 1) * pool.stride + pool.window, limit - first_computed)
    return Span(first, size, first_computed, computed)


def first_tap(source: Source, span: Span, axis: int) -> int:
    """Return where a span's first tap reads the source as its taps see it; it may be negative."""
    before = source.padding.top if axis == ROWS else source.padding.left
    return span.first_computed * source.stride[axis] - before


def read_span(source: Source, first: Span, last: Span, axis: int) -> tuple[int, int]:
    """Return (first, past the last) of the tensor's rows or columns that `first` to `last` read."""
    (start, _), (_, end) = read_spans(source, (first, last), axis)
    return start, end


def read_spans(source: Source, spans: Sequence[Span], axis: int) -> list[tuple[int, int]]:
    """Return, for each span, (first, past the last) of the tensor's rows or columns that it reads.

    The part outside the tensor lies nowhere in memory; its taps read the zero point.
    """
    stride, upsample = source.stride[axis], source.upsample
    reach, size = source.extent[axis] - stride, source.size[axis]
    starts = [first_tap(source, span, axis) for span in spans]
    ends = [
        min(start + span.computed * stride + reach, size)
        for start, span in zip(starts, spans, strict=True)
    ]
    return [
        (max(0, start) // upsample, ceil_div(end, upsample))
        for start, end in zip(starts, ends, strict=True)
    ]


@dataclass(frozen=True)
class BandRows:
    """The rows of a source that each band reads: the first, and the one past the last."""

    first: list[int]
    end: list[int]

    @classmethod
    def of(cls, source: Source, bands: Sequence[Span]) -> "BandRows":
        """Return the rows that these bands read of a source."""
        read = read_spans(source, bands, ROWS)
        return cls([first for first, _ in read], [end for _, end in read])

    @property
    def all(self) -> int:
        """The number of rows that all bands read."""
        return self.end[-1] - self.first[0]

    def held(self, count: int) -> int:
        """Return the largest number of rows that `count` consecutive bands read."""
        return max(map(sub, self.end[count - 1 :], self.first))


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
