"""A stage computed apart from golden, value by value in Python integers."""

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.graph import Rounding, Source, SpatialPool, Stage

Values = NDArray[np.int64]
Stored = NDArray[np.int8]


def convolution_by_loops(
    x: Stored, weights: NDArray[np.signedinteger[Any]], source: Source
) -> Values:
    """Return the sums for one tensor `x[C, H, W]`, product by product, zero point folded after."""
    filters, fan_in, rows, columns = weights.shape
    zero_point, enlarged = source.tensor.zero_point, source.upsample
    height, width = x.shape[1] * enlarged, x.shape[2] * enlarged
    (stride_p, stride_q), (step_r, step_s) = source.stride, source.dilation
    top, left = source.padding.top, source.padding.left
    bottom, right = source.padding.bottom, source.padding.right

    def value(c: int, h: int, w: int) -> int:
        inside = 0 <= h < height and 0 <= w < width
        return (
            int(x[source.first_channel + c, h // enlarged, w // enlarged]) if inside else zero_point
        )

    def fits(first: int, taps: int, step: int, end: int) -> bool:
        return first + (taps - 1) * step < end

    starts_p = [
        p for p in range(-top, height + bottom, stride_p) if fits(p, rows, step_r, height + bottom)
    ]
    starts_q = [
        q for q in range(-left, width + right, stride_q) if fits(q, columns, step_s, width + right)
    ]
    sums = np.empty((filters, len(starts_p), len(starts_q)), np.int64)
    for k, p, q in np.ndindex(sums.shape):
        group = k * source.groups // filters
        raw = sum(
            int(weights[k, c, r, s])
            * value(group * fan_in + c, starts_p[p] + r * step_r, starts_q[q] + s * step_s)
            for c, r, s in np.ndindex(fan_in, rows, columns)
        )
        sums[k, p, q] = raw - zero_point * int(weights[k].astype(int).sum())
    return sums


def stage_by_loops(stage: Stage, tensors: Mapping[str, Stored]) -> Stored:
    """Return the output of a stage for the stored tensors `x[C, H, W]` that it reads."""
    constants = stage.constants
    assert constants is not None
    pairs = zip(stage.sources, constants.weights, strict=True)
    sums = np.sum(
        [
            convolution_by_loops(tensors[source.tensor.name], weights, source)
            for source, weights in pairs
        ],
        axis=0,
    )
    narrow = np.empty_like(sums)
    for channel, p, q in np.ndindex(narrow.shape):
        acc = int(sums[channel, p, q]) + int(constants.bias[channel])
        factor, shift = int(constants.multiplier[channel]), int(constants.shift[channel])
        if acc < 0:
            factor = int(constants.negative_multiplier[channel])
            shift = int(constants.shift_below_0[channel])
        wide = rounded(Fraction(acc * abs(factor), 1 << shift), shift, stage.rounding)
        if factor < 0:
            wide = -wide
        low, high = stage.limits
        value = min(max(wide + stage.added_offset, low), high)
        narrow[channel, p, q] = value if stage.table is None else stage.table[value + 128]
    return pooled_by_loops(narrow, stage).astype(np.int8)


def rounded(scaled: Fraction, shift: int, rounding: Rounding) -> int:
    """Return a number that was divided by 2**shift as an integer."""
    if rounding is Rounding.ONCE or shift <= 31:
        return floor(scaled + Fraction(1, 2))
    high = floor(scaled * (1 << (shift - 31)) + Fraction(1, 2))
    nearest = Fraction(abs(high), 1 << (shift - 31)) + Fraction(1, 2)
    return floor(nearest) if high >= 0 else -floor(nearest)


def pooled_by_loops(y: Values, stage: Stage) -> Values:
    """Return `y[K, P, Q]` after both pools of a stage."""
    k, (filters, height, width) = stage.channel_pool, y.shape
    rows, columns = windows(stage.spatial_pool, 0, height), windows(stage.spatial_pool, 1, width)
    return np.array(
        [
            [[y[c : c + k, row, column].max() for column in columns] for row in rows]
            for c in range(0, filters, k)
        ],
        np.int64,
    )


def windows(pool: SpatialPool, axis: int, size: int) -> list[slice]:
    """Return the rows or columns of each window, as far as they lie in the map."""
    before, behind = (
        (pool.padding.top, pool.padding.bottom),
        (pool.padding.left, pool.padding.right),
    )[axis]
    step, length = pool.stride[axis], pool.window[axis]
    starts = range(-before, size + behind - length + 1, step)
    return [slice(max(start, 0), start + length) for start in starts]
