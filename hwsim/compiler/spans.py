"""Spans: the rows or columns that are computed for some that are stored, and those of the sources.

Functions of one axis take 0 for rows and 1 for columns.
"""

from collections.abc import Sequence

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
    """Return (first, past the last) of the tensor's rows or columns that `first` to `last` read.

    The part outside the tensor lies nowhere in memory; its taps read the zero point.
    """
    start = max(0, first_tap(source, first, axis))
    reach = (last.computed - 1) * source.stride[axis] + source.extent[axis]
    end = min(first_tap(source, last, axis) + reach, source.size[axis])
    return start // source.upsample, ceil_div(end, source.upsample)


def rows_read(source: Source, bands: Sequence[Span]) -> int:
    """Return the number of rows of a source that the bands read."""
    start, end = read_span(source, bands[0], bands[-1], ROWS)
    return end - start


def rows_held(source: Source, bands: Sequence[Span], count: int) -> int:
    """Return the largest number of rows of a source that `count` consecutive bands read."""
    starts = range(len(bands) - count + 1)
    return max(rows_read(source, bands[start : start + count]) for start in starts)


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
