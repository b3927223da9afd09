"""The spatial pool: the maximum over 2x2 windows of a tile."""

import numpy as np
from numpy.typing import NDArray

from hwsim.graph import SpatialPool


def spatial_pool(
    values: NDArray[np.int8], pool: SpatialPool, rows: int, columns: int
) -> NDArray[np.int8]:
    """Return `[rows, columns, lanes]` of a tile `[R, S, lanes]`; taps outside it are masked."""
    stride = pool.stride
    pooled = np.full((rows, columns, values.shape[2]), -128, np.int8)
    for row in range(pool.window):
        for column in range(pool.window):
            tap = values[row::stride, column::stride][:rows, :columns]
            into = pooled[: tap.shape[0], : tap.shape[1]]
            np.maximum(into, tap, out=into)
    return pooled
