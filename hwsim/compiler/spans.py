"""Spans: the rows or columns that are computed and read for some that are stored."""

from collections.abc import Sequence

from hwsim.graph import Stage
from hwsim.program.schedule import Span


def span_rows(stage: Stage, first: int, size: int) -> Span:
    """Return the span of `size` stored rows from row `first` on."""
    return _span(stage, first, size, stage.convolution_shape.height, stage.sources[0].kernel[0])


def span_columns(stage: Stage, first: int, size: int) -> Span:
    """Return the span of `size` stored columns from column `first` on."""
    return _span(stage, first, size, stage.convolution_shape.width, stage.sources[0].kernel[1])


def _span(stage: Stage, first: int, size: int, limit: int, taps: int) -> Span:
    pool = stage.spatial_pool
    first_computed = first * pool.stride
    computed = min((size - 1) * pool.stride + pool.window, limit - first_computed)
    padding = stage.sources[0].padding.top  # the same on every side
    return Span(
        first, size, first_computed, computed, first_computed - padding, computed + taps - 1
    )


def rows_read(bands: Sequence[Span], height: int) -> int:
    """Return the number of input rows that the bands read."""
    return bands[-1].clipped(height)[1] - bands[0].clipped(height)[0]


def rows_held(bands: Sequence[Span], count: int, height: int) -> int:
    """Return the largest number of input rows that `count` consecutive bands read."""
    starts = range(len(bands) - count + 1)
    return max(rows_read(bands[start : start + count], height) for start in starts)
