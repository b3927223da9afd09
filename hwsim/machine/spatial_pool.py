"""The spatial pool: the largest sums of the windows of a tile."""

import numpy as np
from numpy.typing import NDArray

from hwsim.isa.descriptor import Compute


def spatial_pool(sums: NDArray[np.int64], tile: Compute) -> NDArray[np.int64]:
    """Return `[pooled rows, pooled columns, lanes]` of a tile's `[rows, columns, lanes]`.

    Taps outside the tile are masked.
    """
    behind = [
        max((pooled - 1) * step + window - outside - size, 0)
        for pooled, step, window, outside, size in (
            (tile.pooled_rows, tile.window_stride_rows, tile.window_rows, tile.window_top,
             tile.rows),
            (tile.pooled_columns, tile.window_stride_columns, tile.window_columns,
             tile.window_left, tile.columns),
        )
    ]  # fmt: skip
    sides = (tile.window_top, behind[0]), (tile.window_left, behind[1]), (0, 0)
    masked = np.pad(sums, sides, constant_values=np.iinfo(np.int64).min)
    windows = np.lib.stride_tricks.sliding_window_view(
        masked, (tile.window_rows, tile.window_columns), axis=(0, 1)
    )
    begun = windows[:: tile.window_stride_rows, :: tile.window_stride_columns]
    pooled: NDArray[np.int64] = begun[: tile.pooled_rows, : tile.pooled_columns].max(axis=(3, 4))
    return pooled
